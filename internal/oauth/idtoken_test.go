package oauth_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/consent"
)

// byRS256 gives a hub the RSA key of the tests beside its others.
func byRS256(t testing.TB) func(*oauth.Config) {
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "keys"), 0o700))
	der, err := x509.MarshalPKCS8PrivateKey(longKey())
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "keys", "idtoken.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	check(t, keys.Generate(dir, keys.Options{Issuer: "https://hub.example", LogOrigin: "test", RS256: true}))
	ring, err := keys.Load(dir)
	check(t, err)
	return func(c *oauth.Config) {
		c.Keys = ring
		c.Registrar = c.Clients.(*registry.Registry)
	}
}

// published verifies a token as a stranger does: by the keys that are published, of
// which the header names one, and an algorithm that the stranger expects.
func (h *hub) published(t testing.TB, compact string, alg jose.SignatureAlgorithm) (header jose.Header, claims map[string]any) {
	t.Helper()
	response, err := http.Get(h.url + "/jwks")
	check(t, err)
	defer response.Body.Close()
	var set jose.JSONWebKeySet
	check(t, json.NewDecoder(response.Body).Decode(&set))
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{alg})
	if err != nil {
		t.Fatalf("not by %s: %v", alg, err)
	}
	header = signed.Signatures[0].Protected
	found := set.Key(header.KeyID)
	if len(found) != 1 || found[0].Algorithm != string(alg) {
		t.Fatalf("%d keys are published as %q", len(found), header.KeyID)
	}
	payload, err := signed.Verify(found[0].Key)
	check(t, err)
	check(t, json.Unmarshal(payload, &claims))
	return header, claims
}

// A relying party that nobody prepared: it registers itself, says nothing of
// algorithms, and expects what OpenID Connect lets it expect.
//
//clause:as OpenID Connect Core 1.0, 15.1 and 3.1.3.7; Discovery 1.0, 3: id_tokens by RS256 for plain clients, at_hash by its hash; ES256 for all others, and for every other token
//clause:as Back-Channel Logout 1.0, 2.4 and 2.6: logout tokens by the algorithm of the client's id_tokens
func TestIDTokenByRS256(t *testing.T) {
	h, l := newHub(t, byRS256(t)), newListener(t)
	h.sessionID = "session-1"
	h.registry.Development = true // the listener is on loop-back
	a := h.send(http.MethodPost, "/register", h.initial(1), `{"redirect_uris":["`+redirect+`"],"scope":"openid","backchannel_logout_uri":"`+l.URL+`"}`)
	if a.status != http.StatusCreated || a.str("id_token_signed_response_alg") != "RS256" {
		t.Fatalf("%d %s", a.status, a.text)
	}
	self := &client{h: h, id: a.str("client_id"), secret: a.str("client_secret"), verifier: strings.Repeat("v", 43), browser: newBrowser()}
	given := self.login(t)
	t.Run("it signs the id_token by RS256, with the hash of the access token", func(t *testing.T) {
		header, claims := h.published(t, given.str("id_token"), jose.RS256)
		sum := sha256.Sum256([]byte(given.str("access_token")))
		if header.ExtraHeaders[jose.HeaderType] != "JWT" || claims["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) || claims["aud"].([]any)[0] != self.id {
			t.Errorf("%v %v", header, claims)
		}
	})
	t.Run("it signs the access token, and answers about it, by ES256", func(t *testing.T) {
		header, _ := h.published(t, given.str("access_token"), jose.ES256)
		if header.ExtraHeaders[jose.HeaderType] != "at+jwt" {
			t.Error(header)
		}
		form := url.Values{"token": {given.str("access_token")}}
		answer := h.post("/introspect", form, self.auth(form), func(r *http.Request) { r.Header.Set("Accept", "application/token-introspection+jwt") })
		h.published(t, answer.text, jose.ES256)
	})
	t.Run("it signs the logout token by RS256, too", func(t *testing.T) {
		check(t, h.oauth.EndSession(t.Context(), "session-1"))
		check(t, h.oauth.TellLogouts(t.Context()))
		heard := l.heard()
		if len(heard) != 1 {
			t.Fatalf("%d tokens", len(heard))
		}
		if header, claims := h.published(t, heard[0], jose.RS256); header.ExtraHeaders[jose.HeaderType] != "logout+jwt" || claims["aud"] != self.id {
			t.Errorf("%v %v", header, claims)
		}
	})
	t.Run("it says so in its metadata", func(t *testing.T) {
		algs, _ := self.visit("/.well-known/openid-configuration").body["id_token_signing_alg_values_supported"].([]any)
		if !slices.Equal(algs, []any{"ES256", "RS256"}) {
			t.Error(algs)
		}
	})
	t.Run("it signs by ES256 for a client of the operator's, and for one of FAPI 2.0 whose row says RS256", func(t *testing.T) {
		h.published(t, h.plain("plain").login(t).str("id_token"), jose.ES256)
		bank := h.high("bank", nil)
		loose := registry.Client{ID: "loose", Profile: registry.ProfileFAPI2, AuthMethod: registry.AuthPrivateKeyJWT, IDTokenAlg: "RS256",
			JWKS:         jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: bank.key.Public(), KeyID: "k1"}}},
			RedirectURIs: []string{redirect}, GrantTypes: []string{registry.GrantCode}, Scopes: []string{"openid"}}
		check(t, h.store.Registry().AddClient(t.Context(), loose))
		bank.id = loose.ID
		h.published(t, bank.redeem(bank.code("openid")).str("id_token"), jose.ES256)
	})
	t.Run("it gives no token to a client whose algorithm has no key, and names the mender in the log alone", func(t *testing.T) {
		bare := newHub(t)
		check(t, bare.store.Registry().AddClient(t.Context(), registry.Client{ID: "moved", AuthMethod: registry.AuthNone, IDTokenAlg: "RS256", DPoP: true, PAR: true,
			RedirectURIs: []string{redirect}, GrantTypes: []string{registry.GrantCode}, Scopes: []string{"openid"}}))
		moved := &client{h: bare, id: "moved", verifier: strings.Repeat("v", 43), browser: newBrowser(), dpop: bare.maker()}
		refused(t, moved.redeem(moved.code("openid")), http.StatusInternalServerError, "server_error", "internal error")
	})
}

