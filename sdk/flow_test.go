package sdk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

func numeric(t time.Time) *jwt.NumericDate { return jwt.NewNumericDate(t) }

func TestLogin(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	to, err := f.consumer.Login(ctx)
	if err != nil {
		t.Fatal(err)
	}
	query := f.hub.visit(to.URL, f.passkey)
	who, err := f.consumer.LoggedIn(ctx, to.State, query)
	if err != nil || who.Sub != f.need().Subject {
		t.Fatalf("LoggedIn = %+v, %v", who, err)
	}
	if _, err := f.consumer.LoggedIn(ctx, to.State, query); Reason(err) != "refused" {
		t.Errorf("the same answer again: %v", err)
	}
}

func TestLoginRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check string
		bend  func(f *fixture, state *string, query url.Values)
	}{
		{"it refuses another browser's answer", "state", func(f *fixture, state *string, _ url.Values) { *state = "another" }},
		{"it refuses an empty session", "state", func(f *fixture, state *string, q url.Values) { *state = ""; q.Set("state", "") }},
		{"it refuses a state given twice", "state", func(_ *fixture, _ *string, q url.Values) { q.Add("state", "x") }},
		{"it refuses another issuer's answer", "iss", func(_ *fixture, _ *string, q url.Values) { q.Set("iss", "https://evil.example") }},
		{"it refuses an answer without iss", "iss", func(_ *fixture, _ *string, q url.Values) { q.Del("iss") }},
		{"it refuses an answer without code", "code", func(_ *fixture, _ *string, q url.Values) { q.Del("code") }},
		{"it refuses an id_token of another issuer", "id_token", bendID("iss", "https://evil.example")},
		{"it refuses an id_token for another client", "id_token", bendID("aud", "another")},
		{"it refuses an id_token for two clients", "id_token", bendID("aud", []string{"licence", "another"})},
		{"it refuses an id_token with another nonce", "id_token", bendID("nonce", "another")},
		{"it refuses an expired id_token", "id_token", bendID("exp", 1)},
		{"it refuses an old id_token", "id_token", bendID("iat", 1)},
		{"it refuses an id_token from the future", "id_token", bendID("iat", time.Now().AddDate(1, 0, 0).Unix())},
		{"it refuses an id_token without a subject", "id_token", bendID("sub", "")},
		{"it refuses an id_token without exp", "id_token", bendID("exp", nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			to, err := f.consumer.Login(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			query := f.hub.visit(to.URL, f.passkey)
			tt.bend(f, &to.State, query)
			_, err = f.consumer.LoggedIn(context.Background(), to.State, query)
			var refused *Error
			if !errors.As(err, &refused) || refused.Check != tt.check {
				t.Errorf("LoggedIn: %v, want check %q", err, tt.check)
			}
		})
	}
}

func bendID(name string, value any) func(*fixture, *string, url.Values) {
	return func(f *fixture, _ *string, _ url.Values) {
		f.hub.bendID = func(c map[string]any) { c[name] = value }
	}
}

