package openid4vci_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const issuer = "https://issuer.example"

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// draft is a proof that can be bent.
type draft struct {
	header map[string]any
	claims map[string]any
	key    *ecdsa.PrivateKey
}

func newDraft(t testing.TB) draft {
	key := newKey(t, elliptic.P256())
	return draft{
		header: map[string]any{"alg": "ES256", "typ": "openid4vci-proof+jwt", "jwk": jwk(t, &key.PublicKey)},
		claims: map[string]any{"aud": issuer, "iat": now.Unix(), "nonce": "live"},
		key:    key,
	}
}

func jwk(t testing.TB, key any) map[string]any {
	t.Helper()
	body, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// sign makes a JWS by hand, so that any header can be tried.
func (d draft) sign(t testing.TB) string {
	t.Helper()
	header, err := json.Marshal(d.header)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(d.claims)
	if err != nil {
		t.Fatal(err)
	}
	return signRaw(t, d.key, header, claims)
}

func signRaw(t testing.TB, key *ecdsa.PrivateKey, header, claims []byte) string {
	t.Helper()
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sum(input)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		t.Fatal(err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(sig[:])
}

// once is a store of nonces.
type once map[string]bool

func (o once) spend(_ context.Context, nonce string) error {
	if !o[nonce] {
		return openid4vci.ErrNonce
	}
	delete(o, nonce)
	return nil
}

func policy(o once) openid4vci.ProofPolicy {
	return openid4vci.ProofPolicy{Issuer: issuer, Nonce: o.spend, Now: func() time.Time { return now }}
}

//clause:issuer 8.2.1.1, F.1: jwt proofs
func TestVerifyProof(t *testing.T) {
	for _, c := range []struct {
		name   string
		bend   func(t *testing.T, d *draft)
		policy func(p *openid4vci.ProofPolicy)
		code   openid4vci.Code
		check  string
	}{
		{name: "it takes a proof in order"},
		{name: "it takes iss when it is the client", bend: func(_ *testing.T, d *draft) { d.claims["iss"] = "wallet" },
			policy: func(p *openid4vci.ProofPolicy) { p.ClientID = "wallet" }},
		{name: "it takes a proof without iss of a known client", policy: func(p *openid4vci.ProofPolicy) { p.ClientID = "wallet" }},
		{name: "it takes a clock that is 10 s ahead", bend: func(_ *testing.T, d *draft) { d.claims["iat"] = now.Unix() + 10 }},
		{name: "it ignores what it does not know", bend: func(_ *testing.T, d *draft) { d.claims["x"], d.header["x"] = 1, 2 }},
		{name: "it refuses another typ", bend: func(_ *testing.T, d *draft) { d.header["typ"] = "JWT" }, code: "invalid_proof", check: "typ"},
		{name: "it refuses no typ", bend: func(_ *testing.T, d *draft) { delete(d.header, "typ") }, code: "invalid_proof", check: "typ"},
		{name: "it refuses alg none", bend: func(_ *testing.T, d *draft) { d.header["alg"] = "none" }, code: "invalid_proof", check: "alg"},
		{name: "it refuses a symmetric alg", bend: func(_ *testing.T, d *draft) { d.header["alg"] = "HS256" }, code: "invalid_proof", check: "alg"},
		{name: "it refuses an alg that is not offered", bend: func(_ *testing.T, d *draft) { d.header["alg"] = "ES384" }, code: "invalid_proof", check: "alg"},
		{name: "it refuses no key", bend: func(_ *testing.T, d *draft) { delete(d.header, "jwk") }, code: "invalid_proof", check: "key"},
		{name: "it refuses jwk beside kid", bend: func(_ *testing.T, d *draft) { d.header["kid"] = "did:key:x" }, code: "invalid_proof", check: "key"},
		{name: "it refuses jwk beside x5c", bend: func(_ *testing.T, d *draft) { d.header["x5c"] = []string{} }, code: "invalid_proof", check: "key"},
		{name: "it refuses a private key", bend: func(t *testing.T, d *draft) { d.header["jwk"] = jwk(t, d.key) }, code: "invalid_proof", check: "private key"},
		{name: "it refuses a key of another curve", bend: func(t *testing.T, d *draft) { d.header["jwk"] = jwk(t, &newKey(t, elliptic.P384()).PublicKey) }, code: "invalid_proof", check: "key"},
		{name: "it refuses a key that is none", bend: func(_ *testing.T, d *draft) { d.header["jwk"] = map[string]any{"kty": "EC"} }, code: "invalid_proof", check: "key"},
		{name: "it refuses the signature of another key", bend: func(t *testing.T, d *draft) { d.key = newKey(t, elliptic.P256()) }, code: "invalid_proof", check: "signature"},
		{name: "it refuses a critical extension", bend: func(_ *testing.T, d *draft) { d.header["crit"], d.header["y"] = []string{"y"}, 1 }, code: "invalid_proof", check: "signature"},
		{name: "it refuses another audience", bend: func(_ *testing.T, d *draft) { d.claims["aud"] = issuer + "/" }, code: "invalid_proof", check: "aud"},
		{name: "it refuses a list of audiences", bend: func(_ *testing.T, d *draft) { d.claims["aud"] = []string{issuer} }, code: "invalid_proof", check: "aud"},
		{name: "it refuses no audience", bend: func(_ *testing.T, d *draft) { delete(d.claims, "aud") }, code: "invalid_proof", check: "aud"},
		{name: "it refuses an old proof", bend: func(_ *testing.T, d *draft) { d.claims["iat"] = now.Unix() - 301 }, code: "invalid_proof", check: "iat"},
		{name: "it refuses a proof of the future", bend: func(_ *testing.T, d *draft) { d.claims["iat"] = now.Unix() + 11 }, code: "invalid_proof", check: "iat"},
		{name: "it refuses no iat", bend: func(_ *testing.T, d *draft) { delete(d.claims, "iat") }, code: "invalid_proof", check: "iat"},
		{name: "it refuses iat as text", bend: func(_ *testing.T, d *draft) { d.claims["iat"] = fmt.Sprint(now.Unix()) }, code: "invalid_proof", check: "claims"},
		{name: "it believes nothing of iss with anonymous access", bend: func(_ *testing.T, d *draft) { d.claims["iss"] = "wallet" }},
		{name: "it takes a proof of almost five minutes", bend: func(_ *testing.T, d *draft) { d.claims["iat"] = now.Unix() - 299 }},
		{name: "it refuses what is too long", bend: func(_ *testing.T, d *draft) { d.header["x"] = strings.Repeat("x", openid4vci.MaxMessage) }, code: "invalid_proof", check: "jwt"},
		{name: "it refuses another client's iss", bend: func(_ *testing.T, d *draft) { d.claims["iss"] = "other" },
			policy: func(p *openid4vci.ProofPolicy) { p.ClientID = "wallet" }, code: "invalid_proof", check: "iss"},
		{name: "it refuses no nonce", bend: func(_ *testing.T, d *draft) { delete(d.claims, "nonce") }, code: "invalid_nonce", check: "nonce"},
		{name: "it refuses a nonce that is not live", bend: func(_ *testing.T, d *draft) { d.claims["nonce"] = "dead" }, code: "invalid_nonce", check: "nonce"},
		{name: "it refuses kid when no kid is known", bend: func(_ *testing.T, d *draft) {
			delete(d.header, "jwk")
			d.header["kid"] = "did:key:x"
		}, code: "invalid_proof", check: "key"},
		{name: "it refuses x5c when no chain is trusted", bend: func(_ *testing.T, d *draft) {
			delete(d.header, "jwk")
			d.header["x5c"] = []string{"AA=="}
		}, code: "invalid_proof", check: "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDraft(t)
			if c.bend != nil {
				c.bend(t, &d)
			}
			nonces := once{"live": true, "": true}
			p := policy(nonces)
			if c.policy != nil {
				c.policy(&p)
			}
			key, err := openid4vci.VerifyProof(t.Context(), d.sign(t), p)
			if c.code == "" {
				if err != nil || !d.key.PublicKey.Equal(key.Key) || nonces["live"] {
					t.Fatalf("%v, %v, nonce still live: %v", key.Key, err, nonces["live"])
				}
				return
			}
			var refused *openid4vci.Error
			if !errors.As(err, &refused) || refused.Code != c.code || refused.Check != c.check {
				t.Fatalf("got %v, want %s: %s", err, c.code, c.check)
			}
			if !nonces["live"] {
				t.Fatal("a refused proof burnt the nonce")
			}
		})
	}
}

func TestVerifyProofOtherKeys(t *testing.T) {
	d := newDraft(t)
	delete(d.header, "jwk")
	t.Run("it takes a key by kid", func(t *testing.T) {
		d.header["kid"] = "known"
		p := policy(once{"live": true})
		p.KeyByID = func(kid string) (jose.JSONWebKey, error) {
			key := jose.JSONWebKey{Key: &d.key.PublicKey}
			if kid != "known" {
				return key, errors.New("no longer his")
			}
			return key, nil
		}
		if key, err := openid4vci.VerifyProof(t.Context(), d.sign(t), p); err != nil || !d.key.PublicKey.Equal(key.Key) {
			t.Fatal(err)
		}
		d.header["kid"], p.Nonce = "other", once{"live": true}.spend
		if _, err := openid4vci.VerifyProof(t.Context(), d.sign(t), p); err == nil {
			t.Fatal("an unknown kid was taken")
		}
		delete(d.header, "kid")
	})
	t.Run("it takes a key by a trusted chain", func(t *testing.T) {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: now.Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &d.key.PublicKey, d.key)
		if err != nil {
			t.Fatal(err)
		}
		d.header["x5c"] = []string{base64.StdEncoding.EncodeToString(der)}
		p := policy(once{"live": true})
		if _, err := openid4vci.VerifyProof(t.Context(), d.sign(t), p); err == nil {
			t.Fatal("a chain was taken though none is trusted")
		}
		trusted := false
		p.Chain = func([]*x509.Certificate) error {
			if trusted {
				return nil
			}
			return errors.New("not trusted")
		}
		if _, err := openid4vci.VerifyProof(t.Context(), d.sign(t), p); err == nil {
			t.Fatal("an untrusted chain was taken")
		}
		trusted = true
		for _, junk := range [][]string{{}, {"AA=="}, {"!"}} {
			bent := draft{header: map[string]any{"alg": "ES256", "typ": "openid4vci-proof+jwt", "x5c": junk}, claims: d.claims, key: d.key}
			if _, err := openid4vci.VerifyProof(t.Context(), bent.sign(t), p); err == nil {
				t.Fatalf("%v was taken for a chain", junk)
			}
		}
		if _, err := openid4vci.VerifyProof(t.Context(), d.sign(t), p); err != nil {
			t.Fatal(err)
		}
	})
}

