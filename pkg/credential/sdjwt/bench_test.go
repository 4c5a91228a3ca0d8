package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"syscall"
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

// overFloor runs a subject and its floor in turns and compares the CPU time of the
// whole process, garbage collection with it: what else the machine does counts for
// neither, save for the caches that it empties, of which the median turn has the
// usual share. A turn is long enough for several collections.
func overFloor(subject, floor func()) float64 {
	const turns, each = 31, 400
	var ratios [turns]float64
	for i := range ratios {
		var spent [2]time.Duration
		for which, f := range [2]func(){subject, floor} {
			start := cpu()
			for range each {
				f()
			}
			spent[which] = cpu() - start
		}
		ratios[i] = float64(spent[0]) / float64(spent[1])
	}
	slices.Sort(ratios[:])
	return ratios[turns/2]
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bare is a key with a signature of its own.
type bare struct {
	key       *ecdsa.PrivateKey
	digest    [32]byte
	signature []byte
	data      [64]byte
}

func newBare(b *testing.B) *bare {
	n := &bare{key: newKey(b), digest: sha256.Sum256([]byte("x"))}
	var err error
	if n.signature, err = ecdsa.SignASN1(rand.Reader, n.key, n.digest[:]); err != nil {
		b.Fatal(err)
	}
	return n
}

func (n *bare) verify() { ecdsa.VerifyASN1(&n.key.PublicKey, n.digest[:], n.signature) }

func (n *bare) sign() { _, _ = ecdsa.SignASN1(rand.Reader, n.key, n.digest[:]) }

func (n *bare) hash(times int) {
	for range times {
		sha256.Sum256(n.data[:])
	}
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
	n := newBare(b)
	b.ReportMetric(overFloor(check, func() { n.verify(); n.verify(); n.hash(22) }), "x/floor(2V+22H)")
}

// Issuing one with 20 claims needs one signature, 22 hashes and 20 salts.
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
	n := newBare(b)
	var salt [saltBytes]byte
	b.ReportMetric(overFloor(issue, func() {
		n.sign()
		n.hash(22)
		for range 20 {
			rand.Read(salt[:])
		}
	}), "x/floor(1S+22H+salts)")
}
