package sdk

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

//clause:trust a refusal says which check, and who can mend it
func TestVerifier(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	ca := consenttest.NewAuthority("Issuers' CA", now)
	issuer, stranger := ca.Agency("urn:example:issuer"), consenttest.NewAuthority("Another CA", now).Agency("urn:example:issuer")
	holder := consenttest.NewKey()
	list, err := statuslist.New(1, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Set(7, statuslist.Invalid); err != nil {
		t.Fatal(err)
	}
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := statuslist.Sign(statuslist.Key{Signer: issuer.Key, X5C: issuer.Chain},
			statuslist.Token{URI: server.URL + r.URL.Path, IssuedAt: now, TTL: time.Minute, List: list})
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", statuslist.MediaType)
		w.Write([]byte(token))
	}))
	defer server.Close()
	present := func(by consenttest.Agency, index int, bind sdjwt.KeyBinding) string {
		token, err := sdjwt.Issue(sdjwt.Key{Signer: by.Key, X5C: by.Chain}, map[string]any{
			"vct": ResidentCard, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "cnf": map[string]any{"jwk": jose.JSONWebKey{Key: holder.Public()}},
			"status":      map[string]any{"status_list": map[string]any{"uri": server.URL + "/status/1", "idx": index}},
			"family_name": sdjwt.Hidden{Value: "KIM"}, "birth_date": sdjwt.Hidden{Value: "1995-02-14"},
		})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := sdjwt.Parse(token)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := parsed.Present(sdjwt.Path{"family_name"})
		if err != nil {
			t.Fatal(err)
		}
		if shown, err = sdjwt.Bind(shown, holder, bind); err != nil {
			t.Fatal(err)
		}
		return shown
	}
	trust := Trust{Issuer: "urn:example:issuer", IssuerRoots: ca.Pool()}
	v, err := NewVerifier(VerifierConfig{Trust: trust, Types: []string{ResidentCard}, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewVerifier(VerifierConfig{Trust: trust, Types: []string{"urn:example:another"}, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	want := Expect{Nonce: "nonce-1", Audience: "x509_hash:abc"}
	good := sdjwt.KeyBinding{Nonce: want.Nonce, Audience: want.Audience, IssuedAt: now}
	for _, tt := range []struct {
		name     string
		verifier *Verifier
		token    string
		check    string
	}{
		{"it accepts a good one", v, present(issuer, 3, good), ""},
		{"it refuses a revoked one", v, present(issuer, 7, good), credential.CheckStatus},
		{"it refuses one by an issuer of another CA", v, present(stranger, 3, good), credential.CheckIssuerTrusted},
		{"it refuses the hub's card by an agency below the same CA", v, present(ca.Agency("urn:example:agency"), 3, good), credential.CheckIssuerTrusted},
		{"it refuses a type it does not take", other, present(issuer, 3, good), credential.CheckIssuerTrusted},
		{"it refuses another nonce", v, present(issuer, 3, sdjwt.KeyBinding{Nonce: "x", Audience: want.Audience, IssuedAt: now}), credential.CheckKeyBinding},
		{"it refuses another audience", v, present(issuer, 3, sdjwt.KeyBinding{Nonce: want.Nonce, Audience: "x", IssuedAt: now}), credential.CheckKeyBinding},
		{"it refuses nonsense", v, "a.b.c~", credential.CheckFormat},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tt.verifier.Verify(context.Background(), tt.token, want)
			if tt.check == "" {
				if err != nil || r.Claims["family_name"] != "KIM" || r.Claims["birth_date"] != nil {
					t.Errorf("%v, %v", r, err)
				}
				return
			}
			var refused *Error
			if !errors.As(err, &refused) || refused.Check != tt.check || refused.Mender != presentationMenders[tt.check] || r.OK() {
				t.Errorf("%v, want %q", err, tt.check)
			}
		})
	}
	if _, err := v.Verify(context.Background(), present(issuer, 3, good), Expect{Nonce: want.Nonce}); err == nil {
		t.Error("it verified for nobody in particular")
	}
	for _, c := range []VerifierConfig{{}, {Types: []string{ResidentCard}}, {Types: []string{ResidentCard}, DIDs: map[string][]string{"x": {"did:web:a"}}}} {
		if _, err := NewVerifier(c); err == nil {
			t.Errorf("it trusts nobody, and started: %+v", c)
		}
	}
	server.Close()
	if _, err := other.Verify(context.Background(), present(issuer, 3, good), want); errors.Is(err, ErrUnavailable) {
		t.Errorf("it would ask again for what it does not trust: %v", err)
	}
	fresh, err := NewVerifier(VerifierConfig{Trust: trust, Types: []string{ResidentCard}, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Verify(context.Background(), present(issuer, 3, good), want); !errors.Is(err, ErrUnavailable) || Reason(err) != "unavailable" {
		t.Errorf("it does not say that the issuer cannot be asked: %v", err)
	}
}
