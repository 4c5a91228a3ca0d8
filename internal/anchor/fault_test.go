package anchor_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/anchor"
)

// live lets the log grow for some intervals and checks that nothing is missing.
func (w *world) live(t *testing.T) {
	t.Helper()
	newest := map[string][]byte{}
	for n := range 3 {
		e := statement(t, "issuer-key", "kid-1", n+1)
		newest["issuer-key kid-1"] = e
		w.hub.Add(t, personal(n), e)
		w.turn(t)
	}
	w.turn(t)
	w.whole(t, 6, newest)
}

// TestDeath kills the anchorer after each durable write and starts another.
func TestDeath(t *testing.T) {
	writes := 0
	w := newWorld(t)
	w.begin(t, nil, 0)
	w.live(t)
	total := w.outbox.writes
	for n := 1; n <= total; n++ {
		t.Run(fmt.Sprintf("it goes on after a death at write %d", n), func(t *testing.T) {
			w := newWorld(t)
			w.begin(t, nil, n)
			w.live(t)
			if len(w.ledger.blocks) != 3 {
				t.Errorf("%d transactions for 3 anchors", len(w.ledger.blocks))
			}
		})
		writes++
	}
	figure.Hold(t, "deaths-anchorer", writes, "durable writes of the anchorer, after each of which it was killed and started again")
}

// TestFaults breaks each write and each call, lost, and kept but called lost.
func TestFaults(t *testing.T) {
	var broken atomic.Int32
	t.Run("it survives", func(t *testing.T) {
		for _, call := range []string{"save", "prepare", "submit", "status", "read", "latest", "checkpoint", "newest", "take"} {
			t.Run(call, func(t *testing.T) {
				t.Parallel()
				for at := 1; survives(t, call, at, false) && survives(t, call, at, true); at++ {
					broken.Add(2)
				}
			})
		}
	})
	figure.Hold(t, "faults-anchorer", int(broken.Load()), "writes and calls of the anchorer, each lost, and kept but called lost")
}

// survives breaks one call; false when there are not so many.
func survives(t *testing.T, call string, at int, kept bool) (hit bool) {
	t.Run(fmt.Sprintf("%d, kept %v", at, kept), func(t *testing.T) {
		w := newWorld(t)
		f := &fault{call: call, at: at, kept: kept}
		w.begin(t, f, 0)
		w.live(t)
		hit = f.done
		if n := len(w.ledger.blocks); n < 3 || n > 4 {
			t.Errorf("%d transactions for 3 anchors", n)
		}
	})
	return hit
}

// TestOutage takes away the ledger or the hub for a while.
func TestOutage(t *testing.T) {
	down := errors.New("out of reach")
	for _, tt := range []struct {
		name       string
		fail, mend func(w *world)
	}{
		{"it waits for the ledger", func(w *world) { w.ledger.down = anchor.ErrUnreachable }, func(w *world) { w.ledger.down = nil }},
		{"it waits for the hub", func(w *world) { w.hub.Down = down }, func(w *world) { w.hub.Down = nil }},
		{"it waits to be registered", func(w *world) { w.ledger.foreign = true }, func(w *world) { w.ledger.foreign = false }},
		{"it submits again what the orderers lost", func(w *world) { w.ledger.lose = 3 }, func(*world) {}},
		{"it asks again when nobody can tell", func(w *world) { w.ledger.silent = 3 }, func(*world) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(t, nil, 0)
			w.hub.Add(t, personal(1))
			w.turn(t)
			w.hub.Add(t, personal(2))
			tt.fail(w)
			for range 5 {
				w.now = w.now.Add(interval)
				_ = w.a.Step(t.Context())
			}
			w.hub.Add(t, personal(3))
			tt.mend(w)
			w.turn(t)
			w.turn(t)
			w.whole(t, 3, nil)
			if ids := map[string]bool{}; true {
				for _, b := range w.ledger.blocks {
					if ids[b.ID] {
						t.Error("a transaction twice")
					}
					ids[b.ID] = true
				}
			}
		})
	}
}
