package notify

import (
	"context"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// DeadSignal is a signal to an agency that was put aside and not told.
type DeadSignal struct {
	ID       string      `json:"jti"`
	Audience string      `json:"agency"`
	Seq      int64       `json:"seq"`
	Kind     signal.Kind `json:"kind"`
	Grant    string      `json:"grant"`
	Use      int         `json:"use,omitempty"`
	At       time.Time   `json:"at"`
	Reason   string      `json:"reason"`
	Buried   time.Time   `json:"put_aside"`
}

// Morgue is what was put aside. Messages to citizens are never shown. Its methods
// may run at once, in several processes.
type Morgue interface {
	// Dead answers what was put aside, of one agency or, with "", of all.
	Dead(ctx context.Context, agency string, most int) ([]DeadSignal, error)
	// Resend has an agency told again: one by its jti, or, with "", all. Each keeps
	// its jti and its number, and may be tried for as long as a new one. It answers
	// how many; durable on nil. On an error the outcome is unknown: repeat it, what
	// is being told already is not counted again.
	Resend(ctx context.Context, agency, id string, now time.Time) (int64, error)
}
