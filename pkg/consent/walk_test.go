package consent_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
)

// lives is the life of a grant, written down a second time and apart from
// Apply: from which states a kind of event may be, and to which state it leads
// ("" stays). A new kind is a new row; the walks then try it everywhere.
var lives = []struct {
	kind consent.Kind
	from string
	to   consent.State
}{
	{consent.KindRequested, "-", consent.StateRequested},
	{consent.KindGranted, "requested", consent.StateActive},
	{consent.KindDenied, "requested", consent.StateDenied},
	{consent.KindCancelled, "requested", consent.StateCancelled},
	{consent.KindUsed, "active", ""},
	{consent.KindReceived, "active paused withdrawn expired consumed invalidated superseded", ""},
	{consent.KindDeleted, "withdrawn expired consumed invalidated superseded", ""},
	{consent.KindDisowned, "requested active paused denied cancelled withdrawn expired consumed invalidated superseded", ""},
	{consent.KindPaused, "active", consent.StatePaused},
	{consent.KindResumed, "paused", consent.StateActive},
	{consent.KindWithdrawn, "active paused", consent.StateWithdrawn},
	{consent.KindExpired, "requested active paused", consent.StateExpired},
	{consent.KindConsumed, "active", consent.StateConsumed},
	{consent.KindInvalidated, "active paused", consent.StateInvalidated},
	{consent.KindSuperseded, "active paused", consent.StateSuperseded},
}

// A walk is one sequence of random events, most of them plausible, so that it
// gets far, and some of them from anywhere.
type walk struct {
	t    testing.TB
	rng  *rand.Rand
	r    consent.Record
	kept []consent.Event

	refused int
	steps   map[[2]string]int // state, kind -> how often taken, of all walks
}

const (
	walkLength = 24
	walksShort = 20_000
	walksLong  = 1_000_000
)

// TestApplyWalks: no sequence of events makes Apply panic, changes the record
// beside a refusal, or leads where lives does not; and the events that were
// accepted, kept as JSON and applied from empty, give the record again.
//
//clause:consent one state machine, exhaustively; a million random sequences lead nowhere else
func TestApplyWalks(t *testing.T) {
	walks := walksShort
	if figure.Soak() {
		walks = walksLong
	}
	steps, accepted, refused := map[[2]string]int{}, 0, 0
	rng := rand.New(rand.NewPCG(27560, uint64(walks)))
	for range walks {
		w := &walk{t: t, rng: rng, steps: steps}
		for range 1 + rng.IntN(walkLength) {
			w.step()
		}
		w.replay()
		accepted, refused = accepted+len(w.kept), refused+w.refused
		if t.Failed() {
			return
		}
	}
	for _, row := range lives {
		for state := range strings.FieldsSeq(row.from) {
			if steps[[2]string{state, string(row.kind)}] == 0 && reachable(state) {
				t.Errorf("no walk took %s in %s", row.kind, state)
			}
		}
	}
	t.Logf("%d walks: %d events accepted, %d refused, %d of the ways of %d kinds", walks, accepted, refused, len(steps), len(lives))
	if figure.Soak() {
		figure.Hold(t, "apply-walks", walks, "random sequences of events: nothing outside a grant's life is reachable, and a replay gives the record")
	}
}

