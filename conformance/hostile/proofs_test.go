package hostile_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// A bent proof, at the token endpoint and at a resource.
type bentProof struct {
	name  string
	bends func(key, other *ecdsa.PrivateKey) []bend
}

func bentProofs(t testing.TB) []bentProof {
	is := func(bends ...bend) func(_, _ *ecdsa.PrivateKey) []bend {
		return func(_, _ *ecdsa.PrivateKey) []bend { return bends }
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []bentProof{
		{"an unsigned proof", is(unsigned())},
		{"a proof signed with the public key as a secret", func(key, _ *ecdsa.PrivateKey) []bend { return []bend{symmetric(&key.PublicKey)} }},
		{"a proof by another key than it carries", func(_, other *ecdsa.PrivateKey) []bend { return []bend{by(other)} }},
		{"a proof of another typ", is(head("typ", "JWT"))},
		{"a proof without typ", is(head("typ", nil))},
		{"a proof without key", is(head("jwk", nil))},
		{"a proof with a kid for a key", is(head("jwk", nil), head("kid", "x"))},
		{"a proof that carries its private key", func(key, _ *ecdsa.PrivateKey) []bend {
			return []bend{head("jwk", jose.JSONWebKey{Key: key})}
		}},
		{"a proof with a secret for a key", is(head("jwk", jose.JSONWebKey{Key: []byte("secret")}))},
		{"a proof with a key of another curve", is(head("jwk", jose.JSONWebKey{Key: &p384.PublicKey}))},
		{"a proof with a key off the curve", is(head("jwk", map[string]string{"kty": "EC", "crv": "P-256", "x": b64.EncodeToString(make([]byte, 32)), "y": b64.EncodeToString(make([]byte, 32))}))},
		{"a proof with critical headers", is(head("crit", []string{"hostile"}), head("hostile", true))},
		{"a proof for another method", is(claim("htm", "DELETE"))},
		{"a proof without method", is(claim("htm", nil))},
		{"a proof for another address", is(claim("htu", "https://evil.example/token"))},
		{"a proof for no address", is(claim("htu", nil))},
		{"a proof for an address that is none", is(claim("htu", "%zz"))},
		{"an old proof", is(claim("iat", in(-120)))},
		{"a proof from the future", is(claim("iat", in(120)))},
		{"a proof without iat", is(claim("iat", nil))},
		{"a proof whose iat is a word", is(claim("iat", "now"))},
		{"a proof without jti", is(claim("jti", nil))},
		{"a proof with a jti of a kilobyte", is(claim("jti", long(1024)))},
		{"a proof with a name given twice", is(payload(`{"jti":"a","jti":"b"}`))},
		{"a proof that is no JSON", is(payload("\xff"))},
		{"a proof of 10000 characters", is(claim("x", long(10000)))},
		{"a proof of four parts", is(compacted(func(s string) string { return s + ".x" }))},
		{"two proofs in one field", is(compacted(func(s string) string { return s + ", " + s }))},
	}
}

// proofs attack DPoP (RFC 9449, 4.3 and 7.1).
func proofs() []attempt {
	var list []attempt
	var t testing.T // keys alone are made before the world is
	for _, b := range bentProofs(&t) {
		list = append(list,
			attempt{name: "it refuses " + b.name + " at the token endpoint", status: 400, code: "invalid_dpop_proof", try: func(t *testing.T, w *world) answer {
				s := w.asks.coded(t, w, w.kim.Citizen)
				return postForm(t, w.hub+"/token", s.form(t, w), "DPoP", proof(t, s.dpop, "POST", w.hub+"/token", "", b.bends(s.dpop, newKey(t))...))
			}},
			attempt{name: "it refuses " + b.name + " at a resource", status: 401, code: "invalid_dpop_proof", try: func(t *testing.T, w *world) answer {
				s, given := w.login(t, w.kim.Citizen)
				return get(t, w.hub+"/userinfo", bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access, b.bends(s.dpop, newKey(t))...)...)
			}})
	}
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	add("it refuses two proofs at the token endpoint", 400, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		s := w.asks.coded(t, w, w.kim.Citizen)
		one := func() string { return proof(t, s.dpop, "POST", w.hub+"/token", "") }
		return postForm(t, w.hub+"/token", s.form(t, w), "DPoP", one(), "DPoP", one())
	})
	add("it refuses a proof twice at a resource", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		s, given := w.login(t, w.kim.Citizen)
		headers := bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access)
		if a := get(t, w.hub+"/userinfo", headers...); a.status != 200 {
			t.Fatalf("the first time: %d %s", a.status, a.body)
		}
		return get(t, w.hub+"/userinfo", headers...)
	})
	add("it refuses a proof without the token's hash", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		s, given := w.login(t, w.kim.Citizen)
		return get(t, w.hub+"/userinfo", bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access, claim("ath", nil))...)
	})
	add("it refuses a proof for another token", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		s, given := w.login(t, w.kim.Citizen)
		return get(t, w.hub+"/userinfo", bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access, claim("ath", long(43)))...)
	})
	add("it refuses a proof by another key than the token's", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		_, given := w.login(t, w.kim.Citizen)
		return get(t, w.hub+"/userinfo", bearer(t, newKey(t), "GET", w.hub+"/userinfo", given.Access)...)
	})
	add("it refuses a bound token without a proof", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		_, given := w.login(t, w.kim.Citizen)
		return get(t, w.hub+"/userinfo", "Authorization", "DPoP "+given.Access)
	})
	add("it refuses two proofs at a resource", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		s, given := w.login(t, w.kim.Citizen)
		headers := bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access)
		return get(t, w.hub+"/userinfo", append(headers, "DPoP", "x")...)
	})
	return list
}
