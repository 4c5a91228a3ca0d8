package anchor_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// forked replaces the log by another of the same key, so far as it has n entries.
func (w *world) forked(t *testing.T, n int) {
	t.Helper()
	other := anchortest.New(t, w.ledger)
	for i := range n {
		other.Add(t, personal(1000+i))
	}
	other.Proofs, other.Greatest = w.hub.Proofs, w.hub.Greatest
	w.hub.Edge, w.hub.Listed, w.hub.Tiles, w.hub.Note = other.Edge, other.Listed, other.Tiles, other.Note
}

func TestFork(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int
	}{{"it stops at another root of the same size", 2}, {"it stops at a greater tree with another beginning", 5}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(t, nil, 0)
			w.hub.Add(t, personal(1), personal(2))
			w.turn(t)
			anchored := w.ledger.anchors[2].Root.String()
			edge, entries, tiles, note := w.hub.Edge, w.hub.Listed, w.hub.Tiles, w.hub.Note
			w.forked(t, tt.size)
			w.now = w.now.Add(interval)
			err := w.a.Step(t.Context())
			if !errors.Is(err, anchor.ErrFork) || !strings.Contains(err.Error(), anchored) || !strings.Contains(err.Error(), w.hub.Edge.Root().String()) {
				t.Fatalf("%v", err)
			}
			if !w.a.Report().Forked || len(w.ledger.blocks) != 1 {
				t.Error("it says nothing, or went on")
			}
			// A log that shows its first face again has still shown two.
			w.hub.Edge, w.hub.Listed, w.hub.Tiles, w.hub.Note = edge, entries, tiles, note
			w.begin(t, nil, 0)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := w.a.Run(ctx); !errors.Is(err, anchor.ErrFork) {
				t.Errorf("after a restart: %v", err)
			}
			fork, err := w.outbox.Alarmed()
			if err != nil || fork == nil || len(fork.Anchored.Note) == 0 || len(fork.Shown.Note) == 0 {
				t.Errorf("evidence: %+v, %v", fork, err)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		show func(t *testing.T, w *world)
		want error
	}{
		{"an unwitnessed checkpoint", func(t *testing.T, w *world) { w.hub.Publish(t, false) }, tlog.ErrUnwitnessed},
		{"an older tree", func(t *testing.T, w *world) { w.forked(t, 1) }, anchor.ErrOlder},
		{"a checkpoint of another log", func(t *testing.T, w *world) {
			s, err := tlog.NewSigner("log.example/other", anchortest.Key(9))
			if err != nil {
				t.Fatal(err)
			}
			w.hub.Note, _ = tlog.NewCheckpoint(s, 9, tlog.Hash{})
		}, tlog.ErrUnsigned},
		{"tiles that are not the checkpoint's", func(_ *testing.T, w *world) {
			for path, data := range w.hub.Tiles {
				w.hub.Tiles[path] = make([]byte, len(data))
			}
		}, anchor.ErrLog},
		{"entries that are not the checkpoint's", func(_ *testing.T, w *world) { w.hub.Listed[3] = personal(77) }, anchor.ErrLog},
	} {
		t.Run("it does not anchor "+tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin(t, nil, 0)
			w.hub.Add(t, personal(1), personal(2))
			w.turn(t)
			w.hub.Add(t, personal(3), personal(4))
			tt.show(t, w)
			w.now = w.now.Add(interval)
			if err := w.a.Step(t.Context()); !errors.Is(err, tt.want) || errors.Is(err, anchor.ErrFork) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if len(w.ledger.blocks) != 1 {
				t.Error("it anchored it")
			}
		})
	}
}

// TestAnotherAnchorer: what somebody else with our identity anchored is taken
// up, and the fork shows all the same.
func TestAnotherAnchorer(t *testing.T) {
	put := func(w *world) anchor.Put {
		return anchor.Put{Origin: origin, Size: w.hub.Edge.Size(), Root: w.hub.Edge.Root()}
	}
	t.Run("it goes on behind a greater anchor, and nothing that rides is lost", func(t *testing.T) {
		w := newWorld(t)
		w.begin(t, nil, 0)
		w.turn(t)
		e := statement(t, "did", "did:web:a", 1)
		w.hub.Add(t, e)
		w.ledger.down = anchor.ErrUnreachable
		w.now = w.now.Add(interval)
		_ = w.a.Step(t.Context())
		w.ledger.down = nil
		w.now = w.now.Add(interval)
		w.hub.Add(t, personal(2))
		w.ledger.invalidate(t, put(w))
		w.turn(t)
		w.hub.Add(t, personal(3))
		w.turn(t)
		w.turn(t)
		w.whole(t, 3, map[string][]byte{"did did:web:a": e})
	})
	t.Run("it takes up the same size with other digests", func(t *testing.T) {
		w := newWorld(t)
		w.hub.Add(t, personal(1))
		w.begin(t, nil, 0)
		w.turn(t)
		e := statement(t, "did", "did:web:a", 1)
		w.hub.Add(t, e)
		w.ledger.invalidate(t, put(w))
		w.turn(t)
		w.hub.Add(t, personal(3))
		w.turn(t)
		w.turn(t)
		w.whole(t, 3, map[string][]byte{"did did:web:a": e})
	})
	t.Run("it goes on where the ledger is when its folder is gone", func(t *testing.T) {
		w := newWorld(t)
		w.begin(t, nil, 0)
		w.hub.Add(t, personal(1))
		w.turn(t)
		w.hub.Add(t, personal(2))
		w.end()
		w.folder, w.hub.Proofs, w.hub.Greatest = t.TempDir(), map[int64]endorsement.Proof{}, 0
		w.begin(t, nil, 0)
		w.turn(t)
		w.whole(t, 2, nil)
	})
	t.Run("it finds that the ledger holds another tree", func(t *testing.T) {
		w := newWorld(t)
		w.hub.Add(t, personal(1), personal(2))
		w.ledger.invalidate(t, anchor.Put{Origin: origin, Size: 1, Root: tlog.Hash{7}})
		w.begin(t, nil, 0)
		w.now = w.now.Add(interval)
		if err := w.a.Step(t.Context()); !errors.Is(err, anchor.ErrFork) {
			t.Errorf("%v", err)
		}
		if len(w.hub.Proofs) != 1 {
			t.Error("the hub was not told")
		}
	})
}

