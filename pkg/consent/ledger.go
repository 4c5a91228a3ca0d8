package consent

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// People is what the ledger asks of the home of citizens. All methods may run
// at once; an unknown person or passkey is ErrNobody, any other error says nothing
// of what was asked.
type People interface {
	// CitizenBySub opens a pairwise sub of a sector (an agency id).
	CitizenBySub(ctx context.Context, sector, sub string) (string, error)
	// Pairwise answers the citizen's stable sub in a sector.
	Pairwise(ctx context.Context, citizen, sector string) (string, error)
	// Salt derives a stable secret from the citizen's own key.
	Salt(ctx context.Context, citizen, label string) ([32]byte, error)
	// PasskeyKey answers the public key of one of the citizen's passkeys, and all
	// passkey events in order.
	PasskeyKey(ctx context.Context, citizen string, credentialID []byte) (jose.JSONWebKey, []approval.KeyRecord, error)
}

// Ledger decides about grants. It holds no state of its own but the promises
// that wait for a signature, and which requests it has read: every answer is
// what the store's history holds, never a commit that was tried and may not have
// been kept. Its methods may run at once, in several processes.
type Ledger struct {
	Store       Store
	People      People
	Issuer      string         // the hub's
	AgencyRoots *x509.CertPool // the government CA
	RP          approval.RelyingParty
	Officers    []jose.JSONWebKey
	Catalogue   func() *catalogue.Catalogue
	Key         func() (signer crypto.Signer, kid string) // for promises and records
	Withdrawal  string                                    // URL of the page where consents are withdrawn
	Now         func() time.Time
	Proof       time.Duration // how long a grant is kept after its end; ProofKept when zero
	Holds       Holds         // of the law; nil: there are none

	promises promises
	opened   opened
}

// How often a decision is tried again: conflicts are ordinary, since racers
// take one another's places; an unknown outcome is asked again with the same
// commit.
const (
	maxConflicts = 200
	maxUnknown   = 3
)

// commitPrefix keeps the ledger's commit ids apart from those of other domains.
const commitPrefix = "consent/"

// decision makes the events that answer a record, or says done when the history
// already holds the outcome.
type decision func(r Record, events []Event) (next []Event, id string, done bool, err error)

// decide loads, decides, commits, and answers what the record then is. request
// identifies what was asked, so that a commit id is never used for another.
func (l *Ledger) decide(ctx context.Context, id GrantID, request []byte, make decision) (Record, error) {
	all, err := l.decideAll(ctx, []GrantID{id}, nil, request, func(now []account) ([]Event, string, bool, error) {
		return make(now[0].record, now[0].events)
	})
	if len(all) == 0 {
		return Record{}, err
	}
	return all[0].record, err
}

// decideOwn is decide about a grant of this person alone.
func (l *Ledger) decideOwn(ctx context.Context, id GrantID, citizen string, request []byte, make decision) (Record, error) {
	r, err := l.decide(ctx, id, request, func(r Record, events []Event) ([]Event, string, bool, error) {
		if err := r.of(citizen); err != nil {
			return nil, "", false, err
		}
		return make(r, events)
	})
	if errors.Is(err, ErrForeign) {
		return Record{}, err
	}
	return r, err
}

// account is a grant as loaded.
type account struct {
	record Record
	events []Event
	head   int64 // of its citizen, as far as that is known; 0: not yet
}

// decideAll is decide over several grants of one citizen: one commit holds what
// happens to all of them, whole or not at all. known are the grants as its caller
// loaded them just now, or nil: what changed meanwhile is a conflict.
func (l *Ledger) decideAll(ctx context.Context, ids []GrantID, known []account, request []byte, make func(now []account) ([]Event, string, bool, error)) ([]account, error) {
	digest := sha256.Sum256(request)
	for range maxConflicts {
		now, err := known, error(nil)
		if known = nil; now == nil {
			now, err = l.accounts(ctx, ids)
		}
		if err != nil {
			return nil, err
		}
		next, name, done, err := make(now)
		if err != nil || done {
			return now, err
		}
		records := map[GrantID]Record{}
		for i, id := range ids {
			records[id] = now[i].record
		}
		commit, err := l.commit(ctx, records, next, now[0].head)
		if err != nil {
			return now, err
		}
		commit.ID, commit.Digest = commitPrefix+name, digest[:]
		switch again, err := l.persist(ctx, commit); {
		case errors.Is(err, ErrConflict):
			continue
		case err != nil:
			return now, err
		case again: // as an earlier one had it
			return l.accounts(ctx, ids)
		}
		return follow(ids, now, commit.Events)
	}
	return nil, fmt.Errorf("decide: %w", ErrConflict)
}

