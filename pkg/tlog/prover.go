package tlog

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"
)

// warmTiles bounds what a Prover remembers: about 16 KiB a tile.
const warmTiles = 2048

// Prover makes inclusion proofs from tiles that it remembers, with the hashes
// between their rows: a proof then reads at most one hash for each level of the
// tree. What the tiles say is not trusted: each proof is checked before it is
// given. It may be used concurrently.
type Prover struct {
	Tiles Tiles

	mu    sync.Mutex
	warm  map[Tile]*warmTile
	right *rightEdge
	reads atomic.Int64 // of hashes, for tests
}

// warmTile holds the hashes of each height within a tile, 0 to 8; those of
// whole subtrees alone.
type warmTile [9][]Hash

// rightEdge are the subtrees of falling size that a tree consists of, each with
// what follows it: rest[i] is the root of all from i on.
type rightEdge struct {
	size  int64
	first []int64 // first leaf of each
	level []int   // its height
	rest  []Hash
}

// Inclusion makes the proof that Policy.VerifyInclusion and CheckInclusion read
// (RFC 6962, 2.1.1).
func (p *Prover) Inclusion(ctx context.Context, size int64, root Hash, index int64) ([]Hash, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("prove inclusion: %w", ErrNotIncluded)
	}
	path, leaf, err := p.path(ctx, size, index)
	if err != nil { // a tile that could not be read: those that were stay
		return nil, fmt.Errorf("prove inclusion: %w", err)
	}
	if err := CheckInclusion(path, size, root, index, leaf); err != nil {
		p.forget() // lest a wrong tile stay
		return nil, fmt.Errorf("prove inclusion: %w", err)
	}
	return path, nil
}

func (p *Prover) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.warm, p.right = nil, nil
}

// path reads the siblings from the leaf up: those in its own subtree, what
// follows that, and the subtrees before it, nearest first.
func (p *Prover) path(ctx context.Context, size, index int64) (path []Hash, leaf Hash, err error) {
	edge, err := p.edge(ctx, size)
	if err != nil {
		return nil, leaf, err
	}
	own := len(edge.first) - 1
	for edge.first[own] > index {
		own--
	}
	if leaf, err = p.node(ctx, size, 0, index); err != nil {
		return nil, leaf, err
	}
	for level, at := 0, index; level < edge.level[own]; level, at = level+1, at/2 {
		sibling, err := p.node(ctx, size, level, at^1)
		if err != nil {
			return nil, leaf, err
		}
		path = append(path, sibling)
	}
	if own+1 < len(edge.rest) {
		p.reads.Add(1)
		path = append(path, edge.rest[own+1])
	}
	for before := own - 1; before >= 0; before-- {
		sibling, err := p.node(ctx, size, edge.level[before], edge.first[before]>>edge.level[before])
		if err != nil {
			return nil, leaf, err
		}
		path = append(path, sibling)
	}
	return path, leaf, nil
}

// edge gives the right edge of a tree, remembered for the size asked last.
func (p *Prover) edge(ctx context.Context, size int64) (*rightEdge, error) {
	p.mu.Lock()
	known := p.right
	p.mu.Unlock()
	if known != nil && known.size == size {
		return known, nil
	}
	e := &rightEdge{size: size}
	for at := int64(0); at < size; {
		level := bits.Len64(uint64(size-at)) - 1 //nolint:gosec // G115: positive
		e.first, e.level = append(e.first, at), append(e.level, level)
		at += 1 << level
	}
	e.rest = make([]Hash, len(e.first))
	for i := len(e.first) - 1; i >= 0; i-- {
		h, err := p.node(ctx, size, e.level[i], e.first[i]>>e.level[i])
		if err != nil {
			return nil, err
		}
		if e.rest[i] = h; i+1 < len(e.first) {
			e.rest[i] = tlog.NodeHash(h, e.rest[i+1])
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.right = e
	return e, nil
}

// node is the root of the at-th whole subtree of this height.
func (p *Prover) node(ctx context.Context, size int64, level int, at int64) (Hash, error) {
	row, height := level/8, level%8
	t := Tile{Level: row, Index: at >> (8 - height), Width: TileWidth}
	t.Width = int(min(TileWidth, size>>(8*row)-t.Index*TileWidth))
	w, err := p.tile(ctx, t)
	if err != nil {
		return Hash{}, err
	}
	local := at & (1<<(8-height) - 1)
	if local >= int64(len(w[height])) {
		return Hash{}, fmt.Errorf("%w: %s", ErrTile, t.Path())
	}
	p.reads.Add(1)
	return w[height][local], nil
}

func (p *Prover) tile(ctx context.Context, t Tile) (*warmTile, error) {
	if t.Width < 1 {
		return nil, fmt.Errorf("%w: beyond the tree", ErrTile)
	}
	p.mu.Lock()
	w := p.warm[t]
	p.mu.Unlock()
	if w != nil {
		return w, nil
	}
	data, err := p.Tiles.Tile(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("tile %s: %w", t.Path(), err)
	}
	hashes, err := ParseHashes(data, t.Width)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tile %s", t.Path()), err)
	}
	w = &warmTile{hashes}
	for height := 1; height < len(w); height++ {
		below := w[height-1]
		for i := 0; i+1 < len(below); i += 2 {
			w[height] = append(w[height], tlog.NodeHash(below[i], below[i+1]))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.warm == nil {
		p.warm = map[Tile]*warmTile{}
	}
	for other := range p.warm { // any: the next proof brings it back
		if len(p.warm) < warmTiles {
			break
		}
		delete(p.warm, other)
	}
	p.warm[t] = w
	return w, nil
}
