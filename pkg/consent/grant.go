package consent

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

func freshNonce() (nonce [32]byte) {
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	return nonce
}

// Grant makes the proposed terms a grant, by the citizen's passkey: GrantAll of
// one.
func (l *Ledger) Grant(ctx context.Context, id GrantID, citizen string, a approval.Assertion) (Record, error) {
	all, err := l.GrantAll(ctx, []GrantID{id}, nil, citizen, a)
	if len(all) == 0 {
		return Record{}, err
	}
	return all[0], err
}

// proposed loads what was proposed together, with one nonce, to this citizen.
func (l *Ledger) proposed(ctx context.Context, ids []GrantID, citizen string) ([]Proposal, error) {
	all := make([]Proposal, len(ids))
	for i, id := range ids {
		p, err := l.Store.Proposal(ctx, id)
		switch {
		case err != nil: // ErrNoOffer among others
			return nil, fmt.Errorf("load proposal: %w", err)
		case p.Citizen != citizen || !l.Now().Before(p.Expires) || p.Expires.Sub(l.Now()) > proposalLife+clockSkew:
			return nil, ErrNoOffer
		case i > 0 && p.Nonce != all[0].Nonce:
			return nil, ErrNoOffer // a newer page took one of them
		}
		all[i] = p
	}
	return all, nil
}

// grantEvents checks the assertion against the proposals and the passkey
// history. closed is the first approval, closed.
func (l *Ledger) grantEvents(ctx context.Context, ids []GrantID, citizen string, a approval.Assertion) (events []Event, closed string, err error) {
	all, err := l.proposed(ctx, ids, citizen)
	if err != nil {
		return nil, "", err
	}
	var digests []string
	var first [32]byte
	for _, p := range all {
		if len(p.Terms.Claims) == 0 { // unticked
			continue
		}
		digest, err := p.Terms.Digest()
		if err != nil {
			return nil, "", err
		}
		if digests = append(digests, Encode(digest[:])); len(digests) == 1 {
			first = digest
		}
	}
	given, err := l.evidence(ctx, citizen, a)
	if err != nil {
		return nil, "", err
	}
	given.Nonce, given.Digests = bytes.Clone(all[0].Nonce[:]), digests
	if err := given.Verify(first, l.RP, l.Officers); err != nil {
		return nil, "", err
	}
	for _, p := range all {
		if len(p.Terms.Claims) == 0 {
			events = append(events, Event{Grant: p.Grant, Kind: KindDenied, By: "citizen"})
			continue
		}
		event, err := l.granted(ctx, p, given, digests[0])
		if err != nil {
			return nil, "", err
		}
		if digests = digests[1:]; closed == "" {
			closed = event.Approval
		}
		events = append(events, event)
	}
	return events, closed, nil
}

// granted is the event of one grant under an approval that was checked.
func (l *Ledger) granted(ctx context.Context, p Proposal, given Approval, digest string) (Event, error) {
	salt, err := l.People.Salt(ctx, p.Citizen, "approval/"+string(p.Grant))
	if err != nil {
		return Event{}, fmt.Errorf("salt: %w", err)
	}
	given.Salt = salt[:]
	closed, err := given.Closed()
	if err != nil {
		return Event{}, err
	}
	return Event{
		Grant: p.Grant, Kind: KindGranted, By: "citizen", Terms: digest, Approval: closed,
		MaxUses: p.Terms.MaxUses, Every: p.Terms.Every(), NotBefore: p.Terms.Validity.NotBefore, Expires: p.Terms.Validity.Expires,
		Evidence: Evidence{Terms: &p.Terms, Approval: &given},
	}, nil
}

func (l *Ledger) evidence(ctx context.Context, citizen string, a approval.Assertion) (Approval, error) {
	key, history, err := l.People.PasskeyKey(ctx, citizen, a.CredentialID)
	if errors.Is(err, ErrNobody) {
		return Approval{}, refuse("passkey", "it is not one of this person's: %v", err)
	}
	if err != nil {
		return Approval{}, fmt.Errorf("passkey: %w", err)
	}
	thumbprint, err := approval.Thumbprint(key)
	if err != nil {
		return Approval{}, refuse("passkey", "%v", err)
	}
	for i := range history { // proofs are added when evidence travels, not kept
		history[i].Proof = ""
	}
	return Approval{Assertion: a, Key: thumbprint, History: history}, nil
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
	return l.closeWith(ctx, id, citizen, Event{Kind: kind}, final)
}

func (l *Ledger) closeWith(ctx context.Context, id GrantID, citizen string, e Event, final State) (Record, error) {
	name := string(e.Kind) + "/" + string(id)
	return l.decideOwn(ctx, id, citizen, []byte(name), func(r Record, _ []Event) ([]Event, string, bool, error) {
		switch state := r.Reading(l.Now()).State; {
		case state == final:
			return nil, "", true, nil
		case state == StateExpired:
			return nil, "", false, ErrExpired
		case final == StateWithdrawn && state == StateRequested:
			return nil, "", false, ErrPending
		}
		e.Grant, e.By = id, "citizen"
		return []Event{e}, name, false, nil
	})
}
