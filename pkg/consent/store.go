package consent

import (
	"context"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// Commit is everything one decision changes, as a value: a store makes it
// durable whole or not at all.
type Commit struct {
	ID     string   // from the operation and what makes it one and the same
	Digest []byte   // of the request; an ID with another digest is ErrReused
	Events []Event  // (Grant, Seq) and (Citizen, CitizenSeq) unique
	Leaves [][]byte // log entries: a commitment to each of Events

	Signals []signal.Signal // what others are told once it is durable
}

// Proposal is terms shown to a citizen and not yet signed.
type Proposal struct {
	Grant   GrantID
	Citizen string
	Terms   Terms
	Nonce   [32]byte
	Expires time.Time
}

// Store keeps events. All methods may run at once, in several processes.
type Store interface {
	// History answers the events of a grant in order of Seq and their fold.
	// ErrUnknown when there are none.
	History(ctx context.Context, id GrantID) (Record, []Event, error)
	// Events answers all events of one citizen in order of CitizenSeq.
	Events(ctx context.Context, citizen string) ([]Event, error)
	// Course is History's events without their evidence, which is most of it, and the
	// Head of their citizen no older than they are: what a use needs, in one look.
	Course(ctx context.Context, id GrantID) (events []Event, head int64, err error)
	// Head answers the highest CitizenSeq of a citizen, 0 when there is none.
	Head(ctx context.Context, citizen string) (int64, error)
	// Commit: nil means this commit is durable, whole; or an earlier one with this
	// ID, which may hold the same otherwise, and then again is true. ErrConflict: a Seq was taken, nothing is written; reload and Apply
	// again. ErrReused: the ID stands for another Digest. Any other error: the
	// outcome is unknown; retry the same Commit.
	Commit(ctx context.Context, c Commit) (again bool, err error)
	// Propose keeps the latest proposal of a grant, replacing an older one.
	Propose(ctx context.Context, p Proposal) error
	// Proposal answers it; ErrNoOffer when there is none.
	Proposal(ctx context.Context, id GrantID) (Proposal, error)
	// Erase deletes a grant's events, evidence and proposal for good. Its leaves
	// stay in the log as tombstones that nothing opens any more.
	Erase(ctx context.Context, id GrantID) error
}
