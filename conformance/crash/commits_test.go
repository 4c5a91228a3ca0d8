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
	for _, kind := range lost {
		seldom := strings.Contains(kind, "status_lists") || strings.Contains(kind, "limit_windows") // not in every walk
		if !seldom && !slices.Contains(kept, kind) {
			t.Errorf("lost, but never kept and called lost: %s", kind)
		}
	}
	figure.Hold(t, "faults-story", len(lost), "kinds of the hub's transactions in the story, each COMMIT lost, and kept but called lost")
}
