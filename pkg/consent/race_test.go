package consent_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

//clause:consent one commit per use, whatever races
func TestOneUseForSixtyFourRacers(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	var won, lost atomic.Int64
	var group sync.WaitGroup
	for range 64 {
		commit := w.Commit(r, 1, nil)
		group.Go(func() {
			_, err := w.Ledger.Use(ctx, commit)
			switch {
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
}

// A use and a withdrawal at once: whichever is first, after the withdrawal is
// acknowledged nothing is committed.
//
//clause:consent one commit per use, whatever races
func TestWithdrawalBeatsEveryLaterCommit(t *testing.T) {
	for range 20 {
		ctx := t.Context()
		w, passkey := world(t)
		r := w.Granted(ctx, ada, passkey)
		var group sync.WaitGroup
		var done atomic.Bool
		group.Go(func() {
			if _, err := w.Ledger.Withdraw(ctx, r.Grant, ada); err != nil {
				t.Error(err)
			}
			done.Store(true)
		})
		for range 4 {
			commit := w.Commit(r, 1, nil)
			group.Go(func() {
				late := done.Load()
				_, err := w.Ledger.Use(ctx, commit)
				if late && err == nil {
					t.Error("a commit after the withdrawal's acknowledgement")
				}
			})
		}
		group.Wait()
		if _, err := w.Ledger.Use(ctx, w.Commit(r, 1, nil)); err == nil {
			t.Error("a commit after withdrawal")
		}
	}
}

// Many grants of one citizen share one sequence.
func TestRequestsAtOnce(t *testing.T) {
	ctx := t.Context()
	w, _ := world(t)
	var group sync.WaitGroup
	for range 32 {
		in := w.Request(ada, nil)
		group.Go(func() {
			if _, err := w.Ledger.Request(ctx, in); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	records, err := w.Ledger.Of(ctx, ada)
	if err != nil || len(records) != 32 {
		t.Errorf("%d records, %v", len(records), err)
	}
}
