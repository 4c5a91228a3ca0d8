package account_test

import (
	"context"
	"errors"
	"testing"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

var errBroken = errors.New("the line is broken")

// faulty breaks commits in the two ways a database can.
type faulty struct {
	account.Store
	lose, hide int // commits not kept; commits kept whose answer is lost
}

func (f *faulty) Commit(ctx context.Context, c account.Commit) error {
	if f.lose > 0 {
		f.lose--
		return errBroken
	}
	err := f.Store.Commit(ctx, c)
	if f.hide > 0 {
		f.hide--
		return errBroken
	}
	return err
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name       string
		lose, hide int
		want       error
	}{
		{"it tries again what was not kept", 2, 0, nil},
		{"it does once what was kept and not answered", 0, 2, nil},
		{"it gives up, with nothing changed", 3, 0, errBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := accounttest.New(t)
			ctx := t.Context()
			f := &faulty{Store: b.Store}
			a, err := account.New(account.Options{
				Store: f, Register: accounttest.Register(t), RP: accounttest.RP, Officers: b.Officers, PairwiseSecret: make([]byte, 32),
				Now: b.Now, Development: true, Replaced: func(context.Context, string) error { return nil },
			})
			is(t, "accounts", err, nil)
			b.Accounts = a
			arm := func() { f.lose, f.hide = c.lose, c.hide }

			// the order
			code, order, err := account.SignedOrder("resident-01", false, b.Now(), b.Signers)
			is(t, "order", err, nil)
			arm()
			is(t, "order", b.Enrol(ctx, order), c.want)
			if c.want != nil {
				is(t, "the order again", b.Enrol(ctx, order), nil)
			}

			// the first passkey
			p := accounttest.NewPhone()
			options, err := b.BeginEnrolment(ctx, p.Browser, somewhere, code)
			is(t, "begin", err, nil)
			arm()
			_, s, err := b.FinishEnrolment(ctx, p.Browser, code, "", p.Create(t, options))
			is(t, "first passkey", err, c.want)
			if c.want != nil {
				_, err = b.CitizenOf(ctx, "resident-01")
				is(t, "nothing changed", err, account.ErrNotFound)
				options, err = b.BeginEnrolment(ctx, p.Browser, somewhere, code)
				is(t, "begin again", err, nil)
				_, s, err = b.FinishEnrolment(ctx, p.Browser, code, "", p.Create(t, options))
				is(t, "first passkey again", err, nil)
			}

			// a change
			second := b.AddPhone(t, s, p)
			options, err = b.BeginRemove(ctx, s, second.ID())
			is(t, "begin remove", err, nil)
			arm()
			is(t, "remove", b.FinishChange(ctx, s, p.Get(t, options)), c.want)
			left := 1
			if c.want != nil {
				left = 2
			}
			events, err := b.History(ctx, s.Citizen)
			is(t, "history", err, nil)
			keys, err := b.Passkeys(ctx, s.Citizen)
			is(t, "passkeys", err, nil)
			if len(keys) != left || len(events) != 4-left {
				t.Errorf("%d passkeys, %d events", len(keys), len(events))
			}
		})
	}
}
