package registry

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// jwk is a key as a set says it.
func jwk(t testing.TB, key any, more string) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "}") + more + "}"
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What a client publishes is held to the rules for keys given by value.
//
//clause:as RFC 7591, 2: `jwks_uri` instead of `jwks`, for every profile; fetched by a guarded client, kept, asked again for an unknown kid, bounded where it fails
func TestKeySetRules(t *testing.T) {
	ec := ecKey(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := jwk(t, ec.Public(), `,"kid":"a"`)
	for name, c := range map[string]struct {
		text    string
		profile Profile
		keys    int
		cause   string
	}{
		"it takes a key":                               {setOf(good), "", 1, ""},
		"it takes several kinds":                       {setOf(good, jwk(t, long.Public(), `,"kid":"b"`), jwk(t, ed, `,"kid":"c"`)), ProfileFAPI2, 3, ""},
		"it takes RS256 of a plain client":             {setOf(jwk(t, long.Public(), `,"alg":"RS256"`)), "", 1, ""},
		"it passes over a key to encrypt to":           {setOf(good, jwk(t, ec.Public(), `,"use":"enc"`)), "", 1, ""},
		"it passes over a curve that it does not know": {setOf(good, jwk(t, p384.Public(), ``)), "", 1, ""},
		"it passes over a kind that it does not know":  {setOf(good, `{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}`), "", 1, ""},
		"it ignores what else is there":                {`{"x":1,"keys":[` + good + `]}`, "", 1, ""},
		"it refuses RS256 of a client of FAPI 2.0":     {setOf(jwk(t, long.Public(), `,"alg":"RS256"`)), ProfileFAPI2, 0, "no key by which"},
		"it refuses keys to encrypt to alone":          {setOf(jwk(t, ec.Public(), `,"use":"enc"`)), "", 0, "no key by which"},
		"it refuses no key":                            {setOf(), "", 0, "no key by which"},
		"it refuses a private key":                     {setOf(good, jwk(t, ec, ``)), "", 0, "key 1 is not public"},
		"it refuses a shared secret":                   {setOf(good, `{"kty":"oct","k":"AAAA"}`), "", 0, "key 1 is not public"},
		"it refuses a private key of an unknown kind":  {setOf(good, `{"kty":"AKP","d":"AAAA"}`), "", 0, "key 1 is not public"},
		"it refuses a member twice":                    {`{"keys":[],"keys":[` + good + `]}`, "", 0, "each member once"},
		"it refuses a member of a key twice":           {setOf(strings.Replace(good, `"kid":"a"`, `"kid":"a","kid":"b"`, 1)), "", 0, "key 0 is no JSON object"},
		"it refuses a key that is none":                {setOf(`7`), "", 0, "key 0 is no JSON object"},
		"it refuses what is no JSON":                   {`<html>`, "", 0, "not a JSON Web Key Set"},
		"it refuses what is no object":                 {`[` + good + `]`, "", 0, "not a JSON Web Key Set"},
		"it refuses what is not UTF-8":                 {`{"keys":[` + good + `],"x":"` + "\xff" + `"}`, "", 0, "not a JSON Web Key Set"},
		"it refuses too many":                          {setOf(strings.Split(strings.Repeat(good+"\n", maxPublished), "\n")[:maxPublished]...), "", maxPublished, ""},
		"it refuses one more than it may hold":         {`{"keys":[` + strings.Repeat(good+",", maxPublished) + good + `]}`, "", 0, "over 16 keys"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseKeySet([]byte(c.text), c.profile)
			if len(keys) != c.keys || (err == nil) != (c.cause == "") || err != nil && !strings.Contains(err.Error(), c.cause) {
				t.Errorf("%d keys, %v", len(keys), err)
			}
		})
	}
}

