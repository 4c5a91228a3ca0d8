package oauth_test

import (
	"crypto"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
)

// shelf is where clients publish their keys.
type shelf struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]
	asked  atomic.Int64
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) serves(f http.HandlerFunc) { s.answer.Store(&f) }

// holds has it serve these keys, each under the kid that it has in the map.
func (s *shelf) holds(t *testing.T, alg string, keys map[string]crypto.Signer) {
	var set jose.JSONWebKeySet
	for kid, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg})
	}
	text, err := json.Marshal(set)
	check(t, err)
	s.serves(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	})
}

// byAddress is a client whose keys are at an address.
func (h *hub) byAddress(id, address string, change map[string]any) *client {
	h.registry.Development = true
	all := map[string]any{"jwks": nil, "jwks_uri": address}
	for name, value := range change {
		all[name] = value
	}
	return h.add(id, all)
}

// signedBy pushes a request with an assertion by a key of this name.
func (c *client) signedBy(kid string, alg jose.SignatureAlgorithm, key crypto.Signer, claims map[string]any) answer {
	form := c.authorization("openid")
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", signBy(c.h.t, alg, key, map[jose.HeaderKey]any{"kid": kid}, claims))
	return c.h.post("/par", form)
}

// A client changes its key where it publishes them, and nobody else does anything.
//
//clause:as RFC 7591, 2: `jwks_uri` instead of `jwks`, for every profile; fetched by a guarded client, kept, asked again for an unknown kid, bounded where it fails
func TestKeysByAddress(t *testing.T) {
	for _, profile := range []string{"", "fapi2", "haip"} {
		t.Run("of profile "+profile, func(t *testing.T) {
			h, s := newHub(t), newShelf(t)
			c := h.byAddress("c", s.URL, map[string]any{"profile": profile})
			old, next := newKey(t), newKey(t)
			s.holds(t, "", map[string]crypto.Signer{"one": old})
			taken := func(t *testing.T, kid string, key crypto.Signer) {
				t.Helper()
				if a := c.signedBy(kid, jose.ES256, key, c.assertionClaims()); a.status != http.StatusCreated {
					t.Errorf("%d %s", a.status, a.text)
				}
			}
			taken(t, "one", old)
			t.Run("it takes the next key as soon as it is there", func(t *testing.T) {
				s.holds(t, "", map[string]crypto.Signer{"one": old, "two": next})
				h.pass(time.Minute)
				taken(t, "two", next)
				taken(t, "one", old)
			})
			t.Run("it takes the old key no more when it is gone", func(t *testing.T) {
				s.holds(t, "", map[string]crypto.Signer{"two": next})
				h.pass(5 * time.Minute)
				taken(t, "two", next)
				refused(t, c.signedBy("one", jose.ES256, old, c.assertionClaims()), http.StatusUnauthorized, "invalid_client", "its kid names no registered key")
			})
			t.Run("it opens request objects by them", func(t *testing.T) {
				c.key = nil
				object := c.object("openid")
				form := map[string][]string{"request": {signBy(t, jose.ES256, next, map[jose.HeaderKey]any{"kid": "two", "typ": "oauth-authz-req+jwt"}, object)},
					"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {signBy(t, jose.ES256, next, map[jose.HeaderKey]any{"kid": "two"}, c.assertionClaims())}}
				if a := h.post("/par", form); a.status != http.StatusCreated {
					t.Errorf("%d %s", a.status, a.text)
				}
			})
			t.Run("it refuses the key of another under its name", func(t *testing.T) {
				refused(t, c.signedBy("two", jose.ES256, newKey(t), c.assertionClaims()), http.StatusUnauthorized, "invalid_client", "its signature is wrong")
			})
			asked := s.asked.Load()
			t.Run("it asks nobody for what is no assertion, or of an algorithm that nobody has", func(t *testing.T) {
				h.pass(10 * time.Minute)
				for _, raw := range []string{"x", "e30.e30.", "a.b.c"} {
					form := c.authorization("openid")
					form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
					form.Set("client_assertion", raw)
					if a := h.post("/par", form); a.status != http.StatusUnauthorized || a.str("error") != "invalid_client" {
						t.Errorf("%d %s", a.status, a.text)
					}
				}
				if n := s.asked.Load(); n != asked {
					t.Errorf("%d questions", n-asked)
				}
			})
		})
	}
	t.Run("it goes by the address, and not by keys that a row has beside it", func(t *testing.T) {
		h, s := newHub(t), newShelf(t)
		key := newKey(t)
		s.holds(t, "", map[string]crypto.Signer{"k1": newKey(t)})
		check(t, h.store.Registry().AddClient(t.Context(), registry.Client{ID: "both", AuthMethod: registry.AuthPrivateKeyJWT, JWKSURI: s.URL, PAR: true,
			JWKS:         jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1"}}},
			RedirectURIs: []string{redirect}, GrantTypes: []string{registry.GrantCode}, Scopes: []string{"openid"}}))
		both := &client{h: h, id: "both", key: key, verifier: strings.Repeat("v", 43)}
		refused(t, both.signedBy("k1", jose.ES256, key, both.assertionClaims()), http.StatusUnauthorized, "invalid_client", "its signature is wrong")
	})
}

// Whatever an address answers, the client is refused by its code and told who mends
// it, and nothing is used up: the same assertion is good once the address is mended.
//
//clause:as RFC 7591, 2: `jwks_uri` instead of `jwks`, for every profile; fetched by a guarded client, kept, asked again for an unknown kid, bounded where it fails
func TestKeysOfHostileAddresses(t *testing.T) {
	key := newKey(t)
	text := func(media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			_, _ = w.Write([]byte(body))
		}
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1"}}})
	check(t, err)
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: "k1"}}})
	check(t, err)
	weak, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: longKey().Public(), KeyID: "k1", Algorithm: "RS256"}}})
	check(t, err)
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		why   string
	}{
		"leads to a private address": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusTemporaryRedirect)
		}, "HTTP status 307"},
		"is too long":                {text("application/json", string(set)+strings.Repeat(" ", 64<<10)), "over 65536 bytes"},
		"has members twice":          {text("application/json", `{"keys":[],`+string(set[1:])), "each member once"},
		"is no JSON":                 {text("application/json", "<keys/>"), "not a JSON Web Key Set"},
		"is a page":                  {text("text/html", string(set)), "no JSON Web Key Set comes from there"},
		"tells the private key":      {text("application/json", string(private)), "key 0 is not public"},
		"has keys of RS256 for FAPI": {text("application/json", string(weak)), "no key by which this client may sign"},
		"has none":                   {text("application/json", `{"keys":[]}`), "no key by which this client may sign"},
		"is out of order":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "HTTP status 502"},
		"breaks off":                 {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "no JSON Web Key Set comes from there"},
		"never answers":              {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no JSON Web Key Set comes from there"},
	} {
		t.Run("it refuses a client whose address "+name, func(t *testing.T) {
			h, s := newHub(t), newShelf(t)
			s.serves(c.serve)
			bank := h.byAddress("bank", s.URL, map[string]any{"profile": "fapi2"})
			claims := bank.assertionClaims()
			for range 2 { // the second is not asked for
				a := bank.signedBy("k1", jose.ES256, key, claims)
				refused(t, a, http.StatusUnauthorized, "invalid_client", c.why)
				if !strings.HasPrefix(a.str("error_description"), "jwks_uri: ") || !strings.HasSuffix(a.str("error_description"), "; the operator of the client mends that") || a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s", a.text)
				}
			}
			if n := s.asked.Load(); n != 1 {
				t.Errorf("%d questions", n)
			}
			s.serves(text("application/json", string(set)))
			h.pass(30 * time.Second)
			if a := bank.signedBy("k1", jose.ES256, key, claims); a.status != http.StatusCreated {
				t.Errorf("it is still refused: %d %s", a.status, a.text)
			}
		})
	}
	t.Run("it refuses a client whose address is private", func(t *testing.T) {
		h := newHub(t)
		for id, address := range map[string]string{"ten": "https://10.0.0.1/keys", "link": "https://169.254.169.254/keys", "six": "https://[fd00::1]/keys", "mapped": "https://[::ffff:10.0.0.1]/keys"} {
			inside := h.byAddress(id, address, nil)
			refused(t, inside.push(inside.authorization("openid")), http.StatusUnauthorized, "invalid_client", "jwks_uri: address not allowed")
		}
	})
	t.Run("it refuses a request object, too, of a client that a secret authenticates", func(t *testing.T) {
		h, s := newHub(t), newShelf(t)
		s.serves(http.NotFound)
		c := h.byAddress("site", s.URL, map[string]any{"agency": nil, "token_endpoint_auth_method": "client_secret_basic"})
		c.key = nil
		refused(t, c.pushObject(key, "oauth-authz-req+jwt", c.object("openid")), http.StatusUnauthorized, "invalid_client", "jwks_uri: HTTP status 404")
	})
}
