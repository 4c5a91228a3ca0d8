package verifier_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

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

//clause:verifier relying parties ask by socket, command and, with a token, a local address; a page for the first browser that opens it
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
		{"it does without holder binding where the query says so", `{"query":{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]},"require_cryptographic_holder_binding":false}]}}`, 200},
		{"it refuses an authority that it could not check", `{"query":{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]},"trusted_authorities":[{"type":"etsi_tl","values":["x"]}]}]}}`, 400},
		{"it refuses query and format together", `{"format":"dc+sd-jwt","query":{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}]}}`, 400},
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

//clause:verifier 8.3, 8.3.1: direct_post.jwt, no compression, one answer, junk burns nothing
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

//clause:verifier 8.5: a wallet's error, with its words as a stranger's
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

//clause:verifier 8.3, 8.3.1: direct_post.jwt, no compression, one answer, junk burns nothing
func TestJunkBurnsNothing(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	a := h.responseURI(t, placed.Request)
	elsewhere, _ := h.place(t, `{}`)
	good, err := a.Encrypt(openid4vp.Response{Error: "access_denied"})
	if err != nil {
		t.Fatal(err)
	}
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
		{"it keeps waiting after two answers in one", url.Values{"response": {good, good}}, "response encryption"},
		{"it keeps waiting after a form that breaks off", url.Values{"response": {good}, "x": {"%zz"}}, "response encryption"},
		{"it keeps waiting after an error without state", url.Values{"error": {"access_denied"}}, "state"},
		{"it keeps waiting after a plain vp_token", url.Values{"vp_token": {"{}"}, "state": {a.State}}, "response encryption"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.ReplaceAll(c.form.Encode(), "%25zz", "%zz") // what no form holds
			resp, err := http.Post(a.ResponseURI, "application/x-www-form-urlencoded", strings.NewReader(body))
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

//clause:verifier 5.10: request_uri by POST: wallet_nonce echoed, wallet_metadata obeyed: refused what the wallet cannot do, encrypted to its key
func TestWalletNonce(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	link, err := openid4vp.ParseLink(placed.Request)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		nonces []string
		status int
	}{
		{"it takes none", nil, 200},
		{"it takes one", []string{"mine"}, 200},
		{"it refuses two", []string{"mine", "mine"}, 400},
		{"it refuses a long one", []string{strings.Repeat("x", 513)}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := http.PostForm(link.RequestURI, url.Values{"wallet_nonce": c.nonces})
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Fatal(resp.StatusCode)
			}
		})
	}
	t.Run("it hands the request out by GET too", func(t *testing.T) {
		status, body := get(t, http.DefaultClient, link.RequestURI)
		if status != 200 || strings.Count(body, ".") != 2 {
			t.Fatalf("%d %s", status, body)
		}
	})
}

//clause:verifier 8.3, 8.3.1: direct_post.jwt, no compression, one answer, junk burns nothing
func TestRace(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	asked, err := h.phone.ReadRequest(t.Context(), placed.Request)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var taken atomic.Int32
	for range 16 {
		group.Go(func() {
			if _, err := h.phone.Present(t.Context(), asked, asked.Least()); err == nil {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	if taken.Load() != 1 {
		t.Fatalf("taken %d times", taken.Load())
	}
}

//clause:verifier 8.1: vp_token: ids, arrays, one unless multiple
func TestSeveralCredentials(t *testing.T) {
	h := newHouse(t)
	one := `{"id":"ID","format":"dc+sd-jwt","MULTI":true,"meta":{"vct_values":["urn:mydata:resident-card:1"]},"claims":[{"path":["CLAIM"]}]}`
	query := strings.NewReplacer("ID", "who", "MULTI", "x", "CLAIM", "name").Replace(one) + "," +
		strings.NewReplacer("ID", "where", "MULTI", "multiple", "CLAIM", "address").Replace(one)
	placed, status := h.place(t, `{"query":{"credentials":[`+query+`]}}`)
	if status != 200 {
		t.Fatal(status)
	}
	if _, err := h.present(t, placed.Request); err != nil {
		t.Fatal(err)
	}
	r := h.result(t, placed.ID)
	want := map[string]any{
		"who":   map[string]any{"name": "김민준"},
		"where": []any{map[string]any{"address": map[string]any{"locality": "Seoul", "street_address": "1 Sejong-daero"}}},
	}
	if diff := cmp.Diff(want, r.Claims); diff != "" {
		t.Fatal(diff)
	}
	if passed := names(r.Checks, true); !slices.Contains(passed, "who: status") || !slices.Contains(passed, "where: status") {
		t.Fatal(passed)
	}
}
