package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// Consents is what every consent.Store must do. s is empty.
func Consents(t *testing.T, s consent.Store) {
	t.Run("it answers its sentinels for what is not there", func(t *testing.T) { consentsEmpty(t, s) })
	t.Run("it keeps a commit whole and answers it back", func(t *testing.T) { consentsRoundTrip(t, s) })
	t.Run("it takes the same commit twice as one and refuses a reused id", func(t *testing.T) { consentsAgain(t, s) })
	t.Run("it writes nothing of a commit that conflicts", func(t *testing.T) { consentsConflict(t, s) })
	t.Run("it gives one place to one of many at once", func(t *testing.T) { consentsRace(t, s) })
	t.Run("it keeps the latest proposal", func(t *testing.T) { consentsProposal(t, s) })
	t.Run("it erases a grant and never gives its place again", func(t *testing.T) { consentsErase(t, s) })
}

var consentTime = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// asked is a legal first commit of a grant.
// kept is whether a commit is durable, by this call or an earlier one.
func kept(_ bool, err error) error { return err }

func asked(grant, citizen string, citizenSeq int64) consent.Commit {
	e := consent.Event{
		Grant: consent.GrantID(grant), Seq: 1, Kind: consent.KindRequested, At: consentTime, By: "consumer",
		Request: "r", Consumer: "urn:c", Provider: "urn:p", Expires: consentTime.Unix() + 3600,
		Citizen: citizen, CitizenSeq: citizenSeq, Salt: [32]byte{1, 2, 3},
		Evidence: consent.Evidence{Client: "client", Request: "a.b.c", Sub: "sub", SubSalt: []byte{4, 5}},
	}
	return consent.Commit{ID: "test/" + grant, Digest: []byte(grant), Events: []consent.Event{e}, Leaves: [][]byte{[]byte("leaf of " + grant)}}
}

func consentsEmpty(t *testing.T, s consent.Store) {
	for _, odd := range unstorable {
		_, _, err := s.History(t.Context(), consent.GrantID(odd))
		is(t, "history", err, consent.ErrUnknown)
		_, _, err = s.Course(t.Context(), consent.GrantID(odd))
		is(t, "course", err, consent.ErrUnknown)
		_, err = s.Proposal(t.Context(), consent.GrantID(odd))
		is(t, "proposal", err, consent.ErrNoOffer)
	}
	_, _, err := s.History(t.Context(), "none")
	is(t, "history", err, consent.ErrUnknown)
	_, err = s.Proposal(t.Context(), "none")
	is(t, "proposal", err, consent.ErrNoOffer)
	events, err := s.Events(t.Context(), "nobody")
	is(t, "events", err, nil)
	same(t, "events", len(events), 0)
	head, err := s.Head(t.Context(), "nobody")
	is(t, "head", err, nil)
	same(t, "head", head, int64(0))
	is(t, "erase", s.Erase(t.Context(), "none"), nil)
}

func consentsRoundTrip(t *testing.T, s consent.Store) {
	c := asked("round", "ada", 1)
	is(t, "commit", kept(s.Commit(t.Context(), c)), nil)
	record, events, err := s.History(t.Context(), "round")
	is(t, "history", err, nil)
	same(t, "events", events, c.Events)
	same(t, "state", record.State, consent.StateRequested)
	same(t, "owner", record.Citizen+" "+record.Client, "ada client")
	is(t, "commit", kept(s.Commit(t.Context(), asked("round 2", "ada", 2))), nil)
	events, head, err := s.Course(t.Context(), "round")
	is(t, "course", err, nil)
	same(t, "head beyond the grant", head, int64(2))
	bare := c.Events[0]
	bare.Evidence = consent.Evidence{}
	same(t, "events without evidence", events, []consent.Event{bare})
	is(t, "erase", s.Erase(t.Context(), "round 2"), nil)
	_, head, err = s.Course(t.Context(), "round")
	is(t, "course", err, nil)
	same(t, "head beyond what is erased", head, int64(2))
	events, err = s.Events(t.Context(), "ada")
	is(t, "events", err, nil)
	same(t, "citizen's events", events, c.Events)
	head, err = s.Head(t.Context(), "ada")
	is(t, "head", err, nil)
	same(t, "head", head, int64(2))
}

func consentsAgain(t *testing.T, s consent.Store) {
	c := asked("again", "bea", 1)
	again, err := s.Commit(t.Context(), c)
	is(t, "commit", err, nil)
	same(t, "a new commit, again", again, false)
	again, err = s.Commit(t.Context(), c)
	is(t, "same commit", err, nil)
	same(t, "same commit, again", again, true)
	c.Digest = []byte("another request")
	is(t, "reused id", kept(s.Commit(t.Context(), c)), consent.ErrReused)
	_, events, err := s.History(t.Context(), "again")
	is(t, "history", err, nil)
	same(t, "events", len(events), 1)
}

func consentsConflict(t *testing.T, s consent.Store) {
	is(t, "commit", kept(s.Commit(t.Context(), asked("first", "cleo", 1))), nil)
	two := asked("second", "cleo", 2)
	clash := asked("third", "cleo", 1) // the place of "first"
	two.Events = append(two.Events, clash.Events...)
	two.Leaves = append(two.Leaves, clash.Leaves...)
	is(t, "half a conflict", kept(s.Commit(t.Context(), two)), consent.ErrConflict)
	_, _, err := s.History(t.Context(), "second")
	is(t, "nothing is kept", err, consent.ErrUnknown)
	two.Events, two.Leaves = two.Events[:1], two.Leaves[:1]
	is(t, "the id is still free", kept(s.Commit(t.Context(), two)), nil)
}

func consentsRace(t *testing.T, s consent.Store) {
	var group sync.WaitGroup
	var won atomic.Int64
	for i := range 16 {
		group.Go(func() {
			c := asked("race", "dora", 1)
			c.ID, c.Digest = fmt.Sprintf("race/%d", i), []byte{byte(i)}
			if kept(s.Commit(t.Context(), c)) == nil {
				won.Add(1)
			}
		})
	}
	group.Wait()
	same(t, "winners", won.Load(), int64(1))
}

func consentsProposal(t *testing.T, s consent.Store) {
	p := consent.Proposal{Grant: "offer", Citizen: "eva", Nonce: [32]byte{9}, Expires: consentTime, Terms: consent.Terms{
		SchemaVersion: consent.TermsSchema, GrantID: "offer",
		Recipient: []consent.Party{{ID: "urn:c"}}, Fields: []consent.Field{{Name: "a"}}, Claims: []consent.Claim{{Name: "a", From: []string{"a"}}},
	}}
	is(t, "propose", s.Propose(t.Context(), p), nil)
	p.Nonce, p.Terms.MaxUses = [32]byte{8}, 3
	is(t, "propose again", s.Propose(t.Context(), p), nil)
	got, err := s.Proposal(t.Context(), "offer")
	is(t, "proposal", err, nil)
	same(t, "proposal", got, p)
}

func consentsErase(t *testing.T, s consent.Store) {
	is(t, "commit", kept(s.Commit(t.Context(), asked("gone", "fay", 1))), nil)
	is(t, "erase", s.Erase(t.Context(), "gone"), nil)
	is(t, "erase again", s.Erase(t.Context(), "gone"), nil)
	_, _, err := s.History(t.Context(), "gone")
	is(t, "history", err, consent.ErrUnknown)
	head, err := s.Head(t.Context(), "fay")
	is(t, "head", err, nil)
	same(t, "head", head, int64(1))
}
