package anchor_test

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

const origin = "log.example/test"

// hub is a log in memory with a shelf for proofs.
type hub struct {
	*fault
	mu       sync.Mutex
	signer   tlog.Signer
	cosigner tlog.Signer
	policy   tlog.Policy
	edge     tlog.Edge
	entries  [][]byte
	tiles    map[string][]byte
	note     []byte
	down     error
	refuses  error
	proofs   map[int64]endorsement.Proof
	newest   int64
	verify   func(endorsement.Proof) (endorsement.Anchored, error)
}

func key(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func newHub(t testing.TB, l *ledger) *hub {
	t.Helper()
	h := &hub{tiles: map[string][]byte{}, proofs: map[int64]endorsement.Proof{}, verify: l.Verify}
	var err error
	if h.signer, err = tlog.NewSigner(origin, key(1)); err != nil {
		t.Fatal(err)
	}
	if h.cosigner, err = tlog.NewCosigner("witness.example/1", key(2), time.Now); err != nil {
		t.Fatal(err)
	}
	log := tlog.Log{Key: tlog.LogKey(origin, key(1).Public().(ed25519.PublicKey))}
	witness := tlog.Witness{Name: "w1", Key: tlog.WitnessKey("witness.example/1", key(2).Public().(ed25519.PublicKey))}
	if h.policy, err = tlog.ParsePolicy(tlog.NewPolicy(log, []tlog.Witness{witness}, 1)); err != nil {
		t.Fatal(err)
	}
	h.publish(t, true)
	return h
}

// add appends entries and publishes.
func (h *hub) add(t testing.TB, entries ...[]byte) {
	t.Helper()
	keep := func(tile tlog.Tile, hashes []tlog.Hash) {
		var data []byte
		for _, each := range hashes {
			data = append(data, each[:]...)
		}
		h.tiles[tile.Path()] = data
	}
	for _, e := range entries {
		h.edge.Append(tlog.LeafHash(e), keep)
		h.edge.Partial(keep)
		h.entries = append(h.entries, e)
	}
	h.publish(t, true)
}

func (h *hub) publish(t testing.TB, witnessed bool) {
	t.Helper()
	note, err := tlog.NewCheckpoint(h.signer, h.edge.Size(), h.edge.Root())
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
	h.note = note
}

func (h *hub) Checkpoint(context.Context) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.note, h.broken("checkpoint", func() error { return h.down })
}

func (h *hub) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down != nil {
		return nil, h.down
	}
	if t.Level == tlog.Entries {
		from := t.Index * tlog.TileWidth
		return tlog.MarshalBundle(h.entries[from : from+int64(t.Width)])
	}
	full := t
	full.Width = tlog.TileWidth
	for ; full.Width >= t.Width; full.Width-- {
		if data, ok := h.tiles[full.Path()]; ok {
			return t.Cut(data)
		}
	}
	return nil, errors.New("no tile " + t.Path())
}

func (h *hub) Newest(context.Context) (endorsement.Proof, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.proofs[h.newest]
	err := h.broken("newest", func() error { return h.down })
	if err == nil && !ok {
		err = anchor.ErrNotFound
	}
	return p, err
}

func (h *hub) Take(_ context.Context, p endorsement.Proof) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broken("take", func() error {
		if h.down != nil || h.refuses != nil {
			return errors.Join(h.down, h.refuses)
		}
		a, err := h.verify(p)
		if err != nil {
			return fmt.Errorf("%w: %w", anchor.ErrNotTaken, err)
		}
		h.proofs[a.Size], h.newest = p, max(h.newest, a.Size)
		return nil
	})
}

// statement of a kind about an id.
func statement(t testing.TB, kind, id string, version int) []byte {
	t.Helper()
	entry, err := tlog.Statement(kind, map[string]any{"id": id, "version": version})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func personal(n int) []byte {
	return tlog.Commitment("test", [32]byte{byte(n), byte(n >> 8)}, [32]byte{})
}
