package crash

import (
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
)

// TestCommits walks while the line to the database breaks at COMMITs: in each
// step at the first of each kind. First what was written is lost, then it is
// kept, and the hub hears the same of both.
func TestCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, postgresql(t), true)
	for _, kept := range []bool{false, true} {
		k := w.newWalk()
		for _, s := range story {
			w.wire.begin(s.name, kept)
			k.take(s)
		}
		w.wire.mend()
		k.check()
	}
	w.replay()
	w.end()
	lost, kept := w.wire.faults()
	t.Logf("%d faults in all", w.wire.count())
	lost = slices.DeleteFunc(lost, seldom)
	for _, kind := range lost {
		if !slices.Contains(kept, kind) {
			t.Errorf("lost, but never kept and called lost: %s", kind)
		}
	}
	figure.Hold(t, "faults-story", len(lost), "kinds of the hub's transactions in the story, each COMMIT lost, and kept but called lost")
}

// seldom are the transactions that the clock begins, not the story: not every walk
// meets them twice.
func seldom(kind string) bool {
	return slices.ContainsFunc([]string{"status_lists", "limit_windows", "signal_streams", "consent_due"}, func(table string) bool {
		return strings.Contains(kind, table) && !strings.Contains(kind, "consent_events")
	}) || kind == "DELETE signals"
}
