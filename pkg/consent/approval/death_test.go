package approval

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func FuzzPeekDeath(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := SignDeath(Death{Subject: "s", IssuedAt: 1, Expires: 2}, key)
	if err != nil {
		f.Fatal(err)
	}
	erasure, err := SignErasure(Erasure{Subject: "s", Reason: ErasureDeath, IssuedAt: 1, Expires: 2}, key)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, erasure, "a.b.c", strings.Repeat("a", maxOrder+1)} {
		f.Add(seed)
	}
	officers := []jose.JSONWebKey{{Key: key.Public()}}
	f.Fuzz(func(t *testing.T, compact string) {
		if o, err := PeekDeath(compact); err == nil && compact == erasure {
			t.Errorf("%+v is taken", o)
		}
		if _, err := VerifyDeath([]string{compact, compact}, officers); err == nil {
			t.Error("one officer signed twice")
		}
	})
}
