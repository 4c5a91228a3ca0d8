package jepsen

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// A Final is what the ledger shows of a grant when all is quiet.
type Final struct {
	Shown   string // the state on the citizen's page
	Events  []consent.Event
	Commits []string // digests of the commits on the receipt
	Proven  error    // why the receipt does not prove every event under a witnessed checkpoint
}

// The End is everything that there is when all is quiet.
type End struct {
	Grants map[string]Final
	Audit  error // of log and database
	Broken []string
	Held   []string // promises that nobody could settle
}

// check answers every way in which a history and its end are not as promised.
func check(ops []Op, end End) []string {
	c := &checker{end: end}
	for _, rule := range []func([]Op){c.once, c.identical, c.barred, c.kept, c.resumed, c.answered, c.legal} {
		rule(ops)
	}
	if end.Audit != nil {
		c.found("audit", "%v", end.Audit)
	}
	for _, p := range end.Broken {
		c.found("promise broken", "%s", p)
	}
	for _, p := range end.Held {
		c.found("promise open", "%s", p)
	}
	slices.Sort(c.faults)
	return slices.Compact(c.faults)
}

type checker struct {
	end    End
	faults []string
}

func (c *checker) found(rule, text string, args ...any) {
	c.faults = append(c.faults, rule+": "+fmt.Sprintf(text, args...))
}

func (o Op) use() string { return o.Grant + "/" + strconv.Itoa(o.Use) }

// distinct collects the values that the operations of a kind have for each use.
func distinct(ops []Op, kind string, value func(Op) string) map[string][]string {
	all := map[string][]string{}
	for _, o := range ops {
		if v := value(o); o.Kind == kind && o.Outcome == Yes && !slices.Contains(all[o.use()], v) {
			all[o.use()] = append(all[o.use()], v)
		}
	}
	return all
}

// once: one plaintext left the provider for each use number, one came out.
func (c *checker) once(ops []Op) {
	for _, kind := range []string{OpRelease, OpGot} {
		for use, values := range distinct(ops, kind, func(o Op) string { return o.Plain }) {
			if len(values) > 1 {
				c.found("one release", "%d plaintexts in %s of %s", len(values), kind, use)
			}
		}
	}
	for use, values := range distinct(ops, OpCommit, func(o Op) string { return o.Commit }) {
		if len(values) > 1 {
			c.found("one release", "the hub said yes to %d commits of %s", len(values), use)
		}
	}
}

// identical: every retry got the same bytes.
func (c *checker) identical(ops []Op) {
	for use, values := range distinct(ops, OpRelease, func(o Op) string { return o.Cipher + o.Commit }) {
		if len(values) > 1 {
			c.found("identical ciphertext", "%d ciphertexts of %s", len(values), use)
		}
	}
}

// barred: no commit succeeded that was begun after the citizen had it on record
// that there is none any more, or none for now.
func (c *checker) barred(ops []Op) {
	begun := map[string]time.Duration{} // when each commit was first sent, whatever came of it
	for _, o := range ops {
		if first, ok := begun[o.Commit]; o.Kind == OpCommit && (!ok || o.Call < first) {
			begun[o.Commit] = o.Call
		}
	}
	for _, o := range ops {
		if o.Kind != OpCommit || o.Outcome != Yes {
			continue
		}
		for _, w := range ops {
			if w.Outcome == Yes && w.bars(o, begun[o.Commit], ops) {
				c.found("none after "+w.Kind, "commit of %s began %s after it was acknowledged", o.use(), begun[o.Commit]-w.Return)
			}
		}
	}
}

// bars says whether an acknowledged operation forbids a commit begun then.
func (o Op) bars(commit Op, begun time.Duration, ops []Op) bool {
	switch {
	case begun <= o.Return:
		return false
	case o.Kind == OpWithdraw:
		return o.Grant == commit.Grant
	case o.Kind == OpGrant:
		return o.Old == commit.Grant
	case o.Kind == OpPause && o.Grant == commit.Grant:
		return !slices.ContainsFunc(ops, func(r Op) bool { // one that may have come between
			return r.Kind == OpResume && r.Grant == o.Grant && r.Outcome != No && r.Return > o.Call && r.Call < commit.Return
		})
	}
	return false
}