// follow answers grants after events that are durable by now.
func follow(ids []GrantID, all []account, next []Event) ([]account, error) {
	for i, id := range ids {
		a := &all[i]
		for _, e := range next {
			if e.Grant == id {
				a.events = append(slices.Clip(a.events), e)
			}
		}
		var err error
		if a.record, err = Fold(a.events); err != nil {
			return nil, fmt.Errorf("grant %s: %w", id, err)
		}
	}
	return all, nil
}

// accounts loads grants; one that nothing happened to yet is empty.
func (l *Ledger) accounts(ctx context.Context, ids []GrantID) ([]account, error) {
	all := make([]account, len(ids))
	for i, id := range ids {
		r, events, err := l.Store.History(ctx, id)
		if err != nil && !errors.Is(err, ErrUnknown) {
			return nil, fmt.Errorf("load grant: %w", err)
		}
		all[i] = account{record: r, events: events}
	}
	return all, nil
}

// persist retries the same commit while the outcome is unknown.
func (l *Ledger) persist(ctx context.Context, c Commit) (again bool, err error) {
	for range maxUnknown {
		again, err = l.Store.Commit(ctx, c)
		if err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrReused) || ctx.Err() != nil {
			return again, err
		}
	}
	return false, fmt.Errorf("%w: %w", ErrKept, err)
}

// commit gives the events their places, salts and leaves, and lets Apply judge
// each of them.
func (l *Ledger) commit(ctx context.Context, records map[GrantID]Record, next []Event, head int64) (Commit, error) {
	var c Commit
	citizen := records[next[0].Grant].Citizen
	if citizen == "" {
		citizen = next[0].Citizen
	}
	if head == 0 {
		var err error
		if head, err = l.Store.Head(ctx, citizen); err != nil {
			return c, fmt.Errorf("load citizen's head: %w", err)
		}
	}
	for i, e := range next {
		r := records[e.Grant]
		e.Seq, e.Citizen, e.CitizenSeq = r.Seq+1, citizen, head+int64(i)+1
		e.At = l.Now().UTC().Truncate(time.Millisecond)
		if e.At.Before(r.At) { // another replica's clock is ahead
			e.At = r.At
		}
		r, err := Apply(r, e)
		if err != nil {
			return c, err
		}
		records[e.Grant] = r
		if e.Salt, err = l.People.Salt(ctx, citizen, fmt.Sprintf("consent/%s/%d", e.Grant, e.Seq)); err != nil {
			return c, fmt.Errorf("salt: %w", err)
		}
		leaf, err := Entry(e, e.Salt)
		if err != nil {
			return c, fmt.Errorf("leaf: %w", err)
		}
		c.Events, c.Leaves = append(c.Events, e), append(c.Leaves, leaf)
		c.Signals = append(c.Signals, signalsOf([]Event{e}, r)...)
	}
	return c, nil
}

func (l *Ledger) load(ctx context.Context, id GrantID) (Record, []Event, error) {
	r, events, err := l.Store.History(ctx, id)
	if err != nil {
		return Record{}, nil, fmt.Errorf("load grant: %w", err)
	}
	return r, events, nil
}

// own loads a grant for the person it concerns.
func (l *Ledger) own(ctx context.Context, id GrantID, citizen string) (Record, []Event, error) {
	r, events, err := l.load(ctx, id)
	if err != nil {
		return r, nil, err
	}
	if err := r.of(citizen); err != nil {
		return Record{}, nil, err
	}
	return r, events, nil
}

// course loads a grant without its evidence: enough to decide about a use.
func (l *Ledger) course(ctx context.Context, id GrantID) (account, error) {
	events, head, err := l.Store.Course(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return account{}, nil
	}
	if err != nil {
		return account{}, fmt.Errorf("load grant: %w", err)
	}
	r, err := Fold(events)
	if err != nil {
		return account{}, fmt.Errorf("load grant: %s: %w", id, err)
	}
	return account{r, events, head}, nil
}

// of says whether a grant concerns this person.
func (r Record) of(citizen string) error {
	switch {
	case r.Seq == 0:
		return ErrUnknown
	case citizen == "" || r.Citizen != citizen:
		return ErrForeign
	}
	return nil
}
