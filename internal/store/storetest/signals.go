package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/signal"
)

// Outbox is a notify.Outbox and what fills it.
type Outbox interface {
	notify.Outbox
	notify.Morgue
	Signal(ctx context.Context, s signal.Signal) error
}

// Signals is what every outbox must do. s is empty, commits of c fill it.
func Signals(t *testing.T, s Outbox, c consent.Store) {
	t.Run("it keeps what a commit tells, whole with the commit", func(t *testing.T) { signalsCommit(t, s, c) })
	t.Run("it numbers each audience from 1, without a gap, in the order of events", func(t *testing.T) { signalsOrder(t, s) })
	t.Run("it never gives a number twice, to many who ask at once", func(t *testing.T) { signalsRace(t, s) })
	t.Run("it lets one of several hold an audience", func(t *testing.T) { signalsHold(t, s) })
	t.Run("it numbers for who holds an audience, and forgets with the lease what was heard", func(t *testing.T) { signalsHeld(t, s) })
	t.Run("it answers who is due", func(t *testing.T) { signalsDue(t, s) })
	t.Run("it buries once", func(t *testing.T) { signalsBury(t, s) })
	t.Run("it tells again what was buried", func(t *testing.T) { signalsResend(t, s) })
}

func telling(audience string, place int64) signal.Signal {
	return signal.New(audience, signal.GrantPaused, "grant", place, 0, consentTime.Add(time.Duration(place)*time.Second))
}

func numbers(t *testing.T, s Outbox, audience string) (seqs []int64) {
	t.Helper()
	waiting, err := s.Waiting(t.Context(), audience, 1000)
	is(t, "waiting", err, nil)
	for _, w := range waiting {
		seqs = append(seqs, w.Seq)
	}
	return seqs
}

func signalsCommit(t *testing.T, s Outbox, c consent.Store) {
	commit := asked("told", "tia", 1)
	one := signal.New("urn:told", signal.UseCommitted, "told", 1, 3, consentTime)
	commit.Signals = []signal.Signal{one}
	is(t, "commit", kept(c.Commit(t.Context(), commit)), nil)
	is(t, "the same commit", kept(c.Commit(t.Context(), commit)), nil)
	waiting, err := s.Waiting(t.Context(), "urn:told", 10)
	is(t, "waiting", err, nil)
	one.Seq = 1
	same(t, "signals", waiting, []signal.Signal{one})
	clash := asked("told-2", "tia", 1) // its place is taken
	clash.Signals = []signal.Signal{signal.New("urn:told", signal.GrantDenied, "told-2", 1, 0, consentTime)}
	is(t, "conflict", kept(c.Commit(t.Context(), clash)), consent.ErrConflict)
	same(t, "nothing more", len(numbers(t, s, "urn:told")), 1)
	is(t, "told", s.Told(t.Context(), "urn:told", []string{one.ID}), nil)
	is(t, "the same commit again", kept(c.Commit(t.Context(), commit)), nil)
	same(t, "told once", len(numbers(t, s, "urn:told")), 0)
}

func signalsOrder(t *testing.T, s Outbox) {
	for _, place := range []int64{3, 1, 2} {
		is(t, "signal", s.Signal(t.Context(), telling("urn:order", place)), nil)
		is(t, "another's", s.Signal(t.Context(), telling("urn:order-2", place)), nil)
	}
	waiting, err := s.Waiting(t.Context(), "urn:order", 2)
	is(t, "waiting", err, nil)
	if len(waiting) != 2 || waiting[0].Seq != 1 || waiting[0].Place != 1 || waiting[1].Seq != 2 || waiting[1].Place != 2 {
		t.Errorf("waiting: %+v", waiting)
	}
	for _, odd := range unstorable {
		is(t, "nothing", s.Told(t.Context(), "urn:order", []string{odd}), nil)
		same(t, "nobody", len(numbers(t, s, odd)), 0)
	}
	is(t, "another audience's", s.Told(t.Context(), "urn:order-2", []string{waiting[0].ID}), nil)
	is(t, "told", s.Told(t.Context(), "urn:order", []string{waiting[0].ID, waiting[1].ID}), nil)
	is(t, "again", s.Told(t.Context(), "urn:order", []string{waiting[0].ID}), nil)
	is(t, "signal", s.Signal(t.Context(), telling("urn:order", 4)), nil)
	same(t, "numbers go on", numbers(t, s, "urn:order"), []int64{3, 4})
	same(t, "another's begin at 1", numbers(t, s, "urn:order-2"), []int64{1, 2, 3})
}

