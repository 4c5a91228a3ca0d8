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

// perOp measures f alone, so that a floor is taken in the same run.
func perOp(b *testing.B, f func()) time.Duration {
	b.Helper()
	const rounds = 200
	best := time.Hour
	for range 5 {
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
	sign = perOp(b, func() { _, _ = ecdsa.SignASN1(rand.Reader, key, digest[:]) })
	verify = perOp(b, func() { ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) })
	hash = perOp(b, func() { sha256.Sum256(data) })
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
	_, verify, hash := floors(b)
	b.ReportAllocs()
	for b.Loop() {
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
	floor := 2*verify + 22*hash
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(floor), "x/floor(2V+22H)")
}

// Issuing one with 20 claims needs one signature and 21 hashes.
func BenchmarkIssue20Claims(b *testing.B) {
	issuer, holder := newKey(b), newKey(b)
	claims := twentyClaims(holder)
	sign, _, hash := floors(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Issue(Key{Signer: issuer}, claims); err != nil {
			b.Fatal(err)
		}
	}
	floor := sign + 21*hash
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(floor), "x/floor(1S+21H)")
}
