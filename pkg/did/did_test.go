package did

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// Published vectors: did:jwk 4 (P-256), did:key 3.1 (Ed25519, P-256).
const (
	jwkDID     = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9"
	x25519DID  = "did:jwk:eyJrdHkiOiJPS1AiLCJjcnYiOiJYMjU1MTkiLCJ1c2UiOiJlbmMiLCJ4IjoiM3A3YmZYdDl3YlRUVzJIQzdPUTFOei1EUThoYmVHZE5yZngtRkctSUswOCJ9"
	ed25519DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
	p256DID    = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
)

//clause:formats did:key, did:jwk, did:web
func TestPublishedVectors(t *testing.T) {
	key, err := Key(jwkDID + "#0")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := FromJWK(key); err != nil || !strings.HasPrefix(got, "did:jwk:") {
		t.Errorf("%s, %v", got, err)
	}
	point, err := key.Key.(*ecdsa.PublicKey).Bytes()
	if err != nil || b64url(point[1:33]) != "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0" {
		t.Errorf("did:jwk reads another key: %v", err)
	}
	for _, id := range []string{ed25519DID, p256DID} {
		key, err := Key(id + "#" + strings.TrimPrefix(id, "did:key:"))
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		if got, err := FromKey(key.Key); err != nil || got != id {
			t.Errorf("it writes what it reads: %s, %v", got, err)
		}
	}
}

func b64url(b []byte) string {
	data, _ := jose.JSONWebKey{Key: b}.MarshalJSON() // {"kty":"oct","k":"…"}
	var k struct{ K string }
	_ = json.Unmarshal(data, &k)
	return k.K
}

func TestRoundTrip(t *testing.T) {
	for range 40 { // leading zeros and both parities occur
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		id, err := FromKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Key(id + "#" + strings.TrimPrefix(id, "did:key:"))
		if err != nil || !key.PublicKey.Equal(got.Key) {
			t.Fatalf("%s: %v", id, err)
		}
		if id, err = FromJWK(jose.JSONWebKey{Key: key.Public()}); err != nil {
			t.Fatal(err)
		}
		if got, err = Key(id + "#0"); err != nil || !key.PublicKey.Equal(got.Key) {
			t.Fatalf("%s: %v", id, err)
		}
	}
}

