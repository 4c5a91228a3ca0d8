package tally

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// Threshold is how many people must be behind a number.
const Threshold = 10

const (
	settled  = 24 * time.Hour   // after a month's end, for clocks and commits under way
	page     = 500              // events read at once
	kept     = 24               // months that are served
	fresh    = 10 * time.Minute // for which the kept months are not read again
	maxCells = 100_000
	layout   = "2006-01"
)

// ErrTooMany: more combinations than a month can have; nothing is published.
var ErrTooMany = errors.New("tally: too many combinations")

// Number is a count, or 0 where it is withheld; JSON null.
type Number int64

// MarshalJSON writes null for what is withheld.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == 0 {
		return []byte("null"), nil
	}
	return fmt.Append(nil, int64(n)), nil
}

// Row is what went from one agency to another for one purpose.
type Row struct {
	Consumer    string `json:"consumer"`
	Provider    string `json:"provider"`
	Purpose     string `json:"purpose"`
	Grants      Number `json:"grants"`
	Releases    Number `json:"releases"`
	Withdrawals Number `json:"withdrawals"`
}

// Late is an agency that had not said, by the end of a month, that it deleted
// what it had received and could keep no longer.
type Late struct {
	Consumer string `json:"consumer"`
	Grants   Number `json:"grants"`
}

// Month is what is published of one.
type Month struct {
	Month string `json:"month"` // 2026-11, UTC
	Rows  []Row  `json:"rows"`
	Late  []Late `json:"deletions_overdue,omitempty"`
}

// Cursor is how far the ledger was read.
type Cursor struct {
	Citizen string
	Seq     int64
}

// Store is the ledger's rows and the months kept. All methods may run at once.
type Store interface {
	// EventsAfter answers the next events by citizen and by his sequence.
	EventsAfter(ctx context.Context, after Cursor, limit int) ([]consent.Event, error)
	// Months answers the newest kept, newest first.
	Months(ctx context.Context, limit int) ([]Month, error)
	// KeepMonth is durable on return. A month that is there stays as it is: nil.
	KeepMonth(ctx context.Context, m Month) error
}

// Counter counts and serves. Its methods may run at once.
type Counter struct {
	Store Store
	Now   func() time.Time

	counting sync.Mutex
	run      *count

	mu     sync.Mutex
	months []Month
	read   time.Time
}

// Months answers what is published, the newest first, from memory mostly.
func (c *Counter) Months(ctx context.Context) ([]Month, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := c.Now().Sub(c.read).Abs(); c.read.IsZero() || age >= fresh {
		months, err := c.Store.Months(ctx, kept)
		if err != nil {
			return nil, fmt.Errorf("tally: %w", err)
		}
		c.months, c.read = months, c.Now()
	}
	return c.months, nil
}

// Sweep counts the months that have ended and are not kept. It goes on where it
// was when ctx ended before.
func (c *Counter) Sweep(ctx context.Context) error {
	c.counting.Lock()
	defer c.counting.Unlock()
	last := start(c.Now().UTC().Add(-settled)).AddDate(0, -1, 0)
	first := last.AddDate(0, 1-kept, 0)
	newest, err := c.Store.Months(ctx, 1)
	if err != nil {
		return fmt.Errorf("tally: %w", err)
	}
	if len(newest) > 0 {
		at, err := time.Parse(layout, newest[0].Month)
		if err != nil {
			return fmt.Errorf("tally: %w", err)
		}
		if !at.Before(last) {
			return nil
		}
		if at = at.AddDate(0, 1, 0); at.After(first) {
			first = at
		}
	}
	if c.run == nil || !c.run.first.Equal(first) || !c.run.last.Equal(last) {
		c.run = newCount(first, last)
	}
	if err := c.run.all(ctx, c.Store); err != nil {
		return err
	}
	for m := first; !m.After(last); m = m.AddDate(0, 1, 0) {
		if err := c.Store.KeepMonth(ctx, c.run.publish(m)); err != nil {
			return fmt.Errorf("tally: %w", err)
		}
	}
	c.run = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = time.Time{}
	return nil
}

