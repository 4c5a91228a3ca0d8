package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
)

// call is one release request, which can be repeated and bent.
type call struct {
	f      *fixture
	proofs *dpop.Maker
	token  string
	body   transfer.ReleaseRequest
}

// call takes a fresh token for the next use of a grant that was asked for, by
// its code or by its refresh token.
func (f *fixture) call() *call {
	f.Helper()
	state, query := f.granted("vision_ok", "hearing_ok")
	row, err := kept[askRow](context.Background(), f.journals[1], "ask", state)
	if err != nil {
		f.Fatal(err)
	}
	proofs, err := row.proofs(f.world.Now)
	if err != nil {
		f.Fatal(err)
	}
	t, err := f.consumer.hub.redeem(context.Background(), query.Get("code"), row.authorization, proofs)
	if err != nil {
		f.Fatal(err)
	}
	return f.callWith(t, row.Request, proofs)
}

func (f *fixture) callWith(t tokens, request string, proofs *dpop.Maker) *call {
	f.Helper()
	var details []grantedDetail
	if err := json.Unmarshal(t.Details, &details); err != nil {
		f.Fatal(err)
	}
	return &call{f, proofs, t.Access, transfer.ReleaseRequest{Request: request, Terms: details[0].Terms, IdempotencyKey: "0123456789abcdef-" + t.Refresh[:20]}}
}

// send posts it with a fresh proof.
func (c *call) send() (int, problem, transfer.ReleaseAnswer) {
	c.f.Helper()
	body, err := json.Marshal(c.body)
	if err != nil {
		c.f.Fatal(err)
	}
	w := httptest.NewRecorder()
	c.f.provider.ServeHTTP(w, c.request("application/json", body))
	var no problem
	var yes transfer.ReleaseAnswer
	json.Unmarshal(w.Body.Bytes(), &no)
	json.Unmarshal(w.Body.Bytes(), &yes)
	if w.Code != 200 && (w.Header().Get("Content-Type") != "application/problem+json" || no.Correlation == "" || no.Code == "") {
		c.f.Errorf("a refusal without a problem document: %d %s", w.Code, w.Body)
	}
	return w.Code, no, yes
}

