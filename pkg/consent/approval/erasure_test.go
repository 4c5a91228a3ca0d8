package approval

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func FuzzPeekErasure(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := SignErasure(Erasure{Subject: "s", Reason: ErasureDeath, IssuedAt: 1, Expires: 2}, key)
	if err != nil {
		f.Fatal(err)
	}
	other, err := SignOrder(Order{Subject: "s"}, key)
	if err != nil {
		f.Fatal(err)
	}
	reasonless, err := SignErasure(Erasure{Subject: "s", Reason: "because"}, key)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, other, reasonless, "a.b.c", strings.Repeat("a", maxOrder+1)} {
		f.Add(seed)
	}
	officers := []jose.JSONWebKey{{Key: key.Public()}}
	f.Fuzz(func(t *testing.T, compact string) {
		o, err := PeekErasure(compact)
		if err == nil && (o.Reason == "" || compact == other || compact == reasonless) {
			t.Errorf("%+v is taken", o)
		}
		if _, err := VerifyErasure([]string{compact, compact}, officers); err == nil {
			t.Error("one officer signed twice")
		}
	})
}

func TestVerifyErasure(t *testing.T) {
	var officers []jose.JSONWebKey
	var keys []*ecdsa.PrivateKey
	for range 2 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys, officers = append(keys, key), append(officers, jose.JSONWebKey{Key: key.Public()})
	}
	sign := func(o Erasure) (all []string) {
		for _, key := range keys {
			jws, err := SignErasure(o, key)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, jws)
		}
		return all
	}
	good := Erasure{Subject: "s", Reason: ErasureCourt, IssuedAt: 1, Expires: 2}
	if got, err := VerifyErasure(sign(good), officers); err != nil || got != good {
		t.Errorf("%+v, %v", got, err)
	}
	long := good
	long.Subject = strings.Repeat("s", maxOrder)
	more, err := signOrder(map[string]any{"sub": "s", "reason": "death", "iat": 1, "exp": 2, "more": 1}, ErasureType, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	enrol, err := signOrder(good, OrderType, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	because := good
	because.Reason = "because"
	if got, err := PeekErasure(sign(good)[0]); err != nil || got != good {
		t.Errorf("%+v, %v", got, err)
	}
	for name, jws := range map[string]string{"a long one": sign(long)[0], "an unknown member": more, "another typ": enrol, "another reason": sign(because)[0], "none": "a.b.c"} {
		if o, err := PeekErasure(jws); err == nil {
			t.Errorf("%s is taken: %+v", name, o)
		}
	}
	odd := good
	odd.Reason = "because"
	for name, orders := range map[string][]string{"a reason of its own": sign(odd), "one alone": sign(good)[:1], "three": append(sign(good), "a.b.c")} {
		if _, err := VerifyErasure(orders, officers); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
