package crash

import (
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
)

// A form of the test is how much of it is done.
type form struct {
	random int    // kills at random moments
	ways   int    // to fall at every border
	name   string // of its figure
	what   string
}

// forms: the short one of every run, the long one of MYDATA_SOAK=1.
var forms = map[bool]map[string]form{
	false: {
		"SQLite":     {8, 2, "kills-sqlite", "kills -9 in the short form on SQLite"},
		"PostgreSQL": {4, 0, "kills-postgresql", "kills -9 in the short form on PostgreSQL"},
	},
	true: {
		"SQLite":     {50, len(ways), "kills-sqlite-soak", "kills -9 in the long form on SQLite"},
		"PostgreSQL": {50, len(ways), "kills-postgresql-soak", "kills -9 in the long form on PostgreSQL"},
	},
}

func TestCrashes(t *testing.T) {
	t.Parallel()
	t.Run("it loses nothing on SQLite", func(t *testing.T) {
		t.Parallel()
		newWorld(t, nil, false).fall(forms[figure.Soak()]["SQLite"])
	})
	t.Run("it loses nothing on PostgreSQL", func(t *testing.T) {
		t.Parallel()
		newWorld(t, postgresql(t), false).fall(forms[figure.Soak()]["PostgreSQL"])
	})
}

func (w *world) fall(f form) {
	w.Helper()
	w.randomly(f.random)
	for _, how := range ways[:f.ways] {
		w.atBorders(how)
	}
	if f.ways > 0 {
		w.withoutWitnesses()
	}
	w.replay()
	w.end()
	w.Logf("%d kills, the slowest was ready after %s", w.kills, w.slowest)
	figure.Hold(w.T, f.name, w.kills, f.what)
}
