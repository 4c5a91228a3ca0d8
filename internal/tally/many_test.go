package tally_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/tally"
	"github.com/govmydata/mydata/pkg/consent"
)

// ledger is one that is too long to be written down for a test: the history of
// citizen n is made when it is read.
type ledger struct {
	tally.Store
	citizens int
	history  func(n int) []consent.Event
}

func (l ledger) EventsAfter(_ context.Context, after tally.Cursor, limit int) (all []consent.Event, _ error) {
	n, seq := 0, after.Seq
	if after.Citizen != "" {
		if _, err := fmt.Sscanf(after.Citizen, "citizen-%d", &n); err != nil {
			return nil, err
		}
	}
	for ; n < l.citizens && len(all) < limit; n, seq = n+1, 0 {
		for i, e := range l.history(n) {
			e.Citizen, e.Seq, e.CitizenSeq = fmt.Sprintf("citizen-%07d", n), int64(i+1), int64(i+1)
			e.Grant = consent.GrantID("grant of " + e.Citizen)
			if e.CitizenSeq > seq && len(all) < limit {
				all = append(all, e)
			}
		}
	}
	return all, nil
}

// Whoever makes agencies and purposes up without end makes the counter stop, and
// neither fill the memory nor publish a part.
func TestTooMany(t *testing.T) {
	granted := func(n int, at time.Time) []consent.Event {
		return []consent.Event{
			{Kind: consent.KindRequested, At: at, Request: "r", Consumer: fmt.Sprint("urn:c:", n), Provider: "urn:p", Expires: at.Add(time.Hour).Unix()},
			{
				Kind: consent.KindGranted, At: at, Terms: "t", Approval: "a", MaxUses: 1, NotBefore: at.Unix(), Expires: at.Add(time.Hour).Unix(),
				Evidence: consent.Evidence{Terms: &consent.Terms{Purpose: consent.Purpose{Code: "p"}, Retention: "P1D"}},
			},
		}
	}
	late := func(n int) []consent.Event { // at the end of each month that is counted, but two
		at := october.AddDate(0, -21, 0)
		return append(granted(n, at),
			consent.Event{Kind: consent.KindUsed, At: at, Use: 1, Terms: "t", Commit: "k"},
			consent.Event{Kind: consent.KindReceived, At: at, Use: 1, Commit: "k", Receipt: "x"})
	}
	for _, c := range []struct {
		name     string
		citizens int
		history  func(n int) []consent.Event
		err      error
	}{
		{"it counts no more grants", 100_001, func(n int) []consent.Event { return granted(n, october) }, tally.ErrTooMany},
		{"it counts no more that is overdue, also when the last citizen's is not", 6001, func(n int) []consent.Event {
			if n == 6000 {
				return granted(0, october)
			}
			return late(n)
		}, tally.ErrTooMany},
		{"it counts no more that is overdue of the last citizen", 4546, late, tally.ErrTooMany},
		{"it counts just as many that are overdue", 4545, late, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooks(t)
			counter := &tally.Counter{Store: ledger{b.db.Tally(), c.citizens, c.history}, Now: func() time.Time { return b.clock }}
			if err := counter.Sweep(t.Context()); !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if months, err := counter.Months(t.Context()); err != nil || (len(months) == 0) != (c.err != nil) {
				t.Errorf("%d months, %v", len(months), err)
			}
		})
	}
}
