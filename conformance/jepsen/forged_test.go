package jepsen

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
)

// honest is a short history in which everything is as promised, and its end: two
// uses of a grant that is withdrawn, paused before; another that it was amended to.
func honest() ([]Op, End) {
	at := func(n int) time.Time { return time.Unix(1_800_000_000, int64(n)*1_000_000).UTC() }
	event := func(n int64, kind consent.Kind, change func(*consent.Event)) consent.Event {
		e := consent.Event{Grant: "g", Seq: n, Kind: kind, At: at(int(n))}
		change(&e)
		return e
	}
	nothing := func(*consent.Event) {}
	asked := func(e *consent.Event) {
		e.Request, e.Consumer, e.Provider, e.Expires = "r", "c", "p", at(0).Unix()+1000
	}
	granted := func(e *consent.Event) {
		e.Terms, e.Approval, e.MaxUses, e.NotBefore, e.Expires = "t", "a", 3, at(0).Unix(), at(0).Unix()+2000
	}
	used := func(use int, commit string) func(*consent.Event) {
		return func(e *consent.Event) { e.Use, e.Commit, e.Terms = use, commit, "t" }
	}
	received := func(e *consent.Event) { e.Use, e.Commit, e.Receipt = 1, "c1", "rr" }
	events := []consent.Event{
		event(1, consent.KindRequested, asked), event(2, consent.KindGranted, granted), event(3, consent.KindUsed, used(1, "c1")),
		event(4, consent.KindReceived, received), event(5, consent.KindPaused, nothing), event(6, consent.KindResumed, nothing),
		event(7, consent.KindUsed, used(2, "c2")), event(8, consent.KindWithdrawn, nothing),
	}
	old := slices.Clone(events[:2])
	old = append(old, event(3, consent.KindSuperseded, func(e *consent.Event) { e.Successor = "g" }))
	for i := range old {
		old[i].Grant = "old"
	}
	end := End{Grants: map[string]Final{
		"g":   {Shown: "withdrawn", Events: events, Commits: []string{"c1", "c2"}},
		"old": {Shown: "superseded", Events: old},
		"no":  {Shown: "denied"},
	}}
	op := func(kind string, call, back int, change Op) Op {
		change.Kind, change.Call, change.Return = kind, time.Duration(call), time.Duration(back)
		if change.Outcome == "" {
			change.Outcome = Yes
		}
		if change.Grant == "" {
			change.Grant = "g"
		}
		return change
	}
	one := Op{Use: 1, Commit: "c1", Cipher: "x1", Plain: "p1"}
	two := Op{Use: 2, Commit: "c2", Cipher: "x2", Plain: "p2"}
	return []Op{
		op(OpGrant, 0, 10, Op{Old: "old"}), op(OpDeny, 0, 10, Op{Grant: "no"}),
		op(OpCommit, 20, 25, one), op(OpRelease, 19, 26, one), op(OpRelease, 27, 29, one), op(OpGot, 18, 30, Op{Use: 1, Plain: "e1"}),
		op(OpReceived, 30, 32, Op{Use: 1, Commit: "c1"}),
		op(OpPause, 33, 35, Op{}), op(OpResume, 40, 45, Op{}),
		op(OpCommit, 50, 60, Op{Use: 2, Commit: "c2", Outcome: Unknown}), op(OpWithdraw, 55, 65, Op{}),
		op(OpCommit, 70, 80, two), // sent again: the yes is the one from before the withdrawal
		op(OpRelease, 69, 81, two),
		op(OpCommit, 90, 95, Op{Use: 3, Commit: "c3", Outcome: No, Word: "withdrawn"}),
	}, end
}

func TestCheckerTakesAnHonestHistory(t *testing.T) {
	if faults := check(honest()); faults != nil {
		t.Error(strings.Join(faults, "\n"))
	}
}

// at is the first operation of a kind.
func at(ops []Op, kind string) *Op {
	return &ops[slices.IndexFunc(ops, func(o Op) bool { return o.Kind == kind })]
}

