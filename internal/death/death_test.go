package death_test

import (
	"context"
	"crypto"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/death"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

const resident = "resident-01"

// office is the real store and ledger with a citizen who has a grant and asks for
// another.
type office struct {
	*death.Office
	*accounttest.Bench
	world          *consenttest.World
	citizen        string
	phone          *accounttest.Phone
	session        account.Session
	granted, asked consent.GrantID
	ended          int   // passes
	left           int   // credentials that a pass finds
	fails          error // what ending them answers
}

func open(t *testing.T) *office {
	t.Helper()
	b := accounttest.New(t)
	phone, mine := b.Person(t, resident, false)
	o := &office{Bench: b, world: consenttest.New(), citizen: mine.Citizen, phone: phone, session: mine, left: 2}
	o.world.Ledger.Store = b.DB.Consents()
	passkey := o.world.People.Enrol(o.citizen)
	o.granted = o.world.Granted(t.Context(), o.citizen, passkey).Grant
	asked, err := o.world.Ledger.Request(t.Context(), o.world.Request(o.citizen, nil))
	must(t, err)
	o.asked = asked.Grant
	o.Office = &death.Office{
		Store: b.DB.Deaths(), Ledger: o.world.Ledger, Officers: b.Officers, Now: o.world.Now,
		End: func(context.Context, string) (int, error) {
			o.ended++
			if o.fails != nil {
				return 0, o.fails
			}
			left := o.left
			o.left = 0
			return left, nil
		},
	}
	return o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *office) order(t testing.TB, of string, signers ...crypto.Signer) approval.Case {
	t.Helper()
	if len(signers) == 0 {
		signers = o.Signers[:]
	}
	order, err := approval.Death.Propose(of, "", o.world.Now(), signers[0])
	must(t, err)
	if len(signers) > 1 {
		order, err = approval.Death.Approve(order, signers[1])
		must(t, err)
	}
	return order
}

// closed says whether login and enrolment are.
func (o *office) closed(t testing.TB) bool {
	t.Helper()
	closed, err := o.DB.Accounts().Closed(t.Context(), resident)
	must(t, err)
	keys, err := o.Accounts.Passkeys(t.Context(), o.citizen)
	must(t, err)
	if closed != (len(keys) == 0) {
		t.Errorf("closed is %v, with %d passkeys", closed, len(keys))
	}
	return closed
}

func (o *office) state(t testing.TB, id consent.GrantID) consent.State {
	t.Helper()
	r, _, err := o.world.Ledger.Store.History(t.Context(), id)
	must(t, err)
	return r.State
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		name  string
		order func(*office) approval.Case
		want  error
	}{
		{"it takes an order of two officers", func(o *office) approval.Case { return o.order(t, resident) }, nil},
		{"it wants two officers", func(o *office) approval.Case { return o.order(t, resident, o.Signers[0]) }, death.ErrOrder},
		{"it wants two different officers", func(o *office) approval.Case { return o.order(t, resident, o.Signers[0], o.Signers[0]) }, death.ErrOrder},
		{"it wants the same order of both", func(o *office) approval.Case {
			one, other := o.order(t, resident), o.order(t, resident)
			one.Orders[1] = other.Orders[1]
			return one
		}, death.ErrOrder},
		{"it takes no order to erase", func(o *office) approval.Case {
			one, err := approval.Erasure.Propose(resident, "death", o.world.Now(), o.Signers[0])
			must(t, err)
			one, err = approval.Erasure.Approve(one, o.Signers[1])
			must(t, err)
			return one
		}, death.ErrOrder},
		{"it is for whom the officers named", func(o *office) approval.Case {
			one := o.order(t, "resident-02")
			one.Resident = resident
			return one
		}, death.ErrOrder},
		{"it wants a whole salt", func(o *office) approval.Case {
			one := o.order(t, resident)
			one.Salt = one.Salt[:31]
			return one
		}, death.ErrOrder},
		{"it is over after a week", func(o *office) approval.Case {
			one := o.order(t, resident)
			o.world.Pass(approval.MeasureLife)
			return one
		}, death.ErrOrder},
		{"it wants orders at all", func(*office) approval.Case { return approval.Case{Resident: resident} }, death.ErrOrder},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			_, err := o.Report(t.Context(), c.order(o))
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if o.closed(t) != (c.want == nil) {
				t.Error("the account is closed, or is not, against the answer")
			}
			if c.want != nil && (o.ended > 0 || o.state(t, o.granted) == consent.StateInvalidated) {
				t.Error("something was ended all the same")
			}
		})
	}
}

