package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

var _ consent.Deadlines = (*Store)(nil)

// Due looks at every grant: what is in memory is little.
func (s *Store) Due(_ context.Context, now time.Time, limit int) ([]consent.Deadline, error) {
	events, err := s.events(func(row) bool { return true })
	if err != nil {
		return nil, err
	}
	ends := map[consent.GrantID]time.Time{}
	for _, e := range events { // rows stand in the order of their grants' Seq
		if at, over := e.Deadline(); over {
			delete(ends, e.Grant)
		} else if !at.IsZero() {
			ends[e.Grant] = at
		}
	}
	var due []consent.Deadline
	for id, at := range ends {
		if !at.After(now) {
			due = append(due, consent.Deadline{Grant: id, At: at})
		}
	}
	slices.SortFunc(due, func(a, b consent.Deadline) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Grant, b.Grant))
	})
	return due[:min(len(due), limit)], nil
}

// Settle has nothing to do: Due reads the events themselves.
func (s *Store) Settle(context.Context, consent.Deadline, time.Time) error { return nil }
