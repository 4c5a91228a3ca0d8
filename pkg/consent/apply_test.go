package consent_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/govmydata/mydata/pkg/consent"
)

var begin = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

var kinds = []consent.Kind{
	consent.KindRequested, consent.KindGranted, consent.KindDenied, consent.KindCancelled, consent.KindUsed, consent.KindReceived,
	consent.KindPaused, consent.KindResumed, consent.KindWithdrawn, consent.KindExpired, consent.KindConsumed, consent.KindInvalidated,
	consent.KindSuperseded, consent.KindDisowned, "", "nonsense",
}

// anyEvent is mostly plausible, so that walks get far, and sometimes not.
func anyEvent(r consent.Record) *rapid.Generator[consent.Event] {
	return rapid.Custom(func(t *rapid.T) consent.Event {
		at := r.At
		if at.IsZero() {
			at = begin
		}
		return consent.Event{
			Grant:     consent.GrantID(rapid.SampledFrom([]string{"g", "g", "g", "g", "g", "g", "h", ""}).Draw(t, "grant")),
			Seq:       r.Seq + rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, 1, 0, 2, -1}).Draw(t, "step"),
			Kind:      rapid.SampledFrom(kinds).Draw(t, "kind"),
			At:        at.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 1000, 60000, 3600000, -1}).Draw(t, "pass")) * time.Millisecond),
			Request:   rapid.SampledFrom([]string{"r", "r", "r", ""}).Draw(t, "request"),
			Consumer:  "urn:c",
			Provider:  "urn:p",
			MaxUses:   rapid.IntRange(-1, 3).Draw(t, "max"),
			NotBefore: begin.Unix(),
			Expires:   begin.Unix() + rapid.SampledFrom([]int64{-1, 600, 86400, 864000}).Draw(t, "life"),
			Terms:     rapid.SampledFrom([]string{"t", "t", "t", "u", ""}).Draw(t, "terms"),
			Approval:  rapid.SampledFrom([]string{"a", "a", "a", ""}).Draw(t, "approval"),
			Use:       rapid.IntRange(-1, 4).Draw(t, "use"),
			Commit:    rapid.SampledFrom([]string{"k", "k", "k", "l", ""}).Draw(t, "commit"),
			Every:     rapid.SampledFrom([]int64{0, 0, 0, 60, -1}).Draw(t, "every"),
			Successor: consent.GrantID(rapid.SampledFrom([]string{"h", "h", "g", ""}).Draw(t, "successor")),
			Disowns:   rapid.Int64Range(-1, 6).Draw(t, "disowns"),
			Receipt:   rapid.SampledFrom([]string{"x", "x", ""}).Draw(t, "received"),
		}
	})
}

var final = []consent.State{
	consent.StateDenied, consent.StateCancelled, consent.StateWithdrawn, consent.StateExpired, consent.StateConsumed, consent.StateInvalidated,
	consent.StateSuperseded,
}

// Apply is total, changes nothing on refusal, never shares its input, and keeps
// the promises that the whole product rests on.
//
//clause:consent one state machine, exhaustively; a million random sequences lead nowhere else
func TestApplyHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r consent.Record
		var events []consent.Event
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			e := anyEvent(r).Draw(t, "event")
			before := clone(r)
			next, err := consent.Apply(r, e)
			if !reflect.DeepEqual(r, before) {
				t.Fatalf("the input changed")
			}
			if err != nil {
				if !reflect.DeepEqual(next, before) {
					t.Fatalf("a refusal changed the record")
				}
				continue
			}
			invariants(t, before, next, e)
			r, events = next, append(events, e)
		}
		folded, err := consent.Fold(events)
		if err != nil || !reflect.DeepEqual(folded, r) {
			t.Fatalf("the fold differs: %v", err)
		}
	})
}

func clone(r consent.Record) consent.Record {
	r.Uses, r.Disowned = slices.Clone(r.Uses), slices.Clone(r.Disowned)
	return r
}

func invariants(t *rapid.T, before, next consent.Record, e consent.Event) {
	switch {
	case next.Seq != before.Seq+1:
		t.Fatalf("seq %d after %d", next.Seq, before.Seq)
	case next.At.Before(before.At):
		t.Fatalf("time ran back")
	case len(next.Uses) > next.MaxUses:
		t.Fatalf("%d uses of %d", len(next.Uses), next.MaxUses)
	case slices.Contains(final, before.State) && next.State != before.State:
		t.Fatalf("%s became %s", before.State, next.State)
	case len(next.Uses) > len(before.Uses) && (e.Kind != consent.KindUsed || before.State != consent.StateActive ||
		!e.At.Before(before.Expires) || e.Use != len(next.Uses)):
		t.Fatalf("a use was taken by %s in %s", e.Kind, before.State)
	case len(next.Uses) > 1 && len(next.Uses) > len(before.Uses) && next.Every > 0 &&
		e.At.Sub(before.Uses[len(before.Uses)-1].At) < time.Duration(next.Every)*time.Second:
		t.Fatalf("a use was taken too soon")
	case next.State == consent.StateActive && next.Terms == "":
		t.Fatalf("active without terms")
	case before.Terms != "" && (next.Terms != before.Terms || next.MaxUses != before.MaxUses || !next.Expires.Equal(before.Expires)):
		t.Fatalf("the terms changed")
	}
	for i, use := range before.Uses {
		if next.Uses[i].Commit != use.Commit || !use.Received.IsZero() && !next.Uses[i].Received.Equal(use.Received) {
			t.Fatalf("use %d changed", i+1)
		}
	}
}

