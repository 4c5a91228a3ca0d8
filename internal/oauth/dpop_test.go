package oauth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/dpop"
)

// prover makes proofs by hand, so that each member can be wrong.
type prover struct {
	t   *testing.T
	h   *hub
	key crypto.Signer
}

// proof is one for a path, with a header and claims changed; nil takes a member out.
func (p prover) proof(method, path string, header, claims map[string]any) string {
	p.t.Helper()
	h := map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: p.key.Public()}}
	c := map[string]any{"jti": rand.Text(), "htm": method, "htu": p.h.url + path, "iat": p.h.now().Unix()}
	maps.Copy(h, header)
	maps.Copy(c, claims)
	extra := map[jose.HeaderKey]any{}
	for name, value := range h {
		if value != nil {
			extra[jose.HeaderKey(name)] = value
		}
	}
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return signBy(p.t, jose.ES256, p.key, extra, c)
}

func proofs(all ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(dpop.Header)
		for _, proof := range all {
			r.Header.Add(dpop.Header, proof)
		}
	}
}

// RFC 9449, 4.3: each check, at the token endpoint, by its name; and the code is
// spared each time (5).
//
//clause:as RFC 9449, 4.3: each check, by its number
func TestProofClauses(t *testing.T) {
	h := newHub(t)
	c := h.high("bank", nil)
	code := c.code("openid")
	p := prover{t, h, newKey(t)}
	with := func(all ...string) answer {
		form := c.redemption(code)
		return h.post("/token", form, c.auth(form), proofs(all...))
	}
	at := func(header, claims map[string]any) string { return p.proof(http.MethodPost, "/token", header, claims) }
	private := jose.JSONWebKey{Key: p.key}
	symmetric := jose.JSONWebKey{Key: []byte("sixteen bytes at least, and more")}
	good := at(nil, nil)
	other := prover{t, h, newKey(t)}
	parts := strings.Split(good, ".")
	forged := parts[0] + "." + parts[1] + "." + strings.Split(other.proof(http.MethodPost, "/token", nil, nil), ".")[2]
	none := text(`{"typ":"dpop+jwt","alg":"none"}`) + "." + parts[1] + "."
	mac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: symmetric.Key}, (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", symmetric))
	check(t, err)
	macked, err := mac.Sign([]byte(`{}`))
	check(t, err)
	confused, err := macked.CompactSerialize()
	check(t, err)
	for _, e := range []struct {
		name   string
		proofs []string
		why    string
	}{
		{"1: it refuses two fields", []string{at(nil, nil), at(nil, nil)}, "single"},
		{"1: it refuses no field", nil, "present"},
		{"2: it refuses what is no JWT", []string{"x"}, "syntax"},
		{"2: it refuses two JWTs in one field", []string{at(nil, nil) + ", " + at(nil, nil)}, "syntax"},
		{"2: it refuses a proof too long", []string{strings.Repeat("x", 5000)}, "syntax"},
		{"3: it refuses no jti", []string{at(nil, map[string]any{"jti": nil})}, "jti"},
		{"3: it refuses a jti too long", []string{at(nil, map[string]any{"jti": strings.Repeat("x", 300)})}, "jti"},
		{"3: it refuses no htm", []string{at(nil, map[string]any{"htm": nil})}, "htm"},
		{"3: it refuses no htu", []string{at(nil, map[string]any{"htu": nil})}, "htu"},
		{"3: it refuses no iat", []string{at(nil, map[string]any{"iat": nil})}, "iat"},
		{"3: it refuses claims of a wrong type", []string{at(nil, map[string]any{"iat": "now"})}, "syntax"},
		{"4: it refuses another typ", []string{at(map[string]any{"typ": "JWT"}, nil)}, "typ"},
		{"4: it refuses no typ", []string{at(map[string]any{"typ": nil}, nil)}, "typ"},
		{"5: it refuses alg none", []string{none}, "syntax"},
		{"5: it refuses a MAC", []string{confused}, "syntax"},
		{"5: it refuses a client assertion", []string{sign(t, c.key, "", "k1", c.assertionClaims())}, "typ"},
		{"6: it refuses another's signature", []string{forged}, "signature"},
		{"6: it refuses no key", []string{at(map[string]any{"jwk": nil}, nil)}, "jwk"},
		{"6: it refuses another's key", []string{at(map[string]any{"jwk": jose.JSONWebKey{Key: other.key.Public()}}, nil)}, "signature"},
		{"7: it refuses a private key", []string{at(map[string]any{"jwk": private}, nil)}, "syntax"},
		{"8: it refuses another method", []string{at(nil, map[string]any{"htm": "GET"})}, "htm"},
		{"8: it refuses the method in small letters", []string{at(nil, map[string]any{"htm": "post"})}, "htm"},
		{"9: it refuses another path", []string{at(nil, map[string]any{"htu": h.url + "/par"})}, "htu"},
		{"9: it refuses another host", []string{at(nil, map[string]any{"htu": "https://evil.example/token"})}, "htu"},
		{"9: it refuses another scheme", []string{at(nil, map[string]any{"htu": strings.Replace(h.url, "http:", "https:", 1) + "/token"})}, "htu"},
		{"9: it refuses a relative address", []string{at(nil, map[string]any{"htu": "/token"})}, "htu"},
		{"11: it refuses an old one", []string{at(nil, map[string]any{"iat": h.now().Add(-61 * time.Second).Unix()})}, "iat"},
		{"11: it refuses one from the future", []string{at(nil, map[string]any{"iat": h.now().Add(61 * time.Second).Unix()})}, "iat"},
	} {
		t.Run(e.name, func(t *testing.T) {
			refused(t, with(e.proofs...), http.StatusBadRequest, "invalid_dpop_proof", e.why)
		})
	}
	t.Run("9: it takes a query and a fragment, which do not count", func(t *testing.T) {
		a := with(at(nil, map[string]any{"htu": h.url + "/token?x=1#y"}))
		if a.status != http.StatusOK || a.str("token_type") != "DPoP" {
			t.Fatalf("the code was not spared: %d %s", a.status, a.text)
		}
	})
	t.Run("11.1: it takes a jti once for one key, and again of another", func(t *testing.T) {
		twin := map[string]any{"jti": "the-same"}
		for _, who := range []prover{p, other} {
			code = c.code("openid")
			if a := with(who.proof(http.MethodPost, "/token", nil, twin)); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.text)
			}
		}
		code = c.code("openid")
		refused(t, with(p.proof(http.MethodPost, "/token", nil, twin)), http.StatusBadRequest, "invalid_dpop_proof", "replay")
	})
}

