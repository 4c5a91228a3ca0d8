package memory

import (
	"context"
	"slices"

	"github.com/govmydata/mydata/pkg/signal"
)

// outbox holds what is to be told. Numbers are given at once, for here nobody
// commits beside us.
type outbox struct {
	seq     map[string]int64
	known   map[string]bool
	waiting []signal.Signal
}

func (o *outbox) put(all []signal.Signal) {
	if o.seq == nil {
		o.seq, o.known = map[string]int64{}, map[string]bool{}
	}
	for _, s := range all {
		if o.known[s.ID] {
			continue
		}
		o.seq[s.Audience]++
		s.Seq, o.known[s.ID] = o.seq[s.Audience], true
		o.waiting = append(o.waiting, s)
	}
}

// Signal keeps a signal that no event of a grant stands behind.
func (s *Store) Signal(_ context.Context, one signal.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox.put([]signal.Signal{one})
	return nil
}

// Waiting answers what an audience was not told yet, in its order, at most so
// many.
func (s *Store) Waiting(_ context.Context, audience string, most int) ([]signal.Signal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []signal.Signal
	for _, w := range s.outbox.waiting {
		if w.Audience == audience && len(found) < most {
			found = append(found, w)
		}
	}
	return found, nil
}

// Told forgets signals of an audience that it has heard.
func (s *Store) Told(_ context.Context, audience string, ids []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox.waiting = slices.DeleteFunc(s.outbox.waiting, func(w signal.Signal) bool {
		return w.Audience == audience && slices.Contains(ids, w.ID)
	})
	return nil
}