func drop(end End, grant string, kind consent.Kind) {
	f := end.Grants[grant]
	f.Events = slices.DeleteFunc(slices.Clone(f.Events), func(e consent.Event) bool { return e.Kind == kind })
	end.Grants[grant] = f
}

// Each promise is broken once, and found by its name.
//
//clause:kit 200 random schedules of grants, uses, withdrawals and kills: one release for each use number, the identical bytes on a retry, none after a withdrawal, nothing acknowledged lost, every promise kept
func TestCheckerFindsWhatIsForged(t *testing.T) {
	change := func(end End, grant string, by func(*Final)) {
		f := end.Grants[grant]
		by(&f)
		end.Grants[grant] = f
	}
	forgeries := []struct {
		name, want string
		forge      func(ops *[]Op, end *End)
	}{
		{"it finds a second plaintext of a use", "one release: 2 plaintexts in release of g/1", func(ops *[]Op, _ *End) {
			again := *at(*ops, OpRelease)
			again.Plain = "another"
			*ops = append(*ops, again)
		}},
		{"it finds a second plaintext at the consumer", "one release: 2 plaintexts in got of g/1", func(ops *[]Op, _ *End) {
			again := *at(*ops, OpGot)
			again.Plain = "another"
			*ops = append(*ops, again)
		}},
		{"it finds a second commit of a use", "one release: the hub said yes to 2 commits of g/1", func(ops *[]Op, _ *End) {
			again := *at(*ops, OpCommit)
			again.Commit = "c9"
			*ops = append(*ops, again)
		}},
		{"it finds another ciphertext on a retry", "identical ciphertext: 2 ciphertexts of g/1", func(ops *[]Op, _ *End) {
			again := *at(*ops, OpRelease)
			again.Cipher = "x9"
			*ops = append(*ops, again)
		}},
		{"it finds a commit after a withdrawal", "none after withdraw: commit of g/2", func(ops *[]Op, _ *End) {
			*ops = slices.DeleteFunc(*ops, func(o Op) bool { return o.Commit == "c2" && o.Outcome == Unknown })
		}},
		{"it finds a commit within a pause", "none after pause: commit of g/2", func(ops *[]Op, _ *End) {
			at(*ops, OpResume).Call, at(*ops, OpResume).Return = 200, 210
		}},
		{"it finds a commit after an amendment", "none after grant: commit of old/1", func(ops *[]Op, _ *End) {
			*ops = append(*ops, Op{Kind: OpCommit, Grant: "old", Use: 1, Commit: "o1", Call: 15, Return: 16, Outcome: Yes})
		}},
		{"it finds a release without the hub's yes", "commit first: g/1", func(ops *[]Op, _ *End) {
			*ops = slices.DeleteFunc(*ops, func(o Op) bool { return o.Kind == OpCommit && o.Commit == "c1" })
		}},
		{"it finds a release before the hub's yes", "commit first: g/1", func(ops *[]Op, _ *End) { at(*ops, OpCommit).Call = 30 }},
		{"it finds a lost grant", "lost: grant of g: there is no such grant", func(_ *[]Op, end *End) { delete(end.Grants, "g") }},
		{"it finds a lost signature", "lost: grant of g/0", func(_ *[]Op, end *End) { drop(*end, "g", consent.KindGranted) }},
		{"it finds a lost no", "lost: deny of no/0", func(_ *[]Op, end *End) { change(*end, "no", func(f *Final) { f.Shown = "requested" }) }},
		{"it finds a lost withdrawal", "lost: withdraw of g/0", func(_ *[]Op, end *End) { drop(*end, "g", consent.KindWithdrawn) }},
		{"it finds a lost pause", "lost: pause of g/0", func(_ *[]Op, end *End) { drop(*end, "g", consent.KindPaused) }},
		{"it finds a lost resumption", "lost: resume of g", func(_ *[]Op, end *End) { change(*end, "g", func(f *Final) { f.Shown = "paused" }) }},
		{"it finds a lost use", "lost: commit of g/1", func(_ *[]Op, end *End) { drop(*end, "g", consent.KindUsed) }},
		{"it finds a lost commit", "lost: release of g/2", func(_ *[]Op, end *End) { change(*end, "g", func(f *Final) { f.Commits = f.Commits[:1] }) }},
		{"it finds a lost countersignature", "lost: received of g/1", func(_ *[]Op, end *End) { drop(*end, "g", consent.KindReceived) }},
		{"it finds a lost amendment", "lost: g superseded old", func(_ *[]Op, end *End) { drop(*end, "old", consent.KindSuperseded) }},
		{"it finds that the consumer read what was not counted", "lost: got of g/3", func(ops *[]Op, _ *End) {
			*ops = append(*ops, Op{Kind: OpGot, Grant: "g", Use: 3, Plain: "e3", Outcome: Yes})
		}},
		{"it finds events out of order", "illegal: g: event", func(_ *[]Op, end *End) {
			change(*end, "g", func(f *Final) { f.Events[6], f.Events[7] = f.Events[7], f.Events[6] })
		}},
		{"it finds a use after the end", "illegal: g: event 9", func(_ *[]Op, end *End) {
			change(*end, "g", func(f *Final) {
				e := f.Events[6]
				e.Seq, e.Use, e.At = 9, 3, f.Events[7].At
				f.Events = append(f.Events, e)
			})
		}},
		{"it finds another state than was shown", "illegal: g is shown as active", func(_ *[]Op, end *End) { change(*end, "g", func(f *Final) { f.Shown = "active" }) }},
		{"it finds another commit than was recorded", "illegal: g: the receipt holds other commits", func(_ *[]Op, end *End) {
			change(*end, "g", func(f *Final) { f.Commits = []string{"c1", "c2", "c3"} })
		}},
		{"it finds an event that the log does not prove", "unproven: g: not in the log", func(_ *[]Op, end *End) {
			change(*end, "g", func(f *Final) { f.Proven = errors.New("not in the log") })
		}},
		{"it finds a failed audit", "audit: exit 3", func(_ *[]Op, end *End) { end.Audit = errors.New("exit 3") }},
		{"it finds a broken promise", "promise broken: g/1", func(_ *[]Op, end *End) { end.Broken = []string{"g/1"} }},
		{"it finds a promise that nobody settled", "promise open: g/1", func(_ *[]Op, end *End) { end.Held = []string{"g/1"} }},
	}
	for _, tt := range forgeries {
		t.Run(tt.name, func(t *testing.T) {
			ops, end := honest()
			end.Grants = maps.Clone(end.Grants)
			tt.forge(&ops, &end)
			if faults := check(ops, end); !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, tt.want) }) {
				t.Errorf("want %q, found:\n%s", tt.want, strings.Join(faults, "\n"))
			}
		})
	}
	figure.Hold(t, "forged-histories", len(forgeries), "forged histories in each of which a promise is broken, and found broken")
}

// A seed makes the same schedules again, and another makes others.
func TestSchedulesAreMadeOfTheirSeed(t *testing.T) {
	victims := []string{"one", "two"}
	kinds := map[string]bool{}
	for seed := range uint64(200) {
		a, b := planned(seed, victims, true), planned(seed, victims, true)
		if text(a) != text(b) {
			t.Fatalf("seed %d makes two schedules", seed)
		}
		if seed > 0 && text(a) == text(planned(seed-1, victims, true)) {
			t.Errorf("seeds %d and %d make one schedule", seed-1, seed)
		}
		kinds[a.Ask], kinds["killed "+a.Kill], kinds["denied"] = true, true, kinds["denied"] || a.Deny
		for _, s := range slices.Concat(a.Left, a.Right, a.Citizen) {
			kinds[s.Do] = true
		}
	}
	for _, want := range []string{"ask", "bundle", "denied", "complete", "again", "last", "receipt", "withdraw", "pause", "pause and resume", "amend", "killed one", "killed two"} {
		if !kinds[want] {
			t.Errorf("no schedule has %q", want)
		}
	}
}