// TestVoid has another write come between endorsement and block.
func TestVoid(t *testing.T) {
	w := newWorld(t)
	w.begin(t, nil, 3) // dies once the bytes are durable
	w.hub.Add(t, personal(1))
	w.ledger.invalidate(t, anchor.Put{Origin: origin, Size: 1, Root: w.hub.Edge.Root()})
	w.hub.Add(t, personal(2))
	w.now = w.now.Add(interval)
	_ = w.a.Step(t.Context()) // takes up size 1
	w.begin(t, nil, 2)        // chosen, prepared, dead
	w.now = w.now.Add(interval)
	_ = w.a.Step(t.Context())
	size, root := w.hub.Edge.Size(), w.hub.Edge.Root()
	w.ledger.invalidate(t, anchor.Put{Origin: origin, Size: size, Root: root})
	w.turn(t)
	w.whole(t, 2, nil)
	w.hub.Add(t, personal(3))
	w.turn(t)
	w.whole(t, 3, nil)
}

// TestVoidWithDigests: another write of the same tree that came between took none
// of the digests along, which ride with the next.
func TestVoidWithDigests(t *testing.T) {
	w := newWorld(t)
	w.begin(t, nil, 2) // chosen, prepared, dead
	e := statement(t, "did", "did:web:a", 1)
	w.hub.Add(t, e)
	w.now = w.now.Add(interval)
	_ = w.a.Step(t.Context())
	w.ledger.invalidate(t, anchor.Put{Origin: origin, Size: 1, Root: w.hub.Edge.Root()})
	w.turn(t)
	w.hub.Add(t, personal(2))
	w.turn(t)
	w.turn(t)
	w.whole(t, 2, map[string][]byte{"did did:web:a": e})
}

// TestReplacedLogKey: the ledger was out of reach while the log's key was
// replaced on it, and what was chosen before is signed by the old one.
func TestReplacedLogKey(t *testing.T) {
	w := newWorld(t)
	e := statement(t, "did", "did:web:a", 1)
	w.hub.Add(t, e)
	w.ledger.down = anchor.ErrUnreachable
	w.begin(t, nil, 0)
	w.now = w.now.Add(interval)
	if err := w.a.Step(t.Context()); !errors.Is(err, anchor.ErrUnreachable) {
		t.Fatal(err)
	}
	w.ledger.down, w.ledger.log = nil, anchortest.Key(3).Public().(ed25519.PublicKey)
	w.now = w.now.Add(interval)
	if err := w.a.Step(t.Context()); !errors.Is(err, anchor.ErrInvalid) {
		t.Fatal(err)
	}
	w.hub.Rekey(t, 3)
	w.begin(t, nil, 0) // with the policy of now
	w.hub.Add(t, personal(2))
	w.turn(t)
	w.whole(t, 2, map[string][]byte{"did did:web:a": e})
}

// TestRemind: a hub that was set back is told what is anchored.
func TestRemind(t *testing.T) {
	w := newWorld(t)
	w.begin(t, nil, 0)
	w.hub.Add(t, personal(1))
	w.turn(t)
	clear(w.hub.Proofs)
	w.hub.Greatest = 0
	w.turn(t)
	if len(w.hub.Proofs) != 1 {
		t.Error("the hub was not reminded")
	}
	w.hub.Refuses = anchor.ErrNotTaken
	w.hub.Add(t, personal(2))
	for range 3 {
		w.now = w.now.Add(interval)
		if err := w.a.Step(t.Context()); err != nil && !errors.Is(err, anchor.ErrNotTaken) {
			t.Fatal(err)
		}
	}
	if w.ledger.latest != 2 {
		t.Error("a hub that takes no proof stops the anchoring")
	}
	w.hub.Refuses = nil
	w.turn(t)
	w.whole(t, 2, nil)
}
