package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// Each rule of the state machine by itself: but for what is bent, the event is
// legal in the record.
func TestApplyRefuses(t *testing.T) {
	requested := consent.Record{Grant: "g", State: consent.StateRequested, Seq: 1, At: begin, Consumer: "c", Provider: "p", Request: "r", Expires: begin.Add(time.Hour)}
	active := consent.Record{
		Grant: "g", State: consent.StateActive, Seq: 1, At: begin, Terms: "t", MaxUses: 2, NotBefore: begin, Expires: begin.Add(time.Hour),
		Uses: []consent.Use{{At: begin, Commit: "k"}},
	}
	full, received, closed := active, active, active
	daily := active
	daily.Every = 86400
	full.Uses = append([]consent.Use{{At: begin, Commit: "j"}}, active.Uses...)
	received.Uses = []consent.Use{{At: begin, Commit: "k", Received: begin}}
	closed.State = consent.StateConsumed
	gone, held := closed, closed
	gone.Deleted = begin
	disowned := active
	disowned.Seq, disowned.Disowned = 2, []int64{2}
	held.Uses = []consent.Use{{At: begin, Commit: "j"}, {At: begin, Commit: "k", Received: begin}}
	event := func(kind consent.Kind) consent.Event {
		return consent.Event{
			Grant: "g", Seq: 2, Kind: kind, At: begin, Request: "r", Consumer: "c", Provider: "p", MaxUses: 2,
			NotBefore: begin.Unix(), Expires: begin.Unix() + 60, Terms: "t", Approval: "a", Use: 2, Commit: "k", Receipt: "x",
			Successor: "h", Deletion: "d", Disowns: 1,
		}
	}
	for _, c := range []struct {
		name   string
		record consent.Record
		kind   consent.Kind
		bend   func(*consent.Event)
		want   any // a sentinel, or the check by name
	}{
		{"it refuses an event of no grant", consent.Record{}, consent.KindRequested, func(e *consent.Event) { e.Grant, e.Seq = "", 1 }, "event"},
		{"it refuses another grant's event", active, consent.KindUsed, func(e *consent.Event) { e.Grant = "h" }, "event"},
		{"it refuses a place that is taken", active, consent.KindUsed, func(e *consent.Event) { e.Seq = 1 }, consent.ErrConflict},
		{"it refuses a gap", active, consent.KindUsed, func(e *consent.Event) { e.Seq = 3 }, consent.ErrConflict},
		{"it refuses no time", consent.Record{}, consent.KindRequested, func(e *consent.Event) { e.At, e.Seq = time.Time{}, 1 }, "event"},
		{"it refuses a part of a millisecond", active, consent.KindUsed, func(e *consent.Event) { e.At = e.At.Add(time.Microsecond) }, "event"},
		{"it refuses time running back", active, consent.KindUsed, func(e *consent.Event) { e.At = e.At.Add(-time.Millisecond) }, "event"},
		{"it refuses an unknown kind", active, "nonsense", nil, "event"},

		{"it refuses a request again", requested, consent.KindRequested, nil, consent.ErrDecided},
		{"it refuses a request without itself", consent.Record{}, consent.KindRequested, func(e *consent.Event) { e.Seq, e.Request = 1, "" }, "event"},
		{"it refuses a request of nobody", consent.Record{}, consent.KindRequested, func(e *consent.Event) { e.Seq, e.Consumer = 1, "" }, "event"},
		{"it refuses a request to nobody", consent.Record{}, consent.KindRequested, func(e *consent.Event) { e.Seq, e.Provider = 1, "" }, "event"},
		{"it refuses a request that is over", consent.Record{}, consent.KindRequested, func(e *consent.Event) { e.Seq, e.Expires = 1, begin.Unix() }, consent.ErrExpired},

		{"it refuses a deletion of nothing", consent.Record{}, consent.KindDeleted, func(e *consent.Event) { e.Seq = 1 }, consent.ErrUnknown},
		{"it refuses a deletion while the grant lasts", active, consent.KindDeleted, func(e *consent.Event) { e.Use = 1 }, consent.ErrStanding},
		{"it refuses a deletion again", gone, consent.KindDeleted, func(e *consent.Event) { e.Use = 1 }, consent.ErrDecided},
		{"it refuses a deletion without a statement", closed, consent.KindDeleted, func(e *consent.Event) { e.Use, e.Deletion = 1, "" }, "event"},
		{"it refuses a deletion of no use", closed, consent.KindDeleted, func(e *consent.Event) { e.Use = 0 }, "uses"},
		{"it refuses a deletion of too many uses", closed, consent.KindDeleted, nil, "uses"},
		{"it refuses a deletion that leaves out what was received", held, consent.KindDeleted, func(e *consent.Event) { e.Use = 1 }, "uses"},

		{"it refuses to disown nothing", consent.Record{}, consent.KindDisowned, func(e *consent.Event) { e.Seq = 1 }, consent.ErrUnknown},
		{"it refuses to disown what comes before all", active, consent.KindDisowned, func(e *consent.Event) { e.Disowns = 0 }, "event"},
		{"it refuses to disown what is to come", active, consent.KindDisowned, func(e *consent.Event) { e.Disowns = 2 }, "event"},
		{"it refuses to disown again", disowned, consent.KindDisowned, func(e *consent.Event) { e.Seq, e.Disowns = 3, 2 }, consent.ErrDecided},

		{"it refuses a grant of nothing", consent.Record{}, consent.KindGranted, func(e *consent.Event) { e.Seq = 1 }, consent.ErrUnknown},
		{"it refuses a denial of nothing", consent.Record{}, consent.KindDenied, func(e *consent.Event) { e.Seq = 1 }, consent.ErrUnknown},
		{"it refuses a grant again", active, consent.KindGranted, nil, consent.ErrDecided},
		{"it refuses a denial of what was granted", active, consent.KindDenied, nil, consent.ErrDecided},
		{"it refuses a grant after the offer's time", requested, consent.KindGranted, func(e *consent.Event) { e.At = requested.Expires; e.Expires += 7200 }, consent.ErrExpired},
		{"it refuses a grant without terms", requested, consent.KindGranted, func(e *consent.Event) { e.Terms = "" }, "event"},
		{"it refuses a grant without an approval", requested, consent.KindGranted, func(e *consent.Event) { e.Approval = "" }, "event"},
		{"it refuses a grant of no use", requested, consent.KindGranted, func(e *consent.Event) { e.MaxUses = 0 }, "event"},
		{"it refuses a grant of no time", requested, consent.KindGranted, func(e *consent.Event) { e.NotBefore = e.Expires }, "event"},
		{"it refuses a grant that is over", requested, consent.KindGranted, func(e *consent.Event) { e.NotBefore, e.Expires = begin.Unix()-9, begin.Unix() }, "event"},

		{"it refuses a grant for less than no time", requested, consent.KindGranted, func(e *consent.Event) { e.Every = -1 }, "event"},
		{"it refuses a grant for every age of the world", requested, consent.KindGranted, func(e *consent.Event) { e.Every = 1 << 40 }, "event"},
		{"it refuses a use too soon after the last", daily, consent.KindUsed, func(e *consent.Event) { e.At = begin.Add(59 * time.Minute) }, consent.ErrTooSoon},

		{"it refuses a use of a request", requested, consent.KindUsed, nil, consent.ErrPending},
		{"it refuses a use after the last", full, consent.KindUsed, func(e *consent.Event) { e.Use = 3 }, consent.ErrConsumed},
		{"it refuses a use that is taken", active, consent.KindUsed, func(e *consent.Event) { e.Use = 1 }, consent.ErrUseTaken},
		{"it refuses a use under other terms", active, consent.KindUsed, func(e *consent.Event) { e.Terms = "u" }, "terms digest"},
		{"it refuses a use without a commit", active, consent.KindUsed, func(e *consent.Event) { e.Commit = "" }, "event"},

		{"it refuses a receipt of no use", active, consent.KindReceived, func(e *consent.Event) { e.Use = 2 }, "event"},
		{"it refuses a receipt again", received, consent.KindReceived, func(e *consent.Event) { e.Use = 1 }, consent.ErrDecided},
		{"it refuses a receipt of another commit", active, consent.KindReceived, func(e *consent.Event) { e.Use, e.Commit = 1, "l" }, "commit digest"},
		{"it refuses a receipt without a signature", active, consent.KindReceived, func(e *consent.Event) { e.Use, e.Receipt = 1, "" }, "event"},

		{"it refuses to replace by nothing", active, consent.KindSuperseded, func(e *consent.Event) { e.Successor = "" }, "event"},
		{"it refuses to replace by itself", active, consent.KindSuperseded, func(e *consent.Event) { e.Successor = "g" }, "event"},
		{"it refuses to replace what its time has ended", active, consent.KindSuperseded, func(e *consent.Event) { e.At = active.Expires }, consent.ErrExpired},
		{"it refuses to replace what has ended", closed, consent.KindSuperseded, nil, consent.ErrConsumed},
		{"it refuses to replace what was not granted", requested, consent.KindSuperseded, nil, "event"},
		{"it refuses an end before its time", active, consent.KindExpired, nil, "event"},
		{"it refuses to be used up with uses left", active, consent.KindConsumed, nil, "event"},
		{"it says what ended it before", closed, consent.KindWithdrawn, nil, consent.ErrConsumed},
		{"it refuses to resume what runs", active, consent.KindResumed, nil, "event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := event(c.kind)
			if c.bend != nil {
				c.bend(&e)
			}
			_, err := consent.Apply(c.record, e)
			if sentinel, ok := c.want.(error); ok {
				is(t, c.name, err, sentinel)
				return
			}
			check(t, c.name, err, c.want.(string))
		})
	}
	t.Run("it names the event at which a fold stops", func(t *testing.T) {
		_, err := consent.Fold([]consent.Event{event(consent.KindRequested)})
		is(t, "fold", err, consent.ErrConflict)
		if errors.Is(err, consent.ErrUnknown) {
			t.Error(err)
		}
	})
	t.Run("it allows no use before the grant's time", func(t *testing.T) {
		early := active
		early.NotBefore = begin.Add(time.Minute)
		check(t, "early", early.Ended(begin), "validity")
	})
}
