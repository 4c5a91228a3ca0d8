package sequencer_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/tlog"
)

const shortLease = 400 * time.Millisecond

// replica starts one of several logs on a storage, whose clock is off by so much.
func (h *house) replica(t *testing.T, s sequencer.Storage, name string, ahead time.Duration) (log *sequencer.Log, stop func() error) {
	t.Helper()
	return h.start(t, sequencer.Options{
		Storage: s, Holder: name, Lease: shortLease, Now: func() time.Time { return time.Now().Add(ahead) },
	})
}

// stalled hangs in every call while it is stalled, as a process does that is
// stopped, then goes on where it was.
type stalled struct {
	sequencer.Storage
	now atomic.Bool
}

func (s *stalled) wait() {
	for s.now.Load() {
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *stalled) Pending(ctx context.Context, limit int) ([]sequencer.Leaf, error) {
	leaves, err := s.Storage.Pending(ctx, limit)
	s.wait() // with what it has read, it goes on too late
	return leaves, err
}

func (s *stalled) Lease(ctx context.Context) (sequencer.Lease, error) {
	s.wait()
	return s.Storage.Lease(ctx)
}

// TestLease has several replicas on one database: one leads, and when it is gone
// another does, within the lease and a little.
func TestLease(t *testing.T) {
	for _, tt := range []struct {
		name         string
		ahead, other time.Duration // the clocks of the first and of the second
		stall        bool          // the first stands still; otherwise it ends
	}{
		{"it hands over when the leader ends", 0, 0, false},
		{"it takes over from a leader that stalls", 0, 0, true},
		{"it takes over from a leader whose clock is ahead", time.Hour, 0, true},
		{"it settles on one though the first one's clock is behind", -time.Hour, 0, true},
		{"it takes over though its own clock is behind", 0, -time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, 3, 2)
			db := open(t, filepath.Join(t.TempDir(), "db"))
			s := &stalled{Storage: db.Log()}
			one, stop := h.replica(t, s, "one", tt.ahead)
			commit(t, db, 0, 10)
			h.proven(t, one, 0, 10)
			two, _ := h.replica(t, db.Log(), "two", tt.other)
			time.Sleep(shortLease / 4)
			if tt.ahead == 0 && tt.other == 0 && (!one.Leads() || two.Leads()) {
				t.Errorf("one leads: %v, two leads: %v", one.Leads(), two.Leads())
			}
			if err := two.Ready(t.Context()); err != nil {
				t.Errorf("the second is not ready: %v", err)
			}
			eventually(t, func() bool { return one.Leads() != two.Leads() })
			began := time.Now()
			if s.now.Store(tt.stall); !tt.stall {
				_ = stop()
			}
			commit(t, db, 10, 20)
			h.proven(t, two, 10, 20)
			if took := time.Since(began); took > 5*shortLease {
				t.Errorf("it took %s", took)
			}
			s.now.Store(false)
			commit(t, db, 20, 30)
			h.proven(t, two, 0, 30)
			eventually(t, func() bool { return one.Leads() != two.Leads() })
			if report := h.audited(t, two, nil); report.Size != 30 {
				t.Errorf("size %d: leaves twice or lost", report.Size)
			}
		})
	}
}

// generous gives everybody the lease.
type generous struct{ sequencer.Storage }

func (generous) Lease(context.Context) (sequencer.Lease, error) {
	return sequencer.Lease{}, sequencer.ErrNone
}
func (generous) Take(context.Context, sequencer.Lease, sequencer.Lease) error { return nil }

// roots remembers every root that a storage was ever asked to keep.
type roots struct {
	sequencer.Storage
	mu   sync.Mutex
	kept map[int64]tlog.Hash
	t    *testing.T
}

func (r *roots) Integrate(ctx context.Context, g sequencer.Group) error {
	err := r.Storage.Integrate(ctx, g)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if before, ok := r.kept[g.To.Size]; ok && before != g.To.Root {
			r.t.Errorf("two roots for size %d", g.To.Size)
		}
		r.kept[g.To.Size] = g.To.Root
	}
	return err
}

// TestTwoLeaders has replicas that all believe they lead: slow perhaps, never
// wrong.
func TestTwoLeaders(t *testing.T) {
	h := newHouse(t, 3, 2)
	path := filepath.Join(t.TempDir(), "db")
	one, two := open(t, path), open(t, path)
	r := &roots{Storage: one.Log(), kept: map[int64]tlog.Hash{}, t: t}
	log, _ := h.run(t, generous{r})
	other, _ := h.run(t, generous{&roots{Storage: two.Log(), kept: r.kept, t: t}})
	for n := range 60 {
		commit(t, []*store.DB{one, two}[n%2], n*3, n*3+3)
	}
	h.proven(t, log, 0, 180)
	h.proven(t, other, 170, 180)
	if !log.Leads() || !other.Leads() {
		t.Error("they did not both lead")
	}
	if report := h.audited(t, other, nil); report.Size != 180 {
		t.Errorf("size %d: leaves twice or lost", report.Size)
	}
}

// TestTwoDatabases has two services with one log key, each on a database of its
// own: the witnesses take one of them, the other stops and says what to do.
func TestTwoDatabases(t *testing.T) {
	h := newHouse(t, 3, 2)
	one, two := open(t, filepath.Join(t.TempDir(), "db")), open(t, filepath.Join(t.TempDir(), "db"))
	first, stop := h.run(t, one.Log())
	commit(t, one, 0, 5)
	h.proven(t, first, 0, 5)
	second, _ := h.run(t, two.Log())
	commit(t, two, 100, 105)
	eventually(t, func() bool { return second.Ready(t.Context()) != nil })
	err := second.Ready(t.Context())
	if !errors.Is(err, sequencer.ErrRolledBack) || !strings.Contains(err.Error(), "another service signs with this log's key: stop one of them") {
		t.Errorf("the second: %v", err)
	}
	if p, err := two.Log().Published(t.Context()); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("the second published %d, %v", p.Size, err)
	}
	commit(t, one, 5, 9)
	h.proven(t, first, 5, 9)
	_ = stop()

	// Witnesses that serve another database now contradict one that runs.
	third, _ := h.run(t, one.Log())
	commit(t, one, 9, 10)
	h.proven(t, third, 9, 10)
	for _, w := range h.witnesses {
		w.Config.Handler = http.HandlerFunc(ahead)
	}
	commit(t, one, 10, 11)
	eventually(t, func() bool { return third.Ready(t.Context()) != nil })
	if err := third.Ready(t.Context()); !strings.Contains(err.Error(), "Most likely another service signs with this log's key") {
		t.Errorf("one that ran: %v", err)
	}
}
