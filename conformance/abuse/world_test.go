package abuse_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A world is a deployment with one citizen in it.
type world struct {
	*stage.Stage
	hub, licence, verifier string

	kim    *citizen.Citizen
	wallet *wallet.Wallet
	grant  string // with one use left
}

func newWorld(t *testing.T, o stage.Options) *world {
	t.Helper()
	s := stage.Run(t, o)
	w := &world{Stage: s, hub: s.URL(stage.IDP), licence: s.URL(stage.Licence), verifier: s.URL(stage.Verifier)}
	config, err := citizen.WalletConfig(s.Path("trust"), s.URL(stage.Wallet))
	must(t, err)
	w.wallet = wallet.New(config)
	letter, err := s.Letter(t.Context(), "resident-01", false)
	must(t, err)
	w.kim = citizen.New(w.hub, "resident-01")
	w.kim.From("127.0.0.2")
	must(t, w.kim.Enrol(t.Context(), letter.URL))
	w.grant, err = w.kim.Renew(t.Context(), w.licence)
	must(t, err)
	_, err = w.kim.Receive(t.Context(), w.wallet)
	must(t, err)
	return w
}

// An answer of a door, and how long it took.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

// An ask is one request that anybody can send.
type ask struct {
	name         string
	method, path string
	header       []string // name, value, …
	body         string
	writes       bool   // it needs a database that takes writes
	code         string // of the refusal, for a program
	page         string // in the refusal, for a person
}

// from is a client whose connections come from an address of this machine.
func from(address string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 5 * time.Second}
	return &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: 2 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func send(ctx context.Context, c *http.Client, base string, a ask) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, a.method, base+a.path, strings.NewReader(a.body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(a.header); i += 2 {
		r.Header.Set(a.header[i], a.header[i+1])
	}
	began := time.Now()
	res, err := c.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return answer{res.StatusCode, res.Header, string(body), time.Since(began)}, err
}

// word is the code of a problem document, or of an OAuth error.
func (a answer) word() string {
	var e struct{ Code, Error string }
	_ = json.Unmarshal([]byte(a.body), &e) // no JSON, no word
	return e.Code + e.Error
}

// ready is what /readyz answers.
func (w *world) ready(t *testing.T, process string) (status int, cause, late string) {
	t.Helper()
	a, err := send(t.Context(), from("127.0.0.3"), "http://"+w.Addr(process), ask{method: "GET", path: "/readyz"})
	must(t, err)
	var body struct{ Cause, Late string }
	must(t, json.Unmarshal([]byte(a.body), &body))
	if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		t.Error("it is not ready and does not say when to ask again")
	}
	return a.status, body.Cause, body.Late
}

// until waits for what must come without anybody's help.
func until(t *testing.T, what string, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func (w *world) backToWork(t *testing.T) {
	t.Helper()
	until(t, "ready again", func() error {
		if status, cause, _ := w.ready(t, stage.IDP); status != http.StatusOK {
			return errors.New(cause)
		}
		return nil
	})
	until(t, "a login", func() error {
		w.kim.Forget()
		return w.kim.Login(t.Context())
	})
	until(t, "a renewal", func() error { _, err := w.kim.Renew(t.Context(), w.licence); return err })
}

// doors are requests that need the database, by machines and by people.
func (w *world) doors() []ask {
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	session := w.sessionCookie()
	return []ask{
		{name: "a token", method: "POST", path: "/token", header: form, code: "temporarily_unavailable",
			body: url.Values{"grant_type": {"authorization_code"}, "client_id": {"demo-wallet"}, "code": {"x"}, "redirect_uri": {"http://localhost/callback"}, "code_verifier": {strings.Repeat("x", 43)}}.Encode()},
		{name: "a pre-authorized code", method: "POST", path: "/token", header: form, code: "temporarily_unavailable",
			body: url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {"x.y"}}.Encode(), writes: true},
		{name: "a pushed request", method: "POST", path: "/par", header: form, code: "temporarily_unavailable", writes: true,
			body: url.Values{"client_id": {"demo-wallet"}, "response_type": {"code"}, "scope": {"resident_card"}, "redirect_uri": {w.URL(stage.Wallet) + "/callback"},
				"code_challenge": {strings.Repeat("x", 43)}, "code_challenge_method": {"S256"}}.Encode()},
		{name: "the beginning of a login", method: "POST", path: "/login/options", header: []string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-origin"},
			body: "{}", code: "unavailable", writes: true},
		{name: "a letter's code", method: "POST", path: "/enrol/options", header: []string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-origin"},
			body: `{"code":"ABCD-EFGH-JKLM"}`, code: "unavailable", writes: true},
		{name: "the dashboard", method: "GET", path: "/me", header: []string{"Accept", "text/html", "Accept-Language", "ko", "Cookie", session}, page: "잠시 후"},
		{name: "the dashboard in English", method: "GET", path: "/me", header: []string{"Accept", "text/html", "Accept-Language", "en", "Cookie", session}, page: "try again in a moment"},
		{name: "the login page of somebody signed in", method: "GET", path: "/login", header: []string{"Accept", "text/html", "Cookie", session}, page: "잠시 후"},
		{name: "an offer", method: "GET", path: "/credential-offer/x", header: []string{"Accept", "application/json"}, code: "unavailable"},
		{name: "the log", method: "GET", path: "/log/checkpoint", code: "unavailable"},
		{name: "a withdrawal", method: "POST", path: "/me/consents/" + w.grant + "/withdraw", header: append([]string{"Accept", "text/html", "Cookie", session, "Sec-Fetch-Site", "same-origin"}, form...), page: "잠시 후"},
	}
}

func (w *world) sessionCookie() string {
	var all []string
	for _, c := range w.kim.Cookies(w.hub) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

// out asks each door during an outage.
func (w *world) out(t *testing.T, onlyWrites bool, within time.Duration) (asked int) {
	t.Helper()
	client := from("127.0.0.3")
	for _, a := range w.doors() {
		if onlyWrites && !a.writes {
			continue
		}
		asked++
		got, err := send(t.Context(), client, w.hub, a)
		if err != nil {
			t.Errorf("%s: %v", a.name, err)
			continue
		}
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q: %.200s", a.name, got.status, got.header.Get("Retry-After"), got.body)
		}
		if a.code != got.word() && a.page == "" {
			t.Errorf("%s: code %q, want %q", a.name, got.word(), a.code)
		}
		if a.page != "" && !strings.Contains(got.body, a.page) {
			t.Errorf("%s: the page does not say %q", a.name, a.page)
		}
		if got.took > within {
			t.Errorf("%s: answered after %s", a.name, got.took)
		}
		for _, inner := range []string{"SQLSTATE", "sqlite", "postgres", w.Data(), "dial"} {
			if strings.Contains(got.body, inner) {
				t.Errorf("%s: the answer says %q", a.name, inner)
			}
		}
	}
	return asked
}

// tail of a log for a failure.
func (w *world) tail(t *testing.T, name string) {
	if t.Failed() {
		t.Log(w.Tail(name))
	}
}
