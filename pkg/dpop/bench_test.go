package dpop_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/dpop"
)

// BenchmarkTokenWithProof checks an access token (at+jwt, ES256) and its DPoP
// proof, and prints how much dearer that is than the two raw P-256
// verifications it cannot do without (x-floor).
func BenchmarkTokenWithProof(b *testing.B) {
	key := newKey(b)
	header := map[jose.HeaderKey]any{"typ": "at+jwt"}
	token := made(b, jose.ES256, key, header, map[string]any{
		"iss": "https://hub.example", "sub": "x", "aud": "urn:provider", "exp": at.Unix() + 60, "cnf": map[string]string{"jkt": "x"},
	})
	m := maker(b)
	requests := make([]*http.Request, b.N)
	for n := range requests {
		proof, err := m.Proof(http.MethodGet, target, token, "")
		if err != nil {
			b.Fatal(err)
		}
		requests[n] = request(http.MethodGet, proof)
	}
	p := policy()
	p.AccessToken, p.JKT = token, m.JKT()
	floor := verification(b)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range requests {
		if n%(1<<15) == 0 {
			p.Replay = &dpop.Memory{Now: now}
		}
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := signed.Verify(key.Public()); err != nil {
			b.Fatal(err)
		}
		if _, err := dpop.Check(requests[n], p); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	b.ReportMetric(each/(2*float64(floor.Nanoseconds())), "x-floor")
	b.ReportMetric(float64(2*floor.Nanoseconds()), "ns-floor/op")
}

// BenchmarkCheck is the check of one proof with a warm replay store, and how much
// dearer it is than the one raw P-256 verification in it: processor time of both, in
// turns.
func BenchmarkCheck(b *testing.B) {
	m := maker(b)
	const turns, each = 60, 20
	var requests []*http.Request
	for range turns*each + b.N {
		proof, err := m.Proof(http.MethodGet, target, "token", "")
		if err != nil {
			b.Fatal(err)
		}
		requests = append(requests, request(http.MethodGet, proof))
	}
	p := policy()
	p.AccessToken, p.JKT = "token", m.JKT()
	next := 0
	check := func() {
		if next%(1<<15) == 0 {
			p.Replay = &dpop.Memory{Now: now}
		}
		if _, err := dpop.Check(requests[next], p); err != nil {
			b.Fatal(err)
		}
		next++
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		check()
	}
	b.StopTimer()
	key := newKey(b)
	digest := sha256.Sum256([]byte("x"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	floor := func() { ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) }
	var spent [2]time.Duration
	for range turns {
		for i, f := range [2]func(){check, floor} {
			start := cpu()
			for range each {
				f()
			}
			spent[i] += cpu() - start
		}
	}
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "x/floor(1V)")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// verification is the time of one raw P-256 verification here and now.
func verification(b *testing.B) time.Duration {
	key := newKey(b)
	digest := sha256.Sum256([]byte("x"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	const rounds = 500
	start := time.Now()
	for range rounds {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Fatal("not verified")
		}
	}
	return time.Since(start) / rounds
}
