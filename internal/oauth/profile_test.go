package oauth_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
)

// longKey is one RSA key for all tests: making one takes long.
var longKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	return key
}

// signBy makes a JWS by any algorithm.
func signBy(t testing.TB, alg jose.SignatureAlgorithm, key crypto.Signer, header map[jose.HeaderKey]any, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: cryptosigner.Opaque(key)}, &jose.SignerOptions{ExtraHeaders: header})
	check(t, err)
	payload, err := json.Marshal(claims)
	check(t, err)
	signed, err := signer.Sign(payload)
	check(t, err)
	compact, err := signed.CompactSerialize()
	check(t, err)
	return compact
}

// high registers a client of a high profile, which says no more than it must.
func (h *hub) high(id string, change map[string]any) *client {
	h.t.Helper()
	all := map[string]any{"profile": "fapi2", "dpop_bound_access_tokens": nil, "require_pushed_authorization_requests": nil}
	for name, value := range change {
		all[name] = value
	}
	c := h.add(id, all)
	c.dpop = h.maker()
	return c
}

// asserted pushes a request with an assertion of its own making.
func (c *client) asserted(alg jose.SignatureAlgorithm, key crypto.Signer, change func(map[string]any)) answer {
	claims := c.assertionClaims()
	if change != nil {
		change(claims)
	}
	form := c.authorization("openid")
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", signBy(c.h.t, alg, key, map[jose.HeaderKey]any{"kid": "k1"}, claims))
	return c.h.post("/par", form)
}

