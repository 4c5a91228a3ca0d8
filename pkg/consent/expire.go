package consent

import (
	"context"
	"slices"
	"time"
)

// Deadline is when the clock has something to do with a grant or an offer: it
// ends it, if nothing else does before; and after the end, where something was
// released, it asks for the consumer's statement of deletion.
type Deadline struct {
	Grant GrantID
	At    time.Time
}

// Deadlines finds the grants that the clock has ended and no event yet. Both
// methods may run at once, in several processes.
type Deadlines interface {
	// Due answers at most limit deadlines that are not after now, the earliest
	// first. It may answer too much (a grant that has ended, or that lasts longer
	// by now), never too little.
	Due(ctx context.Context, now time.Time, limit int) ([]Deadline, error)
	// Settle moves a deadline that Due answered to another time, or takes it
	// away when that is zero. It changes nothing when the deadline is no longer
	// as it was answered.
	Settle(ctx context.Context, d Deadline, at time.Time) error
}

// closing are the kinds after which no clock has anything to do with a grant. A
// kind that is missing here costs a look, nothing else: see Deadlines.Due.
var closing = []Kind{KindDenied, KindCancelled, KindDeleted}

// ending are those after which what was learnt is to be deleted one day: whoever
// looks next finds out when. What expires is being looked at already.
var ending = []Kind{KindWithdrawn, KindConsumed, KindSuperseded, KindInvalidated}

// Deadline is what an event changes about when the clock has to do with its
// grant: a new time, never again (over), or nothing (neither).
func (e Event) Deadline() (at time.Time, over bool) {
	switch {
	case e.Kind == KindRequested || e.Kind == KindGranted:
		return time.Unix(e.Expires, 0).UTC(), false
	case slices.Contains(ending, e.Kind):
		return e.At, false
	case slices.Contains(closing, e.Kind):
		return time.Time{}, true
	}
	return time.Time{}, false
}

// Lives says that the record is of a grant or an offer that the clock can end.
func (r Record) Lives() bool { return r.Seq > 0 && r.ended() == nil }

// Expire writes down that the clock ended a grant. Nothing happens to one that
// has ended already or whose time is not over; the record tells which. Several
// at once, here and elsewhere, leave one event.
func (l *Ledger) Expire(ctx context.Context, id GrantID) (Record, error) {
	name := string(KindExpired) + "/" + string(id)
	r, err := l.decide(ctx, id, []byte(name), func(r Record, _ []Event) ([]Event, string, bool, error) {
		switch {
		case r.Seq == 0:
			return nil, "", false, ErrUnknown
		case !r.Lives() || l.Now().Before(r.Expires):
			return nil, "", true, nil
		}
		return []Event{{Grant: id, Kind: KindExpired, By: "hub"}}, name, false, nil
	})
	return r, err
}
