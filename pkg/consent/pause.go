package consent

import (
	"context"
	"errors"
	"fmt"
)

// Why a grant is paused, in the code of its event. A citizen's own pause has
// none.
const (
	PausedLostPhone = "lost_phone" // by officers, who replaced the citizen's passkeys
	PausedNotMe     = "not_me"     // by the citizen, who does not recognise something: see Disown
)

// ErrConfirm says that a session alone does not resume a grant: whoever paused
// it did not trust what was done in sessions.
var ErrConfirm = errors.New("consent: resuming this needs a fresh confirmation by passkey")

// Pause stops a grant until it is resumed. It needs a session, no passkey: never
// harder than granting. reason is a code: "" of the citizen, any other of an
// officer.
func (l *Ledger) Pause(ctx context.Context, id GrantID, citizen, reason string) (Record, error) {
	by := "citizen"
	if reason != "" {
		by = "officer"
	}
	return l.turn(ctx, id, citizen, StatePaused, Event{Kind: KindPaused, By: by, Reason: reason})
}

// Resume lets a grant go on that its citizen paused, by a session alone. While
// any of the citizen's grants is paused for a reason, or where the citizen has not
// recognised something since this one was paused and confirmed nothing since then, it
// is ErrConfirm. It takes the place in the citizen's events after the last that it has
// judged, so that no "Not me" slips between.
func (l *Ledger) Resume(ctx context.Context, id GrantID, citizen string) (Record, error) {
	all, err := l.decideAll(ctx, []GrantID{id}, nil, []byte(KindResumed), func(now []account) ([]Event, string, bool, error) {
		if err := now[0].record.of(citizen); err != nil {
			return nil, "", false, err
		}
		var err error
		if now[0].head, err = l.Store.Head(ctx, citizen); err != nil {
			return nil, "", false, fmt.Errorf("load citizen's head: %w", err)
		}
		if err := l.sessionResumes(ctx, id, citizen); err != nil {
			return nil, "", false, err
		}
		return l.turning(now[0].record, StateActive, Event{Grant: id, Kind: KindResumed, By: "citizen"})
	})
	if err != nil {
		return Record{}, err
	}
	return all[0].record, nil
}

// sessionResumes says by all that happened to a citizen why a session alone does not
// resume this grant; nil when it does.
func (l *Ledger) sessionResumes(ctx context.Context, id GrantID, citizen string) error {
	events, err := l.Store.Events(ctx, citizen)
	if err != nil {
		return fmt.Errorf("load events: %w", err)
	}
	records, _, err := foldAll(events)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r = r.Reading(l.Now()); r.State == StatePaused && r.Reason != "" {
			return ErrConfirm
		}
	}
	disowned := false
	for _, e := range events { // what was resumed since, a passkey has confirmed
		disowned = e.Kind == KindDisowned || disowned && e.Kind != KindResumed && (e.Kind != KindPaused || e.Grant != id)
	}
	if disowned && records[id].State == StatePaused {
		return ErrConfirm
	}
	return nil
}

// ResumeConfirmed lets any paused grant go on. Its caller has just seen one of
// the citizen's passkeys sign, as for a new grant.
func (l *Ledger) ResumeConfirmed(ctx context.Context, id GrantID, citizen string) (Record, error) {
	return l.turn(ctx, id, citizen, StateActive, Event{Kind: KindResumed, By: "citizen"})
}

// PauseAll pauses every standing grant of a citizen, as after the loss of a
// phone. It goes on after an error and answers all of them.
func (l *Ledger) PauseAll(ctx context.Context, citizen, reason string) error {
	return l.pauseAll(ctx, citizen, Event{Kind: KindPaused, By: "officer", Reason: reason})
}

// pauses is how often pauseAll looks again: a grant may be approved, or resumed,
// while it pauses the others.
const pauses = 3

func (l *Ledger) pauseAll(ctx context.Context, citizen string, e Event) error {
	for range pauses {
		records, err := l.Of(ctx, citizen)
		if err != nil {
			return err
		}
		var all []error
		for _, r := range records {
			if r.State == StateActive {
				_, err := l.turn(ctx, r.Grant, citizen, StatePaused, e)
				all = append(all, err)
			}
		}
		if err := errors.Join(all...); err != nil || len(all) == 0 {
			return err
		}
	}
	return nil
}

// turn moves to a state that can be left again.
func (l *Ledger) turn(ctx context.Context, id GrantID, citizen string, to State, e Event) (Record, error) {
	e.Grant = id
	return l.decideOwn(ctx, id, citizen, []byte(e.Kind), func(r Record, _ []Event) ([]Event, string, bool, error) {
		return l.turning(r, to, e)
	})
}

// turning is the decision of a turn; its commit id holds the place.
func (l *Ledger) turning(r Record, to State, e Event) ([]Event, string, bool, error) {
	switch state := r.Reading(l.Now()).State; {
	case state == to:
		return nil, "", true, nil
	case state == StateExpired:
		return nil, "", false, ErrExpired
	case state == StateRequested:
		return nil, "", false, ErrPending
	}
	return []Event{e}, fmt.Sprintf("%s/%s/%d", e.Kind, e.Grant, r.Seq+1), false, nil
}
