package statuslist

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var now = time.Unix(1_800_000_000, 0)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func trusts(key *ecdsa.PrivateKey) Trust {
	return func([][]byte) (crypto.PublicKey, error) { return key.Public(), nil }
}

func distrusts([][]byte) (crypto.PublicKey, error) { return nil, errors.New("no") }

func listOf(t testing.TB, invalid ...int) *List {
	t.Helper()
	list, err := New(1, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range invalid {
		if err := list.Set(i, Invalid); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func TestSignVerify(t *testing.T) {
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	chain := [][]byte{der, der}
	want := Token{URI: "https://a.example/1", IssuedAt: now, Expires: now.Add(time.Hour), TTL: 30 * time.Second, List: listOf(t, 3)}
	jwt, err := Sign(Key{Signer: key, KeyID: "k", X5C: chain}, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(jwt, want.URI, now, func(x5c [][]byte) (crypto.PublicKey, error) {
		if len(x5c) != 2 || !bytes.Equal(x5c[1], der) {
			t.Errorf("chain %v", x5c)
		}
		return key.Public(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, err := got.List.Get(3); err != nil || status != Invalid {
		t.Errorf("status %d, %v", status, err)
	}
	if got.URI != want.URI || !got.IssuedAt.Equal(want.IssuedAt) || !got.Expires.Equal(want.Expires) || got.TTL != want.TTL {
		t.Errorf("%+v", got)
	}
}

//clause:status 4.2, 5.1: the JWT, its typ, what it has to say; ES256 alone, so no MAC and no `none`
//clause:status 8.3: the credential first; sub is the uri; exp; ttl; an index out of range is refused
func TestVerifyRefuses(t *testing.T) {
	key := newKey(t)
	const uri = "https://a.example/1"
	sign := func(alg jose.SignatureAlgorithm, key any, typ string, change func(map[string]any)) string {
		claims := map[string]any{"sub": uri, "iat": now.Unix(), "exp": now.Unix() + 60, "ttl": 10,
			"status_list": map[string]any{"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}
		if change != nil {
			change(claims)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
		if err != nil {
			t.Fatal(err)
		}
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	set := func(name string, value any) string {
		return sign(jose.ES256, key, Type, func(c map[string]any) { c[name] = value })
	}
	good := sign(jose.ES256, key, Type, nil)
	cases := []struct {
		name, jwt string
		trust     Trust
		err       error
	}{
		{name: "it takes a good one", jwt: good},
		{name: "it takes one without exp and ttl", jwt: sign(jose.ES256, key, Type, func(c map[string]any) { delete(c, "exp"); delete(c, "ttl") })},
		{name: "it refuses a MAC", jwt: sign(jose.HS256, make([]byte, 32), Type, nil), err: ErrMalformed},
		{name: "it refuses another typ", jwt: sign(jose.ES256, key, "JWT", nil), err: ErrMalformed},
		{name: "it refuses another's signature", jwt: sign(jose.ES256, newKey(t), Type, nil), err: ErrUntrusted},
		{name: "it refuses whom the asker does not trust", jwt: good, trust: distrusts, err: ErrUntrusted},
		{name: "it refuses whom the asker trusts no longer", jwt: good, err: ErrUntrusted,
			trust: func([][]byte) (crypto.PublicKey, error) { return key.Public(), errors.New("no longer") }},
		{name: "it refuses what is too long though all of it is good", jwt: set("x", strings.Repeat("x", MaxToken)), err: ErrMalformed},
		{name: "it refuses another list's URI", jwt: set("sub", "https://a.example/2"), err: ErrMalformed},
		{name: "it refuses one that expired", jwt: set("exp", now.Unix()), err: ErrExpired},
		{name: "it refuses one from the future", jwt: set("iat", now.Add(2*time.Minute).Unix()), err: ErrMalformed},
		{name: "it refuses one without iat", jwt: sign(jose.ES256, key, Type, func(c map[string]any) { delete(c, "iat") }), err: ErrMalformed},
		{name: "it refuses one not valid yet", jwt: set("nbf", now.Add(2*time.Minute).Unix()), err: ErrMalformed},
		{name: "it refuses an nbf that is no time", jwt: set("nbf", "never"), err: ErrMalformed},
		{name: "it refuses a ttl of nothing", jwt: set("ttl", 0), err: ErrMalformed},
		{name: "it refuses three bits", jwt: set("status_list", map[string]any{"bits": 3, "lst": "eNrbuRgAAhcBXQ"}), err: ErrMalformed},
		{name: "it refuses a list that is no zlib", jwt: set("status_list", map[string]any{"bits": 1, "lst": "AAAA"}), err: ErrMalformed},
		{name: "it refuses a missing list", jwt: sign(jose.ES256, key, Type, func(c map[string]any) { delete(c, "status_list") }), err: ErrMalformed},
		{name: "it refuses what is no JWT", jwt: "x", err: ErrMalformed},
		{name: "it refuses what is too long", jwt: strings.Repeat("x", MaxToken+1), err: ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.trust == nil {
				c.trust = trusts(key)
			}
			if _, err := Verify(c.jwt, uri, now, c.trust); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Verify(good, uri, now, nil); !errors.Is(err, ErrUntrusted) {
		t.Errorf("it refuses when nobody is trusted: %v", err)
	}
}

// host serves what it is given and counts.
type host struct {
	*httptest.Server
	answer  func(w http.ResponseWriter, r *http.Request)
	fetches atomic.Int32
}

func newHost(t *testing.T) *host {
	h := &host{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.fetches.Add(1)
		h.answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *host) serve(t *testing.T, key *ecdsa.PrivateKey, token Token) {
	t.Helper()
	token.URI = h.URL + "/list"
	jwt, err := Sign(Key{Signer: key}, token)
	if err != nil {
		t.Fatal(err)
	}
	h.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", MediaType)
		_, _ = w.Write([]byte(jwt))
	}
}

//clause:formats Token Status List draft-21: published examples, limits, caching
//clause:status 8.3: the credential first; sub is the uri; exp; ttl; an index out of range is refused
func TestClientCaches(t *testing.T) {
	h, key, clock := newHost(t), newKey(t), now
	client := &Client{Development: true, Now: func() time.Time { return clock }}
	ask := func(index int, trust Trust) (Status, error) {
		return client.Status(t.Context(), Reference{URI: h.URL + "/list", Index: index}, trust)
	}
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), TTL: time.Minute, List: listOf(t, 5)})
	for index, want := range map[int]Status{4: Valid, 5: Invalid} {
		if got, err := ask(index, trusts(key)); err != nil || got != want {
			t.Errorf("status[%d] = %d, %v", index, got, err)
		}
	}
	if _, err := ask(64, trusts(key)); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("beyond the end: %v", err)
	}
	if n := h.fetches.Load(); n != 1 {
		t.Errorf("it fetches once within the ttl: %d", n)
	}
	if _, err := ask(4, distrusts); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the cache serves who does not trust the list: %v", err)
	}
	if _, err := ask(4, trusts(newKey(t))); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the cache serves who trusts another key: %v", err)
	}
	if _, err := ask(4, nil); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the cache serves who trusts nobody: %v", err)
	}
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(70 * time.Second), TTL: time.Minute, List: listOf(t, 4)})
	clock = now.Add(time.Minute)
	if got, err := ask(4, trusts(key)); err != nil || got != Invalid {
		t.Errorf("it asks again after the ttl: %d, %v", got, err)
	}
	before := h.fetches.Load()
	clock = now.Add(70 * time.Second)
	if _, err := ask(4, trusts(key)); !errors.Is(err, ErrExpired) || h.fetches.Load() == before {
		t.Errorf("it asks again after exp, which ends before the ttl: %v", err)
	}
	clock = now.Add(time.Hour) // set forward, and back
	h.serve(t, key, Token{IssuedAt: clock, TTL: time.Hour, List: listOf(t, 4)})
	if _, err := ask(4, trusts(key)); err != nil {
		t.Error(err)
	}
	clock, before = now, h.fetches.Load()
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(70 * time.Second), List: listOf(t, 5)})
	if got, err := ask(5, trusts(key)); err != nil || got != Invalid || h.fetches.Load() == before {
		t.Errorf("a list of a clock that was ahead serves on: %d, %v", got, err)
	}
	h.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
	clock = now.Add(70 * time.Second)
	if _, err := ask(4, trusts(key)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an old list serves when a new one cannot be had: %v", err)
	}
}

func TestClientKeepsATokenWithoutTTLForAWhile(t *testing.T) {
	h, key, clock := newHost(t), newKey(t), now
	client := &Client{Development: true, Now: func() time.Time { return clock }}
	h.serve(t, key, Token{IssuedAt: now, List: listOf(t)})
	for range 2 {
		if _, err := client.Status(t.Context(), Reference{URI: h.URL + "/list"}, trusts(key)); err != nil {
			t.Fatal(err)
		}
	}
	clock = now.Add(defaultTTL)
	if _, err := client.Status(t.Context(), Reference{URI: h.URL + "/list"}, trusts(key)); err != nil {
		t.Fatal(err)
	}
	if n := h.fetches.Load(); n != 2 {
		t.Errorf("%d fetches", n)
	}
}

//clause:formats Token Status List draft-21: published examples, limits, caching
//clause:status 8.2: content types, bodies raw; gzip for the JWT; redirects followed; exp and ttl before HTTP's caching
func TestClientRefuses(t *testing.T) {
	h, key := newHost(t), newKey(t)
	h.serve(t, key, Token{IssuedAt: now, List: listOf(t)})
	good := h.answer
	development := &Client{Development: true, Now: func() time.Time { return now }}
	production := &Client{Now: func() time.Time { return now }}
	cases := []struct {
		name   string
		client *Client
		uri    string
		answer http.HandlerFunc
		err    error
	}{
		{"it refuses plain http outside of development", production, h.URL + "/list", nil, ErrMalformed},
		{"it refuses a private address outside of development", production, strings.Replace(h.URL, "http:", "https:", 1) + "/list", nil, ErrUnavailable},
		{"it refuses plain http to others in development", development, "http://192.0.2.1/list", nil, ErrMalformed},
		{"it refuses a private address in development", development, "https://10.0.0.1/list", nil, ErrUnavailable},
		{"it refuses a file", development, "file:///etc/passwd", nil, ErrMalformed},
		{"it refuses a name and a password", development, strings.Replace(h.URL, "//", "//a:b@", 1), nil, ErrMalformed},
		{"it refuses what is no address", development, "::", nil, ErrMalformed},
		{"it refuses another status", development, h.URL + "/list", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", MediaType)
			w.WriteHeader(http.StatusAccepted)
		}, ErrUnavailable},
		{"it refuses another content type", development, h.URL + "/list", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
		}, ErrUnavailable},
		{"it refuses an endless body", development, h.URL + "/list", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", MediaType)
			for i := 0; i < MaxToken+1000; i += 1000 {
				_, _ = w.Write([]byte(strings.Repeat("x", 1000)))
			}
		}, ErrMalformed},
		{"it refuses a redirect to plain http", development, h.URL + "/list", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, ErrUnavailable},
		{"it refuses to turn in circles", development, h.URL + "/list", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/list", http.StatusFound)
		}, ErrUnavailable},
		{"it follows a redirect", development, h.URL + "/list", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/list" {
				http.Redirect(w, r, "/there", http.StatusFound)
				return
			}
			good(w, r)
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if h.answer = good; c.answer != nil {
				h.answer = c.answer
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			c.client.cached = nil
			if _, err := c.client.Status(ctx, Reference{URI: c.uri}, trusts(key)); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			if _, err := c.client.Fetch(ctx, c.uri, trusts(key)); !errors.Is(err, c.err) {
				t.Errorf("fetched, as it is now: got %v", err)
			}
		})
	}
}