func TestAskedOnce(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	r := f.complete()
	want := map[string]any{"vision_ok": true, "hearing_ok": true, "checked_on": "2026-05-14"}
	if diff := cmp.Diff(want, r.Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if r.Use != 1 || r.Uses != 2 || r.Provider != f.world.Provider.ID {
		t.Errorf("release = %+v", r)
	}
	// The receipt is complete, and says nothing of whom.
	parsed, err := receipt.Parse(r.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	if report := receipt.Verify(parsed, f.world.Trust); !report.OK() {
		t.Errorf("receipt: %v", report.Failed())
	}
	// What left and what stayed, by names.
	wantOut := []Released{{At: f.world.Now(), GrantID: r.GrantID, Use: 1, Consumer: f.world.Consumer.ID, Purpose: "driving-licence-renewal", DataSet: "health-checkup",
		Left:    []string{"checked_on", "hearing_ok", "vision_ok"},
		Dropped: []string{"hearing_left", "remarks", "vision_left", "vision_right"}}}
	if diff := cmp.Diff(wantOut, f.observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	if listed, err := f.provider.Releases(ctx); err != nil || !reflect.DeepEqual(listed, f.observed) {
		t.Errorf("Releases = %v, %v", listed, err)
	}
	// The hub never saw a value.
	for _, secret := range []string{marker, "2026-05-14", r.Evidence} {
		if strings.Contains(f.hubSaw.String(), secret) {
			t.Errorf("the hub saw %.20q", secret)
		}
	}
	if strings.Contains(r.Evidence, "bWFya2Vy") || strings.Contains(string(r.Receipt), marker) {
		t.Error("a dropped field left")
	}
	// It is the same after a restart.
	f.open()
	last, err := f.consumer.Last(ctx, r.GrantID)
	if err != nil || !cmp.Equal(last.Claims, r.Claims) {
		t.Errorf("Last = %+v, %v", last, err)
	}
	if _, err := f.consumer.Receipt(ctx, r.GrantID); err != nil {
		t.Error(err)
	}
}

func TestUntickedClaimStays(t *testing.T) {
	f := newFixture(t)
	state, query := f.granted("vision_ok", "hearing_ok")
	r, err := f.consumer.Complete(context.Background(), state, query)
	if err != nil {
		t.Fatal(err)
	}
	if _, there := r.Claims["checked_on"]; there || len(r.Claims) != 2 {
		t.Errorf("claims = %v", r.Claims)
	}
	if !strings.Contains(strings.Join(f.observed[0].Dropped, " "), "checked_on") {
		t.Errorf("dropped = %v", f.observed[0].Dropped)
	}
}

func TestAgain(t *testing.T) {
	ctx := context.Background()
	t.Run("it makes the second use and no third", func(t *testing.T) {
		f := newFixture(t)
		r := f.complete()
		f.world.Pass(24 * time.Hour)
		second, err := f.consumer.Again(ctx, r.GrantID)
		if err != nil || second.Use != 2 || second.Receipt == nil {
			t.Fatalf("Again = %+v, %v", second, err)
		}
		if _, err := f.consumer.Again(ctx, r.GrantID); Reason(err) != "consumed" {
			t.Errorf("third: %v", err)
		}
	})
	t.Run("it is refused by name after withdrawal", func(t *testing.T) {
		f := newFixture(t)
		r := f.complete()
		if _, err := f.world.Ledger.Withdraw(ctx, consent.GrantID(r.GrantID), citizen); err != nil {
			t.Fatal(err)
		}
		_, err := f.consumer.Again(ctx, r.GrantID)
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason != "withdrawn" || refused.By != "hub" {
			t.Errorf("Again: %v", err)
		}
		if len(f.observed) != 1 {
			t.Errorf("%d releases", len(f.observed))
		}
	})
	t.Run("it is refused at the commit when withdrawn after the token", func(t *testing.T) {
		f := newFixture(t)
		r := f.complete()
		f.route.fault = func(req *http.Request, send func() *http.Response) (*http.Response, error) {
			if req.URL.Path == "/agency/commits" {
				f.world.Ledger.Withdraw(ctx, consent.GrantID(r.GrantID), citizen)
			}
			return send(), nil
		}
		_, err := f.consumer.Again(ctx, r.GrantID)
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason != "withdrawn" || refused.By != "provider" {
			t.Errorf("Again: %v", err)
		}
		if len(f.observed) != 1 {
			t.Errorf("%d releases", len(f.observed))
		}
	})
}

func TestDenied(t *testing.T) {
	f := newFixture(t)
	state, query := f.granted()
	_, err := f.consumer.Complete(context.Background(), state, query)
	var refused *Error
	if !errors.As(err, &refused) || refused.By != "citizen" || refused.Reason != "denied" {
		t.Errorf("Complete: %v", err)
	}
}

func TestOtherPersonAnswers(t *testing.T) {
	f := newFixture(t)
	state, query := f.granted("vision_ok", "hearing_ok")
	f.hub.bendID = func(c map[string]any) { c["sub"] = "somebody else" }
	if _, err := f.consumer.Complete(context.Background(), state, query); Reason(err) != "other_person" {
		t.Errorf("Complete: %v", err)
	}
	if f.loaded != 0 {
		t.Error("a record was loaded")
	}
}

func TestForget(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	r := f.complete()
	if err := f.consumer.Forget(ctx, r.GrantID); err != nil {
		t.Fatal(err)
	}
	if _, err := f.consumer.Last(ctx, r.GrantID); Reason(err) != "unknown_grant" {
		t.Errorf("Last: %v", err)
	}
	if _, err := f.consumer.Again(ctx, r.GrantID); Reason(err) != "unknown_grant" {
		t.Errorf("Again: %v", err)
	}
}

func TestHubMustBeTheOneOfTheTrustFolder(t *testing.T) {
	f := newFixture(t)
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		res := send()
		if strings.HasPrefix(r.URL.Path, "/.well-known/") {
			body, _ := io.ReadAll(res.Body)
			other := strings.Replace(string(body), `"issuer":"https://hub.example"`, `"issuer":"https://evil.example"`, 1)
			res.Body = io.NopCloser(strings.NewReader(other))
		}
		return res, nil
	}
	_, err := f.consumer.Login(context.Background())
	var refused *Error
	if !errors.As(err, &refused) || refused.Check != "metadata" {
		t.Errorf("Login: %v", err)
	}
}

func TestIdentityRefusesForeignTokens(t *testing.T) {
	f := newFixture(t)
	now := f.world.Now().Unix()
	claims := map[string]any{"iss": consenttest.Issuer, "sub": "s", "aud": consenttest.Client, "nonce": "n", "iat": now, "exp": now + 60}
	kid := f.world.Trust.HubKeys.Keys[0].KeyID
	if _, err := f.consumer.hub.identity(f.hub.sign("JWT", claims), "n"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, token, nonce string }{
		{"it refuses a token by another key", signWith(t, consenttest.NewKey(), kid, "JWT", claims), "n"},
		{"it refuses a token by an unknown key", signWith(t, f.world.Hub, "another", "JWT", claims), "n"},
		{"it refuses an access token", f.hub.sign("at+jwt", claims), "n"},
		{"it refuses a login without a nonce", f.hub.sign("JWT", claims), ""},
		{"it refuses nonsense", "a.b.c", "n"},
		{"it refuses nothing", "", "n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := f.consumer.hub.identity(tt.token, tt.nonce); err == nil {
				t.Error("it accepted")
			}
		})
	}
}

func TestLoginRefusesWhatTheHubAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, path, old, new, check string
	}{
		{"it refuses no request_uri", "/par", "request_uri", "another", "pushed request"},
		{"it refuses a token bound to no key", "/token", `"DPoP"`, `"Bearer"`, "token response"},
		{"it refuses no access token", "/token", "access_token", "another", "token response"},
		{"it refuses no id_token", "/token", "id_token", "another", "id_token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
				res := send()
				if r.URL.Path == tt.path {
					body, _ := io.ReadAll(res.Body)
					res.Body = io.NopCloser(strings.NewReader(strings.Replace(string(body), tt.old, tt.new, 1)))
				}
				return res, nil
			}
			to, err := f.consumer.Login(context.Background())
			if err == nil {
				_, err = f.consumer.LoggedIn(context.Background(), to.State, f.hub.visit(to.URL, f.passkey))
			}
			var refused *Error
			if !errors.As(err, &refused) || refused.Check != tt.check {
				t.Errorf("%v, want %q", err, tt.check)
			}
		})
	}
}
