package anchor_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/anchor"
)

// live lets the log grow for some intervals and checks that nothing is missing.
func (w *world) live(t *testing.T) {
	t.Helper()
	newest := map[string][]byte{}
	for n := range 4 {
		e := statement(t, "issuer-key", "kid-1", n+1)
		newest["issuer-key kid-1"] = e
		w.hub.add(t, personal(n), e)
		w.turn(t)
	}
	w.turn(t)
	w.whole(t, 8, newest)
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
			if len(w.ledger.blocks) != 4 {
				t.Errorf("%d transactions for 4 anchors", len(w.ledger.blocks))
			}
		})
		writes++
	}
	figure.Hold(t, "deaths-anchorer", writes, "durable writes of the anchorer, after each of which it was killed and started again")
}

// TestFaults breaks each write and each call, lost, and kept but called lost.
func TestFaults(t *testing.T) {
	broken := 0
	for _, call := range []string{"save", "prepare", "submit", "status", "read", "latest", "checkpoint", "newest", "take"} {
		for at := 1; ; at++ {
			hit := false
			for _, kept := range []bool{false, true} {
				t.Run(fmt.Sprintf("it survives %s %d, kept %v", call, at, kept), func(t *testing.T) {
					w := newWorld(t)
					f := &fault{call: call, at: at, kept: kept}
					w.begin(t, f, 0)
					w.live(t)
					hit = f.done
					if n := len(w.ledger.blocks); n < 4 || n > 5 {
						t.Errorf("%d transactions for 4 anchors", n)
					}
				})
				if hit {
					broken++
				}
			}
			if !hit {
				break
			}
		}
	}
	figure.Hold(t, "faults-anchorer", broken, "writes and calls of the anchorer, each lost, and kept but called lost")
}

// TestOutage takes away the ledger or the hub for a while.
func TestOutage(t *testing.T) {
	down := errors.New("out of reach")
	for _, tt := range []struct {
		name       string
		fail, mend func(w *world)
	}{
		{"it waits for the ledger", func(w *world) { w.ledger.down = anchor.ErrUnreachable }, func(w *world) { w.ledger.down = nil }},
		{"it waits for the hub", func(w *world) { w.hub.down = down }, func(w *world) { w.hub.down = nil }},
		{"it waits to be registered", func(w *world) { w.ledger.foreign = true }, func(w *world) { w.ledger.foreign = false }},
		{"it submits again what the orderers lost", func(w *world) { w.ledger.lose = 3 }, func(*world) {}},
		{"it asks again when nobody can tell", func(w *world) { w.ledger.silent = 3 }, func(*world) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(t, nil, 0)
			w.hub.add(t, personal(1))
			w.turn(t)
			w.hub.add(t, personal(2))
			tt.fail(w)
			for range 5 {
				w.now = w.now.Add(interval)
				_ = w.a.Step(t.Context())
			}
			w.hub.add(t, personal(3))
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
