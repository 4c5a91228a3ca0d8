package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

var _ consent.Deadlines = (*Store)(nil)

// settled is where a deadline was moved that the events put at another time; zero
// when it was taken away.
type settled struct{ from, to time.Time }

// ends are the deadlines as they are.
func (s *Store) ends() (map[consent.GrantID]time.Time, map[consent.GrantID]time.Time, error) {
	events, err := s.events(func(row) bool { return true })
	if err != nil {
		return nil, nil, err
	}
	said := map[consent.GrantID]time.Time{}
	for _, e := range events { // rows stand in the order of their grants' Seq
		if at, over := e.Deadline(); over {
			delete(said, e.Grant)
		} else if !at.IsZero() {
			said[e.Grant] = at
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ends := map[consent.GrantID]time.Time{}
	for id, at := range said {
		if moved, ok := s.settled[id]; ok && moved.from.Equal(at) {
			at = moved.to
		}
		if !at.IsZero() {
			ends[id] = at
		}
	}
	return said, ends, nil
}

// Due looks at every grant: what is in memory is little.
func (s *Store) Due(_ context.Context, now time.Time, limit int) ([]consent.Deadline, error) {
	_, ends, err := s.ends()
	if err != nil {
		return nil, err
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

// Settle implements consent.Deadlines.
func (s *Store) Settle(_ context.Context, d consent.Deadline, at time.Time) error {
	said, ends, err := s.ends()
	if err != nil || !ends[d.Grant].Equal(d.At) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled == nil {
		s.settled = map[consent.GrantID]settled{}
	}
	s.settled[d.Grant] = settled{said[d.Grant], at}
	return nil
}
