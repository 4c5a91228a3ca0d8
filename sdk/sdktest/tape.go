package sdktest

import (
	"context"
	"sync"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/memory"
)

// tape is the ledger's store, which remembers what it was told, so that a hub
// can be set back to a backup.
type tape struct {
	*memory.Store
	mu      sync.Mutex
	commits []consent.Commit
}

func (t *tape) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	again, err = t.Store.Commit(ctx, c)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.commits = append(t.commits, c)
	}
	return again, err
}

// Backup remembers what the hub's ledger holds; restore sets it back, as an
// operator does after a loss. Its log keeps what it has published. Restore
// while no request is under way.
func (h *Hub) Backup() (restore func()) {
	h.tape.mu.Lock()
	defer h.tape.mu.Unlock()
	n := len(h.tape.commits)
	return func() {
		h.t.Helper()
		h.tape.mu.Lock()
		defer h.tape.mu.Unlock()
		old := &memory.Store{}
		for _, c := range h.tape.commits[:n] {
			if _, err := old.Commit(context.Background(), c); err != nil {
				h.t.Fatal(err)
			}
		}
		old.Log = h.world.Log.Append
		h.tape.Store, h.tape.commits = old, h.tape.commits[:n]
	}
}
