package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func twentyClaims(holder *ecdsa.PrivateKey) map[string]any {
	claims := map[string]any{"iss": "https://issuer.example", "vct": "urn:example:card", "iat": 1, "exp": 4102444800,
		"cnf": map[string]any{"jwk": jose.JSONWebKey{Key: holder.Public()}}}
	for i := range 20 {
		claims[fmt.Sprintf("claim_%02d", i)] = Hidden{fmt.Sprintf("value number %d", i)}
	}
	return claims
}

// perOp is the best of many short rounds, for a floor and for what stands on it
// alike, so that their ratio holds on a busy machine too.
func perOp(f func()) time.Duration {
	const rounds = 10
	best := time.Hour
	for range 100 {
		start := time.Now()
		for range rounds {
			f()
		}
		best = min(best, time.Since(start)/rounds)
	}
	return best
}

func floors(b *testing.B) (sign, verify, hash time.Duration) {
	key := newKey(b)
	digest := sha256.Sum256([]byte("x"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 64)
	sign = perOp(func() { _, _ = ecdsa.SignASN1(rand.Reader, key, digest[:]) })
	verify = perOp(func() { ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) })
	hash = perOp(func() { sha256.Sum256(data) })
	return sign, verify, hash
}

// Verifying an SD-JWT VC with 20 disclosed claims and key binding needs two
// signature checks and 22 hashes.
func BenchmarkVerify20ClaimsWithKeyBinding(b *testing.B) {
	issuer, holder := newKey(b), newKey(b)
	issued, err := Issue(Key{Signer: issuer}, twentyClaims(holder))
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	kb := KeyBinding{Audience: "x509_hash:abc", Nonce: "nonce", IssuedAt: now}
	presented, err := Bind(issued, holder, kb)
	if err != nil {
		b.Fatal(err)
	}
	check := func() {
		token, err := Parse(presented)
		if err != nil {
			b.Fatal(err)
		}
		claims, err := token.Verify(&issuer.PublicKey)
		if err != nil {
			b.Fatal(err)
		}
		key, err := HolderKey(claims)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := token.VerifyKeyBinding(key.Key, kb); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		check()
	}
	_, verify, hash := floors(b)
	b.ReportMetric(float64(perOp(check))/float64(2*verify+22*hash), "x/floor(2V+22H)")
}

// Issuing one with 20 claims needs one signature and 21 hashes.
func BenchmarkIssue20Claims(b *testing.B) {
	issuer, holder := newKey(b), newKey(b)
	claims := twentyClaims(holder)
	issue := func() {
		if _, err := Issue(Key{Signer: issuer}, claims); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		issue()
	}
	sign, _, hash := floors(b)
	b.ReportMetric(float64(perOp(issue))/float64(sign+21*hash), "x/floor(1S+21H)")
}