// FuzzKeySet: whatever a client publishes is refused, or keys by which it may sign.
//
//clause:as RFC 7591, 2: `jwks_uri` instead of `jwks`, for every profile; fetched by a guarded client, kept, asked again for an unknown kid, bounded where it fails
func FuzzKeySet(f *testing.F) {
	good := jwk(f, ecKey(f).Public(), `,"kid":"a","x5c":[]`)
	f.Add([]byte(setOf(good)), true)
	f.Add([]byte(setOf(good, `{"kty":"oct","k":""}`)), false)
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`), true)
	f.Fuzz(func(t *testing.T, data []byte, high bool) {
		c := Client{}
		if high {
			c.Profile = ProfileFAPI2
		}
		keys, err := parseKeySet(data, c.Profile)
		if (err == nil) == (len(keys) == 0) || len(keys) > maxPublished {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, key := range keys {
			if !key.IsPublic() || len(c.Algorithms(key, "")) == 0 {
				t.Fatalf("%+v", key)
			}
		}
	})
}

// shelf is where a client publishes.
type shelf struct {
	*httptest.Server
	mu    sync.Mutex
	serve http.HandlerFunc
	asked int
}

func newShelf(t testing.TB) *shelf {
	s := &shelf{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked++
		serve := s.serve
		s.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// put has it answer with a text, or with an error where that is empty.
func (s *shelf) put(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		if text == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(text))
	}
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// A client rotates its keys without an operator, and its address is asked seldom.
//
//clause:as RFC 7591, 2: `jwks_uri` instead of `jwks`, for every profile; fetched by a guarded client, kept, asked again for an unknown kid, bounded where it fails
func TestKeySets(t *testing.T) {
	s, now := newShelf(t), time.Now()
	k := &KeySets{Loopback: true, Now: func() time.Time { return now }}
	c := Client{ID: "c", JWKSURI: s.URL}
	one, two := jwk(t, ecKey(t).Public(), `,"kid":"one"`), jwk(t, ecKey(t).Public(), `,"kid":"two"`)
	want := func(t *testing.T, kid string, keys, asked int) {
		t.Helper()
		set, err := k.Keys(t.Context(), c, kid)
		if len(set.Keys) != keys || s.count() != asked || (err == nil) != (keys > 0) {
			t.Errorf("%d keys after %d questions, want %d after %d: %v", len(set.Keys), s.count(), keys, asked, err)
		}
	}
	s.put(setOf(one))
	for _, step := range []struct {
		name        string
		pass        time.Duration
		put         *string
		kid         string
		keys, asked int
	}{
		{"it asks for the first time", 0, nil, "one", 1, 1},
		{"it keeps what it read", keysFresh - 1, nil, "one", 1, 1},
		{"it asks again when that is old", 1, nil, "one", 1, 2},
		{"it does not ask at once for a kid that it does not know", keysPause - 1, new(setOf(one, two)), "two", 1, 2},
		{"it asks for it after a pause", 1, nil, "two", 2, 3},
		{"it does not ask for a kid that nobody has before the next pause is over", keysPause - 1, nil, "none", 2, 3},
		{"it asks for it then", 1, nil, "none", 2, 4},
		{"it goes by the last copy where the address fails", keysFresh, new(""), "one", 2, 5},
		{"it does not ask at once again", 0, nil, "one", 2, 5},
		{"it goes by it to the end of its time", keysStale - keysFresh - 1, nil, "one", 2, 6},
		{"it refuses after that", 1, nil, "one", 0, 6},
		{"it asks after a pause", keysPause, nil, "one", 0, 7},
		{"it goes on where the address is mended", keysPause, new(setOf(two)), "two", 1, 8},
		{"it asks again where the clock was ahead", -time.Hour, nil, "two", 1, 9},
	} {
		t.Run(step.name, func(t *testing.T) {
			now = now.Add(step.pass)
			if step.put != nil {
				s.put(*step.put)
			}
			want(t, step.kid, step.keys, step.asked)
		})
	}
	t.Run("it goes by no copy of what was taken away", func(t *testing.T) {
		for name, away := range map[string]string{"all": setOf(), "what became known": setOf(two, jwk(t, ecKey(t), `,"kid":"x"`))} {
			k, s, c := &KeySets{Loopback: true, Now: k.Now}, newShelf(t), Client{ID: "c"}
			c.JWKSURI = s.URL
			for _, step := range []struct {
				put  string
				keys int
			}{{setOf(one), 1}, {away, 0}, {"", 0}, {setOf(two), 1}} {
				s.put(step.put)
				now = now.Add(keysFresh)
				if set, err := k.Keys(t.Context(), c, ""); len(set.Keys) != step.keys || (err == nil) != (step.keys > 0) {
					t.Errorf("%s was taken away: %d keys, want %d: %v", name, len(set.Keys), step.keys, err)
				}
			}
		}
	})
	t.Run("it asks anew for another profile and another address", func(t *testing.T) {
		c.Profile = ProfileFAPI2
		want(t, "two", 1, 10)
		c.JWKSURI += "/elsewhere"
		want(t, "two", 1, 11)
	})
	t.Run("it asks once for many at a time", func(t *testing.T) {
		c.ID = "busy"
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() { _, _ = k.Keys(t.Context(), c, "two") })
		}
		group.Wait()
		want(t, "two", 1, 12)
	})
	t.Run("it has the answer for others although who asked went away", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		leave()
		c.ID = "gone"
		if set, err := k.Keys(ctx, c, "two"); err != nil || len(set.Keys) != 1 {
			t.Error(err)
		}
	})
	t.Run("it holds so many sets and no more", func(t *testing.T) {
		for i := range maxKeySets + 8 {
			k.of(Client{ID: fmt.Sprint(i)})
		}
		if len(k.held) != maxKeySets {
			t.Errorf("%d", len(k.held))
		}
	})
}

// An address that is not in order is refused in its own words, and tells whoever asks
// nothing of the network behind it.
//
//clause:as RFC 7591, 2: `jwks_uri` instead of `jwks`, for every profile; fetched by a guarded client, kept, asked again for an unknown kid, bounded where it fails
func TestKeySetsOfHostileAddresses(t *testing.T) {
	good := setOf(jwk(t, ecKey(t).Public(), ``))
	s := newShelf(t)
	answer := func(media, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, c := range map[string]struct {
		address string
		serve   http.HandlerFunc
		cause   string
	}{
		"a private address":         {"https://10.0.0.1/keys", nil, "address not allowed"},
		"where clouds keep secrets": {"https://169.254.169.254/latest/meta-data", nil, "address not allowed"},
		"plain http":                {"http://keys.example/", nil, "address not allowed"},
		"a redirect": {"", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://10.0.0.1/keys", http.StatusFound)
		}, "HTTP status 302"},
		"an answer that is too long":    {"", answer("application/json", good+strings.Repeat(" ", maxKeySet)), "over 65536 bytes"},
		"another type":                  {"", answer("text/html", good), "no JSON Web Key Set comes from there"},
		"an error":                      {"", http.NotFound, "HTTP status 404"},
		"a member twice":                {"", answer("application/json", `{"keys":[],"keys":[]}`), "each member once"},
		"nobody who listens":            {"http://127.0.0.1:1/", nil, "no JSON Web Key Set comes from there"},
		"an address that never answers": {"", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no JSON Web Key Set comes from there"},
		"an answer that drips": {"", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				w.(http.Flusher).Flush()
				time.Sleep(50 * time.Millisecond)
			}
		}, "no JSON Web Key Set comes from there"},
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			k := &KeySets{Loopback: true}
			if c.address == "" {
				c.address = s.URL
			}
			s.mu.Lock()
			s.serve = c.serve
			s.mu.Unlock()
			begun := time.Now()
			set, err := k.Keys(t.Context(), Client{ID: "c", JWKSURI: c.address}, "")
			var refusal *KeysError
			if len(set.Keys) > 0 || !errors.As(err, &refusal) || !strings.Contains(refusal.Cause, c.cause) || !strings.HasSuffix(err.Error(), "the operator of the client mends that") {
				t.Errorf("%d keys, %v", len(set.Keys), err)
			}
			if strings.Contains(err.Error(), "127.0.0.1") || time.Since(begun) > 4*keysTime {
				t.Errorf("%v, after %s", err, time.Since(begun))
			}
		})
	}
	t.Run("it asks this machine in development alone", func(t *testing.T) {
		s.put(good)
		before := s.count()
		if _, err := new(KeySets).Keys(t.Context(), Client{ID: "c", JWKSURI: s.URL}, ""); err == nil || s.count() != before {
			t.Error(err)
		}
	})
}