func signalsRace(t *testing.T, s Outbox) {
	ctx := context.WithoutCancel(t.Context())
	var group sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]string{}
	for i := range 8 {
		group.Go(func() {
			for j := range 5 {
				if err := s.Signal(ctx, telling("urn:race", int64(i*100+j))); err != nil {
					t.Error(err)
				}
				waiting, err := s.Waiting(ctx, "urn:race", 1000)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, w := range waiting {
					if was, ok := seen[w.Seq]; ok && was != w.ID {
						t.Errorf("number %d is of %s and %s", w.Seq, was, w.ID)
					}
					seen[w.Seq] = w.ID
				}
				mu.Unlock()
				if j%2 == 0 && len(waiting) > 0 {
					if err := s.Told(ctx, "urn:race", []string{waiting[0].ID}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	for n := range int64(40) {
		if seen[n+1] == "" {
			t.Errorf("number %d was never given", n+1)
		}
	}
}

func signalsHold(t *testing.T, s Outbox) {
	ctx := context.WithoutCancel(t.Context())
	now, until := consentTime, consentTime.Add(time.Minute)
	var group sync.WaitGroup
	var mu sync.Mutex
	var won []string
	for i := range 4 {
		group.Go(func() {
			me := fmt.Sprint("replica ", i)
			switch _, _, err := s.Hold(ctx, "urn:hold", me, now, until, 1); {
			case err == nil:
				mu.Lock()
				won = append(won, me)
				mu.Unlock()
			case !errors.Is(err, notify.ErrHeld):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 {
		t.Fatalf("held by %v", won)
	}
	_, _, err := s.Hold(ctx, "urn:hold", won[0], now, until.Add(time.Minute), 0)
	is(t, "taken on", err, nil)
	_, _, err = s.Hold(ctx, "urn:hold", "other", until, until, 1)
	is(t, "still held", err, notify.ErrHeld)
	is(t, "another's release", s.Release(ctx, "urn:hold", "other", 9, now, nil), nil)
	_, _, err = s.Hold(ctx, "urn:hold", "other", until.Add(time.Minute), until.Add(time.Hour), 1)
	is(t, "over", err, nil)
	is(t, "release", s.Release(ctx, "urn:hold", "other", 2, now, nil), nil)
	tries, _, err := s.Hold(ctx, "urn:hold", "third", now, until, 1)
	is(t, "free", err, nil)
	same(t, "tries", tries, 2)
}

// signalsHeld: who holds an audience gets what it has not heard, numbered, and
// forgets what it heard with the lease.
func signalsHeld(t *testing.T, s Outbox) {
	ctx := t.Context()
	now, until := consentTime, consentTime.Add(time.Minute)
	for i := range int64(3) {
		is(t, "signal", s.Signal(ctx, telling("urn:held", i+1)), nil)
	}
	same(t, "numbered before", numbers(t, s, "urn:held"), []int64{1, 2, 3})
	is(t, "signal", s.Signal(ctx, telling("urn:held", 4)), nil)
	hold := func(most int) (seqs []int64, ids []string) {
		_, waiting, err := s.Hold(ctx, "urn:held", "me", now, until, most)
		is(t, "hold", err, nil)
		for _, one := range waiting {
			seqs, ids = append(seqs, one.Seq), append(ids, one.ID)
		}
		return seqs, ids
	}
	seqs, _ := hold(0)
	same(t, "none asked for", len(seqs), 0)
	seqs, ids := hold(2)
	same(t, "the first", seqs, []int64{1, 2})
	is(t, "another's release", s.Release(ctx, "urn:held", "other", 0, now, ids[:1]), nil)
	seqs, ids = hold(20)
	same(t, "what nobody heard", seqs, []int64{2, 3, 4})
	is(t, "release", s.Release(ctx, "urn:held", "me", 0, now, append(ids, "\x00", "unknown")), nil)
	for _, id := range append([]string{"unknown"}, unstorable...) {
		is(t, "what no row can hold is put aside", s.Bury(ctx, "urn:held", id, "refused", now), nil)
	}
	same(t, "all heard", len(numbers(t, s, "urn:held")), 0)
	is(t, "signal", s.Signal(ctx, telling("urn:held", 5)), nil)
	seqs, _ = hold(20)
	same(t, "the next", seqs, []int64{5})
}

func signalsDue(t *testing.T, s Outbox) {
	ctx := t.Context()
	is(t, "signal", s.Signal(ctx, telling("urn:due", 1)), nil)
	due := func(now time.Time) bool {
		all, err := s.Due(ctx, now, 100)
		is(t, "due", err, nil)
		for _, audience := range all {
			if audience == "urn:due" {
				return true
			}
		}
		return false
	}
	same(t, "new", due(consentTime), true)
	_, _, err := s.Hold(ctx, "urn:due", "a", consentTime, consentTime.Add(time.Minute), 0)
	is(t, "hold", err, nil)
	same(t, "held", due(consentTime), false)
	same(t, "no longer held", due(consentTime.Add(time.Minute)), true)
	is(t, "release", s.Release(ctx, "urn:due", "a", 1, consentTime.Add(time.Hour), nil), nil)
	same(t, "later", due(consentTime), false)
	same(t, "by then", due(consentTime.Add(time.Hour)), true)
	waiting, err := s.Waiting(ctx, "urn:due", 1)
	is(t, "waiting", err, nil)
	is(t, "told", s.Told(ctx, "urn:due", []string{waiting[0].ID}), nil)
	same(t, "nothing", due(consentTime.Add(time.Hour)), false)
}

func signalsBury(t *testing.T, s Outbox) {
	ctx := t.Context()
	is(t, "signal", s.Signal(ctx, telling("urn:bury", 1)), nil)
	same(t, "waiting", numbers(t, s, "urn:bury"), []int64{1})
	for range 2 {
		is(t, "bury", s.Bury(ctx, "urn:bury", telling("urn:bury", 1).ID, "too old", consentTime), nil)
	}
	same(t, "buried", len(numbers(t, s, "urn:bury")), 0)
	is(t, "signal", s.Signal(ctx, telling("urn:bury", 2)), nil)
	same(t, "the number is not given again", numbers(t, s, "urn:bury"), []int64{2})
}

func signalsResend(t *testing.T, s Outbox) {
	ctx, later := t.Context(), consentTime.Add(240*time.Hour)
	for i := range int64(3) {
		is(t, "signal", s.Signal(ctx, telling("urn:resend", i+1)), nil)
	}
	is(t, "signal", s.Signal(ctx, telling(signal.Citizen("ada"), 1)), nil)
	for _, audience := range []string{"urn:resend", signal.Citizen("ada")} {
		waiting, err := s.Waiting(ctx, audience, 10)
		is(t, "waiting", err, nil)
		for _, w := range waiting {
			if w.Seq < 3 {
				is(t, "bury", s.Bury(ctx, audience, w.ID, "too old", consentTime), nil)
			}
		}
	}
	dead := func(agency string) (list []string) {
		t.Helper()
		all, err := s.Dead(ctx, agency, 10)
		is(t, "dead", err, nil)
		for _, d := range all {
			if d.Audience == "urn:resend" {
				list = append(list, fmt.Sprintf("%d %s %s %v", d.Seq, d.Kind, d.Reason, d.Buried.Equal(consentTime)))
			}
			if _, citizen := signal.CitizenOf(d.Audience); citizen {
				t.Error("a citizen's message is shown")
			}
		}
		return list
	}
	same(t, "of all", dead(""), []string{"1 grant-paused too old true", "2 grant-paused too old true"})
	same(t, "of one", len(dead("urn:resend")), 2)
	same(t, "of another", len(dead("urn:nobody")), 0)
	resend := func(agency, id string, want int64) {
		t.Helper()
		n, err := s.Resend(ctx, agency, id, later)
		is(t, "resend", err, nil)
		same(t, "resent", n, want)
	}
	resend("urn:nobody", "", 0)
	resend(signal.Citizen("ada"), "", 0)
	resend("urn:resend", "another", 0)
	for _, odd := range unstorable {
		resend(odd, "", 0)
		resend("urn:resend", odd, 0)
	}
	resend("urn:resend", telling("urn:resend", 2).ID, 1)
	same(t, "with its number", numbers(t, s, "urn:resend"), []int64{2, 3})
	resend("urn:resend", "", 1)
	resend("urn:resend", "", 0) // once more, as after an answer that was lost
	same(t, "all", numbers(t, s, "urn:resend"), []int64{1, 2, 3})
	waiting, err := s.Waiting(ctx, "urn:resend", 10)
	is(t, "waiting", err, nil)
	same(t, "its week begins anew", []bool{waiting[0].Resent.Equal(later), waiting[2].Resent.IsZero()}, []bool{true, true})
	same(t, "the same jti", waiting[1].ID, telling("urn:resend", 2).ID)
	same(t, "gone from there", len(dead("")), 0)
}

// Choices is what every store of choices must do. s is empty.
func Choices(t *testing.T, s notify.Choices) {
	ctx := t.Context()
	for _, odd := range unstorable {
		_, err := s.Choice(ctx, odd)
		is(t, "nobody", err, notify.ErrNoChoice)
	}
	_, err := s.TryCode(ctx, "nobody")
	is(t, "no code", err, notify.ErrNoChoice)
	c := notify.Choice{Citizen: "ada", Channel: notify.ChannelMail, Lang: "ko", Address: []byte("a@b.example"),
		Code: "hash", CodeUntil: consentTime, Told: consentTime}
	is(t, "put", s.PutChoice(ctx, c), nil)
	got, err := s.Choice(ctx, "ada")
	is(t, "choice", err, nil)
	same(t, "choice", got, c)
	for want := 1; want <= 2; want++ {
		tries, err := s.TryCode(ctx, "ada")
		is(t, "try", err, nil)
		same(t, "tries", tries, want)
	}
	is(t, "told", s.NoteTold(ctx, "ada", consentTime.Add(time.Hour)), nil)
	c.CodeTries, c.Told = 2, consentTime.Add(time.Hour)
	got, err = s.Choice(ctx, "ada")
	is(t, "choice", err, nil)
	same(t, "choice", got, c)
	c = notify.Choice{Citizen: "ada", Channel: notify.ChannelPush, Lang: "en", Address: []byte("{}"), CodeUntil: time.UnixMilli(0).UTC(), Told: time.UnixMilli(0).UTC()}
	is(t, "replace", s.PutChoice(ctx, c), nil)
	got, err = s.Choice(ctx, "ada")
	is(t, "choice", err, nil)
	same(t, "choice", got, c)
	is(t, "an address that was replaced ends", s.DropChoice(ctx, "ada", []byte("a@b.example")), nil)
	_, err = s.Choice(ctx, "ada")
	is(t, "still there", err, nil)
	for range 2 {
		is(t, "drop", s.DropChoice(ctx, "ada", nil), nil)
	}
	_, err = s.Choice(ctx, "ada")
	is(t, "gone", err, notify.ErrNoChoice)
}