func start(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }

// parties are those of one grant, and what it is for.
type parties struct{ consumer, provider, purpose string }

type key struct {
	month string
	parties
	kind consent.Kind
}

type cell struct{ events, people int64 }

// count is one reading of the ledger.
type count struct {
	first, last time.Time
	cursor      Cursor
	cells       map[key]*cell
	late        map[lateKey]*cell
	grants      map[consent.GrantID]parties // of the citizen at the cursor
	records     map[consent.GrantID]consent.Record
	counted     map[key]bool // for him
	done        bool
}

func newCount(first, last time.Time) *count {
	return &count{first: first, last: last, cells: map[key]*cell{}, late: map[lateKey]*cell{}}
}

func (c *count) all(ctx context.Context, s Store) error {
	for !c.done {
		events, err := s.EventsAfter(ctx, c.cursor, page)
		if err != nil {
			return fmt.Errorf("tally: %w", err)
		}
		for _, e := range events {
			if err := c.add(e); err != nil {
				return err
			}
		}
		if c.done = len(events) < page; c.done {
			return c.settle()
		}
	}
	return nil
}

func (c *count) add(e consent.Event) error {
	if e.Citizen != c.cursor.Citizen || c.records == nil {
		if err := c.settle(); err != nil {
			return err
		}
		c.grants, c.counted = map[consent.GrantID]parties{}, map[key]bool{}
	}
	c.keep(e)
	c.cursor = Cursor{e.Citizen, e.CitizenSeq}
	p := c.grants[e.Grant]
	if e.Kind == consent.KindRequested {
		p.consumer, p.provider = e.Consumer, e.Provider
	}
	if e.Kind == consent.KindGranted && e.Evidence.Terms != nil {
		p.purpose = e.Evidence.Terms.Purpose.Code
	}
	c.grants[e.Grant] = p
	month := start(e.At.UTC())
	shown := e.Kind == consent.KindGranted || e.Kind == consent.KindUsed || e.Kind == consent.KindWithdrawn
	if !shown || p.purpose == "" || month.Before(c.first) || month.After(c.last) {
		return nil
	}
	k := key{month.Format(layout), p, e.Kind}
	n := c.cells[k]
	if n == nil {
		if len(c.cells) >= maxCells {
			return ErrTooMany
		}
		n = &cell{}
		c.cells[k] = n
	}
	if n.events++; !c.counted[k] {
		c.counted[k] = true
		n.people++
	}
	return nil
}

// publish is what may be known of a month.
func (c *count) publish(month time.Time) Month {
	m := Month{Month: month.Format(layout), Rows: []Row{}, Late: c.overdue(month)}
	rows := map[parties]*Row{}
	for k, n := range c.cells {
		if k.month != m.Month || n.people < Threshold {
			continue
		}
		row := rows[k.parties]
		if row == nil {
			row = &Row{Consumer: k.consumer, Provider: k.provider, Purpose: k.purpose}
			rows[k.parties] = row
		}
		switch k.kind {
		case consent.KindGranted:
			row.Grants = Number(n.events)
		case consent.KindUsed:
			row.Releases = Number(n.events)
		case consent.KindWithdrawn:
			row.Withdrawals = Number(n.events)
		}
	}
	for _, row := range rows {
		m.Rows = append(m.Rows, *row)
	}
	slices.SortFunc(m.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Consumer, b.Consumer), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Purpose, b.Purpose))
	})
	return m
}

// Total is the sum of what is shown, and of nothing else.
func Total(rows []Row) (t Row) {
	for _, row := range rows {
		t.Grants += row.Grants
		t.Releases += row.Releases
		t.Withdrawals += row.Withdrawals
	}
	return t
}