//clause:status 11.4: redirects bounded and checked again; private networks out of reach, also by a name that leads elsewhere later
func TestClientStopsTurningInCircles(t *testing.T) {
	h := newHost(t)
	h.answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/list", http.StatusFound) }
	client := &Client{Development: true}
	_, _ = client.Status(t.Context(), Reference{URI: h.URL + "/list"}, distrusts)
	if n := h.fetches.Load(); n != maxRedirects+1 {
		t.Errorf("%d fetches", n)
	}
}

func TestCheckURI(t *testing.T) {
	for uri, want := range map[string]struct{ production, development bool }{
		"https://a.example/1": {true, true}, "http://localhost:8080/1": {false, true}, "http://[::1]:80/1": {false, true},
		"http://127.0.0.1/1": {false, true}, "http://localhost.evil/1": {}, "http://a.example/1": {}, "https:///1": {},
		"https://a:b@c.example/1": {}, "https://a.example/1#x": {}, "ftp://localhost/1": {}, "/1": {}, "": {}, "https://%zz/": {},
	} {
		if got := CheckURI(uri, false) == nil; got != want.production {
			t.Errorf("%s: %v", uri, got)
		}
		if got := CheckURI(uri, true) == nil; got != want.development {
			t.Errorf("%s in development: %v", uri, got)
		}
	}
}

func TestClientForgets(t *testing.T) {
	client := &Client{}
	for i := range 2 * maxCached {
		client.entry("https://a.example/" + base64.RawURLEncoding.EncodeToString([]byte{byte(i), byte(i >> 8)}))
	}
	if n := len(client.cached); n > maxCached {
		t.Errorf("it holds %d lists", n)
	}
}

//clause:status 11.1: bit and byte order, malformed and oversized lists
func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.bits, v.lst)
	}
	f.Fuzz(func(t *testing.T, bits int, lst string) {
		list, err := Decode(bits, lst)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		if _, err := list.Get(list.Len() - 1); err != nil {
			t.Fatal(err)
		}
		if _, err := list.Get(list.Len()); !errors.Is(err, ErrOutOfRange) {
			t.Fatal(err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	jwt, err := Sign(Key{Signer: key}, Token{URI: "u", IssuedAt: now, Expires: now.Add(1), TTL: time.Second, List: listOf(f)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(jwt)
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, jwt string) {
		_, err := Verify(jwt, "u", now, trusts(key))
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUntrusted) && !errors.Is(err, ErrExpired) {
			t.Fatalf("no sentinel: %v", err)
		}
	})
}
