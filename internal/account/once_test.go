package account_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

// brittle breaks the next write of one name: it is lost, or kept although it
// fails.
type brittle struct {
	account.Store
	op   string
	kept bool
}

func (f *brittle) do(op string, write func() error) error {
	broken := f.op == op
	if broken {
		f.op = ""
	}
	if broken && !f.kept {
		return errBroken
	}
	err := write()
	if broken && err == nil {
		return errBroken
	}
	return err
}

func (f *brittle) TryOrder(ctx context.Context, hash string, now time.Time, tries int64) (o account.OrderRow, err error) {
	err = f.do("TryOrder", func() (err error) { o, err = f.Store.TryOrder(ctx, hash, now, tries); return err })
	return o, err
}

func (f *brittle) TouchPasskey(ctx context.Context, id string, credential []byte, used time.Time) error {
	return f.do("TouchPasskey", func() error { return f.Store.TouchPasskey(ctx, id, credential, used) })
}

func (f *brittle) PutCeremony(ctx context.Context, c account.CeremonyRow, now time.Time) error {
	return f.do("PutCeremony", func() error { return f.Store.PutCeremony(ctx, c, now) })
}

func (f *brittle) TakeCeremony(ctx context.Context, key, kind, owner string, now time.Time) (c account.CeremonyRow, err error) {
	err = f.do("TakeCeremony", func() (err error) { c, err = f.Store.TakeCeremony(ctx, key, kind, owner, now); return err })
	return c, err
}

func (f *brittle) PutSession(ctx context.Context, s account.SessionRow, now time.Time) error {
	return f.do("PutSession", func() error { return f.Store.PutSession(ctx, s, now) })
}

func (f *brittle) EndSession(ctx context.Context, hash string) error {
	return f.do("EndSession", func() error { return f.Store.EndSession(ctx, hash) })
}

func (f *brittle) EndSessions(ctx context.Context, citizen, but string) error {
	return f.do("EndSessions", func() error { return f.Store.EndSessions(ctx, citizen, but) })
}

func (f *brittle) Pseudonym(ctx context.Context, sector, citizen, sub string) (kept string, err error) {
	err = f.do("Pseudonym", func() (err error) { kept, err = f.Store.Pseudonym(ctx, sector, citizen, sub); return err })
	return kept, err
}

func (f *brittle) Spend(ctx context.Context, name string, start time.Time, n int64) (sum int64, err error) {
	err = f.do("Spend", func() (err error) { sum, err = f.Store.Spend(ctx, name, start, n); return err })
	return sum, err
}

// Passkeys is read, not written: it breaks alike.
func (f *brittle) Passkeys(ctx context.Context, citizen string) (rows []account.PasskeyRow, err error) {
	err = f.do("Passkeys", func() (err error) { rows, err = f.Store.Passkeys(ctx, citizen); return err })
	return rows, err
}

// brittleBench is accounts of one person, whose writes break when told to.
func brittleBench(t *testing.T, kept bool) (*accounttest.Bench, *brittle, *accounttest.Phone, account.Session) {
	t.Helper()
	b := accounttest.New(t)
	f := &brittle{Store: b.Store, kept: kept}
	a, err := account.New(account.Options{
		Store: f, Register: accounttest.Register(t), RP: accounttest.RP, Officers: b.Officers, PairwiseSecret: make([]byte, 32),
		Now: b.Now, Development: true, Replaced: func(context.Context, string) error { return nil },
	})
	is(t, "accounts", err, nil)
	b.Accounts = a
	phone, session := b.Person(t, "resident-01", false)
	return b, f, phone, session
}

