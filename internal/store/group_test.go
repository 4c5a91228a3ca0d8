package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent"
)

// TestGroups has many commits come at once, good and bad ones, and of two that
// want one place: each caller hears of its own, and what was refused left nothing.
func TestGroups(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		const n = 300
		var first atomic.Bool // is durable
		event := func(i int, grant string, citizen string) consent.Event {
			return consent.Event{Grant: consent.GrantID(grant), Seq: 1, Citizen: citizen, CitizenSeq: 1, Kind: consent.KindRequested, Salt: [32]byte{byte(i)}}
		}
		commit := func(id, digest string, leaf []byte, events ...consent.Event) error {
			again, err := db.Consents().Commit(context.WithoutCancel(t.Context()), consent.Commit{ID: id, Digest: []byte(digest), Events: events, Leaves: [][]byte{leaf}})
			if again != (err == nil && id == "taken" && string(leaf) == "taken" && first.Load()) {
				t.Errorf("%s: again %t, %v", id, again, err)
			}
			return err
		}
		must(t, commit("taken", "a", []byte("taken"), event(0, "g-taken", "c-taken")))
		first.Store(true)
		errs := make([]error, n)
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() {
				name, leaf := fmt.Sprint(i), fmt.Appendf(nil, "leaf %d", i)
				switch i % 6 {
				case 0, 1: // a new one
					errs[i] = commit("id-"+name, name, leaf, event(i, "g-"+name, "c-"+name))
				case 2: // the place is taken
					errs[i] = commit("id-"+name, name, leaf, event(i, "g-taken", "c-"+name))
				case 3: // the id is another's
					errs[i] = commit("taken", "b", leaf, event(i, "g-"+name, "c-"+name))
				case 4: // the same again
					errs[i] = commit("taken", "a", []byte("taken"), event(0, "g-taken", "c-taken"))
				case 5: // what PostgreSQL keeps in no row
					errs[i] = commit("id-"+name, name, leaf, event(i, "g-\x00"+name, "c-"+name))
				}
			})
		}
		wait.Wait()
		kept := 1
		for i, err := range errs {
			switch i % 6 {
			case 0, 1, 4:
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
				if i%6 != 4 {
					kept++
				}
			case 2:
				if !errors.Is(err, consent.ErrConflict) {
					t.Errorf("%d, a place that is taken: %v", i, err)
				}
			case 3:
				if !errors.Is(err, consent.ErrReused) {
					t.Errorf("%d, an id that is another's: %v", i, err)
				}
			case 5:
				if err == nil { // SQLite keeps it
					kept++
				}
			}
		}
		leaves, err := db.Log().Pending(t.Context(), 2*n)
		if err != nil || len(leaves) != kept {
			t.Errorf("%d leaves of %d kept commits, %v", len(leaves), kept, err)
		}
		if db.Retries() != 0 {
			t.Errorf("%d transactions ran again", db.Retries())
		}
	})
}

// TestGroupsDoNotWaitForOthers has one caller end before its commit.
func TestGroupsDoNotWaitForOthers(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 20 {
			if err := db.Log().Append(gone, fmt.Sprint("gone ", i), []byte{1}, [][]byte{{1}}); !errors.Is(err, context.Canceled) {
				t.Errorf("its caller is gone: %v", err)
			}
			must(t, db.Log().Append(t.Context(), fmt.Sprint("stays ", i), []byte{1}, [][]byte{{2}}))
		}
		leaves, err := db.Log().Pending(t.Context(), 100)
		if err != nil || len(leaves) < 20 {
			t.Errorf("%d leaves, %v", len(leaves), err)
		}
	})
}

// TestGroupsGoOnWithoutWhoLeft has a caller leave while it waits, and come again by
// the same id: what was left behind does not keep the one who waits.
func TestGroupsGoOnWithoutWhoLeft(t *testing.T) {
	q := newQueue(t)
	log := q.db.Log()
	add := func(ctx context.Context, id string) error { return log.Append(ctx, id, []byte{1}, [][]byte{{1}}) }
	under, again := make(chan error, 1), make(chan error, 1)
	go func() { under <- add(t.Context(), "under way") }()
	for q.db.Queue() < 1 {
		time.Sleep(time.Millisecond)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := add(gone, "again"); !errors.Is(err, context.Canceled) {
		t.Errorf("its caller is gone: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	go func() { again <- add(ctx, "again") }()
	for q.db.Waiting() < 2 {
		time.Sleep(time.Millisecond)
	}
	q.goOn()
	must(t, <-under)
	must(t, <-again)
}

// Who had company waits for as much of it, and for a moment at most.
func TestGather(t *testing.T) {
	for name, tt := range map[string]struct {
		around  int
		took    time.Duration
		waiting int
		least   time.Duration
		looks   int // at most
	}{
		"it has nobody to wait for who was alone":            {1, time.Hour, 0, 0, 0},
		"it goes when all are there":                         {3, time.Hour, 3, 0, 1},
		"it waits a quarter of what the last one took":       {3, 2 * time.Millisecond, 1, 500 * time.Microsecond, 9},
		"it waits a millisecond, whatever the last one took": {3, time.Hour, 2, time.Millisecond, 9},
	} {
		t.Run(name, func(t *testing.T) {
			looks, began := 0, time.Now()
			store.Gather(tt.around, tt.took, func() int { looks++; return tt.waiting })
			if took := time.Since(began); took < tt.least || looks > tt.looks {
				t.Errorf("it took %s and looked %d times", took, looks)
			}
		})
	}
	came := time.Now().Add(300 * time.Microsecond)
	store.Gather(2, time.Hour, func() int {
		if time.Now().Before(came) {
			return 1
		}
		return 2
	})
	if time.Now().Before(came) {
		t.Error("it did not wait for the other")
	}
}

// TestGroupsForgetWhoLeft: who is gone keeps no one from being next, or nobody would run
// for those who wait.
func TestGroupsForgetWhoLeft(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	stays := context.WithoutCancel(t.Context())
	taken, running := store.Groups("citizen", gone, stays, stays)
	if len(taken) != 1 || taken[0] != stays || !running {
		t.Errorf("%d are taken, running %t", len(taken), running)
	}
}

// TestGroupsGoOn has a leader panic: who comes next is written.
func TestGroupsGoOn(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		commit := func(ctx context.Context, id string) error {
			return db.Log().Append(ctx, id, []byte{1}, [][]byte{{1}})
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it does not panic")
				}
			}()
			_ = commit(panics{t.Context()}, "one")
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		must(t, commit(ctx, "two"))
	})
}

// panics is a context that does when the store asks until when there is time.
type panics struct{ context.Context }

func (panics) Deadline() (time.Time, bool) { panic("no time") }
