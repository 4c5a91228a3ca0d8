package main

import (
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

const origin = "log.example/sdk"

// shelf is a hub in memory: a log, and the proofs that were brought.
type shelf struct {
	mu       sync.Mutex
	t        testing.TB
	signer   tlog.Signer
	cosigner tlog.Signer
	policy   []byte
	edge     tlog.Edge
	tiles    map[string][]byte
	note     []byte
	trust    *endorsement.Trust
	proofs   map[int64]endorsement.Anchored
	refusing bool          // each proof
	offered  map[int64]int // how often, while it refused
}

// key is the n-th of those that anybody knows.
func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+n)), ed25519.SeedSize)))
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	s := &shelf{t: t, tiles: map[string][]byte{}, proofs: map[int64]endorsement.Anchored{}, offered: map[int64]int{}}
	var err error
	s.signer, err = tlog.NewSigner(origin, key(1))
	must(t, err)
	s.cosigner, err = tlog.NewCosigner("witness.example/1", key(2), time.Now)
	must(t, err)
	witness := tlog.Witness{Name: "w1", Key: tlog.WitnessKey("witness.example/1", key(2).Public().(ed25519.PublicKey))}
	s.policy = tlog.NewPolicy(tlog.Log{Key: tlog.LogKey(origin, key(1).Public().(ed25519.PublicKey))}, []tlog.Witness{witness}, 1)
	return s
}

// grow adds a leaf and publishes.
func (s *shelf) grow(n byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := func(tile tlog.Tile, hashes []tlog.Hash) {
		var data []byte
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		s.tiles["/log/"+tile.Path()] = data
	}
	s.edge.Append(tlog.LeafHash(tlog.Commitment("test", [32]byte{n}, [32]byte{})), keep)
	s.edge.Partial(keep)
	note, err := tlog.NewCheckpoint(s.signer, s.edge.Size(), s.edge.Root())
	must(s.t, err)
	line, err := tlog.Cosign(s.cosigner, note)
	must(s.t, err)
	s.note = slices.Concat(note, line)
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tile, known := s.tiles[r.URL.Path]
	switch {
	case r.URL.Path == "/log/checkpoint":
		_, _ = w.Write(s.note)
	case known:
		_, _ = w.Write(tile)
	case r.URL.Path == "/anchors" && r.Method == http.MethodPost:
		raw, _ := io.ReadAll(r.Body)
		p, err := endorsement.ParseProof(raw)
		if err == nil {
			var there endorsement.Anchored
			if there, err = s.trust.Verify(p); err == nil && s.refusing {
				s.offered[there.Size]++
				err = errors.New("refused")
			}
			if err == nil {
				s.proofs[there.Size] = there
				return
			}
		}
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		http.NotFound(w, r)
	}
}

func (s *shelf) has(size int64) (endorsement.Anchored, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.proofs[size]
	return a, ok
}

// refuse has the hub refuse every proof, or no more.
func (s *shelf) refuse(all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = all
}

func (s *shelf) offers(size int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offered[size]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