// The table of states and kinds, whole.
//
//clause:consent one state machine, exhaustively; a million random sequences lead nowhere else
func TestApplyTransitions(t *testing.T) {
	want := map[consent.State]map[consent.Kind]consent.State{
		"": {consent.KindRequested: consent.StateRequested},
		consent.StateRequested: {
			consent.KindGranted: consent.StateActive, consent.KindDenied: consent.StateDenied,
			consent.KindCancelled: consent.StateCancelled, consent.KindExpired: consent.StateExpired,
		},
		consent.StateActive: {
			consent.KindUsed: consent.StateActive, consent.KindReceived: consent.StateActive, consent.KindPaused: consent.StatePaused,
			consent.KindWithdrawn: consent.StateWithdrawn, consent.KindExpired: consent.StateExpired,
			consent.KindConsumed: consent.StateConsumed, consent.KindInvalidated: consent.StateInvalidated,
			consent.KindSuperseded: consent.StateSuperseded,
		},
		consent.StatePaused: {
			consent.KindReceived: consent.StatePaused, consent.KindResumed: consent.StateActive, consent.KindWithdrawn: consent.StateWithdrawn,
			consent.KindExpired: consent.StateExpired, consent.KindInvalidated: consent.StateInvalidated,
			consent.KindSuperseded: consent.StateSuperseded,
		},
	}
	for _, state := range final { // what was sent may still be countersigned
		want[state] = map[consent.Kind]consent.State{consent.KindReceived: state}
	}
	for state, allowed := range want { // and all that happened be disowned
		if state != "" {
			allowed[consent.KindDisowned] = state
		}
	}
	for state, allowed := range want {
		for _, kind := range kinds {
			r := consent.Record{
				Grant: "g", State: state, Seq: 3, At: begin, Terms: "t", MaxUses: 2, NotBefore: begin, Expires: begin.Add(time.Hour),
				Uses: []consent.Use{{At: begin, Commit: "k"}},
			}
			e := consent.Event{
				Grant: "g", Seq: 4, Kind: kind, At: begin, Request: "r", Consumer: "c", Provider: "p", MaxUses: 2,
				NotBefore: begin.Unix(), Expires: begin.Unix() + 60, Terms: "t", Approval: "a", Use: 2, Commit: "k", Receipt: "x",
				Successor: "h", Disowns: 1,
			}
			switch {
			case state == "":
				r, e.Seq = consent.Record{}, 1
			case state == consent.StateRequested:
				r.Uses = nil
				if kind == consent.KindExpired {
					e.At = r.Expires
				}
			case kind == consent.KindExpired:
				e.At = r.Expires
			case kind == consent.KindReceived:
				e.Use = 1
			case kind == consent.KindConsumed:
				r.Uses = append(r.Uses, consent.Use{At: begin, Commit: "l"})
			}
			next, err := consent.Apply(r, e)
			if to, legal := allowed[kind]; legal {
				if err != nil || next.State != to {
					t.Errorf("%s in %q: %s, %v; want %s", kind, state, next.State, err, to)
				}
			} else if err == nil {
				t.Errorf("%s in %q leads to %s", kind, state, next.State)
			}
		}
	}
}

func TestEnded(t *testing.T) {
	r := consent.Record{State: consent.StateActive, NotBefore: begin, Expires: begin.Add(time.Hour)}
	for name, c := range map[string]struct {
		state consent.State
		at    time.Time
		want  error
	}{
		"it allows an active grant in its time":   {consent.StateActive, begin, nil},
		"it ends at the very moment of expiry":    {consent.StateActive, begin.Add(time.Hour), consent.ErrExpired},
		"it says expired before paused":           {consent.StatePaused, begin.Add(time.Hour), consent.ErrExpired},
		"it says paused":                          {consent.StatePaused, begin, consent.ErrPaused},
		"it says pending":                         {consent.StateRequested, begin, consent.ErrPending},
		"it says withdrawn, also after expiry":    {consent.StateWithdrawn, begin.Add(time.Hour), consent.ErrWithdrawn},
		"it says invalidated":                     {consent.StateInvalidated, begin, consent.ErrInvalid},
		"it knows no state that it does not know": {"strange", begin, consent.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			r.State = c.state
			if err := r.Ended(c.at); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// Whose it is, salt and evidence are no part of the digest: it names nobody.
func TestDigestNamesNobody(t *testing.T) {
	e := consent.Event{Grant: "g", Seq: 1, Kind: consent.KindUsed, At: begin, By: "provider", Use: 1, Commit: "k", Terms: "t"}
	plain, err := e.Digest()
	ok(t, "digest", err)
	e.Citizen, e.CitizenSeq, e.Salt, e.Evidence.Sub = "ada", 9, [32]byte{1}, "sub"
	personal, err := e.Digest()
	ok(t, "digest", err)
	if plain != personal {
		t.Error("the digest depends on the person")
	}
	e.Use = 2
	if other, _ := e.Digest(); other == plain {
		t.Error("the digest does not depend on the event")
	}
}