// What is no proof at all is refused by the part that cannot be read.
func TestVerifyProofSaysWhatItCannotRead(t *testing.T) {
	d := newDraft(t)
	for pad := "x"; ; pad += "x" {
		d.header["pad"] = pad
		header, err := json.Marshal(d.header)
		if err != nil {
			t.Fatal(err)
		}
		if len(header)%3 == 0 { // its base64 has no bits left over: it can be cut off whole
			break
		}
	}
	good := d.sign(t)
	bent := func(jwk any, x5c ...string) string {
		b := draft{header: map[string]any{"alg": "ES256", "typ": "openid4vci-proof+jwt"}, claims: d.claims, key: d.key}
		if b.header["jwk"] = jwk; jwk == nil {
			delete(b.header, "jwk")
			b.header["x5c"] = x5c
		}
		return b.sign(t)
	}
	for _, c := range []struct{ name, proof, want string }{
		{"it refuses what has no signature", good[:strings.LastIndex(good, ".")], "jwt: not a compact JWS"},
		{"it refuses a header that is base64url in part", strings.Replace(good, ".", "!.", 1), "header: not base64url"},
		{"it refuses a jwk that is no object", bent("key"), "key: jwk is not a key"},
		{"it refuses a jwk without a point", bent(map[string]any{"kty": "EC"}), "key: jwk is not a key"},
		{"it refuses an x5c that is not base64", bent(nil, "!"), "key: x5c is not base64"},
		{"it refuses an x5c that is no certificate", bent(nil, "AA=="), "key: x5c holds no certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := policy(once{"live": true})
			p.Chain = func([]*x509.Certificate) error { return nil }
			_, err := openid4vci.VerifyProof(t.Context(), c.proof, p)
			var refused *openid4vci.Error
			if !errors.As(err, &refused) || refused.Code != openid4vci.InvalidProof || refused.Description != c.want {
				t.Fatalf("got %v, want %s", err, c.want)
			}
		})
	}
}

