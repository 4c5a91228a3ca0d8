package tlog_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	xtlog "golang.org/x/mod/sumdb/tlog"

	"github.com/govmydata/mydata/pkg/tlog"
)

// tree is a log in memory: the tiles of a growing edge.
type tree struct {
	*tlog.Edge
	rows    map[[2]int64][]byte
	entries [][]byte
}

func (t *tree) add(entry []byte) {
	t.entries = append(t.entries, entry)
	t.Append(tlog.LeafHash(entry), t.keep)
	t.Partial(t.keep)
}

func (t *tree) keep(tile tlog.Tile, hashes []tlog.Hash) {
	var data []byte
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	t.rows[[2]int64{int64(tile.Level), tile.Index}] = data
}

func (t *tree) Tile(_ context.Context, tile tlog.Tile) ([]byte, error) {
	row := t.rows[[2]int64{int64(tile.Level), tile.Index}]
	if n := tile.Width * 32; len(row) >= n {
		return row[:n], nil
	}
	return nil, errors.New("no such tile")
}

func newTree() *tree { return &tree{Edge: new(tlog.Edge), rows: map[[2]int64][]byte{}} }

// TestEdge compares our tree with x/mod's, hash by hash, over sizes around
// the borders of tiles, and proofs made from our tiles with its checks.
//
//clause:log tlog-tiles, entry bundles
func TestEdge(t *testing.T) {
	ours := newTree()
	var stored []tlog.Hash
	reader := xtlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	roots := map[int64]tlog.Hash{0: tlog.EmptyRoot}
	if got := ours.Root(); got != tlog.EmptyRoot {
		t.Errorf("empty root %s", got)
	}
	const size = 256*256 + 700
	for n := range int64(size) {
		entry := fmt.Appendf(nil, "entry %d", n)
		ours.add(entry)
		hashes, err := xtlog.StoredHashes(n, entry, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		if n > 600 && n < 65000 && n%997 != 0 {
			continue
		}
		roots[n+1] = ours.Root()
		want, err := xtlog.TreeHash(n+1, reader)
		if err != nil {
			t.Fatal(err)
		}
		if roots[n+1] != want {
			t.Fatalf("size %d: root %s, want %s", n+1, roots[n+1], want)
		}
	}
	for _, n := range []int64{0, 1, 2, 255, 256, 257, 511, 65535, 65536, 65537, size - 1, size} {
		again, err := tlog.NewEdge(t.Context(), ours, n)
		if err != nil {
			t.Fatalf("edge of %d: %v", n, err)
		}
		if again.Root() != roots[n] || again.Size() != n {
			t.Errorf("edge of %d has another root", n)
		}
		path, err := tlog.ProveConsistency(t.Context(), ours, size, roots[size], n)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckConsistency(path, n, roots[n], size, roots[size]); err != nil {
			t.Errorf("consistency of %d: %v", n, err)
		}
		if err := tlog.CheckConsistency(path, n, tlog.Hash{1}, size, roots[size]); !errors.Is(err, tlog.ErrInconsistent) {
			t.Errorf("another root at %d: %v", n, err)
		}
		if n == size {
			continue
		}
		path, err = tlog.ProveInclusion(t.Context(), ours, size, roots[size], n)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckInclusion(path, size, roots[size], n, tlog.LeafHash(ours.entries[n])); err != nil {
			t.Errorf("inclusion of %d: %v", n, err)
		}
		if err := tlog.CheckInclusion(path, size, roots[size], n, tlog.Hash{}); !errors.Is(err, tlog.ErrNotIncluded) {
			t.Errorf("another leaf at %d: %v", n, err)
		}
	}
}

//clause:log tlog-tiles, entry bundles
func TestTilePath(t *testing.T) {
	for _, tt := range []struct {
		path string
		tile tlog.Tile
	}{
		{"tile/0/000", tlog.Tile{Level: 0, Index: 0, Width: 256}},
		{"tile/1/x001/x234/067", tlog.Tile{Level: 1, Index: 1234067, Width: 256}},
		{"tile/entries/999.p/5", tlog.Tile{Level: tlog.Entries, Index: 999, Width: 5}},
		{"tile/63/x001/000.p/255", tlog.Tile{Level: 63, Index: 1000, Width: 255}},
	} {
		got, err := tlog.ParseTilePath(tt.path)
		if err != nil || got != tt.tile || tt.tile.Path() != tt.path {
			t.Errorf("%s: %+v, %v, %s", tt.path, got, err, tt.tile.Path())
		}
	}
	for _, path := range []string{
		"", "tile", "tile/0", "tile/0/", "tile/64/000", "tile/00/000", "tile/-1/000", "tile/0/0", "tile/0/0000",
		"tile/0/x000/000", "tile/0/001/000", "tile/0/x001", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01",
		"tile/0/000.p", "tile/0/.p/1", "tile/0/+12", "/tile/0/000", "tile/0/000/", "tile/entries/-01", "tile/8/0/000",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/x1\n0/000",
	} {
		if got, err := tlog.ParseTilePath(path); err == nil {
			t.Errorf("%q: %+v", path, got)
		}
	}
}

func TestTileIn(t *testing.T) {
	for _, tt := range []struct {
		tile tlog.Tile
		size int64
		want bool
	}{
		{tlog.Tile{Level: 0, Index: 0, Width: 1}, 0, false},
		{tlog.Tile{Level: 0, Index: 0, Width: 1}, 1, true},
		{tlog.Tile{Level: 0, Index: 0, Width: 256}, 255, false},
		{tlog.Tile{Level: tlog.Entries, Index: 1, Width: 2}, 258, true},
		{tlog.Tile{Level: 1, Index: 0, Width: 1}, 255, false},
		{tlog.Tile{Level: 1, Index: 0, Width: 1}, 256, true},
		{tlog.Tile{Level: 2, Index: 0, Width: 1}, 70000, true},
		{tlog.Tile{Level: 63, Index: 0, Width: 1}, 1 << 62, false},
		{tlog.Tile{Level: 0, Index: 1 << 62, Width: 256}, 1 << 62, false},
	} {
		if got := tt.tile.In(tt.size); got != tt.want {
			t.Errorf("%+v in %d: %v", tt.tile, tt.size, got)
		}
	}
}

//clause:log tlog-tiles, entry bundles
func TestBundle(t *testing.T) {
	entries := [][]byte{[]byte("a"), {}, []byte("ccc")}
	data, err := tlog.MarshalBundle(entries)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tlog.ParseBundle(data, 3)
	if err != nil || !cmp.Equal(got, entries) {
		t.Errorf("%q, %v", got, err)
	}
	for name, bad := range map[string][]byte{
		"cut": data[:len(data)-1], "long": append(data[:len(data):len(data)], 0), "more": append(data[:len(data):len(data)], 0, 0),
		"fewer": data[:3], "empty": nil,
	} {
		if _, err := tlog.ParseBundle(bad, 3); !errors.Is(err, tlog.ErrTile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBundleRefuses(t *testing.T) {
	if _, err := tlog.MarshalBundle([][]byte{make([]byte, 1<<16)}); !errors.Is(err, tlog.ErrTile) {
		t.Errorf("it writes an entry whose length has no room: %v", err)
	}
	if data, err := tlog.MarshalBundle([][]byte{make([]byte, 1<<16-1)}); err != nil || len(data) != 2+1<<16-1 {
		t.Errorf("the longest entry: %d, %v", len(data), err)
	}
}

func TestCut(t *testing.T) {
	bundle, err := tlog.MarshalBundle([][]byte{[]byte("a"), []byte("bb"), []byte("ccc")})
	if err != nil {
		t.Fatal(err)
	}
	hashes := make([]byte, 3*32)
	for _, tt := range []struct {
		name  string
		level int
		width int
		wider []byte
		want  int // bytes; -1 for refused
	}{
		{"it cuts hashes", 0, 2, hashes, 64},
		{"it cuts entries", tlog.Entries, 2, bundle, 7},
		{"it leaves what fits", tlog.Entries, 3, bundle, len(bundle)},
		{"it refuses fewer hashes", 0, 4, hashes, -1},
		{"it refuses fewer entries", tlog.Entries, 4, bundle, -1},
		{"it refuses half a length", tlog.Entries, 2, bundle[:4], -1},
		{"it refuses half an entry", tlog.Entries, 2, bundle[:6], -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tlog.Tile{Level: tt.level, Width: tt.width}.Cut(tt.wider)
			if tt.want < 0 && !errors.Is(err, tlog.ErrTile) || tt.want >= 0 && (err != nil || len(got) != tt.want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestHashesRefuse(t *testing.T) {
	for _, n := range []int{0, 31, 32, 63, 65, 96} {
		if _, err := tlog.ParseHashes(make([]byte, n), 2); !errors.Is(err, tlog.ErrTile) {
			t.Errorf("it reads two hashes from %d bytes: %v", n, err)
		}
	}
	for _, n := range []int{0, 1, 255, 257} {
		if _, err := tlog.Fold(make([]tlog.Hash, n)); !errors.Is(err, tlog.ErrTile) {
			t.Errorf("it folds %d hashes: %v", n, err)
		}
	}
}

// wide gives a hash too many with every tile.
type wide struct{ *tree }

func (w wide) Tile(ctx context.Context, tile tlog.Tile) ([]byte, error) {
	data, err := w.tree.Tile(ctx, tile)
	return append(data[:len(data):len(data)], make([]byte, 32)...), err
}

func TestProveRefuses(t *testing.T) {
	log, _ := proofs(t, 7)
	for _, tt := range []struct {
		name  string
		prove func() error
		want  error
	}{
		{"a leaf before the first", func() error { _, err := tlog.ProveInclusion(t.Context(), log, 7, log.Root(), -1); return err }, tlog.ErrNotIncluded},
		{"a leaf after the last", func() error { _, err := tlog.ProveInclusion(t.Context(), log, 7, log.Root(), 7); return err }, tlog.ErrNotIncluded},
		{"a negative size", func() error { _, err := tlog.ProveConsistency(t.Context(), log, 7, log.Root(), -1); return err }, tlog.ErrInconsistent},
		{"a size to come", func() error { _, err := tlog.ProveConsistency(t.Context(), log, 7, log.Root(), 8); return err }, tlog.ErrInconsistent},
		{"tiles of another width", func() error { _, err := tlog.ProveInclusion(t.Context(), wide{log}, 7, log.Root(), 3); return err }, tlog.ErrTile},
		{"an edge of another width", func() error { _, err := tlog.NewEdge(t.Context(), wide{log}, 7); return err }, tlog.ErrTile},
	} {
		t.Run("it refuses "+tt.name, func(t *testing.T) {
			if err := tt.prove(); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func key(seed byte) ed25519.PrivateKey {
	b := make([]byte, ed25519.SeedSize)
	b[0] = seed
	return ed25519.NewKeyFromSeed(b)
}

func at() time.Time { return time.Unix(1_800_000_000, 0) }