// FAPI 2.0 Security Profile Final, 5.3.2.1, 5.3.2.2 and 5.4.1, of a client that is
// registered for it.
//
//clause:as FAPI 2.0 Security Profile, 5.3.2.1: confidential clients alone, private_key_jwt, bound tokens, one audience, 10 and 60 s, no rotation
//clause:as FAPI 2.0, 5.3.2.2: pushed and authenticated, code 60 s, request_uri under 600 s, iss, no 307
func TestFAPI2(t *testing.T) {
	h := newHub(t)
	c := h.high("bank", nil)
	t.Run("it goes from a pushed request to a bound token", func(t *testing.T) {
		a := c.redeem(c.code("openid offline_access"))
		if a.status != http.StatusOK || a.str("token_type") != "DPoP" || a.str("id_token") == "" {
			t.Fatalf("%d %s", a.status, a.text)
		}
		for range 2 { // 5.3.2.1: no rotation
			if b := c.refresh(a.str("refresh_token")); b.status != http.StatusOK || b.str("refresh_token") != "" || b.str("token_type") != "DPoP" {
				t.Errorf("%d %s", b.status, b.text)
			}
		}
	})
	t.Run("it refuses a request that was not pushed", func(t *testing.T) {
		if back := c.open(c.authorization("openid")); back.Get("error") != "invalid_request" || back.Get("iss") != h.url {
			t.Errorf("%v", back)
		}
	})
	t.Run("it refuses a push without client authentication", func(t *testing.T) {
		form := c.authorization("openid")
		refused(t, h.post("/par", form), http.StatusUnauthorized, "invalid_client", "private_key_jwt")
	})
	t.Run("it gives no token that anybody could use", func(t *testing.T) {
		bare := *c
		bare.dpop = nil
		refused(t, bare.redeem(c.code("openid")), http.StatusBadRequest, "invalid_dpop_proof", "present")
	})
	t.Run("it keeps a request_uri under 600 s, and a code 60 s", func(t *testing.T) {
		pushed := c.push(c.authorization("openid"))
		if life, _ := pushed.body["expires_in"].(float64); life <= 0 || life >= 600 {
			t.Errorf("%v", pushed.body)
		}
		code := c.code("openid")
		h.pass(60 * time.Second)
		refused(t, c.redeem(code), http.StatusBadRequest, "invalid_grant", "expired")
	})
	for _, e := range []struct {
		name   string
		change func(map[string]any)
		why    string
	}{
		{"it takes an assertion from 10 s ahead", func(m map[string]any) { m["iat"], m["nbf"] = h.now().Unix()+10, h.now().Unix()+10 }, ""},
		{"it refuses an assertion whose iat is over 60 s ahead", func(m map[string]any) { m["iat"] = h.now().Unix() + 61 }, "future"},
		{"it refuses an assertion whose nbf is over 60 s ahead", func(m map[string]any) { m["nbf"] = h.now().Unix() + 61 }, "future"},
		{"it refuses an audience that is an array", func(m map[string]any) { m["aud"] = []string{h.url} }, "one string"},
		{"it refuses the token endpoint for an audience", func(m map[string]any) { m["aud"] = h.url + "/token" }, "aud"},
		{"it refuses the issuer with a slash more", func(m map[string]any) { m["aud"] = h.url + "/" }, "aud"},
	} {
		t.Run(e.name, func(t *testing.T) {
			a := c.asserted(jose.ES256, c.key, e.change)
			if e.why == "" {
				if a.status != http.StatusCreated {
					t.Errorf("%d %s", a.status, a.text)
				}
				return
			}
			refused(t, a, http.StatusUnauthorized, "invalid_client", e.why)
		})
	}
	t.Run("it takes a proof from 10 s ahead, and none from over 60", func(t *testing.T) {
		for ahead, want := range map[time.Duration]int{10 * time.Second: http.StatusOK, 61 * time.Second: http.StatusBadRequest} {
			early := *c
			early.dpop = h.maker()
			early.dpop.Now = func() time.Time { return h.now().Add(ahead) }
			if a := early.redeem(c.code("openid")); a.status != want {
				t.Errorf("%s: %d %s", ahead, a.status, a.text)
			}
		}
	})
	t.Run("it sends nobody back by 307", func(t *testing.T) {
		for _, pushed := range []url.Values{c.authorization("openid"), {"client_id": {"bank"}, "request_uri": {c.push(c.authorization("openid")).str("request_uri")}}} {
			r, err := http.NewRequest(http.MethodPost, h.url+"/authorize", strings.NewReader(pushed.Encode()))
			check(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			still := *newBrowser()
			still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if a := h.do(&still, r); a.status != http.StatusSeeOther {
				t.Errorf("%d", a.status)
			}
		}
	})
}

// A client signs by what it registered: ES256, PS256, EdDSA; RS256 for plain OpenID
// Connect alone, where it asked for it.
//
//clause:as FAPI 2.0, 5.4.1: ES256, PS256, EdDSA; RSA of 2048 bits; no RS256
func TestClientAlgorithms(t *testing.T) {
	h := newHub(t)
	keys := map[jose.SignatureAlgorithm]crypto.Signer{jose.ES256: newKey(t), jose.PS256: longKey(), jose.EdDSA: edKey(t)}
	set := func(key crypto.Signer, alg string) jose.JSONWebKeySet {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: alg}}}
	}
	object := func(c *client, alg jose.SignatureAlgorithm, key crypto.Signer) string {
		claims := map[string]any{"iss": c.id, "aud": h.url, "exp": h.now().Unix() + 60}
		for name, values := range c.authorization("openid") {
			claims[name] = values[0]
		}
		return signBy(t, alg, key, map[jose.HeaderKey]any{"kid": "k1", "typ": "oauth-authz-req+jwt"}, claims)
	}
	push := func(c *client, alg jose.SignatureAlgorithm, key crypto.Signer, request string) answer {
		form := url.Values{"request": {request}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion": {signBy(t, alg, key, map[jose.HeaderKey]any{"kid": "k1"}, c.assertionClaims())}}
		return h.post("/par", form)
	}
	for alg, key := range keys {
		c := h.high("by-"+string(alg), map[string]any{"jwks": set(key, "")})
		t.Run("it takes assertions and request objects by "+string(alg), func(t *testing.T) {
			if a := push(c, alg, key, object(c, alg, key)); a.status != http.StatusCreated {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
		for other, wrong := range keys {
			if other == alg {
				continue
			}
			t.Run(fmt.Sprintf("it refuses %s of who registered %s", other, alg), func(t *testing.T) {
				refused(t, c.asserted(other, wrong, nil), http.StatusUnauthorized, "invalid_client", "its alg is not")
				refused(t, push(c, alg, key, object(c, other, wrong)), http.StatusBadRequest, "invalid_request_object", "its alg is not")
			})
		}
	}
	by := h.high("rsa", map[string]any{"jwks": set(longKey(), "")})
	t.Run("it refuses RS256 of a FAPI 2.0 client", func(t *testing.T) {
		refused(t, by.asserted(jose.RS256, longKey(), nil), http.StatusUnauthorized, "invalid_client", "its alg is not")
	})
	t.Run("it refuses RS256 of a FAPI 2.0 client whose row says so", func(t *testing.T) {
		check(t, h.store.Registry().AddClient(t.Context(), registry.Client{ID: "loose", Profile: registry.ProfileFAPI2, AuthMethod: registry.AuthPrivateKeyJWT,
			AuthAlg: "RS256", JWKS: set(longKey(), "RS256"), RedirectURIs: []string{redirect}, GrantTypes: []string{registry.GrantCode}, Scopes: []string{"openid"}}))
		loose := *by
		loose.id = "loose"
		refused(t, loose.asserted(jose.RS256, longKey(), nil), http.StatusUnauthorized, "invalid_client", "its alg is not")
	})
	t.Run("it refuses RS256 that nobody asked for", func(t *testing.T) {
		plain := h.add("unasked", map[string]any{"jwks": set(longKey(), "")})
		refused(t, plain.asserted(jose.RS256, longKey(), nil), http.StatusUnauthorized, "invalid_client", "its alg is not")
	})
	t.Run("it takes RS256 of a plain client that registered it, for its assertion alone", func(t *testing.T) {
		plain := h.add("rs256", map[string]any{"jwks": set(longKey(), "RS256")})
		if a := plain.asserted(jose.RS256, longKey(), nil); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
		refused(t, push(plain, jose.RS256, longKey(), object(plain, jose.RS256, longKey())), http.StatusBadRequest, "invalid_request_object", "not a JWT signed by")
	})
	t.Run("it refuses the other algorithm of a key, once one is registered", func(t *testing.T) {
		one := h.add("one", map[string]any{"jwks": set(longKey(), ""), "token_endpoint_auth_signing_alg": "RS256", "request_object_signing_alg": "PS256"})
		refused(t, one.asserted(jose.PS256, longKey(), nil), http.StatusUnauthorized, "invalid_client", "its alg is not")
		if a := push(one, jose.RS256, longKey(), object(one, jose.PS256, longKey())); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}

// Rows are held to their profile.
//
//clause:as a profile is by registration, whatever a row says else
func TestRowsAreHeldToTheirProfile(t *testing.T) {
	h := newHub(t)
	key := newKey(t)
	row := func(id string, profile registry.Profile, method registry.AuthMethod) *client {
		check(t, h.store.Registry().AddClient(t.Context(), registry.Client{ID: id, Profile: profile, AuthMethod: method, RedirectURIs: []string{redirect},
			GrantTypes: []string{registry.GrantCode}, Scopes: []string{"openid"}, JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1"}}}}))
		return &client{h: h, id: id, key: key, verifier: strings.Repeat("v", 43), browser: newBrowser()}
	}
	t.Run("it binds and pushes where the row forgot to say so", func(t *testing.T) {
		c := row("forgot", registry.ProfileFAPI2, registry.AuthPrivateKeyJWT)
		if back := c.open(c.authorization("openid")); back.Get("error") != "invalid_request" {
			t.Errorf("%v", back)
		}
		refused(t, c.redeem(c.code("openid")), http.StatusBadRequest, "invalid_dpop_proof", "present")
	})
	for id, c := range map[string]*client{
		"public": row("public", registry.ProfileFAPI2, registry.AuthNone), "secret": row("secret", registry.ProfileHAIP, registry.AuthSecretBasic),
		"none": row("none", "fapi3", registry.AuthPrivateKeyJWT),
	} {
		t.Run("it gives nothing to a row that contradicts its profile: "+id, func(t *testing.T) {
			refused(t, c.push(c.authorization("openid")), http.StatusInternalServerError, "server_error", "internal error")
		})
	}
}

// proofBy makes a DPoP proof by any algorithm.
func proofBy(t testing.TB, alg jose.SignatureAlgorithm, key crypto.Signer, claims map[string]any) string {
	return signBy(t, alg, key, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: key.Public()}}, claims)
}

// RFC 9449, 4.3, 4 and FAPI 2.0, 5.4.1: the algorithms of proofs.
//
//clause:as FAPI 2.0, 5.4.1: ES256, PS256, EdDSA; RSA of 2048 bits; no RS256
func TestProofAlgorithms(t *testing.T) {
	h := newHub(t)
	c := h.high("bank", nil)
	with := func(proof string) answer {
		form := c.redemption(c.code("openid"))
		return h.post("/token", form, c.auth(form), func(r *http.Request) { r.Header.Set(dpop.Header, proof) })
	}
	claims := func() map[string]any {
		return map[string]any{"jti": rand.Text(), "htm": "POST", "htu": h.url + "/token", "iat": h.now().Unix()}
	}
	for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{jose.PS256: longKey(), jose.EdDSA: edKey(t), jose.ES256: newKey(t)} {
		t.Run("it binds to a key of "+string(alg), func(t *testing.T) {
			a := with(proofBy(t, alg, key, claims()))
			if a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.text)
			}
			jkt, err := dpop.Thumbprint(jose.JSONWebKey{Key: key.Public()})
			check(t, err)
			if cnf, _ := h.claims(a.str("access_token"), "at+jwt")["cnf"].(map[string]any); cnf["jkt"] != jkt {
				t.Errorf("%v", cnf)
			}
		})
	}
	t.Run("it refuses RS256", func(t *testing.T) {
		refused(t, with(proofBy(t, jose.RS256, longKey(), claims())), http.StatusBadRequest, "invalid_dpop_proof", "syntax")
	})
	t.Run("it refuses a short RSA key", func(t *testing.T) {
		short, err := rsa.GenerateKey(rand.Reader, 1024)
		check(t, err)
		refused(t, with(proofBy(t, jose.PS256, short, claims())), http.StatusBadRequest, "invalid_dpop_proof", "jwk")
	})
}

// RFC 9449, 8 and 9, of one client by its registration.
//
//clause:as RFC 9449, 8 and 9: nonces at PAR, token and resource, by registration
func TestNonceOfOneClient(t *testing.T) {
	h := newHub(t)
	c, other := h.add("noncer", map[string]any{"require_dpop_nonce": true}), h.add("other", nil)
	withNonce := func(path, token, nonce string) func(*http.Request) {
		return func(r *http.Request) {
			proof, err := c.dpop.Proof(r.Method, h.url+path, token, nonce)
			check(t, err)
			r.Header.Set(dpop.Header, proof)
		}
	}
	t.Run("it hands out a nonce with what it answers at PAR, and asks for it there", func(t *testing.T) {
		first := c.push(c.authorization("openid"))
		if first.status != http.StatusCreated || first.header.Get(dpop.NonceHeader) == "" {
			t.Fatalf("%d %v", first.status, first.header)
		}
		form := c.authorization("openid")
		refused(t, h.post("/par", form, c.auth(form), c.proof("/par", "")), http.StatusBadRequest, "use_dpop_nonce", "nonce")
		form = c.authorization("openid")
		if a := h.post("/par", form, c.auth(form), withNonce("/par", "", first.header.Get(dpop.NonceHeader))); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	code := c.code("openid offline_access")
	var token, nonce, refresh string
	t.Run("it asks for a nonce at the token endpoint, and spares the code", func(t *testing.T) {
		first := c.redeem(code)
		refused(t, first, http.StatusBadRequest, "use_dpop_nonce", "nonce")
		nonce = first.header.Get(dpop.NonceHeader)
		form := c.redemption(code)
		a := h.post("/token", form, c.auth(form), withNonce("/token", "", nonce))
		if a.status != http.StatusOK || a.header.Get(dpop.NonceHeader) == "" {
			t.Fatalf("%d %s %v", a.status, a.text, a.header)
		}
		token, refresh = a.str("access_token"), a.str("refresh_token")
	})
	t.Run("it asks for one at a refresh", func(t *testing.T) {
		refused(t, c.refresh(refresh), http.StatusBadRequest, "use_dpop_nonce", "nonce")
	})
	t.Run("it asks for one at a resource, and hands out the next with the answer", func(t *testing.T) {
		a := c.use("/resource", token)
		refused(t, a, http.StatusUnauthorized, "use_dpop_nonce", "nonce")
		if !contains(a.header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`) || a.header.Get(dpop.NonceHeader) == "" {
			t.Errorf("%v", a.header)
		}
		good := c.use("/resource", token, withNonce("/resource", token, a.header.Get(dpop.NonceHeader)))
		if good.status != http.StatusOK || good.header.Get(dpop.NonceHeader) == "" {
			t.Errorf("%d %s", good.status, good.text)
		}
	})
	t.Run("it asks nobody else", func(t *testing.T) {
		a := other.redeem(other.code("openid"))
		if a.status != http.StatusOK || a.header.Get(dpop.NonceHeader) != "" || other.use("/resource", a.str("access_token")).status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}
