package sequencer_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// takenOver is a database whose copy takes its place while the service runs.
type takenOver struct {
	now atomic.Pointer[sequencer.Storage]
}

func (s *takenOver) by(other sequencer.Storage) { s.now.Store(&other) }

func (s *takenOver) db() sequencer.Storage { return *s.now.Load() }

func (s *takenOver) Checkpoint(ctx context.Context, size int64) (sequencer.Published, error) {
	return s.db().Checkpoint(ctx, size)
}

func (s *takenOver) Disputed(ctx context.Context) ([]sequencer.Anchor, error) {
	return s.db().Disputed(ctx)
}

func (s *takenOver) Anchored(ctx context.Context) (sequencer.Anchor, error) {
	return s.db().Anchored(ctx)
}

func (s *takenOver) Pending(ctx context.Context, limit int) ([]sequencer.Leaf, error) {
	return s.db().Pending(ctx, limit)
}

func (s *takenOver) Waiting(ctx context.Context) (int64, time.Time, error) {
	return s.db().Waiting(ctx)
}

func (s *takenOver) Tree(ctx context.Context) (sequencer.Tree, error) { return s.db().Tree(ctx) }

func (s *takenOver) Integrate(ctx context.Context, g sequencer.Group) error {
	return s.db().Integrate(ctx, g)
}

func (s *takenOver) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	return s.db().Tile(ctx, t)
}

func (s *takenOver) Index(ctx context.Context, leaf tlog.Hash) (int64, error) {
	return s.db().Index(ctx, leaf)
}

func (s *takenOver) Publish(ctx context.Context, p sequencer.Published) error {
	return s.db().Publish(ctx, p)
}

func (s *takenOver) Published(ctx context.Context) (sequencer.Published, error) {
	return s.db().Published(ctx)
}

func (s *takenOver) Lease(ctx context.Context) (sequencer.Lease, error) { return s.db().Lease(ctx) }

func (s *takenOver) Take(ctx context.Context, from, to sequencer.Lease) error {
	return s.db().Take(ctx, from, to)
}

// TestSetBackWhileItRuns has a copy of the database that lacks the last commits
// take over under a log that runs. Where witnesses cosigned what was lost it has
// to stop before it signs another tree of these sizes; where nobody saw it, it
// goes on.
func TestSetBackWhileItRuns(t *testing.T) {
	h := newHouse(t, 3, 2)
	folder := t.TempDir()
	path, copied := filepath.Join(folder, "db"), filepath.Join(folder, "copy")
	db := open(t, path)
	log, stop := h.run(t, db.Log())
	commit(t, db, 0, 2)
	h.proven(t, log, 0, 2)
	_ = stop()
	must(t, db.Close())
	duplicate(t, path, copied)
	duplicate(t, path, copied+" 2")

	t.Run("it goes on where no witness saw what was lost", func(t *testing.T) {
		db, back, s := open(t, path), open(t, copied+" 2"), new(takenOver)
		s.by(db.Log())
		var agreed atomic.Int32
		log, stop := h.start(t, sequencer.Options{Storage: s, Asked: func(_ string, _ int64, err error) {
			if err == nil {
				agreed.Add(1)
			}
		}})
		eventually(t, func() bool { return agreed.Load() == 3 })
		h.down.Store(true)
		commit(t, db, 2, 7)
		eventually(t, func() bool { tree, err := db.Log().Tree(t.Context()); return err == nil && tree.Size == 7 })
		s.by(back.Log())
		commit(t, back, 100, 103)
		h.down.Store(false)
		h.proven(t, log, 100, 103)
		_ = stop()
		must(t, back.Close())
		duplicate(t, copied+" 2", copied)
	})
	t.Run("it stops where witnesses cosigned what was lost", func(t *testing.T) {
		db, back, s := open(t, copied+" 2"), open(t, copied), new(takenOver)
		s.by(db.Log())
		log, stop := h.run(t, s)
		commit(t, db, 103, 108)
		h.proven(t, log, 103, 108)
		commit(t, back, 200, 209)
		s.by(back.Log())
		eventually(t, func() bool { return log.Ready(t.Context()) != nil })
		if err := stop(); !errors.Is(err, sequencer.ErrRolledBack) || !strings.Contains(err.Error(), "restored from an old backup") {
			t.Errorf("run: %v", err)
		}
		if tree, err := back.Log().Tree(t.Context()); err != nil || tree.Size != 5 {
			t.Errorf("it signed another tree: %d, %v", tree.Size, err)
		}
	})
}
