package consent

import (
	"crypto/sha256"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// SignedWithdrawal is a citizen's own word that a grant is over, for a provider
// that need not believe the hub about it. Withdrawing at the hub needs a session
// alone; this is beside it, never in its place. All but the signature lies in the
// citizen's own receipt. It shows a passkey, so it is for the provider and nobody
// else.
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