// TestOnceFaults breaks each write beside the commits: nothing is given, a
// challenge is whole or used up, and the next try goes through.
func TestOnceFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: " that was lost", true: " that was kept although it failed"}[kept]
		t.Run("it asks no passkey for a challenge"+way, func(t *testing.T) {
			b, f, phone, _ := brittleBench(t, kept)
			f.op = "PutCeremony"
			options, err := b.BeginLogin(t.Context(), phone.Browser)
			is(t, "begin", err, errBroken)
			if len(options) > 0 {
				t.Error("it asked")
			}
			b.SignIn(t, phone)
		})
		t.Run("it takes a challenge once after a use"+way, func(t *testing.T) {
			b, f, phone, _ := brittleBench(t, kept)
			options, err := b.BeginLogin(t.Context(), phone.Browser)
			is(t, "begin", err, nil)
			answer := phone.Get(t, options)
			f.op = "TakeCeremony"
			_, _, err = b.FinishLogin(t.Context(), phone.Browser, answer)
			is(t, "finish", err, errBroken)
			var used error
			if kept {
				used = account.ErrCeremony
			}
			_, _, err = b.FinishLogin(t.Context(), phone.Browser, answer)
			is(t, "the same answer", err, used)
			_, _, err = b.FinishLogin(t.Context(), phone.Browser, answer)
			is(t, "once more", err, account.ErrCeremony)
		})
		for _, op := range []string{"TouchPasskey", "PutSession"} {
			t.Run("it lets nobody in by a "+op+way, func(t *testing.T) {
				b, f, phone, _ := brittleBench(t, kept)
				options, err := b.BeginLogin(t.Context(), phone.Browser)
				is(t, "begin", err, nil)
				f.op = op
				token, _, err := b.FinishLogin(t.Context(), phone.Browser, phone.Get(t, options))
				is(t, "finish", err, errBroken)
				if token != "" {
					t.Error("a token came")
				}
				b.SignIn(t, phone)
			})
		}
		t.Run("it says that a logout failed"+way, func(t *testing.T) {
			b, f, phone, _ := brittleBench(t, kept)
			token, _ := b.SignIn(t, phone)
			f.op = "EndSession"
			is(t, "logout", b.Logout(t.Context(), token), errBroken)
			if _, err := b.Session(t.Context(), token); errors.Is(err, account.ErrNotFound) != kept {
				t.Errorf("session: %v", err)
			}
			is(t, "logout again", b.Logout(t.Context(), token), nil)
			_, err := b.Session(t.Context(), token)
			is(t, "session after it", err, account.ErrNotFound)
		})
		t.Run("it says that a logout everywhere failed"+way, func(t *testing.T) {
			b, f, phone, _ := brittleBench(t, kept)
			token, s := b.SignIn(t, phone)
			f.op = "EndSessions"
			is(t, "logout", b.LogoutAll(t.Context(), s.Citizen), errBroken)
			if lives, err := b.Lives(t.Context(), s.ID); lives == kept || err != nil {
				t.Errorf("session: %v, %v", lives, err)
			}
			is(t, "logout again", b.LogoutAll(t.Context(), s.Citizen), nil)
			_, err := b.Session(t.Context(), token)
			is(t, "session after it", err, account.ErrNotFound)
		})
		for _, op := range []string{"Spend", "TryOrder"} {
			t.Run("it begins no enrolment on a "+op+way, func(t *testing.T) {
				b, f, _, _ := brittleBench(t, kept)
				code, phone := b.Letter(t, "resident-02", false), accounttest.NewPhone()
				f.op = op
				_, err := b.BeginEnrolment(t.Context(), phone.Browser, somewhere, code)
				is(t, "begin", err, errBroken)
				options, err := b.BeginEnrolment(t.Context(), phone.Browser, somewhere, code)
				is(t, "begin again", err, nil)
				_, _, err = b.FinishEnrolment(t.Context(), phone.Browser, code, "", phone.Create(t, options))
				is(t, "finish", err, nil)
			})
		}
		t.Run("it has one pseudonym after one"+way, func(t *testing.T) {
			b, f, _, s := brittleBench(t, kept)
			f.op = "Pseudonym"
			_, err := b.Pairwise(t.Context(), s.Citizen, "urn:agency")
			is(t, "pairwise", err, errBroken)
			first, err := b.Pairwise(t.Context(), s.Citizen, "urn:agency")
			is(t, "again", err, nil)
			second, err := b.Pairwise(t.Context(), s.Citizen, "urn:agency")
			is(t, "and again", err, nil)
			who, err := b.CitizenBySub(t.Context(), "urn:agency", first)
			is(t, "the way back", err, nil)
			if first != second || who != s.Citizen {
				t.Errorf("%s, then %s, of %s", first, second, who)
			}
		})
	}
	t.Run("it asks for no signature that it could not take", func(t *testing.T) {
		b, f, phone, s := brittleBench(t, false)
		second := b.AddPhone(t, s, phone)
		f.op = "PutCeremony"
		options, err := b.BeginRemove(t.Context(), s, second.ID())
		is(t, "begin remove", err, errBroken)
		if len(options) > 0 {
			t.Error("it asked")
		}
	})
	t.Run("it does not call its own failure a wrong passkey", func(t *testing.T) {
		b, f, phone, _ := brittleBench(t, false)
		options, err := b.BeginLogin(t.Context(), phone.Browser)
		is(t, "begin", err, nil)
		f.op = "Passkeys"
		_, _, err = b.FinishLogin(t.Context(), phone.Browser, phone.Get(t, options))
		if !errors.Is(err, errBroken) || errors.Is(err, account.ErrAssertion) {
			t.Errorf("finish: %v", err)
		}
	})
	t.Run("it charges no network for its own failures", func(t *testing.T) {
		b, f, _, _ := brittleBench(t, false)
		code, phone := b.Letter(t, "resident-02", false), accounttest.NewPhone()
		for range 10 {
			f.op = "TryOrder"
			_, err := b.BeginEnrolment(t.Context(), phone.Browser, somewhere, code)
			is(t, "begin", err, errBroken)
		}
		_, err := b.BeginEnrolment(t.Context(), phone.Browser, somewhere, code)
		is(t, "begin at last", err, nil)
	})
	// With the three commits of TestFaults: order, first passkey, change.
	figure.Hold(t, "faults-accounts", 8+4, "writes of the accounts, each lost, and kept but called lost")
}

