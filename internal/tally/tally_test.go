package tally_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/tally"
	"github.com/govmydata/mydata/pkg/consent"
)

var october = time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)

// books is a ledger's database with a clock.
type books struct {
	db    *store.DB
	clock time.Time
	heads map[string]int64
	next  int
}

func newBooks(t testing.TB) *books {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &books{db: db, clock: october.AddDate(0, 1, 0), heads: map[string]int64{}}
}

func (b *books) counter() *tally.Counter {
	return &tally.Counter{Store: b.db.Tally(), Now: func() time.Time { return b.clock }}
}

// grant writes what happened to one grant of a citizen.
func (b *books) grant(t testing.TB, citizen, consumer, purpose string, at time.Time, kinds ...consent.Kind) {
	t.Helper()
	b.next++
	c := consent.Commit{ID: fmt.Sprint("c", b.next), Digest: []byte{1}}
	for i, kind := range append([]consent.Kind{consent.KindRequested, consent.KindGranted}, kinds...) {
		b.heads[citizen]++
		e := consent.Event{
			Grant: consent.GrantID(fmt.Sprint("g", b.next)), Seq: int64(i + 1), Kind: kind, At: at.Add(time.Duration(i) * time.Second).UTC(),
			By: "citizen", Citizen: citizen, CitizenSeq: b.heads[citizen],
		}
		switch kind {
		case consent.KindRequested:
			e.Consumer, e.Provider = consumer, "urn:provider"
		case consent.KindGranted:
			e.Evidence.Terms = &consent.Terms{Purpose: consent.Purpose{Code: purpose}}
		}
		c.Events = append(c.Events, e)
		c.Leaves = append(c.Leaves, fmt.Appendf(nil, "leaf %d %d", b.next, i))
	}
	if _, err := b.db.Consents().Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func (b *books) people(t testing.TB, n int, consumer, purpose string, at time.Time, kinds ...consent.Kind) {
	for i := range n {
		b.grant(t, fmt.Sprintf("citizen-%03d", i), consumer, purpose, at, kinds...)
	}
}

func (b *books) published(t testing.TB) string {
	t.Helper()
	c := b.counter()
	if err := c.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	months, err := c.Months(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows []tally.Row
	for _, m := range months {
		rows = append(rows, m.Rows...)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		name string
		fill func(b *books)
		want string
	}{
		{"it shows nothing of nobody", func(*books) {}, "null"},
		{"it shows nothing of nine people", func(b *books) { b.people(t, 9, "urn:a", "p", october, consent.KindUsed) }, "null"},
		{"it shows ten", func(b *books) { b.people(t, 10, "urn:a", "p", october) },
			`[{"consumer":"urn:a","provider":"urn:provider","purpose":"p","grants":10,"releases":null,"withdrawals":null}]`},
		{"it counts people, not what one of them does often", func(b *books) {
			b.grant(t, "busy", "urn:a", "p", october, slices.Repeat([]consent.Kind{consent.KindUsed}, 50)...)
		}, "null"},
		{"it counts all that ten people do", func(b *books) {
			b.people(t, 10, "urn:a", "p", october, consent.KindUsed, consent.KindUsed, consent.KindWithdrawn)
		},
			`[{"consumer":"urn:a","provider":"urn:provider","purpose":"p","grants":10,"releases":20,"withdrawals":10}]`},
		{"it keeps purposes apart", func(b *books) {
			b.people(t, 9, "urn:a", "p", october)
			b.people(t, 9, "urn:a", "q", october)
		}, "null"},
		{"it keeps agencies apart", func(b *books) {
			b.people(t, 9, "urn:a", "p", october)
			b.people(t, 9, "urn:b", "p", october)
		}, "null"},
		{"it keeps months apart", func(b *books) {
			b.people(t, 9, "urn:a", "p", october)
			b.people(t, 9, "urn:a", "p", october.AddDate(0, -1, 0))
		}, "null"},
		{"it takes no month that has not ended", func(b *books) { b.people(t, 30, "urn:a", "p", october.AddDate(0, 1, -14)) }, "null"},
		{"it takes no month of long ago", func(b *books) { b.people(t, 30, "urn:a", "p", october.AddDate(-3, 0, 0)) }, "null"},
		{"it counts what is asked and paused not at all", func(b *books) { b.people(t, 12, "urn:a", "p", october, consent.KindPaused) },
			`[{"consumer":"urn:a","provider":"urn:provider","purpose":"p","grants":12,"releases":null,"withdrawals":null}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooks(t)
			c.fill(b)
			if got := b.published(t); got != c.want {
				t.Errorf("%s\nnot\n%s", got, c.want)
			}
		})
	}
}

// TestWithheldIsUnseen: what is published is the same byte for byte, whatever
// is withheld; so nothing can be computed of it, by sums or by differences.
func TestWithheldIsUnseen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 8 {
		shown := 10 + r.IntN(5)
		var first string
		for variant := range 3 {
			b := newBooks(t)
			b.people(t, shown, "urn:a", "shown", october, consent.KindUsed)
			if variant > 0 {
				for _, purpose := range []string{"x", "y"} {
					b.people(t, r.IntN(10), "urn:a", purpose, october, consent.KindUsed)
				}
				b.people(t, r.IntN(10), "urn:b", "shown", october)
				// some of those shown withdraw, too few to be seen
				for i := range r.IntN(10) {
					b.grant(t, fmt.Sprint("more-", i), "urn:b", "y", october, consent.KindWithdrawn)
				}
			}
			got := b.published(t)
			if variant == 0 {
				first = got
			} else if got != first {
				t.Fatalf("round %d: %s\nnot\n%s", round, got, first)
			}
		}
	}
}

// TestBeforeAndAfter: whoever asks before and after an event learns nothing.
func TestBeforeAndAfter(t *testing.T) {
	b := newBooks(t)
	b.people(t, 10, "urn:a", "p", october)
	before := b.published(t)
	b.grant(t, "one more", "urn:a", "p", b.clock) // in this month
	if b.published(t) != before {
		t.Error("an event of this month shows")
	}
	b.grant(t, "late", "urn:a", "p", october) // in a month that was counted
	if b.published(t) != before {
		t.Error("an event of a counted month shows")
	}
	b.clock = time.Date(2026, 12, 1, 23, 59, 0, 0, time.UTC) // not settled yet
	b.people(t, 15, "urn:b", "p", b.clock.AddDate(0, 0, -10))
	if b.published(t) != before {
		t.Error("a month shows before it is settled")
	}
	b.clock = b.clock.Add(time.Minute)
	if b.published(t) == before {
		t.Error("a settled month does not show")
	}
}

// slow ends each reading after some pages.
type slow struct {
	tally.Store
	pages, keeps int
	lost, kept   bool
}

func (s *slow) EventsAfter(ctx context.Context, after tally.Cursor, limit int) ([]consent.Event, error) {
	if s.pages--; s.pages < 0 {
		return nil, context.DeadlineExceeded
	}
	return s.Store.EventsAfter(ctx, after, limit)
}

func (s *slow) KeepMonth(ctx context.Context, m tally.Month) error {
	if s.keeps--; s.keeps == 0 && s.lost {
		return errors.New("lost")
	}
	err := s.Store.KeepMonth(ctx, m)
	if s.keeps == 0 && s.kept {
		return errors.New("kept, but called lost")
	}
	return err
}

func TestSweep(t *testing.T) {
	b := newBooks(t)
	b.people(t, 400, "urn:a", "p", october, consent.KindUsed) // 1200 events: three pages
	want := `[{"consumer":"urn:a","provider":"urn:provider","purpose":"p","grants":400,"releases":400,"withdrawals":null}]`
	t.Run("it goes on where it was", func(t *testing.T) {
		s := &slow{Store: b.db.Tally(), pages: 1}
		c := &tally.Counter{Store: s, Now: func() time.Time { return b.clock }}
		for range 2 {
			if err := c.Sweep(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			s.pages = 1
		}
		if months, err := c.Months(t.Context()); err != nil || len(months) != 0 {
			t.Fatal("a month that is half counted shows", months, err)
		}
		s.pages = 10
		if err := c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.published(t); got != want {
			t.Error(got)
		}
	})
	for name, s := range map[string]*slow{
		"it keeps once more a month that was lost":                 {keeps: 24, lost: true},
		"it keeps once more a month that was kept but called lost": {keeps: 24, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBooks(t)
			b.people(t, 10, "urn:a", "p", october)
			s.Store, s.pages = b.db.Tally(), 100
			c := &tally.Counter{Store: s, Now: func() time.Time { return b.clock }}
			if err := c.Sweep(t.Context()); err == nil {
				t.Fatal("no error")
			}
			if err := c.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			months, err := c.Months(t.Context())
			if err != nil || len(months) != 24 || len(months[0].Rows) != 1 || months[0].Month != "2026-10" {
				t.Error(len(months), err)
			}
		})
	}
	t.Run("it serves from memory", func(t *testing.T) {
		c := b.counter()
		if _, err := c.Months(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := b.db.Close(); err != nil {
			t.Fatal(err)
		}
		if months, err := c.Months(t.Context()); err != nil || len(months) != 24 {
			t.Error(len(months), err)
		}
		b.clock = b.clock.Add(10 * time.Minute)
		if _, err := c.Months(t.Context()); err == nil {
			t.Error("for ever")
		}
	})
	t.Run("it sums what is shown", func(t *testing.T) {
		if got := tally.Total([]tally.Row{{Grants: 10, Releases: 0, Withdrawals: 12}, {Grants: 20, Releases: 30}}); got.Grants != 30 || got.Releases != 30 || got.Withdrawals != 12 {
			t.Error(got)
		}
	})
}
