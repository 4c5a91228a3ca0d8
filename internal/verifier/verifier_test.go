package verifier_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// house is a verifier, an issuer and a phone that holds a card.
type house struct {
	url    string
	admin  http.Handler
	issuer *wallettest.Issuer
	phone  *wallet.Wallet
	log    *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{issuer: wallettest.NewIssuer(t), now: time.Now(), log: &lockedBuffer{}}
	pool := h.issuer.Authority.Pool()
	h.phone = wallet.New(wallet.Config{Issuers: pool, Verifiers: pool, Development: true, Now: h.clock})
	offer, err := h.phone.ReadOffer(t.Context(), h.issuer.Offer(t, true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.phone.Accept(t.Context(), offer, ""); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	log := slog.New(slog.NewTextHandler(h.log, nil))
	frame := web.New(web.Options{Service: "verifier", Development: true, Logger: log})
	server := httptest.NewServer(frame.Handler(mux))
	t.Cleanup(server.Close)
	h.url = server.URL
	key := wallettest.Key(t)
	v, err := verifier.New(verifier.Config{
		URL: h.url, Wallet: "http://localhost:8084", Key: key,
		Chain:   h.issuer.Authority.Leaf(t, key.Public(), "Test verifier", h.url),
		Queries: verifier.Presets(), Frame: frame, Now: h.clock, Logger: log,
		Verifier: &credential.Verifier{
			Policy: credential.Policy{Roots: map[string]*x509.CertPool{credential.VCTResidentCard: pool}},
			Status: &statuslist.Client{Development: true}, Now: h.clock,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v.Mount(mux)
	h.admin = v.Admin()
	return h
}

// place asks by the command's socket.
func (h *house) place(t *testing.T, order string) (verifier.Placed, int) {
	t.Helper()
	w := httptest.NewRecorder()
	h.admin.ServeHTTP(w, httptest.NewRequest("POST", "/requests", strings.NewReader(order)))
	var placed verifier.Placed
	if err := json.Unmarshal(w.Body.Bytes(), &placed); err != nil {
		t.Fatal(err)
	}
	return placed, w.Code
}

func (h *house) result(t *testing.T, id string) verifier.Result {
	t.Helper()
	w := httptest.NewRecorder()
	h.admin.ServeHTTP(w, httptest.NewRequest("GET", "/results/"+id, nil))
	var r verifier.Result
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (h *house) present(t *testing.T, link string) (string, error) {
	t.Helper()
	asked, err := h.phone.ReadRequest(t.Context(), link)
	if err != nil {
		return "", err
	}
	return h.phone.Present(t.Context(), asked, asked.Least())
}

func names(checks []credential.Check, ok bool) []string {
	var list []string
	for _, c := range checks {
		if c.OK == ok {
			list = append(list, c.Name)
		}
	}
	return list
}

func TestByCommand(t *testing.T) {
	h := newHouse(t)
	placed, status := h.place(t, `{}`)
	if status != 200 || !strings.HasPrefix(placed.Request, "openid4vp://") {
		t.Fatalf("%d %+v", status, placed)
	}
	if r := h.result(t, placed.ID); r.Status != verifier.Pending || r.Checks == nil {
		t.Fatalf("before the answer: %+v", r)
	}
	next, err := h.present(t, placed.Request)
	if err != nil || next != "" {
		t.Fatalf("present: %q, %v", next, err)
	}
	r := h.result(t, placed.ID)
	if r.Status != verifier.Verified {
		t.Fatalf("%+v", r)
	}
	want := []string{"response encryption", "state", "vp_token shape", "format", "issuer trusted", "issuer signature",
		"validity", "key binding", "status", "answers the query", "query satisfied"}
	if diff := cmp.Diff(want, names(r.Checks, true)); diff != "" {
		t.Fatal(diff)
	}
	claims := map[string]any{"resident_card": map[string]any{"name": "김민준", "birthdate": "1990-03-01"}}
	if diff := cmp.Diff(claims, r.Claims); diff != "" {
		t.Fatal(diff)
	}
	for _, secret := range []string{"김민준", "1990"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

func TestOrders(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		name, order string
		status      int
	}{
		{"it asks the default question", `{}`, 200},
		{"it asks it in the one format", `{"format":"dc+sd-jwt"}`, 200},
		{"it refuses another format", `{"format":"mso_mdoc"}`, 400},
		{"it asks a query of one's own", `{"query":{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}]}}`, 200},
		{"it refuses a broken query", `{"query":{"credentials":[]}}`, 400},
		{"it refuses to do without holder binding", `{"query":{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]},"require_cryptographic_holder_binding":false}]}}`, 400},
		{"it refuses query and format together", `{"format":"dc+sd-jwt","query":{}}`, 400},
		{"it refuses what is no JSON", `{`, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, status := h.place(t, c.order); status != c.status {
				t.Fatalf("got %d, want %d", status, c.status)
			}
		})
	}
	t.Run("it knows no other id", func(t *testing.T) {
		w := httptest.NewRecorder()
		h.admin.ServeHTTP(w, httptest.NewRequest("GET", "/results/other", nil))
		if w.Code != 404 {
			t.Fatal(w.Code)
		}
	})
}

func TestOnce(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	asked, err := h.phone.ReadRequest(t.Context(), placed.Request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.phone.Present(t.Context(), asked, asked.Least()); err != nil {
		t.Fatal(err)
	}
	var answer *wallet.Answer
	if _, err := h.phone.Present(t.Context(), asked, asked.Least()); !errors.As(err, &answer) || answer.Code != "answered" {
		t.Fatalf("answered twice: %v", err)
	}
	if _, err := h.phone.ReadRequest(t.Context(), placed.Request); !errors.As(err, &answer) || answer.Code != "answered" {
		t.Fatalf("fetched after the answer: %v", err)
	}
}

func TestExpiry(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	asked, err := h.phone.ReadRequest(t.Context(), placed.Request)
	if err != nil {
		t.Fatal(err)
	}
	h.pass(6 * time.Minute)
	var answer *wallet.Answer
	if _, err := h.phone.Present(t.Context(), asked, asked.Least()); !errors.As(err, &answer) || answer.Code != "expired" {
		t.Fatalf("answered too late: %v", err)
	}
	if r := h.result(t, placed.ID); r.Status != verifier.Expired {
		t.Fatalf("%+v", r)
	}
	h.pass(16 * time.Minute)
	w := httptest.NewRecorder()
	h.admin.ServeHTTP(w, httptest.NewRequest("GET", "/results/"+placed.ID, nil))
	if w.Code != 404 {
		t.Fatalf("still remembered: %d", w.Code)
	}
}

func TestRejects(t *testing.T) {
	for _, c := range []struct {
		name  string
		bend  func(h *house)
		check string
	}{
		{"it rejects a revoked credential", func(h *house) { h.issuer.Revoked = true }, "status"},
		{"it rejects an expired credential", func(h *house) { h.pass(2 * time.Hour) }, "validity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			c.bend(h)
			placed, _ := h.place(t, `{}`)
			var answer *wallet.Answer
			if _, err := h.present(t, placed.Request); !errors.As(err, &answer) || answer.Code != "rejected" {
				t.Fatalf("the wallet was told %v", err)
			}
			r := h.result(t, placed.ID)
			if r.Status != verifier.Rejected || len(r.Claims) != 0 {
				t.Fatalf("%+v", r)
			}
			if failed := names(r.Checks, false); len(failed) == 0 || failed[0] != c.check {
				t.Fatalf("failed: %v, want %s first", failed, c.check)
			}
		})
	}
}

func TestDeclined(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	asked, err := h.phone.ReadRequest(t.Context(), placed.Request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.phone.Decline(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	if r := h.result(t, placed.ID); r.Status != verifier.Rejected || r.Error != "access_denied" {
		t.Fatalf("%+v", r)
	}
}

// responseURI reads the address from the request, as a wallet would.
func (h *house) responseURI(t *testing.T, link string) openid4vp.Authorization {
	t.Helper()
	asked, err := h.phone.ReadRequest(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	return asked.Authorization
}

func TestJunkBurnsNothing(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	a := h.responseURI(t, placed.Request)
	elsewhere, _ := h.place(t, `{}`)
	foreign, err := h.responseURI(t, elsewhere.Request).Encrypt(openid4vp.Response{Error: "access_denied"})
	if err != nil {
		t.Fatal(err)
	}
	wrongState := a
	wrongState.State = "other"
	badState, err := wrongState.Encrypt(openid4vp.Response{Error: "access_denied"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		form  url.Values
		check string
	}{
		{"it keeps waiting after nothing", url.Values{}, "response encryption"},
		{"it keeps waiting after junk", url.Values{"response": {"x"}}, "response encryption"},
		{"it keeps waiting after an answer to another request", url.Values{"response": {foreign}}, "response encryption"},
		{"it keeps waiting after another state", url.Values{"response": {badState}}, "state"},
		{"it keeps waiting after two answers in one", url.Values{"response": {"x", "y"}}, "response encryption"},
		{"it keeps waiting after an error without state", url.Values{"error": {"access_denied"}}, "state"},
		{"it keeps waiting after a plain vp_token", url.Values{"vp_token": {"{}"}, "state": {a.State}}, "response encryption"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := http.PostForm(a.ResponseURI, c.form)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var problem struct{ Check string }
			if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil || resp.StatusCode != 400 || problem.Check != c.check {
				t.Fatalf("%d %q, %v", resp.StatusCode, problem.Check, err)
			}
			r := h.result(t, placed.ID)
			if failed := names(r.Checks, false); r.Status != verifier.Pending || len(failed) != 1 || failed[0] != c.check {
				t.Fatalf("%+v", r)
			}
		})
	}
	if _, err := h.present(t, placed.Request); err != nil {
		t.Fatalf("the request was burnt: %v", err)
	}
	if r := h.result(t, placed.ID); r.Status != verifier.Verified {
		t.Fatalf("%+v", r)
	}
}

// browser is one browser with its cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func get(t *testing.T, b *http.Client, address string, accept ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accept {
		req.Header.Set("Accept", a)
	}
	resp, err := b.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// start presses the button and answers with the address of the result.
func (h *house) start(t *testing.T, b *http.Client, ask string) (address, page string) {
	t.Helper()
	resp, err := b.PostForm(h.url+"/requests", url.Values{"ask": {ask}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return resp.Request.URL.String(), string(body)
}

func find(t *testing.T, page, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s is not on the page:\n%s", pattern, page)
	}
	return strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(m[1])
}

func TestPageAcrossDevices(t *testing.T) {
	h := newHouse(t)
	b := browser(t)
	address, page := h.start(t, b, "identity")
	if next, err := h.present(t, find(t, page, `<code id="request">([^<]+)<`)); err != nil || next != "" {
		t.Fatalf("%q, %v", next, err)
	}
	for _, lang := range []string{"ko", "en"} {
		_, shown := get(t, b, address+"?lang="+lang)
		for _, want := range []string{`lang="` + lang + `"`, "state-verified", ">김민준<", "1990-03-01", `data-check="status" data-ok="true"`} {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %s is not shown", lang, want)
			}
		}
		if strings.Contains(shown, "verifier.") || strings.Contains(shown, "Sejong") {
			t.Errorf("%s: a text is missing, or something was shown that nobody asked for", lang)
		}
	}
	status, body := get(t, b, address, "application/json")
	if status != 200 || !strings.Contains(body, `"status":"verified"`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := get(t, browser(t), address); status != 404 || strings.Contains(body, "김민준") {
		t.Fatalf("another browser saw it: %d", status)
	}
}

func TestPageOnOneDevice(t *testing.T) {
	h := newHouse(t)
	b := browser(t)
	address, page := h.start(t, b, "address")
	link := find(t, page, `id="open-wallet" href="([^"]+)"`)
	if demo := find(t, page, `id="open-demo-wallet" href="([^"]+)"`); demo != "http://localhost:8084/?request="+url.QueryEscape(link) {
		t.Fatalf("the demo wallet gets %s", demo)
	}
	next, err := h.present(t, link)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, b, address, "application/json"); !strings.Contains(body, `"pending"`) {
		t.Fatalf("shown before the code came back: %s", body)
	}
	status, shown := get(t, b, next)
	if status != 200 || !strings.Contains(shown, "state-verified") || !strings.Contains(shown, `data-check="same session" data-ok="true"`) {
		t.Fatalf("%d\n%s", status, shown)
	}
	if status, _ := get(t, b, next); status != 403 {
		t.Fatalf("the code was good twice: %d", status)
	}
}

func TestFixation(t *testing.T) {
	t.Run("it rejects an answer that lands in another browser", func(t *testing.T) {
		h := newHouse(t)
		attacker := browser(t)
		address, page := h.start(t, attacker, "identity")
		next, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, browser(t), next); status != 403 || strings.Contains(body, "김민준") {
			t.Fatalf("the victim's browser: %d", status)
		}
		_, body := get(t, attacker, address, "application/json")
		if !strings.Contains(body, `"rejected"`) || strings.Contains(body, "김민준") {
			t.Fatalf("the attacker sees %s", body)
		}
	})
	t.Run("it expires an answer that never lands", func(t *testing.T) {
		h := newHouse(t)
		b := browser(t)
		address, page := h.start(t, b, "identity")
		next, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`))
		if err != nil {
			t.Fatal(err)
		}
		h.pass(6 * time.Minute)
		if _, body := get(t, b, address, "application/json"); !strings.Contains(body, `"expired"`) || strings.Contains(body, "김민준") {
			t.Fatal(body)
		}
		if status, _ := get(t, b, next); status != 403 {
			t.Fatalf("landed late: %d", status)
		}
	})
	t.Run("it ends the link when the QR was answered", func(t *testing.T) {
		h := newHouse(t)
		_, page := h.start(t, browser(t), "identity")
		if _, err := h.present(t, find(t, page, `<code id="request">([^<]+)<`)); err != nil {
			t.Fatal(err)
		}
		var answer *wallet.Answer
		if _, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`)); !errors.As(err, &answer) || answer.Code != "answered" {
			t.Fatalf("answered twice: %v", err)
		}
	})
}

func TestPages(t *testing.T) {
	h := newHouse(t)
	for _, lang := range []string{"ko", "en"} {
		status, page := get(t, browser(t), h.url+"/?lang="+lang)
		if status != 200 || !strings.Contains(page, `name="ask"`) || strings.Contains(page, "verifier.") {
			t.Errorf("%s: %d\n%s", lang, status, page)
		}
	}
	for _, c := range []struct {
		name, method, path string
		status             int
	}{
		{"it is alive", "GET", "/healthz", 200},
		{"it is ready", "GET", "/readyz", 200},
		{"it knows no other page", "GET", "/other", 404},
		{"it knows no other request", "GET", "/request/other", 404},
		{"it takes no other answer", "POST", "/response/other", 404},
		{"it shows no other result", "GET", "/result/other", 404},
		{"it asks only known questions", "POST", "/requests", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest(c.method, h.url+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Fatalf("got %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
	t.Run("it refuses a form of another site", func(t *testing.T) {
		req, err := http.NewRequest("POST", h.url+"/requests", strings.NewReader("ask=identity"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 403 {
			t.Fatal(resp.StatusCode)
		}
	})
}

func TestBound(t *testing.T) {
	h := newHouse(t)
	for range 4096 {
		if _, status := h.place(t, `{}`); status != 200 {
			t.Fatal(status)
		}
	}
	if _, status := h.place(t, `{}`); status != 429 {
		t.Fatalf("no bound: %d", status)
	}
	h.pass(time.Hour)
	if _, status := h.place(t, `{}`); status != 200 {
		t.Fatalf("nothing was cleared: %d", status)
	}
}