// RFC 9449, 7 and 4.3, 12: at a resource.
//
//clause:as RFC 9449, 4.3: each check, by its number
//clause:as RFC 9449, 7: challenges, no bound token as a bearer's
func TestResourceClauses(t *testing.T) {
	h := newHub(t)
	c := h.high("bank", nil)
	signer := newKey(t)
	maker, err := dpop.NewMaker(signer)
	check(t, err)
	maker.Now = h.now
	c.dpop = maker
	token := c.redeem(c.code("openid")).str("access_token")
	another := c.redeem(c.code("openid")).str("access_token")
	p, stranger := prover{t, h, signer}, prover{t, h, newKey(t)}
	ath := func(token string) map[string]any {
		sum := sha256.Sum256([]byte(token))
		return map[string]any{"ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	}
	for _, e := range []struct {
		name, proof, why string
	}{
		{"12: it refuses no ath", p.proof(http.MethodGet, "/resource", nil, nil), "ath"},
		{"12: it refuses the ath of another token", p.proof(http.MethodGet, "/resource", nil, ath(another)), "ath"},
		{"12: it refuses another key than the token's", stranger.proof(http.MethodGet, "/resource", nil, ath(token)), "jkt"},
		{"7: it refuses a proof for the token endpoint", p.proof(http.MethodPost, "/token", nil, ath(token)), "htm"},
		{"7: it refuses no proof", "", "present"},
	} {
		t.Run(e.name, func(t *testing.T) {
			change := proofs(e.proof)
			if e.proof == "" {
				change = proofs()
			}
			a := c.use("/resource", token, change)
			refused(t, a, http.StatusUnauthorized, "invalid_dpop_proof", e.why)
			if said := a.header.Get("WWW-Authenticate"); !contains(said, `DPoP algs="ES256 PS256 EdDSA", error="invalid_dpop_proof"`) {
				t.Errorf("%s", said)
			}
		})
	}
	t.Run("7.2: it takes no bound token as a bearer's", func(t *testing.T) {
		a := c.use("/resource", token, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
		refused(t, a, http.StatusUnauthorized, "invalid_token", "scheme")
	})
	t.Run("7: it takes a proof once", func(t *testing.T) {
		proof := p.proof(http.MethodGet, "/resource", nil, ath(token))
		if a := c.use("/resource", token, proofs(proof)); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.text)
		}
		refused(t, c.use("/resource", token, proofs(proof)), http.StatusUnauthorized, "invalid_dpop_proof", "replay")
	})
	t.Run("7.1: it says both schemes, and the algorithms, to who has no token", func(t *testing.T) {
		a := c.use("/resource", token, func(r *http.Request) { r.Header.Del("Authorization") })
		if said := a.header.Values("WWW-Authenticate"); a.status != http.StatusUnauthorized || len(said) != 2 || said[0] != `DPoP algs="ES256 PS256 EdDSA"` {
			t.Errorf("%d %v", a.status, said)
		}
	})
}

// RFC 9449, 10: an authorization code is bound by dpop_jkt, pushed or not.
//
//clause:as RFC 9449, 10: codes bound by dpop_jkt, pushed or not
func TestCodeBoundByThumbprint(t *testing.T) {
	h := newHub(t)
	site := h.add("site", map[string]any{"require_pushed_authorization_requests": false})
	code := func() string {
		form := site.authorization("openid")
		form.Set("dpop_jkt", site.dpop.JKT())
		return site.open(form).Get("code")
	}
	thief := *site
	thief.dpop = h.maker()
	t.Run("it gives the code of a request that was not pushed to no other key", func(t *testing.T) {
		stolen := code()
		refused(t, thief.redeem(stolen), http.StatusBadRequest, "invalid_dpop_proof", "jkt")
		if a := site.redeem(stolen); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it asks for a proof even of a client that need not bind its tokens", func(t *testing.T) {
		website := h.website()
		form := website.authorization("openid")
		form.Set("dpop_jkt", site.dpop.JKT())
		refused(t, website.redeem(website.open(form).Get("code")), http.StatusBadRequest, "invalid_dpop_proof", "present")
	})
	t.Run("it takes no dpop_jkt twice, nor one that is none", func(t *testing.T) {
		form := site.authorization("openid")
		form["dpop_jkt"] = []string{site.dpop.JKT(), site.dpop.JKT()}
		if a := site.visit("/authorize?" + form.Encode()); a.status != http.StatusBadRequest {
			t.Errorf("%d", a.status)
		}
		form = site.authorization("openid")
		form.Set("dpop_jkt", site.dpop.JKT()+"=")
		refused(t, site.push(form), http.StatusBadRequest, "invalid_request", "dpop_jkt")
	})
}
