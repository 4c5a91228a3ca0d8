package consent

import (
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Approval is the citizen's signature over terms with everything needed to
// check it. It travels to the provider, encrypted, and lies in the citizen's
// own receipt; a consumer sees only Closed.
type Approval struct {
	Assertion approval.Assertion   `json:"assertion"`
	Key       string               `json:"key"` // thumbprint of the passkey that signed
	Nonce     approval.Bytes       `json:"nonce"`
	Digests   []string             `json:"digests"` // of the terms approved together, in order
	History   []approval.KeyRecord `json:"history"` // as of the approval
	Salt      approval.Bytes       `json:"salt"`
}

const maxDigests = 100

// Closed is the salted digest that the grant event shows. The proofs in the
// history are not in it: they are renewed as the log grows.
func (a Approval) Closed() (string, error) {
	if len(a.Salt) != 32 {
		return "", refuse("approval", "a salt of %d bytes", len(a.Salt))
	}
	open := a
	open.Salt = nil
	open.History = slices.Clone(a.History)
	for i := range open.History {
		open.History[i].Proof = ""
	}
	sum, err := jcs.Sum(open, []byte("mydata/approval-evidence/v1\x00"), a.Salt)
	if err != nil {
		return "", err
	}
	return Encode(sum[:]), nil
}

// Verify checks that terms with this digest were approved: they are among the
// digests, the history holds, and the passkey that signed is active at its end.
// Inclusion of the history in the log is Included's.
func (a Approval) Verify(terms [32]byte, rp approval.RelyingParty, officers []jose.JSONWebKey) error {
	return a.VerifyBy(terms, rp, func() ([]jose.JSONWebKey, error) { return approval.VerifyHistory(a.History, rp, officers) })
}

// VerifyBy is Verify for who knows already what replaying a.History finds.
func (a Approval) VerifyBy(terms [32]byte, rp approval.RelyingParty, history func() ([]jose.JSONWebKey, error)) error {
	if len(a.Nonce) != 32 {
		return refuse("approval", "a nonce of %d bytes", len(a.Nonce))
	}
	if len(a.Digests) == 0 || len(a.Digests) > maxDigests {
		return refuse("approval", "%d digests", len(a.Digests))
	}
	digests := make([][32]byte, len(a.Digests))
	for i, text := range a.Digests {
		d, err := bytes32(text)
		if err != nil {
			return refuse("approval", "digest %d: %v", i, err)
		}
		digests[i] = d
	}
	if !slices.Contains(digests, terms) {
		return refuse("approval", "it is for other terms")
	}
	active, err := history()
	if err != nil {
		return err
	}
	key, ok := approval.ActiveKey(active, a.Key)
	if !ok {
		return refuse("passkey history", "the passkey that signed is not active")
	}
	return rp.Verify(a.Assertion, key, approval.Challenge(digests, [32]byte(a.Nonce)))
}

// Included checks that every event of the passkey history is in the log, under
// a witnessed checkpoint.
func (a Approval) Included(policy tlog.Policy) error {
	for i, record := range a.History {
		entry, err := KeyEntry(record)
		if err != nil {
			return refuse("passkey inclusion", "event %d: %v", i+1, err)
		}
		if err := included(policy, entry, record.Proof); err != nil {
			return refuse("passkey inclusion", "event %d: %v", i+1, err)
		}
	}
	return nil
}

// KeyEntry is the log entry of a passkey event.
func KeyEntry(r approval.KeyRecord) ([]byte, error) {
	digest, err := r.Event.Digest()
	if err != nil {
		return nil, err
	}
	if len(r.Salt) != 32 {
		return nil, fmt.Errorf("a salt of %d bytes", len(r.Salt))
	}
	return tlog.Commitment(approval.LeafDomain, [32]byte(r.Salt), digest), nil
}

// Entry is the log entry of a consent event.
func Entry(e Event, salt [32]byte) ([]byte, error) {
	digest, err := e.Digest()
	if err != nil {
		return nil, err
	}
	return tlog.Commitment(LeafDomain, salt, digest), nil
}

func included(policy tlog.Policy, entry []byte, text string) error {
	if text == "" {
		return fmt.Errorf("there is no proof of inclusion")
	}
	proof, err := tlog.ParseProof([]byte(text))
	if err != nil {
		return err
	}
	_, err = policy.VerifyInclusion(entry, proof)
	return err
}