func (c *call) request(kind string, body []byte) *http.Request {
	c.f.Helper()
	const release = "https://insurer.example/release"
	proof, err := c.proofs.Proof(http.MethodPost, release, c.token, "")
	if err != nil {
		c.f.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, release, bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Authorization", "DPoP "+c.token)
	r.Header.Set("DPoP", proof)
	return r
}

func (c *call) want(status int, code, check string) {
	c.f.Helper()
	got, no, _ := c.send()
	if got != status || no.Code != code || check != "" && no.Check != check {
		c.f.Errorf("got %d %q %q (%s), want %d %q %q", got, no.Code, no.Check, no.Cause, status, code, check)
	}
}

func (c *call) mustSend() transfer.ReleaseAnswer {
	c.f.Helper()
	status, no, yes := c.send()
	if status != 200 {
		c.f.Fatalf("%d %+v", status, no)
	}
	return yes
}

func TestProviderRepeatsTheSameBytes(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	first := c.mustSend()
	if again := c.mustSend(); again != first {
		t.Error("it answered other bytes")
	}
	f.world.Pass(9 * time.Minute) // the token has run out; the bytes are the same request's
	f.open()
	if again := c.mustSend(); again != first {
		t.Error("it answered other bytes after a restart")
	}
	if f.loaded != 1 || len(f.observed) != 1 {
		t.Errorf("loaded %d times, released %d times", f.loaded, len(f.observed))
	}
	f.world.Pass(2 * time.Minute)
	c.want(http.StatusGone, "already_sent", "retry")
}

func TestProviderStopsRepeatingWhenAcknowledged(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	first := c.mustSend()
	commit, err := consent.OpenCommit(first.Commit, f.world.Trust.AgencyRoots)
	if err != nil {
		t.Fatal(err)
	}
	acknowledge := func(by consenttest.Agency, digest string) int {
		jws, err := consent.SignReceived(consent.ReceivedClaims{Issuer: by.ID, Audience: consenttest.Issuer, IssuedAt: f.world.Now().Unix(),
			GrantID: commit.GrantID, Use: commit.Use, Commit: digest}, by.Key, by.Chain)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		f.provider.ServeHTTP(w, c.request("application/jose", []byte(jws)))
		return w.Code
	}
	if status := acknowledge(f.world.Provider, consent.DigestOf(first.Commit)); status != http.StatusNotFound {
		t.Errorf("another agency acknowledged: %d", status)
	}
	if status := acknowledge(f.world.Consumer, consent.DigestOf("another")); status != http.StatusNotFound {
		t.Errorf("another commit was acknowledged: %d", status)
	}
	c.mustSend()
	for range 2 {
		if status := acknowledge(f.world.Consumer, consent.DigestOf(first.Commit)); status != 200 {
			t.Errorf("acknowledge: %d", status)
		}
	}
	c.want(http.StatusGone, "already_sent", "retry")
}

func TestProviderRefusesAnotherRequestWithTheSameKey(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	c.mustSend()
	other := f.call()
	other.body.IdempotencyKey = c.body.IdempotencyKey
	other.want(http.StatusConflict, "idempotency_key_reused", "idempotency key")
	if f.loaded != 1 {
		t.Error("a record was loaded")
	}
}

func TestProviderRefusesAUseTakenByAnotherRequest(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	c.mustSend()
	c.body.IdempotencyKey = "another-key-of-the-consumer"
	c.want(http.StatusConflict, "use_taken", "use number")
}

// A hub restored from a backup has forgotten a use and gives its number again.
func TestProviderKeepsItsOwnCount(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	c.mustSend()
	before := len(f.observed)
	f.hub.bend = func(claims *transfer.TokenClaims, _ *transfer.Sealed) { claims.Details[0].Use = 1 }
	t2, err := f.consumer.hub.token(context.Background(), refreshOf(f), c.proofs)
	if err != nil {
		t.Fatal(err)
	}
	again := f.callWith(t2, c.body.Request, c.proofs)
	again.body.IdempotencyKey = "a-fresh-idempotency-key"
	again.want(http.StatusConflict, "use_taken", "use number")
	if len(f.observed) != before || f.loaded != 1 {
		t.Error("it released twice")
	}
}

// refreshOf is the one refresh token that the hub has given.
func refreshOf(f *fixture) url.Values {
	for token := range f.hub.codes {
		if strings.HasPrefix(token, "refresh-") {
			return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		}
	}
	f.Fatal("no refresh token")
	return nil
}

// Storage and network fail at every step in both ways; a retry then gives one
// release, whose bytes do not change.
func TestProviderSurvivesALostCommit(t *testing.T) {
	for _, tt := range []struct {
		name string
		kept bool
	}{{"it asks again when the hub never heard", false}, {"it asks again when the hub said yes and was not heard", true}} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			c := f.call()
			f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
				if r.URL.Path != "/agency/commits" {
					return send(), nil
				}
				if tt.kept {
					send()
				}
				return nil, errors.New("connection reset")
			}
			c.want(http.StatusServiceUnavailable, "hub_unavailable", "")
			if len(f.observed) != 0 {
				t.Error("it counted a release")
			}
			f.route.fault = nil
			f.open() // also across a restart
			first := c.mustSend()
			if again := c.mustSend(); again != first || f.loaded != 1 || len(f.observed) != 1 {
				t.Errorf("loaded %d times, released %d times", f.loaded, len(f.observed))
			}
		})
	}
}

func TestProviderFreesANumberThatTheHubRefused(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	c := f.call()
	claims, _ := consent.ParseTerms(c.body.Terms)
	if _, err := f.world.Ledger.Pause(ctx, claims.GrantID, citizen, ""); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusConflict, "paused", "grant state")
	if _, err := f.world.Ledger.Resume(ctx, claims.GrantID, citizen); err != nil {
		t.Fatal(err)
	}
	c.mustSend()
}

func TestProviderRefusesAFalsePromise(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(*consent.PromiseClaims)
	}{
		{"it refuses another nonce", func(p *consent.PromiseClaims) { p.Nonce = consent.DigestOf("x") }},
		{"it refuses another commit", func(p *consent.PromiseClaims) { p.Commit = consent.DigestOf("x") }},
		{"it refuses another use", func(p *consent.PromiseClaims) { p.Use++ }},
		{"it refuses no deadline", func(p *consent.PromiseClaims) { p.Deadline = 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			c := f.call()
			f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
				res := send()
				if r.URL.Path != "/agency/commits" {
					return res, nil
				}
				var yes struct{ Promise string }
				json.NewDecoder(res.Body).Decode(&yes)
				p, err := consent.OpenPromise(yes.Promise, f.world.Trust.HubKeys)
				if err != nil {
					t.Error(err)
				}
				tt.bend(&p)
				raw, _ := json.Marshal(map[string]string{"promise": f.hub.sign(consent.PromiseJWT, p)})
				res.Body = io.NopCloser(bytes.NewReader(raw))
				return res, nil
			}
			c.want(http.StatusForbidden, "refused", transfer.CheckPromise)
			if len(f.observed) != 0 {
				t.Error("it released")
			}
		})
	}
}

