package consent

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// SignedWithdrawal is a citizen's own word that a grant is over, for a provider
// that need not believe the hub about it. Withdrawing at the hub needs a session
// alone; this is beside it, never in its place. All but the signature lies in the
// citizen's own receipt. It shows a passkey, by which agencies could tell that two
// pseudonyms are one person: the provider has seen it before, a consumer sees it
// only when the citizen chooses to show it there, and its SDK keeps no copy.
type SignedWithdrawal struct {
	Terms    Terms    `json:"terms"`
	Approval Approval `json:"approval"` // of the terms, as the provider has seen it
	// History is the passkey history as of the withdrawal, where it has grown since
	// the approval; it begins as the approval's.
	History   []approval.KeyRecord `json:"history,omitempty"`
	Key       string               `json:"key"` // thumbprint of the passkey that signed
	Assertion approval.Assertion   `json:"assertion"`
}

// WithdrawalType is the media type of a SignedWithdrawal.
const WithdrawalType = "application/mydata-withdrawal+json"

// MaxWithdrawal bounds a SignedWithdrawal.
const MaxWithdrawal = 256 << 10

// CheckWithdrawal is the name of its check.
const CheckWithdrawal = "citizen's withdrawal"

// WithdrawalChallenge is what a passkey signs to withdraw: SHA-256(tag, digest of
// the terms). It has no nonce: a withdrawal is for good, and the same each time.
func WithdrawalChallenge(terms [32]byte) [32]byte {
	return sha256.Sum256(append([]byte("mydata/withdrawal/v1\x00"), terms[:]...))
}

// ParseWithdrawal reads a signed withdrawal strictly.
func ParseWithdrawal(raw []byte) (SignedWithdrawal, error) {
	var w SignedWithdrawal
	if err := Decode(raw, MaxWithdrawal, &w); err != nil {
		return SignedWithdrawal{}, refuse(CheckWithdrawal, "%v", err)
	}
	return w, nil
}

// Verify checks, without asking anybody, that whoever approved the terms has
// withdrawn them: the approval holds, and a passkey that is active at the end of
// the same history signed. That the history is in the log is not asked: a log that
// hides must not make withdrawing harder.
func (w SignedWithdrawal) Verify(rp approval.RelyingParty, officers []jose.JSONWebKey) error {
	digest, err := w.Terms.Digest()
	if err != nil {
		return refuse(CheckWithdrawal, "%v", err)
	}
	if err := w.Approval.Verify(digest, rp, officers); err != nil {
		return err
	}
	history := w.Approval.History
	if w.History != nil {
		if err := continues(history, w.History); err != nil {
			return err
		}
		history = w.History
	}
	active, err := approval.VerifyHistory(history, rp, officers)
	if err != nil {
		return err
	}
	key, ok := approval.ActiveKey(active, w.Key)
	if !ok {
		return refuse(CheckWithdrawal, "the passkey that signed is not active")
	}
	if err := rp.Verify(w.Assertion, key, WithdrawalChallenge(digest)); err != nil {
		return fmt.Errorf("%s: %w", CheckWithdrawal, err)
	}
	return nil
}

// continues says that one history begins with another.
func continues(was, now []approval.KeyRecord) error {
	if len(now) < len(was) {
		return refuse(CheckWithdrawal, "its passkey history is shorter than the approval's")
	}
	for i := range was {
		a, err := was[i].Event.Digest()
		if err != nil {
			return err
		}
		b, err := now[i].Event.Digest()
		if err != nil {
			return err
		}
		if a != b {
			return refuse(CheckWithdrawal, "its passkey history does not begin as the approval's")
		}
	}
	return nil
}

// WithdrawnBy is what a withdrawn event keeps of the passkey that signed it.
type WithdrawnBy struct {
	Key       string               `json:"key"`
	Assertion approval.Assertion   `json:"assertion"`
	History   []approval.KeyRecord `json:"history,omitempty"`
}

// approved is what a history holds to withdraw with; ErrPending before there is.
func approved(events []Event) (SignedWithdrawal, error) {
	for _, e := range events {
		if e.Kind == KindGranted && e.Evidence.Terms != nil && e.Evidence.Approval != nil {
			return SignedWithdrawal{Terms: *e.Evidence.Terms, Approval: *e.Evidence.Approval}, nil
		}
	}
	return SignedWithdrawal{}, ErrPending
}

// WithdrawalToSign is the challenge by which a citizen's passkey withdraws a grant.
func (l *Ledger) WithdrawalToSign(ctx context.Context, id GrantID, citizen string) ([32]byte, error) {
	_, events, err := l.own(ctx, id, citizen)
	if err != nil {
		return [32]byte{}, err
	}
	w, err := approved(events)
	if err != nil {
		return [32]byte{}, err
	}
	digest, err := w.Terms.Digest()
	return WithdrawalChallenge(digest), err
}

// WithdrawSigned is Withdraw that keeps the citizen's signature, for the provider:
// see SignedWithdrawal. Of a grant that was withdrawn before it changes nothing.
func (l *Ledger) WithdrawSigned(ctx context.Context, id GrantID, citizen string, a approval.Assertion) (Record, error) {
	_, events, err := l.own(ctx, id, citizen)
	if err != nil {
		return Record{}, err
	}
	w, err := approved(events)
	if err != nil {
		return Record{}, err
	}
	key, history, err := l.People.PasskeyKey(ctx, citizen, a.CredentialID)
	if err != nil {
		return Record{}, fmt.Errorf("passkey: %w", err)
	}
	if w.Key, w.Assertion = key.KeyID, a; len(history) > len(w.Approval.History) {
		w.History = history
	}
	if err := w.Verify(l.RP, l.Officers); err != nil {
		return Record{}, err
	}
	return l.closeWith(ctx, id, citizen, Event{Kind: KindWithdrawn, Evidence: Evidence{Withdrawal: &WithdrawnBy{w.Key, a, w.History}}}, StateWithdrawn)
}

// SignedWithdrawal is the citizen's own, to hand to the provider; ErrUnknown where
// a session alone withdrew, or nothing did.
func (l *Ledger) SignedWithdrawal(ctx context.Context, id GrantID, citizen string) (SignedWithdrawal, error) {
	_, events, err := l.own(ctx, id, citizen)
	if err != nil {
		return SignedWithdrawal{}, err
	}
	w, err := approved(events)
	if err != nil {
		return SignedWithdrawal{}, err
	}
	for _, e := range events {
		if by := e.Evidence.Withdrawal; by != nil {
			w.Key, w.Assertion, w.History = by.Key, by.Assertion, by.History
			return w, nil
		}
	}
	return SignedWithdrawal{}, ErrUnknown
}
