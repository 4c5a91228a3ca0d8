package erasure_test

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

const resident = "resident-01"

// office is the real store and ledger with a citizen who has a grant and an offer.
type office struct {
	*erasure.Office
	*accounttest.Bench
	world          *consenttest.World
	citizen        string
	granted, asked consent.GrantID
	passkey        *consenttest.Passkey
	ended          int
}

func open(t *testing.T) *office {
	t.Helper()
	b := accounttest.New(t)
	_, mine := b.Person(t, resident, false)
	o := &office{Bench: b, world: consenttest.New(), citizen: mine.Citizen}
	o.world.Ledger.Store = b.DB.Consents()
	o.passkey = o.world.People.Enrol(o.citizen)
	o.granted = o.world.Granted(t.Context(), o.citizen, o.passkey).Grant
	asked, err := o.world.Ledger.Request(t.Context(), o.world.Request(o.citizen, nil))
	must(t, err)
	o.asked = asked.Grant
	o.Office = &erasure.Office{
		Store: b.DB.Erasures(), Ledger: o.world.Ledger, Officers: b.Officers, Now: o.world.Now,
		End: func(context.Context, string) error { o.ended++; return nil },
	}
	return o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// order is signed by two officers, for a reason.
func (o *office) order(t testing.TB, of, reason string, signers ...crypto.Signer) approval.Case {
	t.Helper()
	if len(signers) == 0 {
		signers = o.Signers[:]
	}
	order, err := approval.Erasure.Propose(of, reason, o.world.Now(), signers[0])
	must(t, err)
	if len(signers) > 1 {
		order, err = approval.Erasure.Approve(order, signers[1])
		must(t, err)
	}
	return order
}

func (o *office) gone(t testing.TB) bool {
	t.Helper()
	id, err := o.Office.Store.Citizen(t.Context(), resident)
	must(t, err)
	return id == ""
}

//clause:consent erasure: when the law allows it, by whom, once, and the log still proves
func TestErase(t *testing.T) {
	for _, c := range []struct {
		name  string
		order func(*office) approval.Case
		set   func(*office)
		want  error
	}{
		{"it erases after a death, whatever stands", func(o *office) approval.Case { return o.order(t, resident, "death") }, nil, nil},
		{"it erases by order of a court", func(o *office) approval.Case { return o.order(t, resident, "court") }, nil, nil},
		{"it waits for the law where the person asks", func(o *office) approval.Case { return o.order(t, resident, "request") }, nil, erasure.ErrLaw},
		{"it waits for the law's time too", func(o *office) approval.Case { return o.order(t, resident, "request") }, func(o *office) {
			o.world.Pass(60 * 24 * time.Hour)
		}, erasure.ErrLaw},
		{"it erases who asks once the law allows it", func(o *office) approval.Case { return o.order(t, resident, "request") }, func(o *office) {
			o.world.Pass(consent.ProofKept + 60*24*time.Hour)
		}, nil},
		{"it erases nothing under a hold", func(o *office) approval.Case { return o.order(t, resident, "death") }, func(o *office) {
			must(t, o.Hold(t.Context(), resident, "lawsuit"))
		}, erasure.ErrHeld},
		{"it erases after a hold was lifted", func(o *office) approval.Case { return o.order(t, resident, "death") }, func(o *office) {
			must(t, o.Hold(t.Context(), resident, "lawsuit"))
			must(t, o.Lift(t.Context(), resident))
		}, nil},
		{"it wants two officers", func(o *office) approval.Case { return o.order(t, resident, "death", o.Signers[0]) }, nil, erasure.ErrOrder},
		{"it wants two different officers", func(o *office) approval.Case { return o.order(t, resident, "death", o.Signers[0], o.Signers[0]) }, nil, erasure.ErrOrder},
		{"it wants the same order of both", func(o *office) approval.Case {
			one, other := o.order(t, resident, "death"), o.order(t, resident, "court")
			one.Orders[1] = other.Orders[1]
			return one
		}, nil, erasure.ErrOrder},
		{"it takes no order to enrol", func(o *office) approval.Case {
			one := o.order(t, resident, "death")
			for i, officer := range o.Signers {
				jws, err := approval.SignOrder(approval.Order{Subject: approval.OrderSubject(resident, one.Salt), IssuedAt: 1, Expires: 1 << 40}, officer)
				must(t, err)
				one.Orders[i] = jws
			}
			return one
		}, nil, erasure.ErrOrder},
		{"it is for whom the officers named", func(o *office) approval.Case {
			one := o.order(t, "resident-02", "death")
			one.Resident = resident
			return one
		}, nil, erasure.ErrOrder},
		{"it is for a week", func(o *office) approval.Case { return o.order(t, resident, "death") }, func(o *office) { o.world.Pass(approval.MeasureLife) }, erasure.ErrOrder},
		{"it knows who is unknown", func(o *office) approval.Case { return o.order(t, "resident-09", "death") }, nil, erasure.ErrNobody},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			var order approval.Case
			switch {
			case c.set == nil:
				order = c.order(o)
			case errors.Is(c.want, erasure.ErrOrder): // the order grows old
				order = c.order(o)
				c.set(o)
			default:
				c.set(o)
				order = c.order(o)
			}
			_, err := o.Erase(t.Context(), order)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if o.gone(t) != (c.want == nil) {
				t.Error("the person is gone, or is not, against the answer")
			}
			if c.want != nil {
				if r, _, err := o.world.Store.History(t.Context(), o.granted); o.ended > 0 || err == nil && r.State != consent.StateActive {
					t.Error("something was ended all the same")
				}
			}
		})
	}
}

