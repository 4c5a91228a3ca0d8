package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/dpop"
)

// The proofs of RFC 9449, figures 2 and 12, and what is said about them there.
const (
	rfcTokenProof    = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	rfcThumbprint    = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	rfcAccessToken   = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	rfcTokenHash     = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
	rfcIssued        = 1562262616
	rfcTokenEndpoint = "https://server.example.com/token"
)

const target = "https://resource.example/things"

var at = time.Unix(1_800_000_000, 0)

func now() time.Time { return at }

func maker(t testing.TB) *dpop.Maker {
	t.Helper()
	m, err := dpop.NewMaker(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	m.Now = now
	return m
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func request(method string, proofs ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for _, proof := range proofs {
		r.Header.Add(dpop.Header, proof)
	}
	return r
}

func policy() dpop.Policy {
	return dpop.Policy{Target: target, Replay: &dpop.Memory{Now: now}, Now: now}
}

//clause:as RFC 9449: proof at token and resource, nonce, jkt binding, replay
func TestPublished(t *testing.T) {
	t.Run("it accepts the proof that RFC 9449 publishes", func(t *testing.T) {
		issued := func() time.Time { return time.Unix(rfcIssued, 0) }
		p := dpop.Policy{Target: rfcTokenEndpoint, JKT: rfcThumbprint, Replay: &dpop.Memory{Now: issued}, Now: issued}
		proof, err := dpop.Check(request(http.MethodPost, rfcTokenProof), p)
		if err != nil || proof.JKT != rfcThumbprint || proof.ID != "-BwC3ESc6acc2lTc" {
			t.Errorf("%+v, %v", proof, err)
		}
	})
	t.Run("it hashes the token that RFC 9449 publishes", func(t *testing.T) {
		if got := dpop.TokenHash(rfcAccessToken); got != rfcTokenHash {
			t.Errorf("%s", got)
		}
	})
}

func TestMaker(t *testing.T) {
	t.Run("it makes what Check accepts, once", func(t *testing.T) {
		m, p := maker(t), policy()
		p.AccessToken, p.JKT = "token", m.JKT()
		proof, err := m.Proof(http.MethodGet, target+"?q=1#f", "token", "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := dpop.Check(request(http.MethodGet, proof), p)
		if err != nil || got.JKT != m.JKT() || !got.IssuedAt.Equal(at) {
			t.Errorf("%+v, %v", got, err)
		}
		wants(t, request(http.MethodGet, proof), p, "replay")
		if _, err := dpop.Check(request(http.MethodGet, proof), p); !strings.Contains(err.Error(), "used before") {
			t.Errorf("the cause is not named: %v", err)
		}
	})
	t.Run("it refuses a key that is not on P-256", func(t *testing.T) {
		_, key, _ := ed25519.GenerateKey(rand.Reader)
		if _, err := dpop.NewMaker(key); err == nil {
			t.Error("took Ed25519")
		}
		wide, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if _, err := dpop.NewMaker(wide); err == nil {
			t.Error("took P-384")
		}
	})
	t.Run("it refuses an address that is none", func(t *testing.T) {
		for _, bad := range []string{"", "/things", "ftp://a/b", "https://user@a/b", "https:a", "%"} {
			if _, err := maker(t).Proof(http.MethodGet, bad, "", ""); err == nil {
				t.Errorf("took %q", bad)
			}
		}
	})
}

// wants a refusal by one check.
func wants(t *testing.T, r *http.Request, p dpop.Policy, check string) {
	t.Helper()
	_, err := dpop.Check(r, p)
	var refusal *dpop.Error
	if !errors.As(err, &refusal) || refusal.Check != check {
		t.Errorf("answered %v, want the check %s", err, check)
		return
	}
	want := "invalid_dpop_proof"
	if check == dpop.CheckNonce {
		want = "use_dpop_nonce"
	}
	if refusal.Code() != want || !strings.Contains(refusal.Error(), check) {
		t.Errorf("%v has the code %s", refusal, refusal.Code())
	}
}

// made is a proof of any content.
func made(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, payload any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: header}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := payload.(string)
	if !ok {
		encoded, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		text = string(encoded)
	}
	signed, err := signer.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

//clause:as RFC 9449: proof at token and resource, nonce, jkt binding, replay
func TestCheck(t *testing.T) {
	key := newKey(t)
	public := jose.JSONWebKey{Key: key.Public()}
	jkt, _ := dpop.Thumbprint(public)
	wide, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	type fields = map[string]any
	type header = map[jose.HeaderKey]any
	for _, c := range []struct {
		name   string
		claims func(fields)
		header func(header)
		policy func(*dpop.Policy)
		alg    jose.SignatureAlgorithm
		key    any
		check  string // "" for accepted
	}{
		{name: "it accepts a good one"},
		{name: "it accepts a target in other letters, with the default port", claims: func(f fields) { f["htu"] = "HTTPS://Resource.Example:443/things" }},
		{name: "it accepts a target with query and fragment", claims: func(f fields) { f["htu"] = target + "?a=b#c" }},
		{name: "it accepts one 60 s old", claims: func(f fields) { f["iat"] = at.Unix() - 60 }},
		{name: "it accepts one 10 s early", claims: func(f fields) { f["iat"] = at.Unix() + 10 }},
		{name: "it accepts unknown claims", claims: func(f fields) { f["more"] = 1 }},
		{name: "it accepts a nonce that is not asked for", claims: func(f fields) { f["nonce"] = "x" }},
		{name: "it accepts the nonce asked for", claims: func(f fields) { f["nonce"] = "good" }, policy: nonce},

		{name: "it refuses another typ", header: func(h header) { h["typ"] = "JWT" }, check: "typ"},
		{name: "it refuses no typ", header: func(h header) { delete(h, "typ") }, check: "typ"},
		{name: "it refuses no key", header: func(h header) { delete(h, "jwk") }, check: "jwk"},
		{name: "it refuses a private key", header: func(h header) { h["jwk"] = jose.JSONWebKey{Key: key} }, check: "syntax"},
		{name: "it refuses another's key", header: func(h header) { h["jwk"] = jose.JSONWebKey{Key: newKey(t).Public()} }, check: "signature"},
		{name: "it refuses a key of another curve", header: func(h header) { h["jwk"] = jose.JSONWebKey{Key: wide.Public()} }, check: "jwk"},
		{name: "it refuses another algorithm", alg: jose.ES384, key: wide, check: "syntax"},
		{name: "it refuses a MAC", alg: jose.HS256, key: make([]byte, 32), check: "syntax"},
		{name: "it refuses a critical extension", header: func(h header) { h["crit"] = []string{"x"}; h["x"] = 1 }, check: "signature"},

		{name: "it refuses no jti", claims: func(f fields) { delete(f, "jti") }, check: "jti"},
		{name: "it refuses a long jti", claims: func(f fields) { f["jti"] = strings.Repeat("x", 257) }, check: "jti"},
		{name: "it refuses another method", claims: func(f fields) { f["htm"] = "POST" }, check: "htm"},
		{name: "it refuses a method in other letters", claims: func(f fields) { f["htm"] = "get" }, check: "htm"},
		{name: "it refuses another path", claims: func(f fields) { f["htu"] = target + "/" }, check: "htu"},
		{name: "it refuses another scheme", claims: func(f fields) { f["htu"] = "http://resource.example/things" }, check: "htu"},
		{name: "it refuses another port", claims: func(f fields) { f["htu"] = "https://resource.example:8443/things" }, check: "htu"},
		{name: "it refuses no target", claims: func(f fields) { delete(f, "htu") }, check: "htu"},
		{name: "it refuses when its own target is not known", policy: func(p *dpop.Policy) { p.Target = "" }, check: "htu"},
		{name: "it refuses one 61 s old", claims: func(f fields) { f["iat"] = at.Unix() - 61 }, check: "iat"},
		{name: "it refuses one 11 s early", claims: func(f fields) { f["iat"] = at.Unix() + 11 }, check: "iat"},
		{name: "it refuses no iat", claims: func(f fields) { delete(f, "iat") }, check: "iat"},
		{name: "it refuses an iat that is text", claims: func(f fields) { f["iat"] = "now" }, check: "syntax"},
		{name: "it refuses no ath beside a token", policy: token, check: "ath"},
		{name: "it refuses another token's ath", claims: func(f fields) { f["ath"] = dpop.TokenHash("x") }, policy: token, check: "ath"},
		{name: "it refuses another key than the token's", policy: func(p *dpop.Policy) { p.JKT = rfcThumbprint }, check: "jkt"},
		{name: "it refuses no nonce where one is asked for", policy: nonce, check: "nonce"},
		{name: "it refuses another nonce", claims: func(f fields) { f["nonce"] = "old" }, policy: nonce, check: "nonce"},
		{name: "it asks for a nonce before it minds the clock", claims: func(f fields) { f["iat"] = 0 }, policy: nonce, check: "nonce"},
		{name: "it refuses when nothing remembers proofs", policy: func(p *dpop.Policy) { p.Replay = nil }, check: "replay"},
		{name: "it refuses when it cannot tell", policy: func(p *dpop.Policy) { p.Replay = broken{} }, check: "replay"},
		{name: "it takes claims by their exact names", claims: func(f fields) { f["HTM"] = f["htm"]; delete(f, "htm") }, check: "htm"},
		{name: "it accepts the token's key", policy: func(p *dpop.Policy) { p.JKT = jkt }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fields{"jti": rand.Text(), "htm": "GET", "htu": target, "iat": at.Unix()}
			h := header{"typ": "dpop+jwt", "jwk": public}
			p := policy()
			if c.claims != nil {
				c.claims(f)
			}
			if c.header != nil {
				c.header(h)
			}
			if c.policy != nil {
				c.policy(&p)
			}
			if c.key == nil {
				c.alg, c.key = jose.ES256, key
			}
			r := request(http.MethodGet, made(t, c.alg, c.key, h, f))
			if c.check != "" {
				wants(t, r, p, c.check)
				return
			}
			if _, err := dpop.Check(r, p); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOwnTarget(t *testing.T) {
	t.Run("it says that the server, not the client, has to mend an address that is not configured", func(t *testing.T) {
		proof, err := maker(t).Proof(http.MethodGet, target, "", "")
		if err != nil {
			t.Fatal(err)
		}
		p := policy()
		p.Target = ""
		if _, err := dpop.Check(request(http.MethodGet, proof), p); err == nil || !strings.Contains(err.Error(), "server's own address") {
			t.Error(err)
		}
	})
}

func token(p *dpop.Policy) { p.AccessToken = "token" }

func nonce(p *dpop.Policy) {
	p.Nonce = func(_ context.Context, nonce string) bool { return nonce == "good" }
}

type broken struct{}

func (broken) Once(context.Context, string, time.Time) error { return errors.New("the disk is full") }

func TestSyntax(t *testing.T) {
	good, err := maker(t).Proof(http.MethodGet, target, "", "")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for _, c := range []struct {
		name   string
		proofs []string
		check  string
	}{
		{"it refuses no proof", nil, "present"},
		{"it refuses two proofs", []string{good, good}, "single"},
		{"it refuses two proofs in one field", []string{good + ", " + good}, "syntax"},
		{"it refuses an empty field", []string{""}, "syntax"},
		{"it refuses what is no JWT", []string{"a.b"}, "syntax"},
		{"it refuses a proof without its signature", []string{parts[0] + "." + parts[1] + "."}, "signature"},
		{"it refuses alg none", []string{"eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ." + parts[1] + "."}, "syntax"},
	} {
		t.Run(c.name, func(t *testing.T) { wants(t, request(http.MethodGet, c.proofs...), policy(), c.check) })
	}
	t.Run("it refuses a proof too long, however good", func(t *testing.T) {
		key := newKey(t)
		h := map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: key.Public()}}
		proof := made(t, jose.ES256, key, h, map[string]any{
			"jti": "a", "htm": "GET", "htu": target, "iat": at.Unix(), "more": strings.Repeat("x", 4096),
		})
		wants(t, request(http.MethodGet, proof), policy(), "syntax")
	})
	t.Run("it refuses a claim given twice", func(t *testing.T) {
		key := newKey(t)
		h := map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: key.Public()}}
		proof := made(t, jose.ES256, key, h, `{"jti":"a","jti":"b","htm":"GET","htu":"`+target+`","iat":1800000000}`)
		wants(t, request(http.MethodGet, proof), policy(), "syntax")
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(rfcTokenProof, "POST")
	f.Add("a.b.c", "GET")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, proof, method string) {
		issued := func() time.Time { return time.Unix(rfcIssued, 0) }
		p := dpop.Policy{Target: rfcTokenEndpoint, Replay: &dpop.Memory{Now: issued}, Now: issued}
		r := (&http.Request{Method: method, Header: http.Header{dpop.Header: {proof}}}).WithContext(t.Context())
		r.Header.Set(dpop.Header, proof)
		got, err := dpop.Check(r, p)
		var refusal *dpop.Error
		if err != nil && !errors.As(err, &refusal) {
			t.Errorf("an untyped error: %v", err)
		}
		if err == nil && (got.JKT != rfcThumbprint || method != http.MethodPost) {
			t.Errorf("accepted %+v for %s", got, method)
		}
	})
}
