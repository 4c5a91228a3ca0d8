package oauth_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

//clause:as attestation-based client authentication draft-11 (and -07, which OpenID4VCI 1.0 pins), 4, 7.1; HAIP 1.0, 4.4.1: typ, x5c to the root of the provider that lists the wallet, no anchor, not self-signed, sub, cnf, times
//clause:as draft-11, 5.2, 7.3: the DPoP proof as proof of possession
//clause:as draft-11, 6: challenges, by endpoint, answer and error
//clause:as draft-11, 10.3, 10.4: codes and refresh tokens belong to the instance
func TestAttestation(t *testing.T) {
	h, _, one, two := attestedHub(t)
	t.Run("it gives a wallet that nobody registered a token bound to its keys, and refreshes it", func(t *testing.T) {
		for _, p := range []*phone{h.phone(one), h.phone(one).combine()} {
			first := p.redeem(p.code())
			if first.status != http.StatusOK || first.str("token_type") != "DPoP" || first.str("scope") != "resident_card" || first.str("refresh_token") == "" {
				t.Fatalf("%d %s", first.status, first.text)
			}
			if claims := h.claims(first.str("access_token"), "at+jwt"); claims["client_id"] != foreign {
				t.Errorf("%v", claims)
			}
			if used := p.use("/resource", first.str("access_token")); used.status != http.StatusOK {
				t.Errorf("%d %s", used.status, used.text)
			}
			for range 2 {
				if a := p.refresh(first.str("refresh_token")); a.status != http.StatusOK || a.str("refresh_token") != "" {
					t.Errorf("%d %s", a.status, a.text)
				}
			}
		}
	})
	t.Run("it needs no client_id where the attestation says it, nor iss, which draft-11 has dropped", func(t *testing.T) {
		p := h.phone(one)
		p.popClaims = func(m map[string]any) { delete(m, "iss") }
		one.WalletClaims = func(m map[string]any) { delete(m, "iss"); delete(m, "iat") }
		defer func() { one.WalletClaims = nil }()
		if a := p.redeem(p.code()); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it takes a chain over an authority in between", func(t *testing.T) {
		below := one.Authority.Below(t)
		leaf := below.Leaf(t, one.Key().Public(), "below", "https://one.example")
		one.WalletHeader = func(m map[string]any) {
			m["x5c"] = []string{wallettest.Base64(leaf[0]), wallettest.Base64(below.Certificate.Raw)}
		}
		defer func() { one.WalletHeader = nil }()
		if a := h.phone(one).push(); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it gives a code to the instance that pushed the request alone", func(t *testing.T) {
		p, thief := h.phone(one), h.phone(one)
		code := p.code()
		thief.dpop, thief.verifier = p.dpop, p.verifier
		refused(t, thief.redeem(code), http.StatusBadRequest, "invalid_grant", "another instance")
		if a := p.redeem(code); a.status != http.StatusOK {
			t.Errorf("the instance itself: %d %s", a.status, a.text)
		}
	})
	t.Run("it refreshes for the instance that has the token alone, and that one goes on", func(t *testing.T) {
		p, thief := h.phone(one), h.phone(one)
		first := p.redeem(p.code())
		thief.dpop = p.dpop
		refused(t, thief.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "another instance")
		if a := p.refresh(first.str("refresh_token")); a.status != http.StatusOK {
			t.Errorf("the instance itself: %d %s", a.status, a.text)
		}
	})
	t.Run("it lets no provider speak for another's wallet", func(t *testing.T) {
		p := h.phone(two)
		refused(t, p.push(), http.StatusBadRequest, "invalid_client_attestation", "trust")
		p.id = another
		if a := p.push(); a.status != http.StatusCreated {
			t.Errorf("its own: %d %s", a.status, a.text)
		}
	})
	t.Run("it gives wallets the scopes of credentials alone", func(t *testing.T) {
		p := h.phone(one)
		a := h.post("/par", p.authorization("openid offline_access resident_card"), p.attest("/par"))
		if a.status == http.StatusCreated {
			back := p.open(url.Values{"client_id": {p.id}, "request_uri": {a.str("request_uri")}})
			token := p.redeem(back.Get("code"))
			if token.str("scope") != "resident_card" || token.str("id_token") != "" {
				t.Errorf("%s", token.text)
			}
		} else {
			refused(t, a, http.StatusBadRequest, "invalid_scope", "")
		}
	})
	t.Run("it takes no request of a wallet that was not pushed", func(t *testing.T) {
		p := h.phone(one)
		back := p.open(p.authorization("resident_card"))
		if back.Get("error") != "invalid_request" {
			t.Errorf("%v", back)
		}
	})
	t.Run("it ends a token at the wallet's word", func(t *testing.T) {
		p := h.phone(one)
		token := p.redeem(p.code()).str("access_token")
		form := url.Values{"token": {token}}
		if a := h.post("/revoke", form, p.attest("/revoke")); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := p.use("/resource", token); a.status != http.StatusUnauthorized {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it brings a challenge with each answer, which is good for the next request", func(t *testing.T) {
		p := h.phone(one)
		given := p.push().header.Get(openid4vci.ChallengeHeader)
		p.popClaims = func(m map[string]any) { m["challenge"] = given }
		if a := p.push(); given == "" || a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it asks after an attestation's status where it can", func(t *testing.T) {
		stands := errors.New("revoked")
		r, _, p, _ := attestedHub(t, func(c *oauth.Config) {
			c.WalletStatus = func(context.Context, []byte, *x509.Certificate) error { return stands }
		})
		p.WalletClaims = member("status", map[string]any{"status_list": map[string]any{"idx": 1, "uri": "https://x.example"}})
		refused(t, r.phone(p).push(), http.StatusBadRequest, "invalid_client_attestation", "status")
		stands = nil
		if a := r.phone(p).push(); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it takes the word of a wallet that is registered too, for its own redirect URIs", func(t *testing.T) {
		r, _, p, _ := attestedHub(t)
		r.add(foreign, map[string]any{"agency": nil, "token_endpoint_auth_method": "attest_jwt_client_auth", "jwks": nil,
			"scope": "resident_card", "redirect_uris": []string{"https://client.example/registered"}})
		refused(t, r.phone(p).push(), http.StatusBadRequest, "invalid_request", "redirect_uri")
	})
}

// A lost write, and one that was kept though the answer was lost: the request is
// refused both times, and in the second the proof is spent.
//
//clause:as draft-11, 5.1, 7.2: proof of possession, aud, jti once, iat
func TestAttestationWriteFaults(t *testing.T) {
	for name, kept := range map[string]bool{"it takes the same proof again where it was not kept": false, "it takes no proof again that was kept": true} {
		t.Run(name, func(t *testing.T) {
			down := &keeps{kept: kept}
			h, _, one, _ := attestedHub(t, func(c *oauth.Config) { down.Store, c.Store = c.Store, down })
			p := h.phone(one)
			pop := p.pop()
			p.request = func(r *http.Request) { r.Header.Set(openid4vci.AttestationPoPHeader, pop) }
			down.armed = true
			refused(t, p.push(), http.StatusInternalServerError, "server_error", "internal error")
			down.armed = false
			if a := p.push(); kept {
				refused(t, a, http.StatusBadRequest, "invalid_client_attestation", "used before")
			} else if a.status != http.StatusCreated {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}

// keeps loses the answer to what is used once, and keeps it or not.
type keeps struct {
	oauth.Store
	armed, kept bool
}

func (k *keeps) Once(ctx context.Context, scope, key string, until time.Time) error {
	if !k.armed || scope != "attestation" {
		return k.Store.Once(ctx, scope, key, until)
	}
	if k.kept {
		if err := k.Store.Once(ctx, scope, key, until); err != nil {
			return err
		}
	}
	return errors.New("the connection broke")
}

//clause:as draft-11, 8: metadata; nothing of it where nobody is trusted
func TestAttestationMetadata(t *testing.T) {
	t.Run("it says how wallets may authenticate, and where challenges are", func(t *testing.T) {
		h, _, _, _ := attestedHub(t, func(c *oauth.Config) { c.RequireNonce = true })
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			r, err := http.NewRequest(http.MethodGet, h.url+path, nil)
			check(t, err)
			m := h.do(http.DefaultClient, r).body
			if m["challenge_endpoint"] != h.url+"/challenge" ||
				!slices.Equal(texts(m["client_attestation_signing_alg_values_supported"]), []string{"ES256"}) ||
				!slices.Equal(texts(m["client_attestation_pop_signing_alg_values_supported"]), []string{"ES256"}) {
				t.Errorf("%v", m)
			}
			for _, member := range []string{"token_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported"} {
				if methods := texts(m[member]); !slices.Contains(methods, "attest_jwt_client_auth") || !slices.Contains(methods, "attest_jwt_client_auth_dpop") {
					t.Errorf("%s: %v", member, methods)
				}
			}
		}
		if a := h.post("/challenge", nil); a.header.Get(dpop.NonceHeader) == "" {
			t.Error("no DPoP nonce with the challenge")
		}
	})
	t.Run("it trusts no provider by default, and says nothing of attestations", func(t *testing.T) {
		h := newHub(t)
		p := h.phone(wallettest.NewProvider(t, "one.example"))
		p.combine()
		refused(t, p.push(), http.StatusBadRequest, "invalid_client_attestation", "no wallet provider")
		if a := h.post("/challenge", nil); a.status != http.StatusNotFound {
			t.Errorf("challenge: %d", a.status)
		}
		r, err := http.NewRequest(http.MethodGet, h.url+"/.well-known/oauth-authorization-server", nil)
		check(t, err)
		if a := h.do(http.DefaultClient, r); strings.Contains(a.text, "attest") || strings.Contains(a.text, "challenge_endpoint") {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("it wants a nonce of its own in the DPoP proof that serves as proof of possession", func(t *testing.T) {
		h, _, one, _ := attestedHub(t, func(c *oauth.Config) { c.RequireNonce = true })
		a := h.phone(one).combine().push()
		refused(t, a, http.StatusBadRequest, "use_dpop_nonce", "")
		if a.header.Get(dpop.NonceHeader) == "" {
			t.Error("no nonce")
		}
	})
}

func texts(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, e := range list {
		s, _ := e.(string)
		out = append(out, s)
	}
	return out
}