func TestProviderNeedsOneRecord(t *testing.T) {
	for _, tt := range []struct {
		name    string
		records []Record
		status  int
		code    string
	}{
		{"it refuses when there is no match", nil, http.StatusNotFound, "no_match"},
		{"it refuses when there are several", []Record{{}, {}}, http.StatusConflict, "several"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.records[citizen] = tt.records
			c := f.call()
			c.want(tt.status, tt.code, "record")
			if strings.Contains(f.hubSaw.String(), "mydata-commit") || len(f.observed) != 0 {
				t.Error("it released")
			}
		})
	}
}

func TestProviderFaultsStayInside(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(f *fixture)
	}{
		{"it hides an error of Load", func(f *fixture) { f.records[citizen] = []Record{nil} }},
		{"it hides an error of the journal", func(f *fixture) { f.journals[0].broken = errors.New("disk gone: " + marker) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			c := f.call()
			tt.bend(f)
			status, no, _ := c.send()
			if status != http.StatusInternalServerError || no.Code != "internal" || strings.Contains(no.Cause, marker) {
				t.Errorf("%d %+v", status, no)
			}
			if len(f.observed) != 0 {
				t.Error("it released")
			}
		})
	}
	t.Run("it refuses a claim that has no value", func(t *testing.T) {
		f := newFixture(t)
		delete(f.records[citizen][0], "checked_on")
		state, query := f.granted("vision_ok", "hearing_ok", "checked_on")
		_, err := f.consumer.Complete(context.Background(), state, query)
		if Reason(err) != "no_value" {
			t.Errorf("Complete: %v", err)
		}
	})
}

func TestProviderAnswersNonsense(t *testing.T) {
	f := newFixture(t)
	c := f.call()
	for _, tt := range []struct {
		name   string
		bend   func(r *http.Request)
		body   string
		status int
	}{
		{"it refuses GET", func(r *http.Request) { r.Method = http.MethodGet }, "{}", http.StatusMethodNotAllowed},
		{"it refuses a form", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "{}", http.StatusUnsupportedMediaType},
		{"it refuses an empty object", func(*http.Request) {}, "{}", http.StatusBadRequest},
		{"it refuses no JSON", func(*http.Request) {}, "no", http.StatusBadRequest},
		{"it refuses too much", func(*http.Request) {}, strings.Repeat("a", transfer.MaxReleaseRequest+1), http.StatusRequestEntityTooLarge},
		{"it refuses a countersignature of nobody", func(r *http.Request) { r.Header.Set("Content-Type", "application/jose") }, "a.b.c", http.StatusForbidden},
		{"it refuses without token", func(r *http.Request) { r.Header.Del("Authorization") },
			`{"request":"a","terms":{},"idempotency_key":"0123456789abcdef"}`, http.StatusUnauthorized},
		{"it refuses a token of nobody", func(r *http.Request) { r.Header.Set("Authorization", "DPoP a.b.c") },
			`{"request":"a","terms":{},"idempotency_key":"0123456789abcdef"}`, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := c.request("application/json", []byte(tt.body))
			tt.bend(r)
			w := httptest.NewRecorder()
			f.provider.ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tt.status)
			}
			if w.Code == http.StatusUnauthorized && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "DPoP ") {
				t.Errorf("WWW-Authenticate: %q", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

func FuzzProvider(f *testing.F) {
	x := newFixture(f)
	f.Add([]byte(`{"request":"a.b.c","terms":{"catalogue":9},"idempotency_key":"0123456789abcdef"}`), "DPoP a.b.c", "application/json")
	f.Add([]byte("a.b.c"), "", "application/jose")
	f.Fuzz(func(t *testing.T, body []byte, authorization, kind string) {
		r := httptest.NewRequest(http.MethodPost, "https://insurer.example/release", bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		x.provider.ServeHTTP(w, r)
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