// garbled gives back ceremonies that cannot be read.
type garbled struct{ account.Store }

func (g garbled) TakeCeremony(ctx context.Context, key, kind, owner string, now time.Time) (account.CeremonyRow, error) {
	row, err := g.Store.TakeCeremony(ctx, key, kind, owner, now)
	row.Data = []byte(`{"citizen":7}`)
	return row, err
}

// Rows that cannot be read are nobody's passkey, and nobody's wrong answer.
func TestRowsThatCannotBeRead(t *testing.T) {
	t.Run("it says so of a ceremony", func(t *testing.T) {
		b, f, phone, _ := brittleBench(t, false)
		f.Store = garbled{f.Store}
		options, err := b.BeginLogin(t.Context(), phone.Browser)
		is(t, "begin", err, nil)
		_, _, err = b.FinishLogin(t.Context(), phone.Browser, phone.Get(t, options))
		if err == nil || errors.Is(err, account.ErrAssertion) || errors.Is(err, account.ErrCeremony) {
			t.Errorf("finish: %v", err)
		}
	})
	t.Run("it says so of a passkey", func(t *testing.T) {
		b, _, _, s := brittleBench(t, false)
		row := account.PasskeyRow{ID: "x", Citizen: s.Citizen, Credential: []byte(`{"id":7}`), JWK: []byte(`{}`), Added: b.Now(), LastUsed: b.Now()}
		is(t, "commit", b.Store.Commit(t.Context(), account.Commit{ID: "x", At: b.Now(), Passkey: &row}), nil)
		if keys, err := b.Passkeys(t.Context(), s.Citizen); err == nil {
			t.Errorf("passkeys: %+v", keys)
		}
		if options, err := b.AssertionOptions(t.Context(), s.Citizen, [32]byte{}); err == nil {
			t.Errorf("options: %s", options)
		}
	})
}

// Of two that begin with letters to one resident, whom the counter admitted, one
// gets the first passkey, and the other none beside it.
func TestFirstPasskeyComesOnce(t *testing.T) {
	b, late := accounttest.New(t), accounttest.NewPhone()
	ctx := t.Context()
	c, err := b.Admit(ctx, "resident-01")
	is(t, "admit", err, nil)
	code := b.Letter(t, "resident-01", false)
	options, err := b.BeginEnrolment(ctx, late.Browser, somewhere, code)
	is(t, "begin", err, nil)
	event := account.EventRow{Citizen: c.ID, Seq: 1, Event: []byte("{}"), Salt: make([]byte, 32)}
	is(t, "another's passkey", b.Store.Commit(ctx, account.Commit{ID: "another", At: b.Now(), Event: &event}), nil)
	_, _, err = b.FinishEnrolment(ctx, late.Browser, code, "", late.Create(t, options))
	is(t, "finish", err, account.ErrCode)
}
