package dashboard_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/dashboard"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/credential"
)

var errLost = errors.New("the connection broke")

// broken loses the next write: before it is made, or (kept) its answer.
type broken struct {
	dashboard.Ledger
	dashboard.Issuer
	account.Store
	kept, hit bool
}

func (b *broken) do(write func() error) error {
	if b.hit {
		return write()
	}
	if b.hit = true; b.kept {
		if err := write(); err != nil {
			return err
		}
	}
	return errLost
}

func (b *broken) Of(ctx context.Context, citizen string) ([]credential.Issued, error) {
	return b.Issuer.Of(ctx, citizen)
}

func (b *broken) RevokeBatch(ctx context.Context, citizen, batch string) error {
	return b.do(func() error { return b.Issuer.RevokeBatch(ctx, citizen, batch) })
}

func (b *broken) EndSessions(ctx context.Context, citizen, but string) error {
	return b.do(func() error { return b.Store.EndSessions(ctx, citizen, but) })
}

// brokenLedger is the same for the ledger.
type brokenLedger struct {
	dashboard.Ledger
	*broken
}

func (b brokenLedger) Of(ctx context.Context, citizen string) ([]consent.Record, error) {
	return b.Ledger.Of(ctx, citizen)
}

func (b brokenLedger) Disown(ctx context.Context, id consent.GrantID, seq int64, citizen string) (r consent.Record, err error) {
	err = b.do(func() (err error) { r, err = b.Ledger.Disown(ctx, id, seq, citizen); return err })
	return r, err
}

func (b brokenLedger) ResumeConfirmed(ctx context.Context, id consent.GrantID, citizen string) (r consent.Record, err error) {
	err = b.do(func() (err error) { r, err = b.Ledger.ResumeConfirmed(ctx, id, citizen); return err })
	return r, err
}

func (b brokenLedger) EraseEnded(ctx context.Context, citizen string) (n int, err error) {
	err = b.do(func() (err error) { n, err = b.Ledger.EraseEnded(ctx, citizen); return err })
	return n, err
}

// accounts over a store whose sessions do not end at once.
func (s *site) accounts(t *testing.T, b *broken) *account.Accounts {
	t.Helper()
	b.Store = s.Store
	a, err := account.New(account.Options{
		Store: b, Register: accounttest.Register(t), Officers: s.Officers, RP: accounttest.RP, PairwiseSecret: make([]byte, 32), Now: s.Now, Development: true,
		Replaced: func(context.Context, string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fails presses what a write is behind, twice: what was not acknowledged is not
// called done, and is once it was.
func (b *tab) fails(t *testing.T, kept bool, path, done string) {
	t.Helper()
	if r := b.do("POST", path, ""); r.status != http.StatusInternalServerError {
		t.Errorf("kept=%v: %s is called done: %d to %s", kept, path, r.status, r.header.Get("Location"))
	}
	b.moves(t, path, done)
}

// Each write behind a page is broken twice: lost, and kept but called lost.
func TestFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		for what, breaks := range map[string]func(t *testing.T, l *ledgered, b *broken){
			"it does not say that a disowned release is written down": func(_ *testing.T, l *ledgered, b *broken) {
				l.handler.Ledger = brokenLedger{l.handler.Ledger, b}
			},
			"it does not say that other logins are ended": func(t *testing.T, l *ledgered, b *broken) { l.handler.Accounts = l.accounts(t, b) },
		} {
			t.Run(what, func(t *testing.T) {
				l := newLedgered(t)
				r := l.granted(t)
				l.used(t, r, 1)
				breaks(t, l, &broken{kept: kept})
				b, page := l.open(t, l.phone), "/me/history/"+string(r.Grant)+"/3/not-me"
				b.fails(t, kept, page, page+"?done")
				l.want(t, "frozen", r.Grant, consent.StatePaused, consent.PausedNotMe)
				if said := l.disowned(t, b); len(said) != 1 {
					t.Errorf("kept=%v: it is written down as %v", kept, said)
				}
			})
		}
		t.Run("it does not say that a credential is revoked", func(t *testing.T) {
			s := newSite(t)
			s.handler.Issuer = &broken{Issuer: s.handler.Issuer, kept: kept}
			s.open(t, s.phone).fails(t, kept, "/me/credentials/c1/revoke", "/me?revoked")
		})
		t.Run("it does not say that a lost phone is shut out", func(t *testing.T) {
			s := newSite(t)
			s.handler.Accounts = s.accounts(t, &broken{kept: kept})
			s.open(t, s.phone).fails(t, kept, "/me/lost", "/me?revoked")
			ended := &broken{kept: kept}
			s.handler.Lost = func(context.Context, string) error { return ended.do(func() error { return nil }) }
			s.open(t, s.phone).fails(t, kept, "/me/lost", "/me?revoked")
		})
		t.Run("it does not say that a consent goes on", func(t *testing.T) {
			l := newLedgered(t)
			r := l.granted(t)
			if _, err := l.world.Ledger.Disown(t.Context(), r.Grant, 2, l.mine.Citizen); err != nil {
				t.Fatal(err)
			}
			l.handler.Ledger = brokenLedger{l.handler.Ledger, &broken{kept: kept}}
			b, page := l.open(t, l.phone), "/me/consents/"+string(r.Grant)+"/resume"
			options := b.do("POST", page+"/options", `{}`)
			answer := `{"credential":` + string(l.phone.Get(t, json.RawMessage(options.body))) + `}`
			if r := b.do("POST", page+"/finish", answer); r.status != http.StatusInternalServerError {
				t.Errorf("kept=%v: %d %s", kept, r.status, r.body)
			}
		})
		t.Run("it does not say that a consent is erased", func(t *testing.T) {
			l := newLedgered(t)
			if _, err := l.world.Ledger.Withdraw(t.Context(), l.granted(t).Grant, l.mine.Citizen); err != nil {
				t.Fatal(err)
			}
			l.world.Pass(consent.ProofKept)
			l.handler.Ledger = brokenLedger{l.handler.Ledger, &broken{kept: kept}}
			b := l.open(t, l.phone)
			options := b.do("POST", "/me/erasure/options", `{}`)
			answer := `{"credential":` + string(l.phone.Get(t, json.RawMessage(options.body))) + `}`
			if r := b.do("POST", "/me/erasure/finish", answer); r.status != http.StatusInternalServerError {
				t.Errorf("kept=%v: %d %s", kept, r.status, r.body)
			}
		})
	}
}
