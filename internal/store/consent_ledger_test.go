package store_test

import (
	"context"
	"encoding/json"
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

// remembering notes what a ledger's commits were.
type remembering struct {
	consent.Store
	all []consent.Commit
}

func (r *remembering) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	if again, err = r.Store.Commit(ctx, c); err == nil && !again {
		r.all = append(r.all, c)
	}
	return again, err
}

// What the ledger answers without reading it again is what is kept: the record and
// the events, to the byte that they have in a receipt.
func TestLedgerAnswersWhatIsKept(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := consenttest.New()
		rows := &remembering{Store: db.Consents()}
		w.Ledger.Store = rows
		passkey := w.People.Enrol("ada")
		kept := func(what string, answered consent.Record) {
			t.Helper()
			record, events, err := db.Consents().History(ctx, answered.Grant)
			must(t, err)
			if got, want := canonical(t, answered, answered.Citizen, answered.Client, answered.Agreed),
				canonical(t, record, record.Citizen, record.Client, record.Agreed); got != want {
				t.Errorf("%s: answered\n%s\nkept\n%s", what, got, want)
			}
			last := rows.all[len(rows.all)-1].Events
			tried, event := last[len(last)-1], events[len(events)-1]
			if got, want := canonical(t, tried, tried.Evidence, tried.Salt, tried.Citizen, tried.CitizenSeq),
				canonical(t, event, event.Evidence, event.Salt, event.Citizen, event.CitizenSeq); got != want {
				t.Errorf("%s: the event\n%s\nis kept as\n%s", what, got, want)
			}
		}
		record, err := w.Ledger.Request(ctx, w.Request("ada", nil))
		must(t, err)
		kept("request", record)
		record, err = w.Approve(ctx, record.Grant, "ada", passkey, "vision_ok", "hearing_ok")
		must(t, err)
		kept("approval", record)
		use := w.Commit(record, 1, nil)
		_, err = w.Ledger.Use(ctx, use)
		must(t, err)
		record, _, err = db.Consents().History(ctx, record.Grant)
		must(t, err)
		kept("use", record)
		record, err = w.Ledger.Withdraw(ctx, record.Grant, "ada")
		must(t, err)
		kept("withdrawal", record)
	})
}

func canonical(t *testing.T, v ...any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	must(t, err)
	return string(text)
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
