package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// lie is one hostile request of a wallet: what it bends, and its answer.
type lie struct {
	name string
	bend func(*phone)
	code string
	why  string
}

const (
	badAttest  = "invalid_client_attestation"
	badClient  = "invalid_client"
	stale      = "use_fresh_attestation"
	challenged = "use_attestation_challenge"
)

// The knobs, each as a bend.
func wordHeader(name string, v any) func(*phone) {
	return func(p *phone) { p.provider.WalletHeader = member(name, v) }
}
func wordClaim(name string, v any) func(*phone) {
	return func(p *phone) { p.provider.WalletClaims = member(name, v) }
}
func popHeader(name string, v any) func(*phone) {
	return func(p *phone) { p.popHeader = member(name, v) }
}
func popClaim(name string, v any) func(*phone) {
	return func(p *phone) { p.popClaims = member(name, v) }
}
func field(f func(h http.Header)) func(*phone) {
	return func(p *phone) { p.request = func(r *http.Request) { f(r.Header) } }
}

// member sets one, or takes it away.
func member(name string, v any) func(map[string]any) {
	return func(m map[string]any) {
		if m[name] = v; v == nil {
			delete(m, name)
		}
	}
}

// wordLies are lies in the attestation (draft, 7.1; HAIP 1.0, 4.4.1).
func wordLies(t *testing.T, h *hub, one, two *wallettest.Provider) []lie {
	stranger, key := wallettest.NewProvider(t, "stranger.example"), newKey(t)
	anchor := wallettest.Base64(one.Authority.Certificate.Raw)
	leaf := func(bend func(*x509.Certificate)) []string {
		return []string{wallettest.Base64(one.Authority.Bent(t, one.Key().Public(), "leaf", bend))}
	}
	at := func(d time.Duration) int64 { return h.now().Add(d).Unix() }
	jwk := func(key any) map[string]any { return map[string]any{"jwk": wallettest.PublicJWK(t, key)} }
	private := wallettest.PublicJWK(t, key.Public())
	secret, err := key.Bytes()
	check(t, err)
	private["d"] = base64.RawURLEncoding.EncodeToString(secret) // what a careless wallet sends
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	raw := func(body string) func(*phone) {
		return field(func(f http.Header) {
			word, err := wallettest.SignRaw(one.Key(), map[string]any{"alg": "ES256", "typ": openid4vci.WalletAttestationTyp, "x5c": one.X5C()}, body)
			check(t, err)
			f.Set(openid4vci.AttestationHeader, word)
		})
	}
	return []lie{
		{"it refuses alg none", wordHeader("alg", "none"), badAttest, "attestation alg"},
		{"it refuses a MAC", wordHeader("alg", "HS256"), badAttest, "attestation alg"},
		{"it refuses another alg", wordHeader("alg", "ES384"), badAttest, "attestation alg"},
		{"it refuses no alg", wordHeader("alg", nil), badAttest, "attestation alg"},
		{"it refuses an ordinary JWT", wordHeader("typ", "JWT"), badAttest, "attestation typ"},
		{"it refuses no typ", wordHeader("typ", nil), badAttest, "attestation typ"},
		{"it refuses the typ of the proof", wordHeader("typ", openid4vci.AttestationPoPTyp), badAttest, "attestation typ"},
		{"it refuses the typ of a key attestation", wordHeader("typ", openid4vci.KeyAttestationTyp), badAttest, "attestation typ"},
		{"it refuses a key in the header", wordHeader("jwk", wallettest.PublicJWK(t, key.Public())), badAttest, "attestation key"},
		{"it refuses a pointer to keys", wordHeader("jku", "http://127.0.0.1/jwks"), badAttest, "attestation key"},
		{"it refuses a pointer to certificates", wordHeader("x5u", "http://127.0.0.1/x5c"), badAttest, "attestation key"},
		{"it refuses a kid in the place of x5c", func(p *phone) {
			p.provider.WalletHeader = func(m map[string]any) { delete(m, "x5c"); m["kid"] = "1" }
		}, badAttest, "attestation x5c"},
		{"it refuses a critical extension", wordHeader("crit", []string{"exp"}), badAttest, "attestation crit"},
		{"it refuses an unencoded payload", wordHeader("b64", false), badAttest, "attestation crit"},
		{"it refuses no certificate", wordHeader("x5c", []string{}), badAttest, "attestation x5c"},
		{"it refuses a list that is none", wordHeader("x5c", one.X5C()[0]), badAttest, "attestation header"},
		{"it refuses the anchor in x5c", wordHeader("x5c", append(one.X5C(), anchor)), badAttest, "attestation x5c"},
		{"it refuses a self-signed leaf", wordHeader("x5c", []string{anchor}), badAttest, "attestation x5c"},
		{"it refuses a certificate beside the path", wordHeader("x5c", append(one.X5C(), two.X5C()...)), badAttest, "attestation x5c"},
		{"it refuses what is no certificate", wordHeader("x5c", []string{"AAAA"}), badAttest, "attestation x5c"},
		{"it refuses base64url for base64", wordHeader("x5c", []string{"__--"}), badAttest, "attestation x5c"},
		{"it refuses a provider that nobody knows", wordHeader("x5c", stranger.X5C()), badAttest, "attestation trust"},
		{"it refuses a provider of another wallet", wordHeader("x5c", two.X5C()), badAttest, "attestation trust"},
		{"it refuses an authority for a leaf", wordHeader("x5c", leaf(func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid = true, true
		})), badAttest, "attestation x5c"},
		{"it refuses a leaf that is not for signatures", wordHeader("x5c", leaf(func(c *x509.Certificate) {
			c.KeyUsage = x509.KeyUsageKeyAgreement
		})), badAttest, "attestation x5c"},
		{"it refuses an expired leaf", wordHeader("x5c", leaf(func(c *x509.Certificate) {
			c.NotAfter = h.now().Add(-time.Minute)
		})), badAttest, "attestation trust"},
		{"it refuses a leaf of tomorrow", wordHeader("x5c", leaf(func(c *x509.Certificate) {
			c.NotBefore = h.now().Add(time.Hour)
		})), badAttest, "attestation trust"},
		{"it refuses the signature of another key", func(p *phone) { p.provider.SignWith = key }, badAttest, "attestation signature"},
		{"it refuses no sub", wordClaim("sub", nil), badAttest, "attestation"},
		{"it refuses an empty sub", wordClaim("sub", ""), badAttest, "attestation"},
		{"it refuses a sub of the other provider's", wordClaim("sub", another), badAttest, "attestation trust"},
		{"it refuses a sub with a slash more", wordClaim("sub", foreign+"/"), badAttest, "attestation trust"},
		{"it refuses a list of subs", wordClaim("sub", []string{foreign}), badAttest, "attestation"},
		{"it refuses no cnf", wordClaim("cnf", nil), badAttest, "attestation cnf"},
		{"it refuses a thumbprint for the key", wordClaim("cnf", map[string]any{"jkt": "x"}), badAttest, "attestation cnf"},
		{"it refuses a private key", wordClaim("cnf", map[string]any{"jwk": private}), badAttest, "attestation private key"},
		{"it refuses a symmetric key", wordClaim("cnf", map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}}), badAttest, "attestation private key"},
		{"it refuses a key of another curve", wordClaim("cnf", jwk(p384.Public())), badAttest, "attestation key"},
		{"it refuses a key of another type", wordClaim("cnf", jwk(rsaKey.Public())), badAttest, "attestation key"},
		{"it refuses a point beside the curve", wordClaim("cnf", map[string]any{"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}}), badAttest, "attestation key"},
		{"it wants a fresh one for what has expired", wordClaim("exp", at(-time.Second)), stale, "attestation exp"},
		{"it wants a fresh one for what is old", func(p *phone) {
			p.provider.WalletClaims = func(m map[string]any) { m["iat"], m["exp"] = at(-32*24*time.Hour), at(time.Hour) }
		}, stale, "attestation iat"},
		{"it refuses no exp", wordClaim("exp", nil), badAttest, "attestation exp"},
		{"it refuses one for years", wordClaim("exp", at(400*24*time.Hour)), badAttest, "attestation exp"},
		{"it refuses exp as text", wordClaim("exp", "tomorrow"), badAttest, "attestation claims"},
		{"it refuses a time that is none", wordClaim("exp", 1e300), badAttest, "attestation claims"},
		{"it refuses iat of the future", wordClaim("iat", at(time.Minute)), badAttest, "attestation iat"},
		{"it refuses nbf of the future", wordClaim("nbf", at(time.Minute)), badAttest, "attestation iat"},
		{"it refuses a status that nobody looked at", wordClaim("status", map[string]any{"status_list": map[string]any{"idx": 0, "uri": "http://127.0.0.1/"}}), badAttest, "status"},
		{"it refuses what is too long", wordClaim("x", strings.Repeat("x", 20<<10)), badAttest, "attestation jwt"},
		{"it refuses a claim given twice", raw(`{"sub":"` + foreign + `","sub":"` + foreign + `"}`), badAttest, "attestation"},
		{"it refuses claims that are a list", raw(`["` + foreign + `"]`), badAttest, "attestation"},
		{"it refuses deep claims", raw(`{"sub":"` + foreign + `","x":` + strings.Repeat("[", 11000) + `}`), badAttest, "attestation"},
		{"it refuses text behind the claims", raw(`{"sub":"` + foreign + `"} {}`), badAttest, "attestation"},
		{"it refuses SUB for sub", raw(`{"SUB":"` + foreign + `"}`), badAttest, "attestation"},
		{"it refuses no claims", raw(``), badAttest, "attestation"},
		{"it refuses what is no JWT", field(func(f http.Header) { f.Set(openid4vci.AttestationHeader, "hello") }), badAttest, "attestation jwt"},
		{"it refuses an empty field", field(func(f http.Header) { f.Set(openid4vci.AttestationHeader, "") }), badAttest, "attestation"},
		{"it refuses a JWT with a part more", field(func(f http.Header) {
			f.Set(openid4vci.AttestationHeader, f.Get(openid4vci.AttestationHeader)+".x")
		}), badAttest, "attestation jwt"},
		{"it refuses a signature that is cut off", field(func(f http.Header) {
			word := f.Get(openid4vci.AttestationHeader)
			f.Set(openid4vci.AttestationHeader, word[:len(word)-8])
		}), badAttest, "attestation"},
		{"it refuses two attestations", field(func(f http.Header) {
			f.Add(openid4vci.AttestationHeader, f.Get(openid4vci.AttestationHeader))
		}), badAttest, "exactly one"},
		{"it refuses a proof without an attestation", field(func(f http.Header) { f.Del(openid4vci.AttestationHeader) }), badAttest, "exactly one"},
	}
}

// popLies are lies in the proof of possession (draft, 7.2).
func popLies(t *testing.T, h *hub, one *wallettest.Provider) []lie {
	at := func(d time.Duration) int64 { return h.now().Add(d).Unix() }
	otherHub, _, _, _ := attestedHub(t)
	spent := false
	forged := func(position int) func(*phone) {
		return func(p *phone) {
			raw, err := base64.RawURLEncoding.DecodeString(h.challenge())
			check(t, err)
			raw[position] ^= 1
			popClaim("challenge", base64.RawURLEncoding.EncodeToString(raw))(p)
		}
	}
	old := h.challenge()
	body := func(text string) func(*phone) { return func(p *phone) { p.popBody = text } }
	return []lie{
		{"it refuses a proof by alg none", popHeader("alg", "none"), badAttest, "pop alg"},
		{"it refuses a MAC as proof", popHeader("alg", "HS256"), badAttest, "pop alg"},
		{"it refuses an ordinary JWT as proof", popHeader("typ", "JWT"), badAttest, "pop typ"},
		{"it refuses a proof without typ", popHeader("typ", nil), badAttest, "pop typ"},
		{"it refuses a DPoP proof in its place", popHeader("typ", "dpop+jwt"), badAttest, "pop typ"},
		{"it refuses the attestation in its place", field(func(f http.Header) {
			f.Set(openid4vci.AttestationPoPHeader, f.Get(openid4vci.AttestationHeader))
		}), badAttest, "pop typ"},
		{"it refuses a proof with a critical extension", popHeader("crit", []string{"aud"}), badAttest, "pop crit"},
		{"it refuses a proof by another key", func(p *phone) { p.popKey = newKey(t) }, badAttest, "pop signature"},
		{"it refuses a proof by another key that it brings", func(p *phone) {
			p.popKey = newKey(t)
			popHeader("jwk", wallettest.PublicJWK(t, p.popKey.Public()))(p)
		}, badAttest, "pop signature"},
		{"it refuses a proof by the provider's key", func(p *phone) { p.popKey = one.Key() }, badAttest, "pop signature"},
		{"it refuses a proof for another server", popClaim("aud", "https://as.example"), badAttest, "pop aud"},
		{"it refuses a proof for the token endpoint", popClaim("aud", h.url+"/token"), badAttest, "pop aud"},
		{"it refuses a proof with a slash more", popClaim("aud", h.url+"/"), badAttest, "pop aud"},
		{"it refuses a proof for a list of servers", popClaim("aud", []string{h.url}), badAttest, "pop aud"},
		{"it refuses a proof for nobody", popClaim("aud", nil), badAttest, "pop aud"},
		{"it refuses a proof of another client", popClaim("iss", another), badAttest, "pop iss"},
		{"it refuses a proof of nobody", popClaim("iss", ""), badAttest, "pop iss"},
		{"it refuses a proof without jti", popClaim("jti", nil), badAttest, "pop jti"},
		{"it refuses a long jti", popClaim("jti", strings.Repeat("j", 257)), badAttest, "pop jti"},
		{"it refuses a proof used before", func(p *phone) {
			p.popClaims = member("jti", "the-same-jti")
			if a := p.push(); !spent && a.status != http.StatusCreated { // an honest one, once
				t.Fatalf("%d %s", a.status, a.text)
			}
			spent = true
		}, badAttest, "it was used before"},
		{"it refuses a proof without iat", popClaim("iat", nil), badAttest, "pop iat"},
		{"it refuses an old proof", popClaim("iat", at(-5*time.Minute-time.Second)), badAttest, "pop iat"},
		{"it refuses a proof of the future", popClaim("iat", at(time.Minute)), badAttest, "pop iat"},
		{"it refuses a proof from later", popClaim("nbf", at(time.Minute)), badAttest, "pop iat"},
		{"it refuses an expired proof", popClaim("exp", at(-time.Second)), badAttest, "pop exp"},
		{"it refuses iat as text", popClaim("iat", "now"), badAttest, "pop claims"},
		{"it refuses iat that is no time", popClaim("iat", -1e300), badAttest, "pop claims"},
		{"it wants a challenge", popClaim("challenge", nil), challenged, "challenge"},
		{"it wants a challenge that is not empty", popClaim("challenge", ""), challenged, "challenge"},
		{"it wants a challenge of its own", popClaim("challenge", "mine"), challenged, "challenge"},
		{"it wants no challenge of another server", func(p *phone) { popClaim("challenge", otherHub.challenge())(p) }, challenged, "challenge"},
		{"it wants no challenge with another time", forged(7), challenged, "challenge"},
		{"it wants no challenge with other random bits", forged(9), challenged, "challenge"},
		{"it wants no challenge with another tag", forged(39), challenged, "challenge"},
		{"it wants no challenge that is cut off", popClaim("challenge", old[:len(old)-4]), challenged, "challenge"},
		{"it refuses a challenge that is too long", popClaim("challenge", strings.Repeat("c", 257)), badAttest, "pop challenge"},
		{"it refuses a challenge that is no text", popClaim("challenge", 7), badAttest, "pop claims"},
		{"it refuses a claim of the proof given twice", body(`{"jti":"a","jti":"b"}`), badAttest, "pop claims"},
		{"it refuses a proof that says nothing", body(`null`), badAttest, "pop"},
		{"it refuses a proof that is too long", popClaim("x", strings.Repeat("x", 20<<10)), badAttest, "pop jwt"},
		{"it refuses two proofs", field(func(f http.Header) {
			f.Add(openid4vci.AttestationPoPHeader, f.Get(openid4vci.AttestationPoPHeader))
		}), badAttest, "exactly one"},
		{"it refuses an attestation without any proof", field(func(f http.Header) {
			f.Del(openid4vci.AttestationPoPHeader)
			f.Del(dpop.Header)
		}), badAttest, "pop: missing"},
		{"it refuses the DPoP proof of another key for it", field(func(f http.Header) { f.Del(openid4vci.AttestationPoPHeader) }), badAttest, "another key"},
		{"it refuses HTTP Basic beside it", func(p *phone) { p.request = func(r *http.Request) { r.SetBasicAuth("x", "y") } }, badClient, "more than one"},
	}
}

// Every lie, at every door where a wallet authenticates: its own code, and
// nothing is kept or used up. What the lies were told about is still good at the end.
//
//clause:as attestation-based client authentication draft-11 (and -07, which OpenID4VCI 1.0 pins), 4, 7.1; HAIP 1.0, 4.4.1: typ, x5c to the root of the provider that lists the wallet, no anchor, not self-signed, sub, cnf, times
//clause:as draft-11, 5.1, 7.2: proof of possession, aud, jti once, iat
//clause:as draft-11, 6: challenges, by endpoint, answer and error
//clause:as draft-11, 7.4, 7.5: each error by its code; one method, `client_id` is `sub`
func TestAttestationLies(t *testing.T) {
	h, writes, one, two := attestedHub(t)
	p := h.phone(one)
	code, unused := p.redeem(p.code()), p.code()
	token, refresh := code.str("access_token"), code.str("refresh_token")
	doors := map[string]struct {
		path string
		form func() url.Values
	}{
		"par":     {"/par", func() url.Values { return p.authorization("resident_card") }},
		"code":    {"/token", func() url.Values { return p.redemption(unused) }},
		"refresh": {"/token", func() url.Values { return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}} }},
		"offer": {"/token", func() url.Values {
			return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {"offer"}, "tx_code": {"1234"}}
		}},
		"revoke": {"/revoke", func() url.Values { return url.Values{"token": {token}} }},
	}
	lies := append(wordLies(t, h, one, two), popLies(t, h, one)...)
	if len(lies) < 60 {
		t.Fatalf("%d lies", len(lies))
	}
	for where, door := range doors {
		for _, l := range lies {
			t.Run(where+"/"+l.name, func(t *testing.T) {
				liar := *p
				liar.h.t = t
				defer func() {
					one.WalletHeader, one.WalletClaims, one.SignWith = nil, nil, nil
				}()
				l.bend(&liar)
				before := writes.count()
				a := h.post(door.path, door.form(), liar.attest(door.path))
				status := http.StatusBadRequest
				if l.code == badClient {
					status = http.StatusUnauthorized
				}
				if where == "revoke" && strings.Contains(l.why, "another key") { // no DPoP proof there
					l.why = "pop: missing"
				}
				refused(t, a, status, l.code, l.why)
				if l.code == challenged && a.header.Get(openid4vci.ChallengeHeader) == "" {
					t.Error("no challenge came with the refusal")
				}
				if n := writes.count() - before; n != 0 {
					t.Errorf("%d writes", n)
				}
			})
		}
	}
	h.t = t
	t.Run("it has kept all that was lied about", func(t *testing.T) {
		if a := p.redeem(unused); a.status != http.StatusOK {
			t.Errorf("the code: %d %s", a.status, a.text)
		}
		if a := p.refresh(refresh); a.status != http.StatusOK {
			t.Errorf("the refresh token: %d %s", a.status, a.text)
		}
		if a := p.use("/resource", token); a.status != http.StatusOK {
			t.Errorf("the access token: %d %s", a.status, a.text)
		}
		if a := h.post("/token", doors["offer"].form(), p.attest("/token")); a.status != http.StatusOK {
			t.Errorf("the offer: %d %s", a.status, a.text)
		}
	})
}
