package transfer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/dpop"
)

// BenchmarkToken reports what a provider's check of an access token costs, its
// sealed part opened, times one bare ECDSA verification over the token's bytes
// and one bare ECDH and AES-256-GCM decryption of the sealed part's.
//
// BenchmarkCheck does so for all checks of a release request, times the bare
// signatures and the decryption that they prescribe. Both are CPU time of the
// whole process, measured in turns.
func BenchmarkToken(b *testing.B) {
	a := ask(b)
	r, _ := a.sent()
	f := newFloor(b, a)
	turns(b, func() {
		g := &Granted{}
		if err := a.provider.checkToken(r, g); err != nil {
			b.Fatal(err)
		}
		if err := a.provider.checkAudience(g); err != nil {
			b.Fatal(err)
		}
		if _, err := Open(g.Token.Sealed, a.provider.Key); err != nil {
			b.Fatal(err)
		}
	}, func() { f.verify(1); f.decrypt() })
}

func BenchmarkCheck(b *testing.B) {
	a := ask(b)
	r, body := a.sent()
	f := newFloor(b, a)
	// token, proof, request, assertion, two orders; log and three witnesses, which
	// are Ed25519 and counted as if they were ECDSA
	const signatures = 6 + 4
	turns(b, func() {
		a.provider.Replay = &dpop.Memory{Now: a.Now}
		if _, err := a.provider.Check(r, body, a.cat); err != nil {
			b.Fatal(err)
		}
	}, func() { f.verify(signatures); f.decrypt() })
}

// turns has subject and floor take turns and reports their ratio.
func turns(b *testing.B, subject, floor func()) {
	b.Helper()
	var spent, bare time.Duration
	for b.Loop() {
		began := cpu()
		subject()
		half := cpu()
		floor()
		spent, bare = spent+half-began, bare+cpu()-half
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-µs")
	b.ReportMetric(float64(spent)/float64(bare), "x-floor")
}

// floor is the cryptography alone.
type floor struct {
	b                *testing.B
	key              *ecdsa.PrivateKey
	token, signature []byte
	mine             *ecdh.PrivateKey
	theirs           *ecdh.PublicKey
	sealed, nonce    []byte
}

func newFloor(b *testing.B, a *asked) floor {
	b.Helper()
	r, _ := a.sent()
	token, err := AccessToken(r)
	ok(b, err)
	parts := strings.Split(a.Token.Sealed, ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[3])
	ok(b, err)
	f := floor{b: b, key: consenttest.NewKey(), token: []byte(token), nonce: make([]byte, 12)}
	sum := sha256.Sum256(f.token)
	f.signature, err = f.key.Sign(rand.Reader, sum[:], nil)
	ok(b, err)
	f.mine, err = ecdh.P256().GenerateKey(rand.Reader)
	ok(b, err)
	other, err := ecdh.P256().GenerateKey(rand.Reader)
	ok(b, err)
	f.theirs = other.PublicKey()
	f.sealed = f.gcm().Seal(nil, f.nonce, text, nil)
	return f
}

func ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (f floor) gcm() cipher.AEAD {
	secret, err := f.mine.ECDH(f.theirs)
	ok(f.b, err)
	key := sha256.Sum256(secret)
	block, err := aes.NewCipher(key[:])
	ok(f.b, err)
	aead, err := cipher.NewGCM(block)
	ok(f.b, err)
	return aead
}

func (f floor) verify(n int) {
	for range n {
		sum := sha256.Sum256(f.token)
		if !ecdsa.VerifyASN1(&f.key.PublicKey, sum[:], f.signature) {
			f.b.Fatal("the floor fails")
		}
	}
}

func (f floor) decrypt() {
	_, err := f.gcm().Open(nil, f.nonce, f.sealed, nil)
	ok(f.b, err)
}

// cpu is the time that this process has had of the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
