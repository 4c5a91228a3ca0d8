package consent

import (
	"fmt"
	"slices"
	"time"
)

// Apply is the one state machine of a grant: the next record, or why the event
// is not legal. It is total: any record with any event gives an answer, and the
// record is returned unchanged beside an error.
//
//	requested -> active | denied | cancelled | expired
//	active <-> paused
//	active | paused -> withdrawn | expired | superseded | invalidated
//	active -> consumed
//
// received follows a use in any later state: the consumer's countersignature
// for what it already has is never refused because consent ended meanwhile.
// deleted follows any end of what was released. disowned follows anything: what
// its citizen does not recognise may be found out at any time.
func Apply(r Record, e Event) (Record, error) {
	if err := checkPlace(r, e); err != nil {
		return r, err
	}
	next, err := transition(r, e)
	if err != nil {
		return r, err
	}
	if next.State != r.State {
		next.Since = e.At
		next.Reason = e.Reason
	}
	next.Seq, next.At = e.Seq, e.At
	return next, nil
}

// Fold applies events in order.
func Fold(events []Event) (Record, error) {
	var r Record
	for _, e := range events {
		next, err := Apply(r, e)
		if err != nil {
			return r, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		r = next
		if e.Evidence.Terms != nil {
			r.Agreed = e.Evidence.Terms
		}
	}
	if len(events) > 0 {
		r.Citizen, r.Client = events[0].Citizen, events[0].Evidence.Client
	}
	return r, nil
}

// checkPlace is what every event must keep: its grant, its place, its time.
func checkPlace(r Record, e Event) error {
	switch {
	case e.Grant == "" || r.Seq > 0 && e.Grant != r.Grant:
		return refuse("event", "of grant %q in the record of %q", e.Grant, r.Grant)
	case e.Seq != r.Seq+1:
		return fmt.Errorf("%w: event %d after %d", ErrConflict, e.Seq, r.Seq)
	case e.At.IsZero() || !e.At.Equal(e.At.Truncate(time.Millisecond)) || e.At.Before(r.At):
		return refuse("event", "time %s", e.At)
	}
	return nil
}

func transition(r Record, e Event) (Record, error) {
	switch e.Kind {
	case KindRequested:
		return applyRequested(r, e)
	case KindGranted:
		return applyGranted(r, e)
	case KindDenied:
		return decide(r, StateDenied)
	case KindCancelled:
		return decide(r, StateCancelled)
	case KindUsed:
		return applyUsed(r, e)
	case KindReceived:
		return applyReceived(r, e)
	case KindPaused:
		return move(r, StatePaused, StateActive)
	case KindResumed:
		return move(r, StateActive, StatePaused)
	case KindWithdrawn:
		return move(r, StateWithdrawn, StateActive, StatePaused)
	case KindInvalidated:
		return move(r, StateInvalidated, StateActive, StatePaused)
	case KindSuperseded:
		return applySuperseded(r, e)
	case KindDeleted:
		return applyDeleted(r, e)
	case KindDisowned:
		return applyDisowned(r, e)
	case KindExpired:
		return applyExpired(r, e)
	case KindConsumed:
		if r.State == StateActive && len(r.Uses) < r.MaxUses {
			return r, refuse("event", "consumed with uses left")
		}
		return move(r, StateConsumed, StateActive)
	}
	return r, refuse("event", "unknown kind %q", e.Kind)
}

func applyRequested(r Record, e Event) (Record, error) {
	switch {
	case r.Seq != 0:
		return r, ErrDecided
	case e.Request == "" || e.Consumer == "" || e.Provider == "":
		return r, refuse("event", "requested without request, consumer or provider")
	case e.Expires <= e.At.Unix():
		return r, ErrExpired
	}
	return Record{
		Grant: e.Grant, State: StateRequested, Consumer: e.Consumer, Provider: e.Provider,
		Request: e.Request, Supersedes: e.Supersedes, Expires: time.Unix(e.Expires, 0).UTC(),
	}, nil
}

func applyGranted(r Record, e Event) (Record, error) {
	if r.State != StateRequested {
		return r, undecided(r)
	}
	switch {
	case !e.At.Before(r.Expires):
		return r, ErrExpired
	case e.Terms == "" || e.Approval == "":
		return r, refuse("event", "granted without terms or approval")
	case e.MaxUses < 1 || e.Expires <= e.NotBefore || e.Expires <= e.At.Unix():
		return r, refuse("event", "granted for no use or no time")
	case e.Every < 0 || e.Every > maxEvery:
		return r, refuse("event", "granted for every %d seconds", e.Every)
	}
	r.State, r.Terms, r.MaxUses, r.Every = StateActive, e.Terms, e.MaxUses, e.Every
	r.NotBefore, r.Expires = time.Unix(e.NotBefore, 0).UTC(), time.Unix(e.Expires, 0).UTC()
	return r, nil
}

// applyUsed is the compare-and-set from use n-1 to n.
func applyUsed(r Record, e Event) (Record, error) {
	if err := r.Ended(e.At); err != nil {
		return r, err
	}
	switch {
	case len(r.Uses) >= r.MaxUses:
		return r, ErrConsumed
	case e.Use != len(r.Uses)+1:
		return r, ErrUseTaken
	case r.early(e.At):
		return r, ErrTooSoon
	case e.Terms != r.Terms:
		return r, refuse("terms digest", "the commit is for other terms")
	case e.Commit == "":
		return r, refuse("event", "used without a commit")
	}
	r.Uses = append(slices.Clip(r.Uses), Use{At: e.At, Commit: e.Commit})
	return r, nil
}

// maxEvery is the longest frequency that terms can spell: 9999 days.
const maxEvery = 9999 * 86400

// early says that the frequency allows no further use at a moment.
func (r Record) early(at time.Time) bool {
	n := len(r.Uses)
	return r.Every > 0 && n > 0 && at.Before(r.Uses[n-1].At.Add(time.Duration(r.Every)*time.Second))
}

func applyReceived(r Record, e Event) (Record, error) {
	if e.Use < 1 || e.Use > len(r.Uses) {
		return r, refuse("event", "received use %d, which is not taken", e.Use)
	}
	use := r.Uses[e.Use-1]
	switch {
	case !use.Received.IsZero():
		return r, ErrDecided
	case e.Commit != use.Commit:
		return r, refuse("commit digest", "use %d was committed by another", e.Use)
	case e.Receipt == "":
		return r, refuse("event", "received without a countersignature")
	}
	use.Received = e.At
	r.Uses = append([]Use(nil), r.Uses...)
	r.Uses[e.Use-1] = use
	return r, nil
}

func applyExpired(r Record, e Event) (Record, error) {
	if r.Seq > 0 && e.At.Before(r.Expires) {
		return r, refuse("event", "expired before its time")
	}
	return move(r, StateExpired, StateRequested, StateActive, StatePaused)
}

func decide(r Record, to State) (Record, error) {
	if r.State != StateRequested {
		return r, undecided(r)
	}
	r.State = to
	return r, nil
}

// undecided says why a decision comes too late or too early.
func undecided(r Record) error {
	if r.Seq == 0 {
		return ErrUnknown
	}
	return ErrDecided
}

func move(r Record, to State, from ...State) (Record, error) {
	for _, state := range from {
		if r.State == state {
			r.State = to
			return r, nil
		}
	}
	if err := r.ended(); err != nil {
		return r, err
	}
	return r, refuse("event", "a grant that is %s cannot become %s", r.State, to)
}

// Ended answers why the grant allows no use at a moment; nil when it does. The
// clock ends a grant also where no event says so yet.
func (r Record) Ended(at time.Time) error {
	if err := r.ended(); err != nil {
		return err
	}
	switch {
	case r.State == StateRequested:
		return ErrPending
	case !at.Before(r.Expires):
		return ErrExpired
	case r.State == StatePaused:
		return ErrPaused
	case at.Before(r.NotBefore):
		return refuse("validity", "the grant is not valid yet")
	}
	return nil
}

// ended answers the final state's sentinel, nil while the grant lives.
func (r Record) ended() error {
	switch r.State {
	case StateDenied:
		return ErrDenied
	case StateCancelled:
		return ErrCancelled
	case StateWithdrawn:
		return ErrWithdrawn
	case StateExpired:
		return ErrExpired
	case StateConsumed:
		return ErrConsumed
	case StateSuperseded:
		return ErrSuperseded
	case StateInvalidated:
		return ErrInvalid
	case StateRequested, StateActive, StatePaused:
		return nil
	}
	return ErrUnknown
}

// Reading is the record as it stands at a moment: a grant or an offer whose
// time is over reads as expired, whether or not an event says so.
func (r Record) Reading(at time.Time) Record {
	switch r.State {
	case StateRequested, StateActive, StatePaused:
		if !at.Before(r.Expires) {
			r.State, r.Since = StateExpired, r.Expires
		}
	}
	return r
}
