package consent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ProofKept is how long a grant is kept after its end when Ledger.Proof is zero:
// for as long as the law lets somebody ask for the proof of it.
const ProofKept = 5 * 365 * 24 * time.Hour

// Why a grant is not erased, besides ErrStanding.
var (
	ErrYoung = errors.New("consent: the law keeps the proof of this grant for longer")
	ErrHeld  = errors.New("consent: a legal hold keeps everything of this person")
)

// Holds answers whether a court or an authority ordered that nothing about a
// citizen may be erased. It may be called at once.
type Holds interface {
	Held(ctx context.Context, citizen string) (bool, error)
}

// ErasableAt is when a grant may be erased; zero while it lasts.
func (l *Ledger) ErasableAt(r Record) time.Time {
	r = r.Reading(l.Now())
	if r.Seq == 0 || r.ended() == nil {
		return time.Time{}
	}
	proof := l.Proof
	if proof == 0 {
		proof = ProofKept
	}
	return r.Since.Add(proof)
}

// erasable is why a grant may not be erased, or nil.
func (l *Ledger) erasable(r Record) error {
	switch at := l.ErasableAt(r); {
	case at.IsZero():
		return ErrStanding
	case l.Now().Before(at):
		return fmt.Errorf("%w: until %s", ErrYoung, at.Format(time.DateOnly))
	}
	return nil
}

// Held says whether a legal hold keeps a citizen's grants.
func (l *Ledger) Held(ctx context.Context, citizen string) (bool, error) {
	if l.Holds == nil {
		return false, nil
	}
	held, err := l.Holds.Held(ctx, citizen)
	if err != nil {
		return true, fmt.Errorf("legal hold: %w", err)
	}
	return held, nil
}

// Erase deletes, for the citizen it concerns, the events and evidence of a grant
// that ended longer ago than the law keeps its proof. Its leaves stay, as
// tombstones that nothing opens any more; receipts that were given out verify as
// before. One that is erased already is ErrUnknown.
func (l *Ledger) Erase(ctx context.Context, id GrantID, citizen string) error {
	r, _, err := l.own(ctx, id, citizen)
	if err != nil {
		return err
	}
	if err := l.erasable(r); err != nil {
		return err
	}
	held, err := l.Held(ctx, citizen)
	if err != nil {
		return err
	}
	if held {
		return ErrHeld
	}
	return l.Store.Erase(ctx, id)
}

// EraseEnded erases all grants of a citizen that Erase would, and says how many.
// It stops at the first that fails; the next call goes on.
func (l *Ledger) EraseEnded(ctx context.Context, citizen string) (int, error) {
	all, err := l.Of(ctx, citizen)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, r := range all {
		switch err := l.Erase(ctx, r.Grant, citizen); {
		case err == nil:
			n++
		case errors.Is(err, ErrStanding) || errors.Is(err, ErrYoung) || errors.Is(err, ErrUnknown):
		default:
			return n, err
		}
	}
	return n, nil
}

// Head answers how far a citizen's history is: the highest place ever given.
func (l *Ledger) Head(ctx context.Context, citizen string) (int64, error) {
	return l.Store.Head(ctx, citizen)
}
