package jepsen

import (
	"sync"
	"time"
)

// Outcome is what the one who asked can know.
type Outcome string

// The outcomes of an operation.
const (
	Yes     Outcome = "yes"
	No      Outcome = "no" // refused: nothing happened
	Unknown Outcome = "unknown"
)

// Kinds of operations.
const (
	OpGrant    = "grant"    // a citizen's signature; Old is what it replaced
	OpDeny     = "deny"     // a citizen's no
	OpWithdraw = "withdraw" // and pause, resume: the citizen's
	OpPause    = "pause"
	OpResume   = "resume"
	OpCommit   = "commit"   // the provider asks the hub
	OpRelease  = "release"  // the provider answers the consumer
	OpReceived = "received" // the consumer's countersignature comes to the hub
	OpGot      = "got"      // the consumer has decrypted
)

// An Op is one operation, from going in to being answered.
type Op struct {
	Kind    string
	Grant   string
	Old     string // of a grant: what it supersedes
	Use     int
	Commit  string // digest of the provider's commit
	Cipher  string // of a release: digest of the ciphertext
	Plain   string // digest of the salted plaintext, or of the evidence that came out
	Call    time.Duration
	Return  time.Duration
	Outcome Outcome
	Word    string // of a refusal
}

// A History is what was recorded, in no order.
type History struct {
	began time.Time
	mu    sync.Mutex
	ops   []Op
}

func newHistory() *History { return &History{began: time.Now()} }

func (h *History) now() time.Duration { return time.Since(h.began) }

// add notes an operation that is over.
func (h *History) add(op Op) {
	op.Return = h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

func (h *History) all() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Op(nil), h.ops...)
}
