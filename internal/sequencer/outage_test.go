package sequencer_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// dark is a storage that answers nothing, or no tile, while it is dark.
type dark struct {
	sequencer.Storage
	all, tiles atomic.Bool
	asked      atomic.Int32
}

func (d *dark) out(all *atomic.Bool) error {
	if d.all.Load() || all.Load() {
		d.asked.Add(1)
		return errFault
	}
	return nil
}

func (d *dark) Pending(ctx context.Context, limit int) ([]sequencer.Leaf, error) {
	if err := d.out(&d.all); err != nil {
		return nil, err
	}
	return d.Storage.Pending(ctx, limit)
}

func (d *dark) Tree(ctx context.Context) (sequencer.Tree, error) {
	if err := d.out(&d.all); err != nil {
		return sequencer.Tree{}, err
	}
	return d.Storage.Tree(ctx)
}

func (d *dark) Published(ctx context.Context) (sequencer.Published, error) {
	if err := d.out(&d.all); err != nil {
		return sequencer.Published{}, err
	}
	return d.Storage.Published(ctx)
}

func (d *dark) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	if err := d.out(&d.tiles); err != nil {
		return nil, err
	}
	return d.Storage.Tile(ctx, t)
}

// TestOutage takes the storage away under a log, or under its start: it waits,
// says so, and goes on. What cannot be read is not corrupt.
func TestOutage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		restart bool
		out     func(*dark) *atomic.Bool
	}{
		{"it outlives a storage that is gone", false, func(d *dark) *atomic.Bool { return &d.all }},
		{"it starts when the storage comes back", true, func(d *dark) *atomic.Bool { return &d.all }},
		{"it starts when the tiles come back", true, func(d *dark) *atomic.Bool { return &d.tiles }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, 1, 1)
			db := open(t, filepath.Join(t.TempDir(), "db"))
			d := &dark{Storage: db.Log()}
			log, stop := h.run(t, d)
			commit(t, db, 0, 300)
			h.proven(t, log, 299, 300)
			if tt.restart {
				_ = stop()
			}
			out := tt.out(d)
			out.Store(true)
			if tt.restart {
				log, stop = h.run(t, d)
			}
			eventually(t, func() bool { return d.asked.Load() > 3 })
			if since, err := log.Delayed(); !errors.Is(err, errFault) || since.IsZero() {
				t.Errorf("delayed since %v: %v", since, err)
			}
			if err := log.Ready(t.Context()); err != nil {
				t.Errorf("ready: %v", err)
			}
			commit(t, db, 300, 310)
			out.Store(false)
			h.proven(t, log, 300, 310)
			eventually(t, func() bool { _, err := log.Delayed(); return err == nil })
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// unread is a storage of which the n-th tile that is asked for cannot be read.
type unread struct {
	sequencer.Storage
	n     int32
	asked atomic.Int32
}

func (u *unread) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	if u.asked.Add(1) == u.n {
		return nil, errFault
	}
	return u.Storage.Tile(ctx, t)
}

// TestUnreadTile takes one tile away at a start, each in its turn: the log starts
// all the same, and calls nothing corrupt. Its tree is larger than what is
// published, so that the one is held against the other.
func TestUnreadTile(t *testing.T) {
	h := newHouse(t, 1, 1)
	db := open(t, filepath.Join(t.TempDir(), "db"))
	log, stop := h.run(t, db.Log())
	commit(t, db, 0, 300)
	h.proven(t, log, 299, 300)
	h.down.Store(true)
	commit(t, db, 300, 700)
	eventually(t, func() bool { tree, err := db.Log().Tree(t.Context()); return err == nil && tree.Size == 700 })
	_ = stop()
	read := int32(1)
	for n := int32(1); n <= read; n++ {
		u := &unread{Storage: db.Log(), n: n}
		log, stop := h.run(t, u)
		eventually(t, func() bool { _, err := log.Delayed(); return errors.Is(err, sequencer.ErrNoQuorum) })
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("tile %d: %v", n, err)
		}
		read = u.asked.Load() - n // those of the start that came about
	}
	if t.Logf("%d tiles", read); read < 4 {
		t.Errorf("%d tiles are read at a start", read)
	}
	h.down.Store(false)
	log, _ = h.run(t, db.Log())
	h.proven(t, log, 699, 700)
}

// TestClockJumps sets the clock an hour forward and back under a log: it goes on
// with every jump, and its checkpoints grow.
func TestClockJumps(t *testing.T) {
	h := newHouse(t, 3, 2)
	db := open(t, filepath.Join(t.TempDir(), "db"))
	var ahead atomic.Int64
	log, err := sequencer.New(sequencer.Options{
		Storage: db.Log(), Signer: h.signer, Policy: h.policy, Interval: 5 * time.Millisecond, Logger: quiet,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
	})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	for n, by := range []time.Duration{0, time.Hour, 0, -time.Hour, 0} {
		ahead.Store(int64(by))
		commit(t, db, n*10, n*10+10)
		h.proven(t, log, n*10+9, n*10+10)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if report := h.audited(t, log, nil); report.Size != 50 {
		t.Errorf("size %d", report.Size)
	}
}
