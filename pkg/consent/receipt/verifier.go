package receipt

import (
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Verifier checks receipts against one trust. What was found good in one receipt
// and stands in another, byte by byte, it does not check twice: checkpoints with
// their signatures, and passkey histories. Both depend on the trust and on no
// clock; a failure is never remembered. It may be used at once by many.
type Verifier struct {
	trust     consent.Trust
	catalogue *catalogue.Catalogue
	fabric    *endorsement.Trust

	checkpoints memo[tlog.Checkpoint]
	histories   memo[[]jose.JSONWebKey]
}

// Option widens a check.
type Option func(*Verifier)

// WithCatalogue also compares what the citizen was shown with the catalogue.
func WithCatalogue(c *catalogue.Catalogue) Option { return func(v *Verifier) { v.catalogue = c } }

// NewVerifier makes a Verifier; a later change of the trust's lists does not
// reach it.
func NewVerifier(t consent.Trust, options ...Option) *Verifier {
	t.HubKeys.Keys, t.Officers = slices.Clone(t.HubKeys.Keys), slices.Clone(t.Officers)
	t.Log.Logs, t.Log.Witnesses = slices.Clone(t.Log.Logs), slices.Clone(t.Log.Witnesses)
	v := &Verifier{trust: t}
	for _, option := range options {
		option(v)
	}
	return v
}

// Verify checks one receipt with a Verifier of its own.
func Verify(r Receipt, t consent.Trust, options ...Option) Report {
	return NewVerifier(t, options...).Verify(r)
}

// Verify checks a receipt, offline. It goes on after a failed check where it can,
// so that the report names all of them.
func (v *Verifier) Verify(r Receipt) Report {
	c := &verification{Verifier: v, receipt: r, opened: map[string]opened{}}
	c.digest()
	c.locate()
	c.checkForm()
	c.checkRequest()
	record, legal := c.checkEvents()
	if legal {
		c.checkTerms(record)
	}
	c.checkApproval()
	c.checkInclusion()
	c.checkAnchors()
	c.checkCommits()
	c.checkReceived()
	c.checkDeletion()
	c.checkRecord(record)
	return c.report
}

// history replays a passkey history, whose events have these digests. Whatever the
// replay reads is in them; salts and proofs it does not read.
func (v *Verifier) history(records []approval.KeyRecord, digests []digest) ([]jose.JSONWebKey, error) {
	h := sha256.New()
	for _, d := range digests {
		if d.err != nil {
			return nil, d.err
		}
		h.Write(d.sum[:])
	}
	return v.histories.get([32]byte(h.Sum(nil)), func() ([]jose.JSONWebKey, error) {
		return approval.VerifyHistory(records, v.trust.RP, v.trust.Officers)
	})
}

// open opens a checkpoint under the policy. What a policy without witnesses takes
// may depend on the clock, when a log's key is to end: that is not remembered.
func (v *Verifier) open(checkpoint []byte) (tlog.Checkpoint, error) {
	if v.trust.Log.Quorum(nil) {
		return v.trust.Log.Open(checkpoint)
	}
	return v.checkpoints.get(sha256.Sum256(checkpoint), func() (tlog.Checkpoint, error) { return v.trust.Log.Open(checkpoint) })
}

// maxMemo bounds what is remembered of each kind.
const maxMemo = 256

// memo remembers good answers by the digest of what was asked.
type memo[T any] struct {
	mu    sync.Mutex
	known map[[32]byte]T
}

func (m *memo[T]) get(key [32]byte, ask func() (T, error)) (T, error) {
	m.mu.Lock()
	answer, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return answer, nil
	}
	answer, err := ask()
	if err != nil {
		return answer, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= maxMemo {
		m.known = map[[32]byte]T{}
	}
	m.known[key] = answer
	return answer, nil
}
