package tlog

import (
	"context"
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// EmptyRoot is the root of the tree without leaves (RFC 6962, 2.1).
var EmptyRoot = Hash(sha256.Sum256(nil))

// Tiles gives the bytes of tiles. What it gives is not trusted: proofs made of
// it are checked against a root.
type Tiles interface {
	Tile(ctx context.Context, t Tile) ([]byte, error)
}

// Edge is the right edge of a growing tree: on each level the hashes that are
// not yet below a full tile. The zero Edge is that of the empty tree.
type Edge struct {
	size   int64
	levels [][]Hash
}

// NewEdge reads the edge of a tree of this size.
func NewEdge(ctx context.Context, tiles Tiles, size int64) (*Edge, error) {
	e := &Edge{size: size}
	for level, n := 0, size; n > 0; level, n = level+1, n/TileWidth {
		e.levels = append(e.levels, nil)
		width := int(n % TileWidth)
		if width == 0 {
			continue
		}
		t := Tile{Level: level, Index: n / TileWidth, Width: width}
		data, err := tiles.Tile(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("tile %s: %w", t.Path(), err)
		}
		if e.levels[level], err = ParseHashes(data, width); err != nil {
			return nil, fmt.Errorf("tile %s: %w", t.Path(), err)
		}
	}
	return e, nil
}

// Clone copies the edge.
func (e *Edge) Clone() *Edge {
	c := &Edge{size: e.size, levels: make([][]Hash, len(e.levels))}
	for i, level := range e.levels {
		c.levels[i] = append(make([]Hash, 0, TileWidth), level...)
	}
	return c
}

// Size is the number of leaves.
func (e *Edge) Size() int64 { return e.size }

// Append adds a leaf. full is called with each tile that becomes full, lowest
// first.
func (e *Edge) Append(leaf Hash, full func(t Tile, hashes []Hash)) {
	index := e.size // of the hash, on its level
	e.size++
	for level := 0; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, nil)
		}
		if e.levels[level] == nil {
			e.levels[level] = make([]Hash, 0, TileWidth)
		}
		e.levels[level] = append(e.levels[level], leaf)
		if len(e.levels[level]) < TileWidth {
			return
		}
		if full != nil {
			full(Tile{level, index / TileWidth, TileWidth}, e.levels[level])
		}
		leaf, index = fold(e.levels[level]), index/TileWidth
		e.levels[level] = nil
	}
}

// Partial calls f with each tile that is not full, lowest level first.
func (e *Edge) Partial(f func(t Tile, hashes []Hash)) {
	for level, n := 0, e.size; n > 0; level, n = level+1, n/TileWidth {
		if hashes := e.levels[level]; len(hashes) > 0 {
			f(Tile{level, n / TileWidth, len(hashes)}, hashes)
		}
	}
}

// Root is the tree's root: perfect subtrees of falling size, joined from the
// right (RFC 6962, 2.1).
func (e *Edge) Root() Hash {
	var right Hash
	empty := true
	for _, level := range e.levels { // lowest first: right to left
		for rest := level; len(rest) > 0; {
			n := len(rest) & -len(rest)
			left := fold(rest[len(rest)-n:])
			if rest = rest[:len(rest)-n]; empty {
				right, empty = left, false
			} else {
				right = tlog.NodeHash(left, right)
			}
		}
	}
	if empty {
		return EmptyRoot
	}
	return right
}

// fold is the root of a perfect subtree over 2^k hashes.
func fold(hashes []Hash) Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(fold(hashes[:half]), fold(hashes[half:]))
}

// Fold is the hash that stands for a full tile on the level above.
func Fold(hashes []Hash) (Hash, error) {
	if len(hashes) != TileWidth {
		return Hash{}, ErrTile
	}
	return fold(hashes), nil
}

// ProveInclusion makes an inclusion proof from tiles, each checked against the
// root.
func ProveInclusion(ctx context.Context, tiles Tiles, size int64, root Hash, index int64) ([]Hash, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("prove inclusion: %w", ErrNotIncluded)
	}
	path, err := tlog.ProveRecord(size, index, hashReader(ctx, tiles, size, root))
	if err != nil {
		return nil, fmt.Errorf("prove inclusion: %w", err)
	}
	return path, nil
}

// ProveConsistency makes a consistency proof between two sizes of the tree
// from tiles, each checked against the root of the greater.
func ProveConsistency(ctx context.Context, tiles Tiles, size int64, root Hash, old int64) ([]Hash, error) {
	if old < 0 || old > size {
		return nil, fmt.Errorf("prove consistency: %w", ErrInconsistent)
	}
	if old == 0 {
		return nil, nil
	}
	path, err := tlog.ProveTree(size, old, hashReader(ctx, tiles, size, root))
	if err != nil {
		return nil, fmt.Errorf("prove consistency: %w", err)
	}
	return path, nil
}

func hashReader(ctx context.Context, tiles Tiles, size int64, root Hash) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tileReader{ctx, tiles})
}

type tileReader struct {
	ctx   context.Context
	tiles Tiles
}

func (r tileReader) Height() int { return 8 }

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, 0, len(tiles))
	for _, t := range tiles {
		data, err := r.tiles.Tile(r.ctx, Tile{t.L, t.N, t.W})
		if err != nil {
			return nil, err
		}
		if len(data) != t.W*len(Hash{}) {
			return nil, fmt.Errorf("%w: width", ErrTile)
		}
		all = append(all, data)
	}
	return all, nil
}

func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
