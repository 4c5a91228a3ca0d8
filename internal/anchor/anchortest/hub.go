package anchortest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Origin of the log that New makes.
const Origin = "log.example/test"

// Hub is an anchor.Hub. A test that alters its fields does so between steps.
type Hub struct {
	// Broken is called with each call's name, and does it or not; nil: it does.
	Broken   func(call string, do func() error) error
	Policy   tlog.Policy
	Edge     *tlog.Edge
	Listed   [][]byte // entries
	Tiles    map[string][]byte
	Note     []byte // the checkpoint
	Down     error  // every call answers it
	Refuses  error  // Take answers it
	Proofs   map[int64]endorsement.Proof
	Greatest int64 // size of a proof
	Trust    anchor.Verifier

	mu       sync.Mutex
	signer   tlog.Signer
	cosigner tlog.Signer
}

// Key is the n-th of those that anybody knows: the log's is the first, the
// witness's the second.
func Key(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

// New makes the hub of an empty log.
func New(t testing.TB, trust anchor.Verifier) *Hub {
	t.Helper()
	h := &Hub{Tiles: map[string][]byte{}, Proofs: map[int64]endorsement.Proof{}, Trust: trust, Edge: new(tlog.Edge)}
	var err error
	if h.signer, err = tlog.NewSigner(Origin, Key(1)); err != nil {
		t.Fatal(err)
	}
	if h.cosigner, err = tlog.NewCosigner("witness.example/1", Key(2), time.Now); err != nil {
		t.Fatal(err)
	}
	log := tlog.Log{Key: tlog.LogKey(Origin, Key(1).Public().(ed25519.PublicKey))}
	witness := tlog.Witness{Name: "w1", Key: tlog.WitnessKey("witness.example/1", Key(2).Public().(ed25519.PublicKey))}
	if h.Policy, err = tlog.ParsePolicy(tlog.NewPolicy(log, []tlog.Witness{witness}, 1)); err != nil {
		t.Fatal(err)
	}
	h.Publish(t, true)
	return h
}

// Add appends entries and publishes.
func (h *Hub) Add(t testing.TB, entries ...[]byte) {
	t.Helper()
	keep := func(tile tlog.Tile, hashes []tlog.Hash) {
		var data []byte
		for _, each := range hashes {
			data = append(data, each[:]...)
		}
		h.Tiles[tile.Path()] = data
	}
	for _, e := range entries {
		h.Edge.Append(tlog.LeafHash(e), keep)
		h.Edge.Partial(keep)
		h.Listed = append(h.Listed, e)
	}
	h.Publish(t, true)
}

// Publish signs the tree as it is.
func (h *Hub) Publish(t testing.TB, witnessed bool) {
	t.Helper()
	note, err := tlog.NewCheckpoint(h.signer, h.Edge.Size(), h.Edge.Root())
	if err != nil {
		t.Fatal(err)
	}
	if witnessed {
		line, err := tlog.Cosign(h.cosigner, note)
		if err != nil {
			t.Fatal(err)
		}
		note = append(note, line...)
	}
	h.Note = note
}

// Rekey gives the log another of the keys that anybody knows, and the policy it.
func (h *Hub) Rekey(t testing.TB, n byte) {
	t.Helper()
	var err error
	if h.signer, err = tlog.NewSigner(Origin, Key(n)); err != nil {
		t.Fatal(err)
	}
	h.Policy.Logs = []tlog.Log{{Key: tlog.LogKey(Origin, Key(n).Public().(ed25519.PublicKey))}}
	h.Publish(t, true)
}

func (h *Hub) broken(call string, do func() error) error {
	if h.Broken == nil {
		return do()
	}
	return h.Broken(call, do)
}

// Checkpoint implements anchor.Hub.
func (h *Hub) Checkpoint(context.Context) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Note, h.broken("checkpoint", func() error { return h.Down })
}

// Tile implements anchor.Hub.
func (h *Hub) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Down != nil {
		return nil, h.Down
	}
	if t.Level == tlog.Entries {
		from := t.Index * tlog.TileWidth
		return tlog.MarshalBundle(h.Listed[from : from+int64(t.Width)])
	}
	full := t
	full.Width = tlog.TileWidth
	for ; full.Width >= t.Width; full.Width-- {
		if data, ok := h.Tiles[full.Path()]; ok {
			return t.Cut(data)
		}
	}
	return nil, errors.New("no tile " + t.Path())
}

// Newest implements anchor.Hub.
func (h *Hub) Newest(context.Context) (endorsement.Proof, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.Proofs[h.Greatest]
	err := h.broken("newest", func() error { return h.Down })
	if err == nil && !ok {
		err = anchor.ErrNotFound
	}
	return p, err
}

// Take implements anchor.Hub.
func (h *Hub) Take(_ context.Context, p endorsement.Proof) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken("take", func() error {
		if h.Down != nil || h.Refuses != nil {
			return errors.Join(h.Down, h.Refuses)
		}
		a, err := h.Trust.Verify(p)
		if err != nil {
			return fmt.Errorf("%w: %w", anchor.ErrNotTaken, err)
		}
		h.Proofs[a.Size], h.Greatest = p, max(h.Greatest, a.Size)
		return nil
	})
}
