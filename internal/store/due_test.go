package store_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/expiry"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

func TestDeadlines(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Deadlines(t, db.Consents()) })
}

// A reminder is moved or taken away only by whoever saw it as it is.
func TestSettle(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx, rows := t.Context(), db.Consents()
		w := consenttest.New()
		w.Ledger.Store = rows
		r := w.Granted(ctx, "ada", w.People.Enrol("ada"))
		at := func() time.Time {
			t.Helper()
			due, err := rows.Due(ctx, r.Expires.Add(time.Hour), 10)
			if err != nil || len(due) > 1 {
				t.Fatalf("%v, %v", due, err)
			}
			if len(due) == 0 {
				return time.Time{}
			}
			return due[0].At
		}
		old := consent.Deadline{Grant: r.Grant, At: r.Expires.Add(-time.Hour)}
		for _, to := range []time.Time{{}, r.Expires.Add(time.Minute)} {
			if err := rows.Settle(ctx, old, to); err != nil || !at().Equal(r.Expires) {
				t.Errorf("it moved what it did not see: %s, %v", at(), err)
			}
		}
		seen := consent.Deadline{Grant: r.Grant, At: r.Expires}
		if err := rows.Settle(ctx, seen, r.Expires.Add(time.Minute)); err != nil || !at().Equal(r.Expires.Add(time.Minute)) {
			t.Errorf("moved to %s, %v", at(), err)
		}
		seen.At = r.Expires.Add(time.Minute)
		if err := rows.Settle(ctx, seen, time.Time{}); err != nil || !at().IsZero() {
			t.Errorf("still at %s, %v", at(), err)
		}
	})
}

// breaks is a database whose commits of an expiry are lost, or kept though they
// are called lost, now and then.
type breaks struct {
	consent.Store
	n *atomic.Int64
}

var errBroke = errors.New("the connection broke")

func (b breaks) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	if c.Events[0].Kind != consent.KindExpired {
		return b.Store.Commit(ctx, c)
	}
	switch b.n.Add(1) % 3 {
	case 0:
		return false, errBroke
	case 1:
		if again, err = b.Store.Commit(ctx, c); err != nil {
			return again, err
		}
		return false, errBroke
	}
	return b.Store.Commit(ctx, c)
}

// TestExpiry: two replicas, whose clocks differ and whose commits break, expire
// the same grants at once and without anybody's traffic: each grant gets one
// event and one leaf, and no reminder is left.
//
//clause:consent what the clock ends is written down without traffic, once, by any number of replicas
func TestExpiry(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := consenttest.New()
		w.Ledger.Store = db.Consents()
		passkey := w.People.Enrol("ada")
		var over []consent.GrantID
		for range 3 {
			over = append(over, w.Granted(ctx, "ada", passkey).Grant)
		}
		for range 20 {
			r, err := w.Ledger.Request(ctx, w.Request("ada", nil))
			if err != nil {
				t.Fatal(err)
			}
			over = append(over, r.Grant)
		}
		gone, err := w.Ledger.Withdraw(ctx, over[0], "ada")
		if err != nil {
			t.Fatal(err)
		}
		w.Pass(31 * 24 * time.Hour)
		alive := w.Granted(ctx, "ada", passkey)
		if _, err := w.Ledger.Request(ctx, w.Request("ada", nil)); err != nil {
			t.Fatal(err)
		}

		replicas := []*expiry.Sweeper{replica(w, db, 0), replica(w, db, -10*time.Second)}
		var group sync.WaitGroup
		for _, s := range replicas {
			group.Go(func() { _, _ = s.Sweep(ctx) }) // what broke for good waits ten minutes
		}
		group.Wait()
		w.Pass(11 * time.Minute)
		for _, s := range replicas {
			if _, err := s.Sweep(ctx); err != nil && !errors.Is(err, errBroke) {
				t.Error(err)
			}
		}
		for _, id := range over[1:] {
			if r, events, err := db.Consents().History(ctx, id); err != nil || r.State != consent.StateExpired || count(events, consent.KindExpired) != 1 {
				t.Errorf("%s: %s, %d events of expiry, %v", id, r.State, count(events, consent.KindExpired), err)
			}
		}
		if r, _, err := db.Consents().History(ctx, gone.Grant); err != nil || r.State != consent.StateWithdrawn {
			t.Errorf("withdrawn became %s, %v", r.State, err)
		}
		if r, _, err := db.Consents().History(ctx, alive.Grant); err != nil || r.State != consent.StateActive {
			t.Errorf("active became %s, %v", r.State, err)
		}
		if due, err := db.Consents().Due(ctx, w.Now(), 100); err != nil || len(due) != 0 {
			t.Errorf("left: %v, %v", due, err)
		}
	})
}

func replica(w *consenttest.World, db *store.DB, behind time.Duration) *expiry.Sweeper {
	now := func() time.Time { return w.Now().Add(behind) }
	ledger := &consent.Ledger{
		Store: breaks{db.Consents(), new(atomic.Int64)}, People: w.People, Issuer: w.Ledger.Issuer, AgencyRoots: w.Ledger.AgencyRoots,
		RP: w.RP, Officers: w.Ledger.Officers, Catalogue: w.Ledger.Catalogue, Key: w.Ledger.Key, Withdrawal: w.Ledger.Withdrawal, Now: now,
	}
	return &expiry.Sweeper{Ledger: ledger, Deadlines: db.Consents(), Now: now, Steady: func() error { return nil }, Logger: slog.New(slog.DiscardHandler)}
}

func count(events []consent.Event, kind consent.Kind) (n int) {
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