//clause:formats did:jwk: a key with use enc signs nothing; no private key
func TestKeyRefuses(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := jose.JSONWebKey{Key: private}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	forEncryption, err := jose.JSONWebKey{Key: private.Public(), Use: "enc"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	encryptionDID := "did:jwk:" + b64url(forEncryption)
	p256Fragment := strings.TrimPrefix(p256DID, "did:key:")
	cases := []struct {
		name, url string
		err       error
	}{
		{"what is no DID", "https://a.example", ErrMalformed},
		{"a DID without identifier", "did:jwk:", ErrMalformed},
		{"another method", "did:web:a.example#0", ErrUnsupported},
		{"another fragment", jwkDID + "#1", ErrNotFound},
		{"no fragment", jwkDID, ErrNotFound},
		{"a private key", "did:jwk:" + b64url(secret) + "#0", ErrMalformed},
		{"a key that is no JSON", "did:jwk:AAAA#0", ErrMalformed},
		{"a key that is no base64url", "did:jwk:!#0", ErrMalformed},
		{"a key for encryption alone", encryptionDID + "#0", ErrNotFound},
		{"a kind of key that it does not know", x25519DID + "#0", ErrMalformed},
		{"another base", "did:key:u" + p256Fragment + "#x", ErrMalformed},
		{"a letter that is not in base58", "did:key:z0OIl#z0OIl", ErrMalformed},
		{"another kind of key", "did:key:z1#z1", ErrUnsupported},
		{"a point off the curve", "did:key:z" + encode58(append([]byte{0x80, 0x24, 9}, make([]byte, 32)...)) + "#x", ErrMalformed},
		{"an endless DID", "did:jwk:" + strings.Repeat("A", maxDID), ErrMalformed},
		{"an endless did:key", "did:key:z" + strings.Repeat("1", 200), ErrMalformed},
	}
	for _, c := range cases {
		t.Run("it refuses "+c.name, func(t *testing.T) {
			if _, err := Key(c.url); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := FromKey(ed25519.PrivateKey(make([]byte, 64))); err == nil {
		t.Error("it makes no did:key of a private key")
	}
	if _, err := FromJWK(jose.JSONWebKey{Key: private}); err == nil {
		t.Error("it makes no did:jwk of a private key")
	}
}

//clause:formats did:web: percent-encoded port, path, no IP address (loop-back in development), https, bounded, redirects checked, no private network
func TestWebURL(t *testing.T) {
	cases := []struct {
		id, want    string
		development bool
	}{
		{id: "did:web:w3c-ccg.github.io", want: "https://w3c-ccg.github.io/.well-known/did.json"},
		{id: "did:web:w3c-ccg.github.io:user:alice", want: "https://w3c-ccg.github.io/user/alice/did.json"},
		{id: "did:web:example.com%3A3000:user:alice", want: "https://example.com:3000/user/alice/did.json"},
		{id: "did:web:localhost%3A8080", want: "https://localhost:8080/.well-known/did.json"},
		{id: "did:web:localhost%3A8080", want: "http://localhost:8080/.well-known/did.json", development: true},
		{id: "did:web:example.com", want: "https://example.com/.well-known/did.json", development: true},
		{id: "did:web:a%2Fb"}, {id: "did:web:a%40b"}, {id: "did:web:a:.."}, {id: "did:web:a:%2e%2e"}, {id: "did:web:a::b"},
		{id: "did:web:127.0.0.1%3A8080"}, {id: "did:web:192.0.2.7"}, {id: "did:web:%5B2001%3Adb8%3A%3A1%5D"}, {id: "did:web:192.0.2.7", development: true},
		{id: "did:web:127.0.0.1%3A8080", want: "http://127.0.0.1:8080/.well-known/did.json", development: true},
		{id: "did:web:example.com%3A3000", want: "https://example.com:3000/.well-known/did.json"}, {id: "did:web:example.com%3A" + "port"},
		{id: "did:web:a%20b"}, {id: "did:web:a%00b"},
		{id: "did:web:a:b%2Fc"}, {id: "did:web:%zz"}, {id: "did:key:a"}, {id: "did:web:"},
	}
	for _, c := range cases {
		got, err := WebURL(c.id, c.development)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %s, %v", c.id, got, err)
		}
	}
	for address, want := range map[string]string{
		"http://localhost:8080": "did:web:localhost%3A8080", "https://a.example/x/y": "did:web:a.example:x:y",
		"https://a.example/": "did:web:a.example",
	} {
		if got, err := FromURL(address); err != nil || got != want {
			t.Errorf("%s: %s, %v", address, got, err)
		}
	}
	for _, address := range []string{"https://a.example/?q", "https://a.example/#f", "https://u:p@a.example", "/path", "https://", "https://%zz"} {
		if id, err := FromURL(address); err == nil {
			t.Errorf("%s became %s", address, id)
		}
	}
}

//clause:formats did:key, did:jwk, did:web
//clause:formats did:web: percent-encoded port, path, no IP address (loop-back in development), https, bounded, redirects checked, no private network
func TestResolveWeb(t *testing.T) {
	key, err := Key(p256DID + "#" + strings.TrimPrefix(p256DID, "did:key:"))
	if err != nil {
		t.Fatal(err)
	}
	var answer http.HandlerFunc
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer server.Close()
	id, err := FromURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	document, err := New(id, map[string]jose.JSONWebKey{"k": {Key: key.Key}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	serve := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/did.json" {
				http.NotFound(w, r)
			}
			_, _ = w.Write([]byte(body))
		}
	}
	development := &Resolver{Development: true}
	answer = serve(string(text))
	got, err := development.Resolve(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := got.Key(id+"#k", Authentication); err != nil || !cmp.Equal(found.Key, key.Key) {
		t.Errorf("%v, %v", found, err)
	}
	answer = hops(maxRedirects, string(text))
	if _, err := development.Resolve(t.Context(), id); err != nil {
		t.Errorf("it does not follow %d redirects: %v", maxRedirects, err)
	}
	answer = serve(`{"id":"` + id + `","verificationMethod":[{"id":"#a","publicKeyJwk":{"kty":"EC","crv":"P-999"}}]}`)
	if _, err := development.Resolve(t.Context(), id); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "P-999") {
		t.Errorf("it does not say what is wrong with a key: %v", err)
	}
	answer = serve(string(text))
	cases := []struct {
		name, id string
		resolver *Resolver
		answer   http.HandlerFunc
		err      error
	}{
		{"loop-back outside of development", id, &Resolver{}, answer, ErrMalformed},
		{"an IP address", "did:web:10.0.0.1", development, answer, ErrMalformed},
		{"a name that leads to this machine, outside of development", strings.Replace(id, "127.0.0.1", "localhost", 1), &Resolver{}, answer, ErrNotFound},
		{"a document about another", id, development, serve(strings.ReplaceAll(string(text), id, "did:web:other")), ErrMalformed},
		{"a document that is no JSON", id, development, serve("<html>"), ErrMalformed},
		{"a document with a name twice", id, development, serve(`{"id":"` + id + `","id":"` + id + `"}`), ErrMalformed},
		{"a document too long", id, development, serve(string(text) + strings.Repeat(" ", maxDocument)), ErrMalformed},
		{"a document with too many keys", id, development, serve(`{"id":"` + id + `","authentication":[` + strings.Repeat(`"a",`, maxMethods) + `"a"]}`), ErrMalformed},
		{"a document with a private key", id, development, serve(`{"id":"` + id + `","verificationMethod":[{"id":"#a","controller":"` + id + `","publicKeyJwk":{"kty":"oct","k":"AAAA"}}]}`), ErrMalformed},
		{"an error", id, development, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, ErrNotFound},
		{"a redirect to plain http", id, development, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, ErrNotFound},
		{"a redirect to another host", id, development, func(w http.ResponseWriter, r *http.Request) {
			if r.Host == server.Listener.Addr().String() {
				http.Redirect(w, r, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+r.URL.Path, http.StatusFound)
				return
			}
			_, _ = w.Write(text)
		}, ErrNotFound},
		{"a circle", id, development, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, ErrNotFound},
		{"one redirect too many", id, development, hops(maxRedirects+1, string(text)), ErrNotFound},
		{"a use that names no key", id, development, serve(`{"id":"` + id + `","authentication":[1]}`), ErrMalformed},
		{"a private key within a use", id, development, serve(`{"id":"` + id + `","authentication":[{"id":"#a","publicKeyJwk":{"kty":"oct","k":"AAAA"}}]}`), ErrMalformed},
		{"an unknown method", "did:x:y", development, answer, ErrUnsupported},
		{"a document that its policy does not allow", id, &Resolver{Development: true, Allow: func(of string, document []byte) error {
			if of != id || string(document) != string(text) {
				t.Errorf("it asks about %s: %s", of, document)
			}
			return errRefused
		}}, answer, errRefused},
		{"what is no DID", "x", development, answer, ErrMalformed},
	}
	for _, c := range cases {
		t.Run("it refuses "+c.name, func(t *testing.T) {
			answer = c.answer
			if _, err := c.resolver.Resolve(t.Context(), c.id); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

var errRefused = errors.New("refused")

// hops answers after so many redirects.
func hops(n int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.RawQuery; len(q) < n {
			http.Redirect(w, r, r.URL.Path+"?"+q+"x", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(body))
	}
}

func TestDocument(t *testing.T) {
	key, err := Key(jwkDID + "#0")
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	const id = "did:web:a.example"
	method := func(name, controller string) string {
		return `{"id":"` + name + `","type":"JsonWebKey","controller":"` + controller + `","publicKeyJwk":` + string(jwk) + `}`
	}
	text := `{"id":"` + id + `","verificationMethod":[` + method("#a", id) + `,` + method("#foreign", "did:web:b.example") +
		`,{"id":"#x","type":"Multikey","controller":"` + id + `","publicKeyMultibase":"z"}],
		"authentication":["#a",` + method("#embedded", id) + `,"#foreign","#x"],"assertionMethod":["` + id + `#a"]}`
	d, err := Parse([]byte(text), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url string
		use Relationship
		ok  bool
	}{
		{id + "#a", Authentication, true}, {id + "#a", AssertionMethod, true}, {id + "#embedded", Authentication, true},
		{id + "#embedded", AssertionMethod, false}, {id + "#foreign", Authentication, false}, {id + "#x", Authentication, false},
		{id + "#none", Authentication, false}, {"#a", Authentication, false},
	} {
		if _, err := d.Key(c.url, c.use); (err == nil) != c.ok {
			t.Errorf("%s for %s: %v", c.url, c.use, err)
		}
	}
	if _, err := New("x", nil); err == nil {
		t.Error("it makes no document of what is no DID")
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]jose.JSONWebKey{"a private key": {Key: private}, "no key": {}} {
		if _, err := New(id, map[string]jose.JSONWebKey{"a": key}); !errors.Is(err, ErrMalformed) {
			t.Errorf("it publishes %s: %v", name, err)
		}
	}
	secret, err := jose.JSONWebKey{Key: private}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse([]byte(strings.ReplaceAll(text, string(jwk), string(secret))), id); !errors.Is(err, ErrMalformed) {
		t.Errorf("it takes a document with a private key: %v", err)
	}
	if _, err := Parse([]byte(text+strings.Repeat(" ", maxDocument)), id); !errors.Is(err, ErrMalformed) {
		t.Errorf("it takes a document that is too long: %v", err)
	}
}

func TestSplit(t *testing.T) {
	if method, specific, err := Split("did:web:a:b"); method != "web" || specific != "a:b" || err != nil {
		t.Errorf("%s %s %v", method, specific, err)
	}
	for _, id := range []string{"", "did", "did:", "did:web", "did:web:", "did::a", "DID:web:a", "did:web:a/b", "did:web:a?b", "did:web:a#b",
		"did:web:" + strings.Repeat("a", maxDID)} {
		if _, _, err := Split(id); !errors.Is(err, ErrMalformed) {
			t.Errorf("it takes %.40q: %v", id, err)
		}
	}
}

//clause:formats did:jwk: a key with use enc signs nothing; no private key
func FuzzKey(f *testing.F) {
	f.Add(jwkDID + "#0")
	f.Add(p256DID + "#" + strings.TrimPrefix(p256DID, "did:key:"))
	f.Add("did:key:z" + strings.Repeat("1", 40))
	f.Fuzz(func(t *testing.T, url string) {
		key, err := Key(url)
		if err == nil && !key.IsPublic() {
			t.Fatal("not public")
		}
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrNotFound) {
			t.Fatalf("no sentinel: %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"did:web:a","verificationMethod":[{"id":"#a","publicKeyJwk":{}}],"authentication":["#a",{"id":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Parse(data, "did:web:a"); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("no sentinel: %v", err)
		}
	})
}

// FuzzWebURL: an address that a did:web leads to is https, of the DID's own host,
// and ends where documents are.
//
//clause:formats did:web: percent-encoded port, path, no IP address (loop-back in development), https, bounded, redirects checked, no private network
func FuzzWebURL(f *testing.F) {
	for _, id := range []string{"did:web:a.example", "did:web:a.example%3A3000:user:alice", "did:web:a:%2e%2e", "did:web:%5B%3A%3A1%5D", "did:web:a%40b"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		address, err := WebURL(id, false)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !strings.HasSuffix(u.Path, "/did.json") {
			t.Fatalf("%q leads to %q: %v", id, address, err)
		}
	})
}
