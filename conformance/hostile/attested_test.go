package hostile_test

import (
	"crypto/ecdsa"
	"net/http"
	"net/url"
	"testing"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// An instance of a wallet that its provider vouches for, as it asks: word and pop
// are bent before they are sent.
type instance struct {
	key       *ecdsa.PrivateKey
	challenge string
	word, pop []bend
	headers   func(http.Header)
}

func (w *world) challengeOf(t testing.TB) string {
	t.Helper()
	return into[struct {
		Challenge string `json:"attestation_challenge"`
	}](t, postForm(t, w.hub+"/challenge", nil)).Challenge
}

// pushes is its pushed authorization request.
func (i instance) pushes(t testing.TB, w *world, pairs ...string) answer {
	t.Helper()
	word := jwt{
		head:   map[string]any{"typ": openid4vci.WalletAttestationTyp, "x5c": w.provider.X5C()},
		claims: map[string]any{"iss": "https://wallets.example", "sub": attestedID, "iat": now(), "exp": in(3600), "cnf": map[string]any{"jwk": public(i.key)}},
		key:    w.provider.Key(),
	}.sign(t, i.word...)
	pop := jwt{
		head:   map[string]any{"typ": openid4vci.AttestationPoPTyp},
		claims: map[string]any{"iss": attestedID, "aud": w.hub, "jti": text(), "iat": now(), "challenge": i.challenge},
		key:    i.key,
	}.sign(t, i.pop...)
	h := http.Header{}
	h.Set(openid4vci.AttestationHeader, word)
	h.Set(openid4vci.AttestationPoPHeader, pop)
	h.Set("DPoP", proof(t, i.key, http.MethodPost, w.hub+"/par", ""))
	if i.headers != nil {
		i.headers(h)
	}
	var flat []string
	for name, values := range h {
		for _, value := range values {
			flat = append(flat, name, value)
		}
	}
	form := url.Values{
		"client_id": {attestedID}, "response_type": {"code"}, "redirect_uri": {"http://localhost:9/wallet"}, "scope": {"resident_card"},
		"state": {text()}, "code_challenge": {challenge(newVerifier())}, "code_challenge_method": {"S256"},
	}
	return postForm(t, w.hub+"/par", with(form, pairs...), flat...)
}

var attestedControls = []control{{"a wallet that its provider vouches for", func(t *testing.T, w *world) answer {
	return instance{key: newKey(t), challenge: w.challengeOf(t)}.pushes(t, w)
}, 201}}

// attested attack attestation-based client authentication (draft, 7.1, 7.2, 10).
func attested() []attempt {
	var list []attempt
	const bad = "invalid_client_attestation"
	add := func(name string, status int, code string, bent func(t *testing.T, w *world, i *instance), pairs ...string) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			i := instance{key: newKey(t), challenge: w.challengeOf(t)}
			bent(t, w, &i)
			return i.pushes(t, w, pairs...)
		}})
	}
	word := func(name, code string, bends ...bend) {
		add("it refuses an attestation "+name, 400, code, func(_ *testing.T, _ *world, i *instance) { i.word = bends })
	}
	pop := func(name, code string, bends ...bend) {
		add("it refuses a proof of an instance "+name, 400, code, func(_ *testing.T, _ *world, i *instance) { i.pop = bends })
	}
	word("that nobody signed", bad, unsigned())
	word("by a secret", bad, func(j *jwt) { symmetric(&j.key.PublicKey)(j) })
	word("of another typ", bad, head("typ", "JWT"))
	word("that is a proof", bad, head("typ", openid4vci.AttestationPoPTyp))
	word("without certificates", bad, head("x5c", nil))
	word("with a kid in place of certificates", bad, head("x5c", nil), head("kid", "1"))
	word("with keys at a private address", bad, head("jku", "http://169.254.169.254/jwks"))
	word("with certificates at a private address", bad, head("x5u", "http://127.0.0.1/x5c"))
	word("that brings its own key", bad, func(j *jwt) { j.head["jwk"] = public(j.key) })
	word("with a critical header", bad, head("crit", []string{"hostile"}), head("hostile", 1))
	word("that expired", "use_fresh_attestation", claim("exp", in(-60)))
	word("without end", bad, claim("exp", nil))
	word("from the future", bad, claim("iat", in(600)), claim("exp", in(3600)))
	word("of a client of nobody's", bad, claim("sub", "https://evil.example"))
	word("of a client that another method is for", bad, claim("sub", "demo-wallet"))
	word("without client", bad, claim("sub", nil))
	word("without key", bad, claim("cnf", nil))
	word("of a secret key", bad, claim("cnf", map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}}))
	word("whose status is at a private address", bad, claim("status", map[string]any{"status_list": map[string]any{"idx": 0, "uri": "http://10.0.0.1/1"}}))
	word("with a claim given twice", bad, payload(`{"sub":"a","sub":"b"}`))
	word("nested 2000 deep", bad, payload(`{"sub":`+deep(2000)+`}`))
	word("that is not UTF-8", bad, payload("{\"sub\":\"\xff\"}"))
	word("with a signature cut off", bad, compacted(func(s string) string { return s[:len(s)-8] }))
	add("it refuses an attestation by a stranger under a provider's certificate", 400, bad, func(t *testing.T, _ *world, i *instance) { i.word = []bend{by(newKey(t))} })
	add("it refuses an attestation under an agency's certificate", 400, bad, func(_ *testing.T, w *world, i *instance) {
		i.word = []bend{head("x5c", w.asks.chain), by(w.asks.key)}
	})
	pop("that nobody signed", bad, unsigned())
	pop("of another typ", bad, head("typ", "dpop+jwt"))
	pop("for another server", bad, claim("aud", "https://elsewhere.example"))
	pop("for nobody", bad, claim("aud", nil))
	pop("of another client", bad, claim("iss", "demo-wallet"))
	pop("without jti", bad, claim("jti", nil))
	pop("without iat", bad, claim("iat", nil))
	pop("that is old", bad, claim("iat", in(-3600)))
	pop("from the future", bad, claim("iat", in(3600)))
	pop("without challenge", "use_attestation_challenge", claim("challenge", nil))
	pop("with a challenge of nobody's", "use_attestation_challenge", claim("challenge", long(54)))
	add("it refuses a proof by another instance's key", 400, bad, func(t *testing.T, _ *world, i *instance) { i.pop = []bend{by(newKey(t))} })
	header := func(name string, status int, code string, change func(http.Header)) {
		add(name, status, code, func(_ *testing.T, _ *world, i *instance) { i.headers = change })
	}
	header("it refuses two attestations", 400, bad, func(h http.Header) { h.Add(openid4vci.AttestationHeader, h.Get(openid4vci.AttestationHeader)) })
	header("it refuses two proofs", 400, bad, func(h http.Header) { h.Add(openid4vci.AttestationPoPHeader, h.Get(openid4vci.AttestationPoPHeader)) })
	header("it refuses an attestation with no proof of any kind", 400, bad, func(h http.Header) { h.Del(openid4vci.AttestationPoPHeader); h.Del("DPoP") })
	header("it refuses a proof without attestation", 400, bad, func(h http.Header) { h.Del(openid4vci.AttestationHeader) })
	header("it refuses an attestation that is none", 400, bad, func(h http.Header) { h.Set(openid4vci.AttestationHeader, "x") })
	header("it refuses a password beside an attestation", 401, "invalid_client", func(h http.Header) { h.Set("Authorization", basic("a", "b")) })
	header("it refuses a name without its attestation", 401, "invalid_client", func(h http.Header) {
		h.Del(openid4vci.AttestationHeader)
		h.Del(openid4vci.AttestationPoPHeader)
	})
	whole := func(*testing.T, *world, *instance) {}
	add("it refuses an attestation of another than the client_id", 400, bad, whole, "client_id", "demo-wallet")
	add("it refuses an attested wallet an agency's scope", 400, "invalid_scope", whole, "scope", "openid")
	add("it refuses an attested wallet a foreign redirect_uri", 400, "invalid_request", whole, "redirect_uri", "https://evil.example/")
	add("it refuses an attested wallet without PKCE", 400, "invalid_request", whole, "code_challenge", "-", "code_challenge_method", "-")
	add("it refuses an attested wallet a plain challenge", 400, "invalid_request", whole, "code_challenge_method", "plain")
	add("it refuses a proof of an instance twice", 400, bad, func(t *testing.T, w *world, i *instance) {
		i.pop = []bend{claim("jti", "once-"+i.challenge)}
		if a := i.pushes(t, w); a.status != http.StatusCreated {
			t.Fatalf("the first time: %d %s", a.status, a.body)
		}
	})
	return list
}