// What the RSA key signs is an id_token or nothing.
//
//clause:as OpenID Connect Core 1.0, 15.1 and 3.1.3.7; Discovery 1.0, 3: id_tokens by RS256 for plain clients, at_hash by its hash; ES256 for all others, and for every other token
func TestRSAKeySignsNothingElse(t *testing.T) {
	h := newHub(t, byRS256(t))
	one, bank := h.plain("one", map[string]any{"id_token_signed_response_alg": "RS256"}), h.high("bank", nil)
	given := one.login(t)
	id := given.str("id_token")
	key, kid := h.ring.IDTokenSigner(h.now())
	_, es256 := h.ring.TokenSigner(h.now())
	_, claims := h.published(t, given.str("access_token"), jose.ES256)
	by := func(alg jose.SignatureAlgorithm, kid, typ string, claims map[string]any) string {
		return signBy(t, alg, key, map[jose.HeaderKey]any{"kid": kid, "typ": typ}, claims)
	}
	for name, token := range map[string]string{
		"an access token by RS256":                          by(jose.RS256, kid, "at+jwt", claims),
		"an access token by PS256":                          by(jose.PS256, kid, "at+jwt", claims),
		"an access token by RS256 that names the other key": by(jose.RS256, es256, "at+jwt", claims),
		"an id_token by RS256 for an access token":          id,
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			refused(t, one.use("/userinfo", token), http.StatusUnauthorized, "invalid_token", "not an access token of this server")
			form := url.Values{"token": {token}}
			if a := h.post("/introspect", form, one.auth(form)); a.status != http.StatusOK || a.body["active"] != false {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	end := func(form url.Values) error {
		_, err := h.oauth.EndRequest(httptest.NewRequest(http.MethodGet, "/end_session", nil), form)
		return err
	}
	hint := func(client string) map[string]any {
		return map[string]any{"iss": h.url, "sub": "x", "aud": client, "exp": h.now().Add(time.Minute).Unix()}
	}
	t.Run("it takes an id_token by RS256 for a hint", func(t *testing.T) {
		if err := end(url.Values{"id_token_hint": {id}}); err != nil {
			t.Error(err)
		}
	})
	for name, raw := range map[string]string{
		"a hint by PS256":                                    by(jose.PS256, kid, "JWT", hint("one")),
		"a hint by RS256 that names the other key":           by(jose.RS256, es256, "JWT", hint("one")),
		"a logout token by RS256 for a hint":                 by(jose.RS256, kid, "logout+jwt", hint("one")),
		"a hint by RS256 about a client that FAPI 2.0 binds": by(jose.RS256, kid, "JWT", hint("bank")),
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			if err := end(url.Values{"id_token_hint": {raw}}); err == nil || !strings.Contains(err.Error(), "id_token_hint: not an id_token of this") {
				t.Error(err)
			}
		})
	}
	t.Run("it refuses such a hint in a request, too", func(t *testing.T) {
		form := bank.authorization("openid")
		form.Set("id_token_hint", by(jose.RS256, kid, "JWT", hint("bank")))
		refused(t, bank.push(form), http.StatusBadRequest, "invalid_request", "id_token_hint: of another client")
	})
	t.Run("it is not what agencies pin, nor what vouches for a promise", func(t *testing.T) {
		pinned := h.ring.JWKS()
		if len(pinned.Key(kid)) != 0 {
			t.Error("agencies would pin it")
		}
		promise := by(jose.RS256, kid, consent.PromiseJWT, map[string]any{"iss": h.url})
		if _, err := consent.OpenPromise(promise, h.ring.JWKSAt(h.now())); err == nil || !strings.Contains(err.Error(), "ES256") {
			t.Errorf("a promise by it is believed: %v", err)
		}
	})
}
