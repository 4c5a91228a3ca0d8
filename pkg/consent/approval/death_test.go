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

func TestVerifyDeath(t *testing.T) {
	var officers []jose.JSONWebKey
	var orders, others []string
	said := Death{Subject: "s", IssuedAt: 1, Expires: 2}
	for range 2 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		officers = append(officers, jose.JSONWebKey{Key: key.Public()})
		order, err := SignDeath(said, key)
		if err != nil {
			t.Fatal(err)
		}
		other, err := SignErasure(Erasure{Subject: "s", Reason: ErasureDeath, IssuedAt: 1, Expires: 2}, key)
		if err != nil {
			t.Fatal(err)
		}
		orders, others = append(orders, order), append(others, other)
	}
	if got, err := VerifyDeath(orders, officers); err != nil || got != said {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := PeekDeath(orders[0]); err != nil || got != said {
		t.Errorf("%+v, %v", got, err)
	}
	for name, bad := range map[string][]string{
		"no orders": nil, "one": orders[:1], "three": {orders[0], orders[1], orders[0]}, "one twice": {orders[0], orders[0]},
		"orders to erase": others, "one of each": {orders[0], others[1]},
	} {
		if _, err := VerifyDeath(bad, officers); err == nil {
			t.Errorf("it takes %s", name)
		}
	}
	if _, err := VerifyDeath(orders, officers[:1]); err == nil {
		t.Error("it takes a stranger's signature")
	}
	head, tail, _ := strings.Cut(orders[0], ".")
	_, signature, _ := strings.Cut(tail, ".")
	for name, c := range map[string]struct{ order, says string }{
		"an order to erase": {others[0], "no order that reports a death"},
		"what is too long":  {strings.Repeat("a", maxOrder+1), "an order of"},
		"what is no JSON":   {head + ".eA." + signature, "order:"},
	} {
		if _, err := PeekDeath(c.order); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("it takes %s: %v", name, err)
		}
	}
}
