package notify

import (
	"context"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// ErrHeld says that another is telling this audience.
var ErrHeld = errors.New("notify: another tells this audience")

// Outbox holds what is to be told; commits put it there. All methods may run at
// once, in several processes; what they write is durable on return. An error that
// is not ErrHeld means that the outcome is unknown: each may be repeated.
type Outbox interface {
	// Due answers audiences that have something to be told, that nobody holds and
	// whose next try is not after now; those who wait longest come first.
	Due(ctx context.Context, now time.Time, most int) ([]string, error)
	// Hold takes an audience until a time, or takes it on: of several holders one
	// does, the others get ErrHeld. tries is what Release was told, 0 at first; waiting
	// is as Waiting answers.
	Hold(ctx context.Context, audience, holder string, now, until time.Time, most int) (tries int, waiting []signal.Signal, err error)
	// Waiting answers the first signals that an audience has not heard, each with
	// its number: given once, from 1, without a gap, in the order of events.
	Waiting(ctx context.Context, audience string, most int) ([]signal.Signal, error)
	// Told forgets signals that the audience has heard; unknown ones are nothing.
	Told(ctx context.Context, audience string, ids []string) error
	// Bury puts a signal aside that will not be told.
	Bury(ctx context.Context, audience, id, reason string, at time.Time) error
	// Release forgets what an audience has heard, as Told does, and gives it up, if
	// holder still has it.
	Release(ctx context.Context, audience, holder string, tries int, next time.Time, told []string) error
}
