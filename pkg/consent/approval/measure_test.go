package approval

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var ordered = time.Unix(1_800_000_000, 0)

func newOfficers(t testing.TB, n int) (keys []*ecdsa.PrivateKey, officers []jose.JSONWebKey) {
	t.Helper()
	for range n {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys, officers = append(keys, key), append(officers, jose.JSONWebKey{Key: key.Public()})
	}
	return keys, officers
}

// signed is a case as both officers signed it, whatever it says.
func signed(t testing.TB, o any, typ string, keys ...*ecdsa.PrivateKey) Case {
	t.Helper()
	c := Case{Resident: "resident-01", Salt: make([]byte, 32)}
	for _, key := range keys {
		order, err := signOrder(o, typ, key)
		if err != nil {
			t.Fatal(err)
		}
		c.Orders = append(c.Orders, order)
	}
	return c
}

func measured(reason string, from, until time.Duration) Measured {
	return Measured{OrderSubject("resident-01", make([]byte, 32)), reason, ordered.Add(from).Unix(), ordered.Add(until).Unix()}
}

//clause:consent erasure: when the law allows it, by whom, once, and the log still proves
func TestMeasures(t *testing.T) {
	keys, officers := newOfficers(t, 2)
	stranger, _ := newOfficers(t, 1)
	for m, reason := range map[Measure]string{Death: "", Erasure: ErasureCourt} {
		other, why := Erasure, ErasureCourt
		if m == Erasure {
			other, why = Death, ""
		}
		proposed, err := m.Propose("resident-01", reason, ordered, keys[0])
		if err != nil {
			t.Fatal(err)
		}
		good, err := m.Approve(proposed, keys[1])
		if err != nil || len(proposed.Orders) != 1 {
			t.Fatal(err)
		}
		if o, err := m.Verify(good, officers, ordered); err != nil || o.Reason != reason || o.Expires-o.IssuedAt != int64(MeasureLife/time.Second) {
			t.Errorf("%s: it does not take its own: %+v, %v", m, o, err)
		}
		again, err := m.Propose("resident-01", reason, ordered, keys[0])
		if err != nil {
			t.Fatal(err)
		}
		of := func(o any) Case { return signed(t, o, m.typ(), keys...) }
		long := measured(reason, 0, time.Hour)
		long.Subject = strings.Repeat("s", maxOrder)
		person := func(c Case, resident string, salt int) Case {
			c.Resident, c.Salt = resident, c.Salt[:salt]
			return c
		}
		orders := func(all ...string) Case { return Case{good.Resident, good.Salt, all} }
		for _, c := range []struct {
			name, says string
			in         Case
		}{
			{"it takes what both signed elsewhere", "", of(measured(reason, 0, time.Hour))},
			{"it takes an order of a clock that is a little ahead", "", of(measured(reason, clockSkew, time.Hour))},
			{"it wants orders", "0 orders", orders()},
			{"it wants two", "1 orders", proposed},
			{"it wants no more", "3 orders", orders(good.Orders[0], good.Orders[1], good.Orders[0])},
			{"it wants two officers", "one officer signed twice", orders(good.Orders[0], good.Orders[0])},
			{"it wants the same order of both", "different orders", orders(again.Orders[0], good.Orders[1])},
			{"it knows the officers", "no officer", signed(t, measured(reason, 0, time.Hour), m.typ(), keys[0], stranger[0])},
			{"it takes no other measure", "an order's typ is", signed(t, measured(why, 0, time.Hour), other.typ(), keys...)},
			{"it takes no order to enrol", "an order's typ is", signed(t, measured(reason, 0, time.Hour), OrderType, keys...)},
			{"it takes no unknown member", "order:", of(map[string]any{"sub": "s", "iat": 1, "exp": 2, "more": 1})},
			{"it takes no long order", "an order of", of(long)},
			{"it is for whom the officers named", "somebody else", person(good, "resident-02", 32)},
			{"it wants a whole salt", "somebody else", person(good, good.Resident, 31)},
			{"it takes no reason of its own", "not on the list", of(measured("because", 0, time.Hour))},
			{"it takes no reason of the other measure", "not on the list", of(measured(why, 0, time.Hour))},
			{"it is not for later", "not valid now", of(measured(reason, clockSkew+time.Second, time.Hour))},
			{"it is over when it is", "not valid now", of(measured(reason, -time.Hour, 0))},
			{"it is for no more than a week", "more than seven days", of(measured(reason, 0, MeasureLife+time.Second))},
		} {
			t.Run(string(m)+": "+c.name, func(t *testing.T) {
				_, err := m.Verify(c.in, officers, ordered)
				var refused *CheckError
				if (err == nil) != (c.says == "") || err != nil && (!errors.As(err, &refused) || refused.Check != CheckOfficers || !strings.Contains(refused.Cause, c.says)) {
					t.Errorf("got %v, want %q", err, c.says)
				}
			})
		}
	}
}

