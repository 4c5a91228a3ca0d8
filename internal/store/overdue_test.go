package store_test

import (
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/signal"
)

// TestDeletionReminders: two replicas remind a consumer whose statement of
// deletion is overdue, once, through the outbox, until the statement comes.
//
//clause:consent overdue statements: the agency is reminded through the outbox, and named in public where ten people are behind it
func TestDeletionReminders(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := consenttest.New()
		w.Ledger.Store = db.Consents()
		r := w.Granted(ctx, "ada", w.People.Enrol("ada"))
		commit := w.Commit(r, 1, nil)
		if _, err := w.Ledger.Use(ctx, commit); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Ledger.Received(ctx, w.Received(r, 1, commit, nil)); err != nil {
			t.Fatal(err)
		}
		sweep := func() {
			for range 2 {
				s := replica(w, db, 0)
				s.Ledger, s.Remind = w.Ledger, db.Signals().Signal
				if _, err := s.Sweep(ctx); err != nil {
					t.Error(err)
				}
			}
		}
		reminders := func() (n int) {
			waiting, err := db.Signals().Waiting(ctx, w.Consumer.ID, 50)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range waiting {
				if s.Kind == signal.DeletionDue {
					n++
				}
			}
			return n
		}
		for _, step := range []struct {
			pass time.Duration
			want int
		}{{31 * 24 * time.Hour, 0}, {25 * time.Hour, 1}, {time.Hour, 1}, {7 * 24 * time.Hour, 2}} {
			w.Pass(step.pass)
			sweep()
			if n := reminders(); n != step.want {
				t.Errorf("%d reminders, want %d", n, step.want)
			}
		}
		now := w.Now().Unix()
		jws, err := consent.SignDeleted(consent.DeletedClaims{
			Issuer: w.Consumer.ID, Audience: consenttest.Issuer, IssuedAt: now, GrantID: r.Grant, Uses: 1, At: now,
		}, w.Consumer.Key, w.Consumer.Chain)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Ledger.Deleted(ctx, jws); err != nil {
			t.Fatal(err)
		}
		w.Pass(30 * 24 * time.Hour)
		sweep()
		if due, err := db.Consents().Due(ctx, w.Now(), 10); err != nil || len(due) != 0 || reminders() != 2 {
			t.Errorf("after the statement: %v, %d reminders, %v", due, reminders(), err)
		}
	})
}
