package credential

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

//clause:trust SD-JWT VC, JWT VC Issuer Metadata: well-known string between host and path, issuer identical, one of jwks and jwks_uri, application/json; bounded, no private network, redirects checked
func TestMetadataURL(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://example.com":              "https://example.com/.well-known/jwt-vc-issuer",
		"https://example.com/":             "https://example.com/.well-known/jwt-vc-issuer",
		"https://example.com/tenant/1234":  "https://example.com/.well-known/jwt-vc-issuer/tenant/1234",
		"https://example.com/tenant/1234/": "https://example.com/.well-known/jwt-vc-issuer/tenant/1234",
		"https://example.com:8443/a%2Fb":   "https://example.com:8443/.well-known/jwt-vc-issuer/a%2Fb",
		"http://example.com":               "", "http://127.0.0.1": "", "https://a.example/?q": "", "https://a.example/?": "",
		"https://a.example/#f": "", "https://u@a.example": "", "example.com": "", "": "", "did:web:a.example": "",
	} {
		if got, err := MetadataURL(issuer, false); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v", issuer, got, err)
		}
	}
}

//clause:trust SD-JWT VC, JWT VC Issuer Metadata: well-known string between host and path, issuer identical, one of jwks and jwks_uri, application/json; bounded, no private network, redirects checked
func TestIssuerMetadata(t *testing.T) {
	key := jose.JSONWebKey{Key: newKey(t, elliptic.P256()).Public(), KeyID: "k1"}
	jwk, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := (jose.JSONWebKey{Key: newKey(t, elliptic.P256())}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	mux, asked := http.NewServeMux(), 0
	var body, set string
	media := "application/json"
	mux.HandleFunc(wellKnownIssuer+"/tenant", func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Type", media)
		_, _ = w.Write([]byte(body))
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write([]byte(set))
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/inside", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://169.254.169.254/", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+"/keys", http.StatusFound)
	})
	issuer := server.URL + "/tenant"
	by := func(member string) string { return `{"issuer":"` + issuer + `",` + member + `}` }
	value := `"jwks":{"keys":[` + string(jwk) + `]}`
	for _, c := range []struct {
		name, body, set, media string
		outside                bool // not in development
		ok                     bool
		says                   string
	}{
		{name: "it takes keys by value", body: by(value), ok: true},
		{name: "it takes keys by reference", body: by(`"jwks_uri":"` + server.URL + `/keys"`), set: `{"keys":[` + string(jwk) + `]}`, ok: true},
		{name: "it passes over keys of unknown kinds", body: by(`"jwks":{"keys":[{"kty":"new"},` + string(jwk) + `]}`), ok: true},
		{name: "it refuses loop-back outside of development", body: by(value), outside: true},
		{name: "it refuses both", body: by(value + `,"jwks_uri":"` + server.URL + `/keys"`), says: "not one of jwks and jwks_uri"},
		{name: "it refuses neither", body: by(`"x":1`), says: "not one of jwks and jwks_uri"},
		{name: "it refuses an empty reference", body: by(`"jwks_uri":""`)},
		{name: "it refuses a reference to a private address", body: by(`"jwks_uri":"https://10.0.0.1/keys"`)},
		{name: "it refuses a reference over plain http", body: by(`"jwks_uri":"http://keys.example/keys"`), says: "jwks_uri: address not allowed: not https"},
		{name: "it refuses a redirect to a private address", body: by(`"jwks_uri":"` + server.URL + `/inside"`)},
		{name: "it refuses a circle", body: by(`"jwks_uri":"` + server.URL + `/round"`), says: "too many redirects"},
		{name: "it refuses a redirect to another host", body: by(`"jwks_uri":"` + server.URL + `/away"`), set: `{"keys":[` + string(jwk) + `]}`, says: "another host"},
		{name: "it refuses another issuer's", body: strings.ReplaceAll(by(value), issuer, issuer+"/")},
		{name: "it refuses a private key", body: by(`"jwks":{"keys":[` + string(secret) + `]}`)},
		{name: "it refuses a shared secret", body: by(`"jwks":{"keys":[{"kty":"oct","k":"AAAA"}]}`)},
		{name: "it refuses no keys", body: by(`"jwks":{"keys":[]}`)},
		{name: "it refuses too many", body: by(`"jwks":{"keys":[` + strings.Repeat(`{},`, maxMetadataKeys) + `{}]}`)},
		{name: "it refuses what is no set", body: by(`"jwks":[]`), says: "keys are not a JWK Set"},
		{name: "it refuses what is no JSON", body: "<html>", says: "not JSON as it should be"},
		{name: "it refuses a name given twice", body: by(`"issuer":"x",` + value)},
		{name: "it refuses what is too long", body: by(value) + strings.Repeat(" ", maxMetadata)},
		{name: "it refuses a set that is too long", body: by(`"jwks_uri":"` + server.URL + `/keys"`), set: `{"keys":[` + string(jwk) + `]}` + strings.Repeat(" ", maxMetadata)},
		{name: "it refuses a page", body: by(value), media: "text/html"},
		{name: "it refuses an answer that is an error", body: by(`"jwks_uri":"` + server.URL + `/none"`), says: "HTTP status 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, set, media = c.body, c.set, "application/json"
			if c.media != "" {
				media = c.media
			}
			m := &IssuerMetadata{Development: !c.outside}
			keys, err := m.Keys(t.Context(), issuer)
			if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrIssuerMetadata) {
				t.Fatal(err)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %s", err, c.says)
			}
			if c.ok && (len(keys) != 1 || keys[0].KeyID != "k1") {
				t.Errorf("%v", keys)
			}
		})
	}
	t.Run("it asks once in five minutes", func(t *testing.T) {
		now := testNow
		m := &IssuerMetadata{Development: true, Now: func() time.Time { return now }}
		body, asked, media = by(value), 0, "application/json"
		for _, step := range []struct {
			after time.Duration
			asked int
		}{{0, 1}, {metadataLife - time.Second, 1}, {metadataLife, 2}, {-time.Hour, 3}} {
			now = testNow.Add(step.after)
			if _, err := m.Keys(t.Context(), issuer); err != nil || asked != step.asked {
				t.Errorf("after %s: asked %d times, %v", step.after, asked, err)
			}
		}
	})
	t.Run("it asks nobody by a name that is no address", func(t *testing.T) {
		if _, err := new(IssuerMetadata).Keys(t.Context(), "http://a.example"); err == nil || !strings.Contains(err.Error(), "iss is not an https URL") {
			t.Error(err)
		}
		if _, err := (&IssuerMetadata{Development: true}).Keys(t.Context(), server.URL+"/none"); err == nil || !strings.Contains(err.Error(), "HTTP status 404") {
			t.Error(err)
		}
	})
	t.Run("it reads no more than it would fetch", func(t *testing.T) {
		if _, _, err := ParseIssuerMetadata([]byte(by(value)+strings.Repeat(" ", maxMetadata)), issuer); err == nil || !strings.Contains(err.Error(), "longer than") {
			t.Error(err)
		}
	})
}

//clause:trust SD-JWT VC, JWT VC Issuer Metadata: well-known string between host and path, issuer identical, one of jwks and jwks_uri, application/json; bounded, no private network, redirects checked
func FuzzParseIssuerMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://a.example","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}}`))
	f.Add([]byte(`{"issuer":"https://a.example","jwks_uri":"https://a.example/k"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, elsewhere, err := ParseIssuerMetadata(data, "https://a.example")
		if err == nil && elsewhere == "" && !json.Valid(data) {
			t.Error("took what is no JSON")
		}
		for _, key := range keys {
			if !key.IsPublic() {
				t.Error("not public")
			}
		}
	})
}