// An order is carried out once: not on the account that the person makes later.
//
//clause:consent erasure: when the law allows it, by whom, once, and the log still proves
func TestEraseOnce(t *testing.T) {
	o := open(t)
	order := o.order(t, resident, "death")
	out, err := o.Erase(t.Context(), order)
	if err != nil || out.Grants != 2 || out.Before {
		t.Fatalf("%+v, %v", out, err)
	}
	o.Person(t, resident, false)
	if out, err := o.Erase(t.Context(), order); err != nil || !out.Before || o.gone(t) {
		t.Errorf("%+v, %v", out, err)
	}
	order.Orders = order.Orders[:1] // as in the file that the other officer approves
	again, err := approval.Erasure.Approve(order, o.Signers[1])
	must(t, err)
	if out, err := o.Erase(t.Context(), again); err != nil || !out.Before || o.gone(t) {
		t.Errorf("approved once more: %+v, %v", out, err)
	}
	if other := o.order(t, resident, "death"); approval.Erasure.Name(other) == approval.Erasure.Name(order) {
		t.Error("two orders have one name")
	}
}

var errLost = errors.New("connection reset")

// bad breaks the writes of a store: lost, or kept but called lost.
type bad struct {
	erasure.Store
	kept  bool
	times int
	first func()
}

func (b *bad) ErasePerson(ctx context.Context, g erasure.Gone) (out erasure.Erased, err error) {
	if b.first != nil {
		b.first()
		b.first = nil
	}
	if b.times--; b.times >= 0 {
		if b.kept {
			_, err = b.Store.ErasePerson(ctx, g)
		}
		return out, errors.Join(errLost, err)
	}
	return b.Store.ErasePerson(ctx, g)
}

// An erasure that broke off, at its end or before, goes on when it is ordered again.
//
//clause:consent erasure: when the law allows it, by whom, once, and the log still proves
func TestEraseGoesOn(t *testing.T) {
	for _, kept := range []bool{false, true} {
		o := open(t)
		o.Office.Store = &bad{Store: o.Office.Store, kept: kept, times: 1}
		order := o.order(t, resident, "death")
		if _, err := o.Erase(t.Context(), order); !errors.Is(err, errLost) {
			t.Errorf("kept=%v: %v", kept, err)
		}
		if out, err := o.Erase(t.Context(), order); err != nil || out.Before != kept || !o.gone(t) {
			t.Errorf("kept=%v: %+v, %v", kept, out, err)
		}
	}
	o := open(t)
	order := o.order(t, resident, "death")
	end := o.End
	o.End = func(context.Context, string) error { return errLost }
	if _, err := o.Erase(t.Context(), order); !errors.Is(err, errLost) || o.gone(t) {
		t.Errorf("%v", err)
	}
	o.End = end
	if _, err := o.Erase(t.Context(), order); err != nil || !o.gone(t) {
		t.Errorf("%v", err)
	}
}

// What was granted while the erasure was under way is ended too, and told.
func TestEraseLooksAgain(t *testing.T) {
	o := open(t)
	late := false
	o.Office.Store = &bad{Store: o.Office.Store, first: func() {
		late = o.world.Granted(t.Context(), o.citizen, o.passkey).Grant != ""
	}}
	out, err := o.Erase(t.Context(), o.order(t, resident, "death"))
	if err != nil || out.Grants != 3 || o.ended != 2 || !late {
		t.Errorf("%+v, %v, ended %d times", out, err, o.ended)
	}
}

// set is a store of a database that was set back: the log names orders that it
// does not know.
type set struct {
	erasure.Store
	ordered []string
}

func (s set) Ordered(context.Context) ([]string, error) { return s.ordered, nil }

// An order of before a restore is taken off the list by another that was carried
// out here, and by nothing else.
func TestSettle(t *testing.T) {
	o := open(t)
	carried := o.order(t, resident, "death")
	name := approval.Erasure.Name
	lost, by, undone := name(o.order(t, "resident-07", "court")), name(carried), name(o.order(t, "resident-08", "court"))
	_, err := o.Erase(t.Context(), carried)
	must(t, err)
	o.Office.Store = set{o.Office.Store, []string{lost, by, "AAAA"}}
	missing := func(want ...string) {
		t.Helper()
		if got, err := o.Missing(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("missing %v, %v", got, err)
		}
	}
	for does, c := range map[string][2]string{
		"it takes no order that the log does not name": {undone, by},
		"it takes no order that is carried out":        {by, by},
		"it takes no other that was not carried out":   {lost, undone},
		"it takes no order by itself":                  {lost, lost},
		"it takes nothing that is no digest":           {"AAAA", by},
		"it takes no digest with something behind it":  {lost + "=", by},
	} {
		t.Run(does, func(t *testing.T) {
			if err := o.Settle(t.Context(), c[0], c[1]); !errors.Is(err, erasure.ErrNotMissing) {
				t.Error(err)
			}
			missing(lost, "AAAA")
		})
	}
	must(t, o.Settle(t.Context(), lost, by))
	missing("AAAA")
}

func TestHold(t *testing.T) {
	o := open(t)
	if err := o.Hold(t.Context(), resident, "because"); !errors.Is(err, erasure.ErrReason) {
		t.Error(err)
	}
	for name, err := range map[string]error{"hold": o.Hold(t.Context(), "resident-09", "audit"), "lift": o.Lift(t.Context(), "resident-09")} {
		if !errors.Is(err, erasure.ErrNobody) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
