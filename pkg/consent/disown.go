package consent

import (
	"context"
	"fmt"
	"slices"
)

// Disownable says that a citizen can answer "Not me" to an event: to what was
// done in their name, asked for in it, or released.
func (e Event) Disownable() bool {
	return e.Kind == KindRequested || e.Kind == KindUsed || e.By == "citizen" && e.Kind != KindDisowned
}

// Disown is for a citizen who does not recognise what an event tells. It pauses
// every standing grant of theirs, and then writes down at that event's grant,
// whatever has become of it, that it was disowned. It needs a session alone. What a
// session resumed before that was written is paused after it: from then on no session
// resumes. Repeated, it pauses what was resumed since, and writes nothing twice.
func (l *Ledger) Disown(ctx context.Context, id GrantID, seq int64, citizen string) (Record, error) {
	_, events, err := l.own(ctx, id, citizen)
	if err != nil {
		return Record{}, err
	}
	if !slices.ContainsFunc(events, func(e Event) bool { return e.Seq == seq && e.Disownable() }) {
		return Record{}, ErrUnknown
	}
	pause := Event{Kind: KindPaused, By: "citizen", Reason: PausedNotMe}
	if err := l.pauseAll(ctx, citizen, pause); err != nil {
		return Record{}, err
	}
	name := fmt.Sprintf("%s/%s/%d", KindDisowned, id, seq)
	_, err = l.decideOwn(ctx, id, citizen, []byte(name), func(r Record, _ []Event) ([]Event, string, bool, error) {
		if slices.Contains(r.Disowned, seq) {
			return nil, "", true, nil
		}
		return []Event{{Grant: id, Kind: KindDisowned, By: "citizen", Disowns: seq}}, name, false, nil
	})
	if err != nil {
		return Record{}, err
	}
	if err := l.pauseAll(ctx, citizen, pause); err != nil {
		return Record{}, err
	}
	r, _, err := l.own(ctx, id, citizen)
	return r, err
}

func applyDisowned(r Record, e Event) (Record, error) {
	switch {
	case r.Seq == 0:
		return r, ErrUnknown
	case e.Disowns < 1 || e.Disowns > r.Seq:
		return r, refuse("event", "disowns event %d of %d", e.Disowns, r.Seq)
	case slices.Contains(r.Disowned, e.Disowns):
		return r, ErrDecided
	}
	r.Disowned = append(slices.Clip(r.Disowned), e.Disowns)
	return r, nil
}