// What a second officer is asked to sign is about whom it says, and for a reason.
func TestApproveRefuses(t *testing.T) {
	keys, _ := newOfficers(t, 2)
	one, err := Erasure.Propose("resident-01", ErasureDeath, ordered, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Erasure.Propose("resident-01", "because", ordered, keys[0]); err == nil || !strings.Contains(err.Error(), "not on the list") {
		t.Errorf("it proposes for a reason of its own: %v", err)
	}
	two, err := Erasure.Approve(one, keys[1])
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := one
	elsewhere.Resident = "resident-02"
	order := func(jws string) Case { return Case{one.Resident, one.Salt, []string{jws}} }
	head, tail, _ := strings.Cut(one.Orders[0], ".")
	_, signature, _ := strings.Cut(tail, ".")
	for _, c := range []struct {
		name, says string
		in         Case
	}{
		{"it adds no third", "2 signatures", two},
		{"it adds nothing to nothing", "0 signatures", Case{Resident: "resident-01", Salt: one.Salt}},
		{"it signs for nobody else", "somebody else", elsewhere},
		{"it signs no death", "an order's typ is", signed(t, measured("", 0, time.Hour), Death.typ(), keys[0])},
		{"it signs for no other reason", "not on the list", signed(t, measured("because", 0, time.Hour), Erasure.typ(), keys[0])},
		{"it reads no long order", "an order of", order(strings.Repeat("a", maxOrder+1))},
		{"it reads no other text", "order:", order("a.b.c")},
		{"it reads no other JSON", "order:", order(head + "." + base64.RawURLEncoding.EncodeToString([]byte("x")) + "." + signature)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Erasure.Approve(c.in, keys[1]); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// The names are in databases and logs.
func TestMeasureNames(t *testing.T) {
	for m, want := range map[Measure]string{Death: "rF-J7GDO5EiYj7ATA6f4NI1KKv_7JMWz7wQ_6vV8OgY", Erasure: "HdaPvRyl66jAwHRgWJfV4LJhPlDHjXduEXxpKkV2udY"} {
		for _, orders := range [][]string{{"h.p.s"}, {"h.p.s", "g.p.t"}, {"h.p.x", "g.p.y"}} { // approved once more
			if got := m.Name(Case{Resident: "resident-01", Orders: orders}); got != want {
				t.Errorf("%s: %s", m, got)
			}
		}
		if m.Name(Case{Orders: []string{"h.q.s"}}) == want || m.Name(Case{}) == want {
			t.Errorf("%s: two orders have one name", m)
		}
	}
}

// FuzzMeasure: nothing that one officer signed, and no other order, is carried out.
func FuzzMeasure(f *testing.F) {
	keys, officers := newOfficers(f, 1)
	death := signed(f, measured("", 0, time.Hour), Death.typ(), keys...).Orders[0]
	erasure := signed(f, measured(ErasureDeath, 0, time.Hour), Erasure.typ(), keys...).Orders[0]
	enrol := signed(f, Order{Subject: "s"}, OrderType, keys...).Orders[0]
	reasonless := signed(f, measured("", 0, time.Hour), Erasure.typ(), keys...).Orders[0]
	for _, seed := range []string{death, erasure, enrol, reasonless, "a.b.c", strings.Repeat("a", maxOrder+1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, compact string) {
		c := Case{Resident: "resident-01", Salt: make([]byte, 32), Orders: []string{compact}}
		for m, foreign := range map[Measure][]string{Death: {erasure, enrol, reasonless}, Erasure: {death, enrol, reasonless}} {
			approved, err := m.Approve(c, keys[0])
			if err == nil && slices.Contains(foreign, compact) {
				t.Errorf("%s: %s is signed", m, compact)
			}
			if err != nil {
				approved = Case{c.Resident, c.Salt, []string{compact, compact}}
			}
			if _, err := m.Verify(approved, officers, ordered); err == nil {
				t.Error("one officer signed twice")
			}
		}
	})
}
