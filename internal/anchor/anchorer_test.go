package anchor_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/pkg/tlog"
)

const interval = time.Minute

// world is a log, a ledger, a folder and a clock; anchorers come and go.
type world struct {
	ledger *ledger
	hub    *anchortest.Hub
	folder string
	now    time.Time
	outbox *breaking
	a      *anchor.Anchorer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	l := newLedger()
	return &world{ledger: l, hub: anchortest.New(t, l), folder: t.TempDir(), now: time.Unix(1_800_000_000, 0)}
}

// breaking is the folder whose n-th write breaks, or after whose n-th write the
// process is gone.
type breaking struct {
	*anchor.Folder
	*fault
	dies   int // after so many writes
	writes int
	dead   bool
}

var errDead = errors.New("the anchorer was killed")

func (b *breaking) Save(s anchor.State) error {
	if b.dead {
		return errDead
	}
	err := b.broken("save", func() error { return b.Folder.Save(s) })
	if b.writes++; b.writes == b.dies {
		b.dead = true
		return errDead
	}
	return err
}

// begin starts an anchorer on the folder, as after a death.
func (w *world) begin(t *testing.T, f *fault, dies int) {
	t.Helper()
	w.end()
	folder, err := anchor.OpenFolder(w.folder)
	if err != nil {
		t.Fatal(err)
	}
	w.outbox = &breaking{Folder: folder, fault: f, dies: dies}
	w.ledger.fault, w.hub.Broken = f, f.broken
	w.a, err = anchor.New(anchor.Options{
		Hub: w.hub, Chain: w.ledger, Outbox: w.outbox, Policy: w.hub.Policy, Trust: w.ledger, Interval: interval,
		Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
}

func (w *world) end() {
	if w.outbox != nil {
		_ = w.outbox.Close()
		w.outbox = nil
	}
}

// turn lets an interval pass and steps until nothing is left to do; a dead
// anchorer is started again.
func (w *world) turn(t *testing.T) {
	t.Helper()
	w.now = w.now.Add(interval)
	for range 20 {
		err := w.a.Step(t.Context())
		if err == nil {
			return
		}
		if errors.Is(err, anchor.ErrFork) {
			t.Fatal(err)
		}
		if w.outbox.dead {
			w.begin(t, nil, 0)
		}
		w.now = w.now.Add(interval / 10)
	}
	t.Fatalf("it does not come to rest: %+v", w.a.Report())
}

// whole checks that all is there: each anchor of the ledger is a beginning of
// the log, the hub has its proof, and each subject's newest statement rode.
func (w *world) whole(t *testing.T, size int64, newest map[string][]byte) {
	t.Helper()
	if w.ledger.latest != size {
		t.Errorf("anchored up to %d, want %d", w.ledger.latest, size)
	}
	for n, a := range w.ledger.anchors {
		var edge tlog.Edge
		for _, e := range w.hub.Listed[:n] {
			edge.Append(tlog.LeafHash(e), nil)
		}
		if edge.Root() != a.Root {
			t.Errorf("the anchor of size %d is of another tree", n)
		}
		if p, ok := w.hub.Proofs[n]; !ok {
			t.Errorf("the hub has no proof of size %d", n)
		} else if got, err := w.ledger.Verify(p); err != nil || got.Root != a.Root {
			t.Errorf("the hub's proof of size %d: %v", n, err)
		}
	}
	for about, entry := range newest {
		if d := w.ledger.digests[about]; d.Digest != sha256.Sum256(entry) {
			t.Errorf("%s: the ledger holds %s", about, d.Digest)
		}
	}
}

func TestAnchor(t *testing.T) {
	w := newWorld(t)
	w.begin(t, nil, 0)
	w.turn(t)
	if len(w.ledger.blocks) != 0 {
		t.Error("it anchors an empty log")
	}
	list, again := statement(t, "status-list", "https://hub.example/lists/1", 1), statement(t, "status-list", "https://hub.example/lists/1", 2)
	catalogue, foreign := statement(t, "catalogue", "", 1), statement(t, "operator", "x", 1)
	w.hub.Add(t, personal(1), list, foreign, catalogue)
	w.turn(t)
	for n := range 700 {
		w.hub.Add(t, personal(n))
	}
	w.hub.Add(t, again, list) // of one moment, in the other order
	w.turn(t)
	w.whole(t, 706, map[string][]byte{"status-list https://hub.example/lists/1": again, "catalogue catalogue": catalogue})
	if n := len(w.ledger.blocks); n != 2 || len(w.ledger.digests) != 2 {
		t.Errorf("%d transactions, %d digests", n, len(w.ledger.digests))
	}
	w.turn(t) // nothing new
	if len(w.ledger.blocks) != 2 {
		t.Error("it anchors a size twice")
	}
}

// TestOneTransactionAnInterval: whatever the load, and also over restarts.
func TestOneTransactionAnInterval(t *testing.T) {
	w := newWorld(t)
	for n := range 50 { // five intervals
		w.begin(t, nil, 0)
		w.hub.Add(t, personal(n))
		w.now = w.now.Add(interval / 10)
		if err := w.a.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.ledger.blocks); n < 4 || n > 5 {
		t.Errorf("%d transactions in five intervals", n)
	}
	w.now = w.now.Add(-24 * time.Hour) // a clock that is set back does not stop it
	w.hub.Add(t, personal(99))
	w.turn(t)
	w.whole(t, 51, nil)
}

// TestMoreDigestsThanTheOutboxHolds: what waits is what the outbox may hold, and the rest
// is read from the log later; each is there in the end, in its newest statement.
func TestMoreDigestsThanTheOutboxHolds(t *testing.T) {
	w := newWorld(t)
	w.begin(t, nil, 0)
	newest := map[string][]byte{}
	add := func(version, from, to int) {
		var all [][]byte
		for n := from; n < to; n++ {
			id := fmt.Sprintf("did:web:agency-%d.example:%s", n, strings.Repeat("<", 480)) // six bytes each in JSON
			e := statement(t, "did", id, version)
			newest["did "+id] = e
			all = append(all, e)
		}
		w.hub.Add(t, all...)
	}
	add(1, 0, 5600)
	w.turn(t)
	add(2, 5500, 5600) // of what is not read so far
	for n := range 22 {
		w.begin(t, nil, 0) // it reads what it wrote
		w.hub.Add(t, personal(n))
		w.turn(t)
	}
	w.whole(t, 5722, newest)
	text, err := os.ReadFile(filepath.Join(w.folder, "outbox.json"))
	if s, bad := anchor.ParseState(text); err != nil || bad != nil || s.Covered != 5722 || len(s.Waiting) != 0 {
		t.Errorf("%d entries covered, %d wait, %v, %v", s.Covered, len(s.Waiting), err, bad)
	}
}

func TestMoreDigestsThanFit(t *testing.T) {
	w := newWorld(t)
	w.begin(t, nil, 0)
	newest := map[string][]byte{}
	for n := range 600 {
		id := fmt.Sprintf("did:web:agency-%d.example", n)
		e := statement(t, "did", id, 1)
		newest["did "+id] = e
		w.hub.Add(t, e)
	}
	w.turn(t)
	w.begin(t, nil, 0)
	for n := range 2 {
		w.hub.Add(t, personal(n))
		w.turn(t)
	}
	w.whole(t, 602, newest)
	for _, b := range w.ledger.blocks {
		if len(b.Put.Digests) > anchor.MaxDigests {
			t.Errorf("%d digests in one transaction", len(b.Put.Digests))
		}
	}
}