// kept: what was acknowledged is in the ledger.
func (c *checker) kept(ops []Op) {
	for _, o := range ops {
		if o.Outcome != Yes || o.Kind == OpResume {
			continue
		}
		f, ok := c.end.Grants[o.Grant]
		if !ok {
			c.found("lost", "%s of %s: there is no such grant", o.Kind, o.Grant)
			continue
		}
		if !f.holds(o) {
			c.found("lost", "%s of %s (%s)", o.Kind, o.use(), o.Commit)
		}
		if old, ok := c.end.Grants[o.Old]; o.Old != "" && (!ok || !old.has(consent.KindSuperseded, 0, "")) {
			c.found("lost", "%s superseded %s", o.Grant, o.Old)
		}
	}
}

// resumed: what goes on again is not paused at the end, unless it was paused again.
func (c *checker) resumed(ops []Op) {
	for _, o := range ops {
		if o.Kind == OpResume && o.Outcome == Yes && c.end.Grants[o.Grant].Shown == string(consent.StatePaused) &&
			!slices.ContainsFunc(ops, func(p Op) bool {
				return p.Kind == OpPause && p.Grant == o.Grant && p.Outcome != No && p.Return > o.Call
			}) {
			c.found("lost", "resume of %s", o.Grant)
		}
	}
}

func (f Final) has(kind consent.Kind, use int, commit string) bool {
	return slices.ContainsFunc(f.Events, func(e consent.Event) bool {
		return e.Kind == kind && (use == 0 || e.Use == use) && (commit == "" || e.Commit == commit)
	})
}

func (f Final) holds(o Op) bool {
	switch o.Kind {
	case OpGrant:
		return f.has(consent.KindGranted, 0, "")
	case OpDeny:
		return f.Shown == string(consent.StateDenied)
	case OpWithdraw:
		return f.has(consent.KindWithdrawn, 0, "")
	case OpPause:
		return f.has(consent.KindPaused, 0, "")
	case OpCommit, OpRelease:
		return f.has(consent.KindUsed, o.Use, o.Commit) && slices.Contains(f.Commits, o.Commit)
	case OpReceived:
		return f.has(consent.KindReceived, o.Use, o.Commit)
	case OpGot:
		return f.has(consent.KindUsed, o.Use, "")
	}
	return false
}

// answered: what left the provider, and what the consumer read, the hub had said
// yes to before.
func (c *checker) answered(ops []Op) {
	for _, o := range ops {
		if o.Outcome != Yes || o.Kind != OpRelease {
			continue
		}
		if !slices.ContainsFunc(ops, func(y Op) bool {
			return y.Kind == OpCommit && y.Outcome == Yes && y.Commit == o.Commit && y.Call <= o.Return
		}) {
			c.found("commit first", "%s was released before the hub said yes", o.use())
		}
	}
}

// legal: the events are a grant's life, as Fold allows it, and lead to the state
// shown; each is proven in the log.
func (c *checker) legal([]Op) {
	for id, f := range c.end.Grants {
		if len(f.Events) == 0 {
			continue // denied, or undecided: there is no receipt
		}
		r, err := consent.Fold(f.Events)
		if err != nil {
			c.found("illegal", "%s: %v", id, err)
			continue
		}
		if string(r.State) != f.Shown {
			c.found("illegal", "%s is shown as %s, its events make it %s", id, f.Shown, r.State)
		}
		commits := make([]string, len(r.Uses))
		for i, u := range r.Uses {
			commits[i] = u.Commit
		}
		if !slices.Equal(commits, f.Commits) {
			c.found("illegal", "%s: the receipt holds other commits than the record", id)
		}
		if f.Proven != nil {
			c.found("unproven", "%s: %v", id, f.Proven)
		}
	}
}

// tally counts the operations by kind and outcome, for whoever reads the log.
func tally(ops []Op) string {
	counts := map[string]int{}
	for _, o := range ops {
		counts[o.Kind+" "+string(o.Outcome)+" "+o.Word]++
	}
	return listed(counts)
}

func listed(counts map[string]int) string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, cmp.Compare[string])
	text := ""
	for _, name := range names {
		text += fmt.Sprintf("%6d %s\n", counts[name], name)
	}
	return text
}
