package consent

import (
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// How often a consumer is reminded of a statement of deletion that is overdue.
const (
	reminderEvery = 7 * 24 * time.Hour
	reminders     = 8
)

// Reminder is what the clock asks of a grant that is over, at a moment: a signal
// to the consumer, if one is due, and when to look again; zero for never.
func (r Record) Reminder(at time.Time) (s *signal.Signal, next time.Time) {
	until := r.KeptUntil()
	if until.IsZero() || !r.Deleted.IsZero() {
		return nil, time.Time{}
	}
	first := until.Add(deletionGrace)
	if !r.Unconfirmed(at) {
		return nil, first.Add(time.Millisecond)
	}
	n := int64(at.Sub(first) / reminderEvery)
	if n >= reminders {
		return nil, time.Time{}
	}
	// The same moment makes the same signal, whoever sends it; its place is after
	// all events of the grant.
	due := signal.New(r.Consumer, signal.DeletionDue, string(r.Grant), r.Seq+1+n, 0, first.Add(time.Duration(n)*reminderEvery))
	if n+1 < reminders {
		next = first.Add(time.Duration(n+1) * reminderEvery).Add(time.Millisecond)
	}
	return &due, next
}

// Overdue says that at a moment the consumer has not said in time that it deleted
// what it countersigned to have received.
func (r Record) Overdue(at time.Time) bool {
	for _, u := range r.Uses {
		if !u.Received.IsZero() {
			return r.Unconfirmed(at) || r.Deleted.After(at) && r.confirmedLate(at)
		}
	}
	return false
}

// confirmedLate says that the statement came, but after a moment at which it was
// already overdue.
func (r Record) confirmedLate(at time.Time) bool {
	until := r.KeptUntil()
	return !until.IsZero() && at.After(until.Add(deletionGrace))
}
