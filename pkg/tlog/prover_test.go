package tlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"testing"
	"time"
)

// grown are the tiles of a tree in memory.
type grown struct {
	tiles map[Tile][]byte
	edge  Edge
	asked int
}

func (g *grown) Tile(_ context.Context, t Tile) ([]byte, error) {
	g.asked++
	full := t
	full.Width = TileWidth
	data, ok := g.tiles[full]
	if !ok || len(data) < t.Width*32 {
		return nil, errors.New("no such tile")
	}
	return data[:t.Width*32], nil
}

// grow appends leaves; tiles are under their full name, as a database keeps them.
func (g *grown) grow(leaves int64) *grown {
	if g.tiles == nil {
		g.tiles = map[Tile][]byte{}
	}
	keep := func(t Tile, hashes []Hash) {
		var data []byte
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		t.Width = TileWidth
		g.tiles[t] = data
	}
	for n := g.edge.Size(); n < leaves; n++ {
		g.edge.Append(numbered(n), keep)
	}
	g.edge.Partial(keep)
	return g
}

func numbered(n int64) Hash {
	return LeafHash(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// TestProver compares each proof with the one from checked tiles, and counts the
// hashes it reads: no more than the tree has levels.
func TestProver(t *testing.T) {
	var g grown
	for _, size := range []int64{1, 2, 3, 7, 255, 256, 257, 300, 511, 512, 65535, 65536, 65537, 70001} {
		g.grow(size)
		p := &Prover{Tiles: &g}
		root := g.edge.Root()
		step := max(1, size/97)
		for index := int64(0); index < size; index += step {
			if _, err := p.Inclusion(t.Context(), size, root, index); err != nil {
				t.Fatalf("%d of %d: %v", index, size, err)
			}
			before, asked := p.reads.Load(), g.asked
			path, err := p.Inclusion(t.Context(), size, root, index)
			if err != nil {
				t.Fatal(err)
			}
			levels := int64(bits.Len64(uint64(size - 1)))
			if reads := p.reads.Load() - before; reads > levels+1 || int64(len(path)) > levels { // and the leaf
				t.Errorf("%d of %d: %d hashes read, log2 is %d", index, size, reads, levels)
			}
			if g.asked != asked {
				t.Errorf("%d of %d: a tile was read again", index, size)
			}
			want, err := ProveInclusion(t.Context(), &g, size, root, index)
			if err != nil || fmt.Sprint(want) != fmt.Sprint(path) {
				t.Fatalf("%d of %d: another proof than from checked tiles: %v", index, size, err)
			}
		}
		if _, err := p.Inclusion(t.Context(), size, root, size); !errors.Is(err, ErrNotIncluded) {
			t.Errorf("beyond the tree: %v", err)
		}
	}
}

// TestProverRefuses has tiles lie, one after another, to a prover that has seen
// nothing: what it proves all the same is true, and afterwards all is proven.
func TestProverRefuses(t *testing.T) {
	const size = 70001
	var g grown
	g.grow(size)
	root := g.edge.Root()
	for name := range g.tiles {
		if name.Level == 0 && name.Index != 0 && name.Index != 273 {
			continue
		}
		whole := g.tiles[name]
		inverted := bytes.Clone(whole)
		for i := range inverted {
			inverted[i] ^= 0xff
		}
		for what, bent := range map[string][]byte{"inverted": inverted, "truncated": whole[:len(whole)-1], "empty": {}} {
			g.tiles[name] = bent
			p, refused := &Prover{Tiles: &g}, 0
			for _, index := range []int64{0, 1, 257, 65535, 65536, 69999, 70000} {
				path, err := p.Inclusion(t.Context(), size, root, index)
				if err != nil {
					refused++
				} else if err := CheckInclusion(path, size, root, index, numbered(index)); err != nil {
					t.Errorf("%s tile %s: %v", what, name.Path(), err)
				}
			}
			if refused == 0 {
				t.Errorf("%s tile %s: nobody finds it", what, name.Path())
			}
			g.tiles[name] = whole
			if _, err := p.Inclusion(t.Context(), size, root, 257); err != nil {
				t.Errorf("%s tile %s, mended: %v", what, name.Path(), err)
			}
		}
	}
	p := &Prover{Tiles: &g}
	if _, err := p.Inclusion(t.Context(), size, Hash{}, 5); !errors.Is(err, ErrNotIncluded) {
		t.Errorf("another root: %v", err)
	}
}

// TestProverRemembersThroughOutages: who has a proof made and does not wait for it,
// or asks while storage is away, costs nobody the tiles that are remembered.
func TestProverRemembersThroughOutages(t *testing.T) {
	var g grown
	g.grow(70001)
	p, root := &Prover{Tiles: &g}, g.edge.Root()
	if _, err := p.Inclusion(t.Context(), 70001, root, 5); err != nil {
		t.Fatal(err)
	}
	away := Tile{Level: 0, Index: 100, Width: TileWidth}
	whole := g.tiles[away]
	delete(g.tiles, away)
	if _, err := p.Inclusion(t.Context(), 70001, root, 100*TileWidth); err == nil || errors.Is(err, ErrNotIncluded) {
		t.Errorf("a tile that is away: %v", err)
	}
	g.tiles[away] = whole
	asked := g.asked
	if _, err := p.Inclusion(t.Context(), 70001, root, 5); err != nil || g.asked != asked {
		t.Errorf("%v, %d tiles read again", err, g.asked-asked)
	}
}

func TestProverIsBoundedAndConcurrent(t *testing.T) {
	var g grown
	g.grow(300_000)
	root := g.edge.Root()
	p := &Prover{Tiles: locked{&g, new(sync.Mutex)}}
	var wait sync.WaitGroup
	for w := range int64(4) {
		wait.Go(func() {
			for index := w; index < 300_000; index += 997 {
				if _, err := p.Inclusion(context.Background(), 300_000, root, index); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	for n := range 2 * warmTiles {
		p.warm[Tile{Level: 5, Index: int64(n), Width: 1}] = &warmTile{}
	}
	p.forgetOne(t)
	if len(p.warm) > warmTiles {
		t.Errorf("%d tiles are remembered", len(p.warm))
	}
}

// forgetOne reads a tile that is not remembered.
func (p *Prover) forgetOne(t *testing.T) {
	delete(p.warm, Tile{Level: 0, Index: 0, Width: TileWidth})
	if _, err := p.node(t.Context(), 300_000, 0, 0); err != nil {
		t.Fatal(err)
	}
}

type locked struct {
	*grown
	mu *sync.Mutex
}

func (l locked) Tile(ctx context.Context, t Tile) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown.Tile(ctx, t)
}

var tenMillion = sync.OnceValue(func() *grown { return new(grown).grow(10_000_000) })

// BenchmarkProver makes inclusion proofs in a log of ten million leaves from warm
// tiles; the ratio is to the goal of 100 microseconds.
func BenchmarkProver(b *testing.B) {
	g := tenMillion()
	size, root := g.edge.Size(), g.edge.Root()
	p := &Prover{Tiles: g}
	indexes := make([]int64, 512) // as many tiles as stay warm
	for i := range indexes {
		indexes[i] = int64(i) * 19531
		if _, err := p.Inclusion(b.Context(), size, root, indexes[i]); err != nil {
			b.Fatal(err)
		}
	}
	asked, reads := g.asked, p.reads.Load()
	for i := 0; b.Loop(); i++ {
		if _, err := p.Inclusion(b.Context(), size, root, indexes[i%len(indexes)]); err != nil {
			b.Fatal(err)
		}
	}
	if g.asked != asked {
		b.Error("the tiles were not warm")
	}
	b.ReportMetric(float64(p.reads.Load()-reads)/float64(b.N), "hashes")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/100e-6, "of-goal")
}

// BenchmarkIntegrate places leaves in memory as the sequencer does: groups of
// 4096, tiles, root, signed checkpoint. The ratio is to the two SHA-256 sums
// that each leaf cannot do without.
func BenchmarkIntegrate(b *testing.B) {
	signer, err := NewSigner("log.example", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		b.Fatal(err)
	}
	entry := Commitment("bench", [32]byte{}, [32]byte{})
	var edge Edge
	var kept int
	keep := func(_ Tile, hashes []Hash) {
		data := make([]byte, 0, len(hashes)*32)
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		kept += len(data)
	}
	group := func() {
		for n := range 4096 {
			binary.BigEndian.PutUint64(entry[1:], uint64(edge.Size()+int64(n)))
			edge.Append(LeafHash(entry), keep)
		}
		edge.Partial(keep)
		if _, err := NewCheckpoint(signer, edge.Size(), edge.Root()); err != nil {
			b.Fatal(err)
		}
	}
	leaf, node := make([]byte, len(entry)+1), make([]byte, 65)
	var took, bare time.Duration
	for b.Loop() {
		began := time.Now()
		group()
		took += time.Since(began)
		began = time.Now()
		for n := range 4096 {
			leaf[1], node[1] = byte(n), byte(n)
			_, _ = sha256.Sum256(leaf), sha256.Sum256(node)
		}
		bare += time.Since(began)
	}
	b.ReportMetric(float64(edge.Size())/took.Seconds(), "leaves/s")
	b.ReportMetric(bare.Seconds()/took.Seconds(), "of-bare")
}
