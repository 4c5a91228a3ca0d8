package memory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/govmydata/mydata/pkg/consent"
)

// Store is a consent.Store. The zero value is empty and ready. Leaves are handed
// to Log, in order, when it is set.
type Store struct {
	Log func(entry []byte)

	mu        sync.Mutex
	commits   map[string][]byte
	rows      []row
	erased    map[string]int64
	proposals map[consent.GrantID]consent.Proposal
	outbox    outbox
	settled   map[consent.GrantID]settled
}

// row is an event as a database would keep it: bytes, so that nothing is shared.
type row struct {
	grant       consent.GrantID
	seq         int64
	citizen     string
	citizenSeq  int64
	event, open []byte
	salt        [32]byte
}

var _ consent.Store = (*Store)(nil)

func (r row) read() (consent.Event, error) {
	var e consent.Event
	if err := json.Unmarshal(r.event, &e); err != nil {
		return e, err
	}
	if err := json.Unmarshal(r.open, &e.Evidence); err != nil {
		return e, err
	}
	e.Citizen, e.CitizenSeq, e.Salt = r.citizen, r.citizenSeq, r.salt
	return e, nil
}

func write(e consent.Event) (row, error) {
	event, err := json.Marshal(e)
	if err != nil {
		return row{}, err
	}
	open, err := json.Marshal(e.Evidence)
	return row{e.Grant, e.Seq, e.Citizen, e.CitizenSeq, event, open, e.Salt}, err
}

func (s *Store) events(match func(row) bool) ([]consent.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []consent.Event
	for _, r := range s.rows {
		if match(r) {
			e, err := r.read()
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// History answers a grant's events and their fold.
func (s *Store) History(_ context.Context, id consent.GrantID) (consent.Record, []consent.Event, error) {
	events, err := s.events(func(r row) bool { return r.grant == id })
	if err != nil {
		return consent.Record{}, nil, err
	}
	if len(events) == 0 {
		return consent.Record{}, nil, consent.ErrUnknown
	}
	record, err := consent.Fold(events)
	return record, events, err
}

// Course answers them without their evidence, and the head of their citizen.
func (s *Store) Course(ctx context.Context, id consent.GrantID) ([]consent.Event, int64, error) {
	_, events, err := s.History(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	for i := range events {
		events[i].Evidence = consent.Evidence{}
	}
	head, err := s.Head(ctx, events[0].Citizen)
	return events, head, err
}

// Events answers one citizen's events.
func (s *Store) Events(_ context.Context, citizen string) ([]consent.Event, error) {
	events, err := s.events(func(r row) bool { return r.citizen == citizen })
	slices.SortFunc(events, func(a, b consent.Event) int { return cmp.Compare(a.CitizenSeq, b.CitizenSeq) })
	return events, err
}

// Head answers the highest place that was ever given in a citizen's history.
func (s *Store) Head(_ context.Context, citizen string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.erased[citizen]
	for _, r := range s.rows {
		if r.citizen == citizen {
			head = max(head, r.citizenSeq)
		}
	}
	return head, nil
}

// Commit keeps events and leaves, whole or not at all.
func (s *Store) Commit(_ context.Context, c consent.Commit) (again bool, err error) {
	if len(c.Events) == 0 || len(c.Events) != len(c.Leaves) {
		return false, errors.New("a commit has a leaf for each of its events")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if digest, ok := s.commits[c.ID]; ok {
		if !bytes.Equal(digest, c.Digest) {
			return false, consent.ErrReused
		}
		return true, nil
	}
	rows := s.rows
	for _, e := range c.Events {
		fresh, err := write(e)
		if err != nil {
			return false, err
		}
		for _, r := range rows {
			if r.grant == fresh.grant && r.seq == fresh.seq || r.citizen == fresh.citizen && r.citizenSeq == fresh.citizenSeq {
				return false, consent.ErrConflict
			}
		}
		rows = append(rows[:len(rows):len(rows)], fresh)
	}
	if s.commits == nil {
		s.commits = map[string][]byte{}
	}
	s.rows, s.commits[c.ID] = rows, bytes.Clone(c.Digest)
	s.outbox.put(c.Signals)
	if s.Log != nil {
		for _, leaf := range c.Leaves {
			s.Log(bytes.Clone(leaf))
		}
	}
	return false, nil
}

// Propose keeps the latest proposal of a grant.
func (s *Store) Propose(_ context.Context, p consent.Proposal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proposals == nil {
		s.proposals = map[consent.GrantID]consent.Proposal{}
	}
	s.proposals[p.Grant] = p
	return nil
}

// Proposal answers the latest proposal of a grant.
func (s *Store) Proposal(_ context.Context, id consent.GrantID) (consent.Proposal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.proposals[id]
	if !ok {
		return consent.Proposal{}, consent.ErrNoOffer
	}
	return p, nil
}

// Erase forgets a grant.
func (s *Store) Erase(_ context.Context, id consent.GrantID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.erased == nil {
		s.erased = map[string]int64{}
	}
	for _, r := range s.rows {
		if r.grant == id {
			s.erased[r.citizen] = max(s.erased[r.citizen], r.citizenSeq)
		}
	}
	s.rows = slices.DeleteFunc(slices.Clone(s.rows), func(r row) bool { return r.grant == id })
	delete(s.proposals, id)
	return nil
}
