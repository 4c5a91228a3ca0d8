package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// The real ledger over the real databases: one use for 64 providers at once,
// and none after a withdrawal.
func TestLedgerOverSQL(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := consenttest.New()
		w.Ledger.Store = db.Consents()
		record := w.Granted(ctx, "ada", w.People.Enrol("ada"))
		var won, lost atomic.Int64
		var group sync.WaitGroup
		for range 64 {
			commit := w.Commit(record, 1, nil)
			group.Go(func() {
				switch _, err := w.Ledger.Use(ctx, commit); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, consent.ErrUseTaken):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || lost.Load() != 63 {
			t.Errorf("%d won, %d lost", won.Load(), lost.Load())
		}
		if _, err := w.Ledger.Withdraw(ctx, record.Grant, "ada"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Ledger.Use(ctx, w.Commit(record, 2, nil)); !errors.Is(err, consent.ErrWithdrawn) {
			t.Errorf("after withdrawal: %v", err)
		}
		final, events, err := db.Consents().History(ctx, record.Grant)
		if err != nil || final.State != consent.StateWithdrawn || len(events) != 4 {
			t.Errorf("%s, %d events, %v", final.State, len(events), err)
		}
	})
}

// An amendment is one commit over two grants: both change, or neither.
func TestAmendOverSQL(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := consenttest.New()
		w.Ledger.Store = db.Consents()
		passkey := w.People.Enrol("ada")
		old := w.Granted(ctx, "ada", passkey)
		record, err := w.Ledger.Request(ctx, w.Request("ada", func(c *consent.RequestClaims) { c.Details[0].Supersedes = old.Grant }))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Approve(ctx, record.Grant, "ada", passkey, "vision_ok", "hearing_ok"); err != nil {
			t.Fatal(err)
		}
		was, _, err := db.Consents().History(ctx, old.Grant)
		now, _, err2 := db.Consents().History(ctx, record.Grant)
		if err != nil || err2 != nil || was.State != consent.StateSuperseded || was.Successor != now.Grant || now.State != consent.StateActive {
			t.Errorf("%s, %s, %v, %v", was.State, now.State, err, err2)
		}
	})
}
