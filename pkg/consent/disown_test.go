package consent_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// "Not me" pauses all that stands, and leaves one event where it was said,
// whatever has become of that grant.
//
//clause:consent "Not me": it freezes everything that stands, and leaves one event of its own
func TestDisown(t *testing.T) {
	for _, c := range []struct {
		name string
		lead func(t *testing.T, w *consenttest.World, passkey *consenttest.Passkey) consent.Record
		seq  int64
		want consent.State // of the grant it is said of
	}{
		{"it is said of a release while the consent stands", released, 3, consent.StatePaused},
		{"it is said of the consent itself", released, 2, consent.StatePaused},
		{"it is said of the request", released, 1, consent.StatePaused},
		{"it is said of a request that waits", func(t *testing.T, w *consenttest.World, _ *consenttest.Passkey) consent.Record {
			return offered(t, w)
		}, 1, consent.StateRequested},
		{"it is said of a denial", func(t *testing.T, w *consenttest.World, _ *consenttest.Passkey) consent.Record {
			r, err := w.Ledger.Deny(t.Context(), offered(t, w).Grant, ada)
			ok(t, "deny", err)
			return r
		}, 2, consent.StateDenied},
		{"it is said of a withdrawal", func(t *testing.T, w *consenttest.World, passkey *consenttest.Passkey) consent.Record {
			r, err := w.Ledger.Withdraw(t.Context(), released(t, w, passkey).Grant, ada)
			ok(t, "withdraw", err)
			return r
		}, 4, consent.StateWithdrawn},
		{"it is said of a release of what is over", func(t *testing.T, w *consenttest.World, passkey *consenttest.Passkey) consent.Record {
			r := released(t, w, passkey)
			w.Pass(31 * 24 * time.Hour)
			r, err := w.Ledger.Expire(t.Context(), r.Grant)
			ok(t, "expire", err)
			return r
		}, 3, consent.StateExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			w, passkey := world(t)
			r := c.lead(t, w, passkey)
			other, foreign := w.Granted(ctx, ada, passkey), w.Granted(ctx, bea, w.People.Enrol(bea))
			for range 2 { // the second finds it
				got, err := w.Ledger.Disown(ctx, r.Grant, c.seq, ada)
				if err != nil || got.State != c.want || !slices.Equal(got.Disowned, []int64{c.seq}) {
					t.Fatalf("%s, disowned %v, %v", got.State, got.Disowned, err)
				}
			}
			_, events, err := w.Store.History(ctx, r.Grant)
			ok(t, "history", err)
			last := events[len(events)-1]
			if last.Kind != consent.KindDisowned || last.By != "citizen" || last.Disowns != c.seq || last.Salt == [32]byte{} || count(t, w, consent.KindDisowned) != 1 {
				t.Errorf("it left %+v", last)
			}
			for id, want := range map[consent.GrantID]consent.State{other.Grant: consent.StatePaused, foreign.Grant: consent.StateActive} {
				now, _, err := w.Store.History(ctx, id)
				ok(t, "history", err)
				if now.State != want || want == consent.StatePaused && now.Reason != consent.PausedNotMe {
					t.Errorf("another consent is %s because of %q", now.State, now.Reason)
				}
			}
			// What was resumed is paused again; what was written stays as it is.
			ok(t, "resume", second(w.Ledger.ResumeConfirmed(ctx, other.Grant, ada)))
			ok(t, "again", second(w.Ledger.Disown(ctx, r.Grant, c.seq, ada)))
			is(t, "a use", second(w.Ledger.NextUse(ctx, other.Grant, consenttest.Client)), consent.ErrPaused)
			if n := count(t, w, consent.KindDisowned); n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// released is a grant of which something was released.
func released(t *testing.T, w *consenttest.World, passkey *consenttest.Passkey) consent.Record {
	t.Helper()
	r := w.Granted(t.Context(), ada, passkey)
	ok(t, "use", second(w.Ledger.Use(t.Context(), w.Commit(r, 1, nil))))
	return r
}

//clause:consent "Not me": it freezes everything that stands, and leaves one event of its own
func TestDisownRefuses(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := released(t, w, passkey)
	over := released(t, w, passkey)
	ok(t, "invalidate", second(w.Ledger.Invalidate(ctx, over.Grant, "agency_closed")))
	_, err := w.Ledger.Disown(ctx, over.Grant, 3, ada)
	ok(t, "disown", err)
	ok(t, "resume", second(w.Ledger.ResumeConfirmed(ctx, r.Grant, ada)))
	for _, c := range []struct {
		name    string
		grant   consent.GrantID
		seq     int64
		citizen string
		err     error
	}{
		{"it is nobody else's to say", r.Grant, 3, bea, consent.ErrForeign},
		{"it is not nobody's to say", r.Grant, 3, "", consent.ErrForeign},
		{"it knows no other grant", "other", 3, ada, consent.ErrUnknown},
		{"it knows no event to come", r.Grant, 99, ada, consent.ErrUnknown},
		{"it knows no event before the first", r.Grant, 0, ada, consent.ErrUnknown},
		{"it is not said of what the operator did", over.Grant, 4, ada, consent.ErrUnknown},
		{"it is not said of itself", over.Grant, 5, ada, consent.ErrUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			is(t, "disown", second(w.Ledger.Disown(ctx, c.grant, c.seq, c.citizen)), c.err)
			if now, _, err := w.Store.History(ctx, r.Grant); err != nil || now.State != consent.StateActive {
				t.Errorf("it froze all the same: %s, %v", now.State, err)
			}
		})
	}
}

// Where something could not be paused, nobody is told that it was.
func TestDisownFreezesFirst(t *testing.T) {
	w, passkey := world(t)
	r := w.Granted(t.Context(), ada, passkey)
	broken := &faulty{Store: w.Store, lost: 3} // each try of the pause, and nothing else
	w.Ledger.Store = broken
	is(t, "disown", second(w.Ledger.Disown(t.Context(), r.Grant, 2, ada)), consent.ErrKept)
	if n := count(t, w, consent.KindDisowned); n != 0 || broken.lost != 0 {
		t.Errorf("%d events, %d writes left to lose", n, broken.lost)
	}
	ok(t, "once more", second(w.Ledger.Disown(t.Context(), r.Grant, 2, ada)))
	if count(t, w, consent.KindPaused) != 1 || count(t, w, consent.KindDisowned) != 1 {
		t.Error("it is not paused and disowned")
	}
}

// A grant that a session had paused before is not paused anew by "Not me", and yet no
// session alone resumes it from then on.
func TestDisownHoldsWhatWasPausedBefore(t *testing.T) {
	w := consenttest.New()
	passkey := w.People.Enrol("ada")
	ctx := t.Context()
	r := w.Granted(ctx, "ada", passkey)
	if _, err := w.Ledger.Pause(ctx, r.Grant, "ada", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.Disown(ctx, r.Grant, 1, "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.Resume(ctx, r.Grant, "ada"); !errors.Is(err, consent.ErrConfirm) {
		t.Errorf("by a session alone: %v", err)
	}
	if _, err := w.Ledger.ResumeConfirmed(ctx, r.Grant, "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.Pause(ctx, r.Grant, "ada", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.Resume(ctx, r.Grant, "ada"); err != nil {
		t.Errorf("a pause of afterwards: %v", err)
	}
}

// slipping has a session resume a grant just before "Not me" is written down, and then
// loses writes.
type slipping struct {
	faulty
	resume func()
}

func (s *slipping) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	disowned := c.Events[0].Kind == consent.KindDisowned
	if resume := s.resume; resume != nil && disowned {
		s.resume = nil
		resume()
	}
	if again, err = s.faulty.Commit(ctx, c); disowned && err == nil {
		s.lost = 3
	}
	return again, err
}

// What a session resumed meanwhile is paused before "Not me" is acknowledged, or it is
// not acknowledged.
func TestDisownFreezesWhatSlipped(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	ok(t, "pause", second(w.Ledger.Pause(ctx, r.Grant, ada, "")))
	other := &consent.Ledger{Store: w.Store, People: w.People, Now: w.Now} // another replica
	w.Ledger.Store = &slipping{faulty: faulty{Store: w.Store}, resume: func() {
		ok(t, "resume", second(other.Resume(ctx, r.Grant, ada)))
	}}
	is(t, "disown", second(w.Ledger.Disown(ctx, r.Grant, 2, ada)), consent.ErrKept)
	got, err := w.Ledger.Disown(ctx, r.Grant, 2, ada)
	if err != nil || got.State != consent.StatePaused || count(t, w, consent.KindDisowned) != 1 {
		t.Errorf("%s, %v", got.State, err)
	}
}