// reachable says that some row leads to a state.
func reachable(state string) bool {
	return state == "-" || slices.ContainsFunc(lives, func(row struct {
		kind consent.Kind
		from string
		to   consent.State
	}) bool {
		return string(row.to) == state
	})
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// event is the next one: three in four are what would fit now.
func (w *walk) event() consent.Event {
	rng, at := w.rng, w.r.At
	if at.IsZero() {
		at = begin
	}
	e := consent.Event{
		Grant: "g", Seq: w.r.Seq + 1, Kind: w.kind(), By: pick(rng, "citizen", "hub", ""),
		At:      at.Add(time.Duration(pick(rng, 0, 1, 1000, 60_000, 600_000)) * time.Millisecond),
		Request: "r", Consumer: "urn:c", Provider: "urn:p", Terms: w.r.Terms, Approval: "a",
		MaxUses: 1 + rng.IntN(3), NotBefore: begin.Unix(), Expires: at.Unix() + pick[int64](rng, 60, 600, 86400),
		Use: len(w.r.Uses) + 1, Commit: string(rune('k' + len(w.r.Uses))), Receipt: "x", Deletion: "d", Disowns: 1 + rng.Int64N(w.r.Seq+1),
		Every: pick[int64](rng, 0, 0, 1, 120), Supersedes: pick[consent.GrantID](rng, "", "old"), Successor: "new",
	}
	switch {
	case e.Kind == consent.KindGranted:
		e.Terms = "t"
	case e.Kind == consent.KindDeleted && rng.IntN(4) > 0:
		e.Use = len(w.r.Uses)
	case e.Kind == consent.KindReceived && len(w.r.Uses) > 0:
		e.Use = 1 + rng.IntN(len(w.r.Uses))
		e.Commit = w.r.Uses[e.Use-1].Commit
	case e.Kind == consent.KindExpired && !w.r.Expires.IsZero() && w.r.Expires.Year() < 9999 && rng.IntN(4) > 0:
		e.At = maxTime(e.At, w.r.Expires)
	}
	if w.r.Seq > 0 {
		e.Grant = w.r.Grant
	}
	if rng.IntN(4) == 0 {
		w.spoil(&e)
	}
	return e
}

func maxTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// kind favours those that fit the state.
func (w *walk) kind() consent.Kind {
	if w.rng.IntN(5) > 0 {
		var fit []consent.Kind
		for _, row := range lives {
			if slices.Contains(strings.Fields(row.from), name(w.r)) {
				fit = append(fit, row.kind)
			}
		}
		if len(fit) > 0 {
			k := pick(w.rng, fit...)
			for range 4 { // most lives are long
				if ends(k) {
					k = pick(w.rng, fit...)
				}
			}
			return k
		}
	}
	if w.rng.IntN(8) == 0 {
		return pick[consent.Kind](w.rng, "", "nonsense", "Granted", "granted ")
	}
	return lives[w.rng.IntN(len(lives))].kind
}

func ends(k consent.Kind) bool {
	return !slices.Contains([]consent.Kind{consent.KindRequested, consent.KindGranted, consent.KindUsed, consent.KindReceived,
		consent.KindPaused, consent.KindResumed, consent.KindDeleted, consent.KindDisowned}, k)
}

// spoil makes one thing of an event wrong, or odd.
func (w *walk) spoil(e *consent.Event) {
	rng := w.rng
	switch rng.IntN(18) {
	case 0:
		e.Grant = pick[consent.GrantID](rng, "", "h")
	case 1:
		e.Seq = w.r.Seq + pick[int64](rng, -1, 0, 2, 1<<62)
	case 2:
		e.At = pick(rng, time.Time{}, e.At.Add(-time.Hour), e.At.Add(time.Nanosecond), e.At.Add(48*time.Hour))
	case 3:
		e.Request = ""
	case 4:
		e.Consumer = ""
	case 5:
		e.Provider = ""
	case 6:
		e.Terms = pick(rng, "", "u")
	case 7:
		e.Approval = ""
	case 8:
		e.MaxUses = pick(rng, -1, 0, 1<<40)
	case 9:
		e.Expires = pick[int64](rng, -1<<62, 0, begin.Unix(), 1<<60)
	case 10:
		e.NotBefore = pick[int64](rng, -1<<60, e.Expires, 1<<60)
	case 11:
		e.Use = pick(rng, -1<<62, -1, 0, 1, len(w.r.Uses), len(w.r.Uses)+2, 1<<62)
	case 12:
		e.Commit = pick(rng, "", "other")
	case 13:
		e.Receipt = ""
	case 14:
		e.Every = pick[int64](rng, -1<<62, -1, 1<<62)
	case 15:
		e.Successor = pick(rng, "", w.r.Grant)
	case 16:
		e.Deletion = ""
	case 17:
		e.Disowns = pick[int64](rng, -1<<62, 0, e.Seq, 1<<62)
	}
}

// name is a record's state as lives writes it.
func name(r consent.Record) string {
	if r.Seq == 0 {
		return "-"
	}
	return string(r.State)
}

func (w *walk) step() {
	e, before := w.event(), clone(w.r)
	next, err := w.apply(e)
	if !reflect.DeepEqual(w.r, before) {
		w.t.Errorf("%+v changed the record it was given", e)
	}
	if err != nil {
		w.refused++
		if !reflect.DeepEqual(next, before) {
			w.t.Errorf("%+v was refused, and changed the record", e)
		}
		return
	}
	w.legal(e, before, next)
	w.steps[[2]string{name(before), string(e.Kind)}]++
	w.r, w.kept = next, append(w.kept, e)
}

func (w *walk) apply(e consent.Event) (consent.Record, error) {
	defer func() {
		if why := recover(); why != nil {
			w.t.Errorf("%+v on %+v: %v", e, w.r, why)
		}
	}()
	return consent.Apply(w.r, e)
}

// legal holds an accepted event against lives and against what no life may do.
func (w *walk) legal(e consent.Event, before, next consent.Record) {
	want := consent.State("no state at all")
	for _, row := range lives {
		if row.kind == e.Kind && slices.Contains(strings.Fields(row.from), name(before)) {
			want = row.to
			if want == "" {
				want = before.State
			}
		}
	}
	if next.State != want {
		w.t.Errorf("%s in %s leads to %s, wanted %s", e.Kind, name(before), next.State, want)
	}
	taken := e.Kind == consent.KindUsed
	switch {
	case next.Seq != before.Seq+1 || next.Grant != e.Grant || before.Seq > 0 && next.Grant != before.Grant || next.At.Before(before.At):
		w.t.Errorf("%s out of its place: %+v", e.Kind, next)
	case len(next.Uses) > next.MaxUses:
		w.t.Errorf("%d uses of %d", len(next.Uses), next.MaxUses)
	case taken != (len(next.Uses) == len(before.Uses)+1) || !taken && len(next.Uses) != len(before.Uses):
		w.t.Errorf("%s took %d uses", e.Kind, len(next.Uses)-len(before.Uses))
	case taken && (e.Use != len(next.Uses) || e.Commit == "" || next.Uses[e.Use-1].Commit != e.Commit):
		w.t.Errorf("use %d is kept as use %d", e.Use, len(next.Uses))
	case taken && (!e.At.Before(before.Expires) || e.At.Before(before.NotBefore) || e.Terms != before.Terms):
		w.t.Errorf("a use outside its time or terms: %+v", e)
	case taken && len(before.Uses) > 0 && e.At.Sub(before.Uses[len(before.Uses)-1].At) < time.Duration(before.Every)*time.Second:
		w.t.Errorf("a use too soon: %+v", e)
	case e.Kind == consent.KindSuperseded && (next.Successor == "" || next.Successor == next.Grant):
		w.t.Errorf("superseded by nothing: %+v", e)
	case e.Kind == consent.KindExpired && e.At.Before(before.Expires):
		w.t.Errorf("expired early: %+v", e)
	case before.Terms != "" && (next.Terms != before.Terms || next.MaxUses != before.MaxUses || next.Every != before.Every || !next.Expires.Equal(before.Expires)):
		w.t.Errorf("%s changed the terms", e.Kind)
	case e.Kind == consent.KindDeleted && (!before.Deleted.IsZero() || !next.Deleted.Equal(e.At) || e.Deletion == "" || next.Deletion != e.Deletion || e.Use < 1):
		w.t.Errorf("said twice, or of nothing: %+v", e)
	case e.Kind != consent.KindDeleted && (!next.Deleted.Equal(before.Deleted) || next.Deletion != before.Deletion):
		w.t.Errorf("%s changed what was deleted", e.Kind)
	case e.Kind == consent.KindDisowned && (e.Disowns < 1 || e.Disowns >= e.Seq || slices.Contains(before.Disowned, e.Disowns) ||
		!slices.Equal(next.Disowned, append(slices.Clone(before.Disowned), e.Disowns))):
		w.t.Errorf("disowned twice, or nothing: %+v", e)
	case e.Kind != consent.KindDisowned && !slices.Equal(next.Disowned, before.Disowned):
		w.t.Errorf("%s changed what was disowned", e.Kind)
	case next.State != before.State && !next.Since.Equal(e.At):
		w.t.Errorf("%s does not say since when", e.Kind)
	}
}

// replay keeps the events as a store does, and folds them from empty.
func (w *walk) replay() {
	var back []consent.Event
	if w.rng.IntN(16) == 0 { // what a database gives back is made of bytes
		text, err := json.Marshal(w.kept)
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	} else {
		back = w.kept
	}
	folded, err := consent.Fold(back)
	if err != nil || !sameRecord(folded, w.r) {
		w.t.Errorf("a replay gives %+v, %v; the record is %+v", folded, err, w.r)
	}
}

// sameRecord compares, with nil and empty uses alike.
func sameRecord(a, b consent.Record) bool {
	if len(a.Uses) == 0 && len(b.Uses) == 0 {
		a.Uses, b.Uses = nil, nil
	}
	return reflect.DeepEqual(a, b)
}
