package consent

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

func freshNonce() (nonce [32]byte) {
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	return nonce
}

// Grant makes the proposed terms a grant, by the citizen's passkey. The same
// assertion again answers the same record. Where the terms are a new version,
// the same commit ends the old one.
func (l *Ledger) Grant(ctx context.Context, id GrantID, citizen string, a approval.Assertion) (Record, error) {
	r, _, err := l.own(ctx, id, citizen)
	if err != nil {
		return Record{}, err
	}
	ids := []GrantID{id}
	if r.Supersedes != "" {
		ids = append(ids, r.Supersedes)
	}
	now, err := l.decideAll(ctx, ids, a.Signature, func(now []account) ([]Event, string, bool, error) {
		r, events := now[0].record, now[0].events
		if given := approvalOf(events); given != nil && bytes.Equal(given.Assertion.Signature, a.Signature) {
			return nil, "", true, nil
		}
		if state := r.Reading(l.Now()).State; state != StateRequested {
			if state == StateExpired {
				return nil, "", false, ErrExpired
			}
			return nil, "", false, ErrDecided
		}
		event, err := l.grantEvent(ctx, id, citizen, a)
		next := []Event{event}
		if r.Supersedes != "" {
			next = append(next, Event{Grant: r.Supersedes, Kind: KindSuperseded, By: "citizen", Successor: id})
		}
		return next, "granted/" + string(id) + "/" + event.Approval, false, err
	})
	if len(now) == 0 {
		return Record{}, err
	}
	return now[0].record, err
}

// grantEvent checks the assertion against the proposal and the passkey history.
func (l *Ledger) grantEvent(ctx context.Context, id GrantID, citizen string, a approval.Assertion) (Event, error) {
	p, err := l.Store.Proposal(ctx, id)
	switch {
	case err != nil: // ErrNoOffer among others
		return Event{}, fmt.Errorf("load proposal: %w", err)
	case p.Citizen != citizen || !l.Now().Before(p.Expires) || p.Expires.Sub(l.Now()) > proposalLife+clockSkew:
		return Event{}, ErrNoOffer
	}
	digest, err := p.Terms.Digest()
	if err != nil {
		return Event{}, err
	}
	evidence, err := l.evidence(ctx, citizen, id, a)
	if err != nil {
		return Event{}, err
	}
	evidence.Nonce, evidence.Digests = p.Nonce[:], []string{Encode(digest[:])}
	if err := evidence.Verify(digest, l.RP, l.Officers); err != nil {
		return Event{}, err
	}
	closed, err := evidence.Closed()
	if err != nil {
		return Event{}, err
	}
	return Event{
		Grant: id, Kind: KindGranted, By: "citizen", Terms: Encode(digest[:]), Approval: closed,
		MaxUses: p.Terms.MaxUses, Every: p.Terms.Every(), NotBefore: p.Terms.Validity.NotBefore, Expires: p.Terms.Validity.Expires,
		Evidence: Evidence{Terms: &p.Terms, Approval: &evidence},
	}, nil
}

func (l *Ledger) evidence(ctx context.Context, citizen string, id GrantID, a approval.Assertion) (Approval, error) {
	key, err := l.People.PasskeyKey(ctx, citizen, a.CredentialID)
	if err != nil {
		return Approval{}, refuse("passkey", "it is not one of this person's: %v", err)
	}
	thumbprint, err := approval.Thumbprint(key)
	if err != nil {
		return Approval{}, refuse("passkey", "%v", err)
	}
	history, err := l.People.History(ctx, citizen)
	if err != nil {
		return Approval{}, fmt.Errorf("passkey history: %w", err)
	}
	salt, err := l.People.Salt(ctx, citizen, "approval/"+string(id))
	if err != nil {
		return Approval{}, fmt.Errorf("salt: %w", err)
	}
	for i := range history { // proofs are added when evidence travels, not kept
		history[i].Proof = ""
	}
	return Approval{Assertion: a, Key: thumbprint, History: history, Salt: salt[:]}, nil
}

func approvalOf(events []Event) *Approval {
	for _, e := range events {
		if e.Kind == KindGranted {
			return e.Evidence.Approval
		}
	}
	return nil
}

// Deny is the citizen's no to a request. Repeating it changes nothing.
func (l *Ledger) Deny(ctx context.Context, id GrantID, citizen string) (Record, error) {
	return l.close(ctx, id, citizen, KindDenied, StateDenied)
}

// Withdraw ends a grant. From its return no use is committed. It needs a
// session, no passkey: never harder than granting. Repeating it changes nothing.
func (l *Ledger) Withdraw(ctx context.Context, id GrantID, citizen string) (Record, error) {
	return l.close(ctx, id, citizen, KindWithdrawn, StateWithdrawn)
}

// close moves to a state from which nothing leads away.
func (l *Ledger) close(ctx context.Context, id GrantID, citizen string, kind Kind, final State) (Record, error) {
	if _, _, err := l.own(ctx, id, citizen); err != nil {
		return Record{}, err
	}
	name := string(kind) + "/" + string(id)
	r, _, err := l.decide(ctx, id, []byte(name), func(r Record, _ []Event) ([]Event, string, bool, error) {
		switch state := r.Reading(l.Now()).State; {
		case state == final:
			return nil, "", true, nil
		case state == StateExpired:
			return nil, "", false, ErrExpired
		case final == StateWithdrawn && state == StateRequested:
			return nil, "", false, ErrPending
		}
		return []Event{{Grant: id, Kind: kind, By: "citizen"}}, name, false, nil
	})
	return r, err
}