//clause:issuer 8.2.1.1, F.1: jwt proofs
func TestVerifyProofStrictness(t *testing.T) {
	d := newDraft(t)
	header, err := json.Marshal(d.header)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, claims string }{
		{"it refuses a claim given twice", `{"aud":"https://issuer.example","aud":"https://issuer.example","iat":1795348800,"nonce":"live"}`},
		{"it refuses bytes after the claims", `{"aud":"https://issuer.example","iat":1795348800,"nonce":"live"}{}`},
		{"it tells AUD from aud", `{"AUD":"https://issuer.example","iat":1795348800,"nonce":"live"}`},
		{"it refuses what is no object", `[]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := openid4vci.VerifyProof(t.Context(), signRaw(t, d.key, header, []byte(c.claims)), policy(once{"live": true})); err == nil {
				t.Fatal("taken")
			}
		})
	}
}

func TestVerifyProofHeaderTwice(t *testing.T) {
	d := newDraft(t)
	header, err := json.Marshal(d.header)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := json.Marshal(d.claims)
	if err != nil {
		t.Fatal(err)
	}
	twice := append([]byte(`{"typ":"openid4vci-proof+jwt",`), header[1:]...)
	_, err = openid4vci.VerifyProof(t.Context(), signRaw(t, d.key, twice, claims), policy(once{"live": true}))
	var refused *openid4vci.Error
	if !errors.As(err, &refused) || refused.Check != "header" {
		t.Fatal(err)
	}
}

func TestVerifyProofs(t *testing.T) {
	one, two := newDraft(t), newDraft(t)
	other := newDraft(t)
	other.claims["nonce"] = "live too"
	for _, c := range []struct {
		name   string
		proofs []string
		batch  int
		code   openid4vci.Code
	}{
		{"it takes two keys under one nonce", []string{one.sign(t), two.sign(t)}, 2, ""},
		{"it refuses more than the batch", []string{one.sign(t), two.sign(t)}, 1, "invalid_proof"},
		{"it refuses one key twice", []string{one.sign(t), one.sign(t)}, 2, "invalid_proof"},
		{"it refuses two nonces", []string{one.sign(t), other.sign(t)}, 2, "invalid_nonce"},
		{"it refuses none", nil, 2, "invalid_proof"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := policy(once{"live": true, "live too": true})
			p.Batch = c.batch
			keys, err := openid4vci.VerifyProofs(t.Context(), &openid4vci.Proofs{JWT: c.proofs}, p)
			var refused *openid4vci.Error
			switch {
			case c.code == "" && (err != nil || len(keys) != len(c.proofs)):
				t.Fatalf("%d keys, %v", len(keys), err)
			case c.code != "" && (!errors.As(err, &refused) || refused.Code != c.code):
				t.Fatalf("got %v, want %s", err, c.code)
			}
		})
	}
	t.Run("it does not blame the wallet when the nonces cannot be asked", func(t *testing.T) {
		p := policy(nil)
		p.Nonce = func(context.Context, string) error { return errors.New("disk full") }
		_, err := openid4vci.VerifyProof(t.Context(), one.sign(t), p)
		var refused *openid4vci.Error
		if err == nil || errors.As(err, &refused) {
			t.Fatal(err)
		}
	})
	t.Run("it takes nothing without a nonce check", func(t *testing.T) {
		p := policy(nil)
		p.Nonce = nil
		if _, err := openid4vci.VerifyProof(t.Context(), one.sign(t), p); err == nil {
			t.Fatal("taken")
		}
	})
}

//clause:issuer 8.2.1.1, F.1: jwt proofs
func FuzzVerifyProof(f *testing.F) {
	d := newDraft(f)
	f.Add(d.sign(f))
	f.Add("")
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, proof string) {
		nonces := once{"live": true}
		key, err := openid4vci.VerifyProof(t.Context(), proof, policy(nonces))
		if (err == nil) != key.Valid() || (err == nil) == nonces["live"] {
			t.Fatalf("half an answer: %v, %v", key, err)
		}
	})
}
