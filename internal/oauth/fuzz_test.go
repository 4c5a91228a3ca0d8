package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
)

var fuzzTime = time.Unix(1_800_000_000, 0)

func fuzzClient(key *ecdsa.PrivateKey) registry.Client {
	return registry.Client{
		ID: "agency", RedirectURIs: []string{"https://a.example/cb"}, Scopes: []string{"openid"},
		GrantTypes: []string{registry.GrantCode},
		JWKS:       jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}},
	}
}

// FuzzRequestObject signs any payload with the client's own key, and tries it
// as a whole JWS too.
//
//clause:as RFC 9101: signed request objects, their typ, audience, life
func FuzzRequestObject(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(objectType))
	if err != nil {
		f.Fatal(err)
	}
	good := `{"iss":"agency","client_id":"agency","aud":"https://hub","exp":1800000060,"response_type":"code",` +
		`"redirect_uri":"https://a.example/cb","code_challenge_method":"S256","code_challenge":"` + strings.Repeat("a", 43) + `","scope":"openid"}`
	f.Add(good)
	f.Add(strings.Replace(good, `"scope"`, `"authorization_details":[{"type":"t"}],"scope"`, 1))
	f.Add(`{"iss":["agency"],"max_age":-1e99}`)
	f.Add(`a.b.c`)
	f.Fuzz(func(t *testing.T, payload string) {
		c := fuzzClient(key)
		if _, _, refusal := parseObject(payload, c, "https://hub", fuzzTime); refusal == nil {
			t.Error("an unsigned object was taken")
		}
		signed, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		compact, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		p, raw, refusal := parseObject(compact, c, "https://hub", fuzzTime)
		if refusal != nil {
			return
		}
		if p.ClientID != c.ID || string(raw) != payload {
			t.Errorf("took %s as %+v", payload, p)
		}
		checkParams(t, p, c)
	})
}

// FuzzForm reads authorization requests from browsers.
func FuzzForm(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("client_id=agency&response_type=code&redirect_uri=https://a.example/cb&scope=openid&code_challenge_method=S256&code_challenge=" + strings.Repeat("a", 43))
	f.Add("client_id=agency&max_age=99999999999999999999&prompt=none&authorization_details=[{}]")
	f.Add(`authorization_details=[{"type":"a"},{"type":"b"}]`)
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil || single(form) != nil {
			return
		}
		if p, refusal := fromForm(form); refusal == nil {
			checkParams(t, p, fuzzClient(key))
		}
	})
}

// checkParams holds what passes to the rules.
func checkParams(t *testing.T, p params, c registry.Client) {
	t.Helper()
	if _, elements, refusal := p.details(); refusal == nil {
		for _, element := range elements {
			if !json.Valid(element) {
				t.Errorf("details %s", element)
			}
		}
	}
	if p.target(c) != nil {
		return
	}
	a, refusal := p.authorization(c)
	if refusal != nil {
		return
	}
	if p.ResponseType != "code" || p.ChallengeKind != "S256" || !sha256Text(a.CodeChallenge) || a.RedirectURI != c.RedirectURIs[0] {
		t.Errorf("took %+v", p)
	}
	for _, scope := range a.Scopes {
		if scope != "openid" {
			t.Errorf("gave the scope %q", scope)
		}
	}
}

// FuzzAccessToken opens what is presented to a resource.
//
//clause:as RFC 9068: at+jwt with cnf
func FuzzAccessToken(f *testing.F) {
	s := fuzzServer(f)
	f.Add("a.b.c")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := s.verify(context.Background(), token); err == nil {
			t.Errorf("took %q", token)
		}
	})
}

// FuzzAssertion signs any payload with the client's own key: what passes is good
// for this client, at this server, for minutes.
func FuzzAssertion(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"iss":"agency","sub":"agency","aud":"https://hub","jti":"1","exp":1800000060}`)
	f.Add(`{"iss":"agency","sub":"agency","aud":["https://hub"],"jti":1,"exp":1e99}`)
	f.Add(`{"iss":"agency","iss":"agency"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		signed, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		compact, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		id, err := unverifiedIssuer(compact)
		if err != nil {
			return
		}
		opened, err := openAssertion(compact, fuzzClient(key))
		if err != nil || string(opened) != payload {
			t.Fatalf("its own signature: %v", err)
		}
		var a assertion
		if json.Unmarshal(opened, &a) != nil || a.check("agency", "https://hub", fuzzTime) != "" {
			return
		}
		if id != "agency" || a.Subject != "agency" || a.ID == "" || a.Expires <= fuzzTime.Unix() || a.Expires > fuzzTime.Add(assertionLife).Unix() {
			t.Errorf("took %s", payload)
		}
	})
}

// FuzzAuthorizationField finds a token in the one field there is for it, or none.
func FuzzAuthorizationField(f *testing.F) {
	f.Add("DPoP a.b.c")
	f.Add("bearer  x")
	f.Add("Basic eDp5")
	f.Add(" ")
	f.Fuzz(func(t *testing.T, field string) {
		scheme, token, err := presented(&http.Request{Header: http.Header{"Authorization": {field}}})
		if err == nil && (token == "" && strings.TrimSpace(field) == field || !strings.HasPrefix(field, scheme+" ") || len(token) > maxParam) {
			t.Errorf("%q holds %q %q", field, scheme, token)
		}
	})
}
