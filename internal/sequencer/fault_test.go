package sequencer_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/sequencer"
)

var errFault = errors.New("the connection broke")

// faulty breaks one write of a storage: lost, or kept although it says so.
type faulty struct {
	sequencer.Storage
	write string
	at    int32 // which call
	kept  bool
	calls atomic.Int32
	hit   atomic.Bool
}

func (f *faulty) broken(write string, do func() error) error {
	if write != f.write || f.calls.Add(1) != f.at {
		return do()
	}
	f.hit.Store(true)
	if f.kept {
		if err := do(); err != nil {
			return err
		}
	}
	return errFault
}

func (f *faulty) Integrate(ctx context.Context, g sequencer.Group) error {
	return f.broken("integrate", func() error { return f.Storage.Integrate(ctx, g) })
}

func (f *faulty) Publish(ctx context.Context, p sequencer.Published) error {
	return f.broken("publish", func() error { return f.Storage.Publish(ctx, p) })
}

func (f *faulty) Take(ctx context.Context, from, to sequencer.Lease) error {
	return f.broken("lease", func() error { return f.Storage.Take(ctx, from, to) })
}

// TestFaults breaks each write of the sequencer, in both ways, the first (of
// the empty tree) and later ones: every entry is proven once, in one log.
func TestFaults(t *testing.T) {
	for _, write := range []string{"integrate", "publish", "lease"} {
		for _, kept := range []bool{false, true} {
			for at := range int32(3) {
				name := fmt.Sprintf("it survives %s %d, kept %v", write, at+1, kept)
				t.Run(name, func(t *testing.T) {
					h := newHouse(t, 3, 2)
					db := open(t, filepath.Join(t.TempDir(), "db"))
					f := &faulty{Storage: db.Log(), write: write, at: at + 1, kept: kept}
					log, _ := h.start(t, sequencer.Options{Storage: f, Lease: 100 * time.Millisecond})
					for n := range 6 {
						commit(t, db, n*50, n*50+50)
						h.proven(t, log, n*50+49, n*50+50)
					}
					h.proven(t, log, 0, 300)
					eventually(t, f.hit.Load)
					if report := h.audited(t, log, nil); report.Size != 300 || !f.hit.Load() {
						t.Errorf("size %d, broken %v", report.Size, f.hit.Load())
					}
				})
			}
		}
	}
	figure.Hold(t, "faults-sequencer", 3, "writes of the sequencer, each lost, and kept but called lost, at the first, second and third time")
}

// TestCorrupt alters the rows under a stopped log: it does not start again.
func TestCorrupt(t *testing.T) {
	for _, tt := range []struct{ name, statement string }{
		{"a tile", `UPDATE log_tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0`},
		{"a tile that is short", `UPDATE log_tiles SET hashes = zeroblob(5) WHERE level = 0`},
		{"a tile that is gone", `DELETE FROM log_tiles`},
		{"the tree's root", `UPDATE log_tree SET root = zeroblob(32)`},
		{"the tree's size", `UPDATE log_tree SET size = size - 1`},
		{"the tree's checkpoint", `UPDATE log_tree SET signed = 'x'`},
		{"the tree's checkpoint, which is another tree's", `UPDATE log_tree SET signed = (SELECT note FROM log_checkpoints WHERE size = 0)`},
		{"the tree that is gone", `DELETE FROM log_tree`},
		{"the published root", `UPDATE log_checkpoints SET root = zeroblob(32) WHERE size > 0`},
		{"the published size", `UPDATE log_checkpoints SET size = size + 1 WHERE size = (SELECT MAX(size) FROM log_checkpoints)`},
	} {
		t.Run("it finds "+tt.name, func(t *testing.T) {
			h := newHouse(t, 1, 1)
			path := filepath.Join(t.TempDir(), "db")
			db := open(t, path)
			log, stop := h.run(t, db.Log())
			commit(t, db, 0, 5)
			h.proven(t, log, 0, 5)
			_ = stop()
			raw, err := sql.Open("sqlite", path)
			must(t, err)
			_, err = raw.Exec(tt.statement)
			must(t, err)
			must(t, raw.Close())
			log, stop = h.run(t, db.Log())
			eventually(t, func() bool { return errors.Is(log.Ready(t.Context()), sequencer.ErrCorrupt) })
			if err := stop(); !errors.Is(err, sequencer.ErrCorrupt) {
				t.Errorf("run: %v", err)
			}
		})
	}
}