//clause:status ours: a name that changes, a lost phone, a death, by the public doors
func TestADeathEndsEverything(t *testing.T) {
	o := open(t)
	token, _ := o.SignIn(t, o.phone)
	out, err := o.Report(t.Context(), o.order(t, resident))
	if err != nil || out.Grants != 2 || out.Credentials != 2 || out.Before {
		t.Fatalf("%+v, %v", out, err)
	}
	if r, _, err := o.world.Ledger.Store.History(t.Context(), o.granted); err != nil || r.State != consent.StateInvalidated || r.Reason != "person_died" {
		t.Errorf("the grant is %v for %q, %v", r.State, r.Reason, err)
	}
	if s := o.state(t, o.asked); s == consent.StateRequested || s == consent.StateActive {
		t.Errorf("what was asked for is %v", s)
	}
	if _, err := o.Accounts.Session(t.Context(), token); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("the session lives: %v", err)
	}
	if _, err := o.Accounts.Resident(t.Context(), o.citizen); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("something can still be issued to the person: %v", err)
	}
	if _, err := o.Admit(t.Context(), resident); !errors.Is(err, account.ErrClosed) {
		t.Errorf("the counter still serves the person: %v", err)
	}
	_, order, err := account.SignedOrder(resident, true, o.Bench.Now(), [2]crypto.Signer{o.Signers[0], o.Signers[1]})
	must(t, err)
	if err := o.Enrol(t.Context(), order); !errors.Is(err, account.ErrClosed) {
		t.Errorf("the account can be opened again: %v", err)
	}
	if c, err := o.CitizenOf(t.Context(), resident); err != nil || c.ID != o.citizen {
		t.Errorf("the history is nobody's: %+v, %v", c, err)
	}
	again, err := o.Report(t.Context(), o.order(t, resident))
	if err != nil || again.Grants != 0 || !again.Before {
		t.Errorf("a second order: %+v, %v", again, err)
	}
}

// Who never had an account cannot get one.
func TestADeathBeforeTheAccount(t *testing.T) {
	o := open(t)
	if _, err := o.Report(t.Context(), o.order(t, "resident-02")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Admit(t.Context(), "resident-02"); !errors.Is(err, account.ErrClosed) {
		t.Errorf("%v", err)
	}
	if o.closed(t) {
		t.Error("another account was closed")
	}
}

// An enrolment that had begun cannot finish: the transaction itself refuses.
func TestADeathDuringAnEnrolment(t *testing.T) {
	o := open(t)
	if _, err := o.Report(t.Context(), o.order(t, resident)); err != nil {
		t.Fatal(err)
	}
	row := account.PasskeyRow{ID: "late", Citizen: o.citizen, Credential: []byte("{}"), JWK: []byte("{}"), Added: o.Bench.Now(), LastUsed: o.Bench.Now()}
	err := o.DB.Accounts().Commit(t.Context(), account.Commit{ID: "late", Passkey: &row, At: o.Bench.Now()})
	if !errors.Is(err, account.ErrClosed) || !o.closed(t) {
		t.Errorf("%v", err)
	}
}

var errLost = errors.New("connection reset")

// bad breaks the writes of a store: lost, or kept but called lost.
type bad struct {
	death.Store
	kept          bool
	close, settle bool
}

func (b *bad) Close(ctx context.Context, c death.Closed) (death.Closed, bool, error) {
	if !b.close {
		return b.Store.Close(ctx, c)
	}
	b.close = false
	var err error
	if b.kept {
		_, _, err = b.Store.Close(ctx, c)
	}
	return death.Closed{}, false, errors.Join(errLost, err)
}

func (b *bad) Settle(ctx context.Context, resident string, at time.Time) error {
	if !b.settle {
		return b.Store.Settle(ctx, resident, at)
	}
	b.settle = false
	var err error
	if b.kept {
		err = b.Store.Settle(ctx, resident, at)
	}
	return errors.Join(errLost, err)
}

//clause:status ours: a name that changes, a lost phone, a death, by the public doors
func TestADeathThatBreaksOffGoesOn(t *testing.T) {
	for _, kept := range []bool{false, true} {
		o := open(t)
		broken := &bad{Store: o.Office.Store, kept: kept, close: true}
		o.Office.Store = broken
		order := o.order(t, resident)
		if _, err := o.Report(t.Context(), order); !errors.Is(err, errLost) || o.closed(t) != kept {
			t.Errorf("kept=%v: %v", kept, err)
		}
		if out, err := o.Report(t.Context(), order); err != nil || out.Before || out.Grants != 2 {
			t.Errorf("kept=%v: %+v, %v", kept, out, err)
		}
	}

	// The process dies between the stores: another one goes on by the row alone.
	o := open(t)
	o.fails = errLost
	if _, err := o.Report(t.Context(), o.order(t, resident)); !errors.Is(err, errLost) || !o.closed(t) || o.state(t, o.granted) != consent.StateActive {
		t.Fatalf("%v", err)
	}
	o.fails = nil
	must(t, o.Go(t.Context()))
	if o.state(t, o.granted) != consent.StateInvalidated || o.left != 0 {
		t.Error("it did not go on")
	}
}

// An account is settled by a pass that found nothing, a minute after it was closed
// or later; until then each pass looks again.
func TestADeathSettles(t *testing.T) {
	for _, kept := range []bool{false, true} {
		o := open(t)
		broken := &bad{Store: o.Office.Store, kept: kept, settle: true}
		o.Office.Store = broken
		if _, err := o.Report(t.Context(), o.order(t, resident)); err != nil {
			t.Fatal(err)
		}
		o.left = 1 // a request that was under way brought one more
		must(t, o.Go(t.Context()))
		if o.left != 0 {
			t.Error("what came late stays")
		}
		unsettled := func() int {
			all, err := o.Office.Store.Unsettled(t.Context(), 10)
			must(t, err)
			return len(all)
		}
		must(t, o.Go(t.Context()))
		if unsettled() != 1 {
			t.Error("it is settled at once")
		}
		o.world.Pass(time.Minute)
		if err := o.Go(t.Context()); !errors.Is(err, errLost) {
			t.Errorf("kept=%v: %v", kept, err)
		}
		must(t, o.Go(t.Context()))
		if passes := o.ended; unsettled() != 0 {
			t.Error("it is never settled")
		} else if must(t, o.Go(t.Context())); o.ended != passes {
			t.Error("what is settled is looked at for ever")
		}
	}
}
