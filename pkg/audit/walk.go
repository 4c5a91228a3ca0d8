package audit

import (
	"context"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Walk reads the entries of a log, from a verified beginning to a checkpoint,
// and builds the tree twice: of the entries, and of the lowest tiles. Where they
// differ, the root that the checkpoint signs says which was altered. It holds
// one bundle and the tree's right edge in memory, whatever the log's size.
type Walk struct {
	Log Source
	To  tlog.Checkpoint
	// From is the edge of what was verified before, at the beginning of a
	// bundle; nil: nothing was. Whoever gives one has checked with Continues
	// that the checkpoint it belongs to is a beginning of To.
	From *tlog.Edge
	// Each gets every entry as it is read, in order: what it says is known to be
	// the log's only once Run has found nothing. Its error ends the walk.
	Each func(index int64, entry []byte, leaf tlog.Hash) error
	// Kept is called after a bundle while entries and tiles agree, with the edge
	// so far. Its error ends the walk.
	Kept func(edge *tlog.Edge) error

	entries *tlog.Edge
	tiles   *tlog.Edge // nil: no different from entries so far
	higher  *Finding   // the first tile above the lowest that is not what the entries give
	lowest  string     // the first place where entries and tiles differ
}

// Run walks. It gives the edge of the tree, or the finding that says what was
// altered, or could not be read. The error says that the context ended, or is
// Each's or Kept's.
func (w *Walk) Run(ctx context.Context) (*tlog.Edge, *Finding, error) {
	w.entries, w.tiles, w.higher, w.lowest = new(tlog.Edge), nil, nil, ""
	if w.From != nil {
		w.entries = w.From.Clone()
	}
	if begin := w.entries.Size(); begin%tlog.TileWidth != 0 || begin > w.To.Size {
		return nil, nil, fmt.Errorf("walk: it cannot begin at %d", begin)
	}
	for index := w.entries.Size() / tlog.TileWidth; index*tlog.TileWidth < w.To.Size; index++ {
		width := int(min(tlog.TileWidth, w.To.Size-index*tlog.TileWidth))
		unread, err := w.bundle(ctx, index, width)
		if err == nil {
			err = ctx.Err()
		}
		if unread != nil || err != nil {
			return nil, unread, err
		}
		if w.Kept != nil && width == tlog.TileWidth && w.agree() {
			if err := w.Kept(w.entries); err != nil {
				return nil, nil, err
			}
		}
	}
	w.entries.Partial(w.compare(ctx))
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	return w.entries, w.judge(), nil
}

// bundle adds one entry bundle and its lowest tile to the two trees.
func (w *Walk) bundle(ctx context.Context, index int64, width int) (*Finding, error) {
	name := tlog.Tile{Level: tlog.Entries, Index: index, Width: width}
	data, err := w.Log.Tile(ctx, name)
	if err != nil {
		return unreadable(name, err), nil
	}
	entries, err := tlog.ParseBundle(data, width)
	if err != nil {
		// Not to be told from an altered entry: the lengths were altered.
		entries = make([][]byte, width)
		w.differ(name.Path())
	}
	lowest := tlog.Tile{Level: 0, Index: index, Width: width}
	if data, err = w.Log.Tile(ctx, lowest); err != nil {
		return unreadable(lowest, err), nil
	}
	hashes, err := tlog.ParseHashes(data, width)
	if err != nil {
		hashes = make([]tlog.Hash, width)
		w.differ(lowest.Path())
	}
	compare := w.compare(ctx)
	for i, entry := range entries {
		leaf, at := tlog.LeafHash(entry), w.entries.Size()
		if leaf != hashes[i] {
			w.differ(fmt.Sprintf("%s, entry %d", name.Path(), at))
		}
		if w.Each != nil {
			if err := w.Each(at, entry, leaf); err != nil {
				return nil, err
			}
		}
		if w.tiles != nil {
			w.tiles.Append(hashes[i], nil)
		}
		w.entries.Append(leaf, compare)
	}
	return nil, nil
}

// agree says that entries and tiles are the same as far as they were read.
func (w *Walk) agree() bool { return w.lowest == "" && w.higher == nil }

func unreadable(t tlog.Tile, err error) *Finding {
	return &Finding{Check: Unreadable, Detail: fmt.Sprintf("%s: %v", t.Path(), err)}
}

// differ notes a difference. Up to the first one both trees are the same.
func (w *Walk) differ(where string) {
	if w.lowest == "" {
		w.lowest, w.tiles = where, w.entries.Clone()
	}
}

// compare gives a function that compares a tile above the lowest with the
// published one.
func (w *Walk) compare(ctx context.Context) func(tlog.Tile, []tlog.Hash) {
	return func(t tlog.Tile, want []tlog.Hash) {
		if t.Level == 0 || w.higher != nil { // the first says enough
			return
		}
		data, err := w.Log.Tile(ctx, t)
		if err != nil {
			w.higher = unreadable(t, err)
			return
		}
		got, err := tlog.ParseHashes(data, t.Width)
		if err != nil {
			w.higher = &Finding{Check: Tile, Detail: fmt.Sprintf("%s: %v", t.Path(), err)}
			return
		}
		for i := range want {
			if got[i] != want[i] {
				w.higher = &Finding{Check: Tile, Detail: fmt.Sprintf("%s: hash %d is not that of the tiles below", t.Path(), i)}
				return
			}
		}
	}
}

// judge says what was altered, or nil.
func (w *Walk) judge() *Finding {
	found := func(c Check, format string, args ...any) *Finding {
		return &Finding{Check: c, Detail: fmt.Sprintf(format, args...)}
	}
	root, where := w.entries.Root(), w.lowest
	switch {
	case root != w.To.Root && where == "":
		return found(Root, "entries and tiles agree on another root than the log signed: %s", root)
	case root != w.To.Root && w.tiles.Root() == w.To.Root:
		return found(Entry, "%s was altered: its tile gives the signed root", where)
	case root != w.To.Root:
		return found(Root, "neither entries nor tiles give the signed root; they differ first at %s", where)
	case where != "":
		return found(Tile, "the tile of %s was altered: the entries give the signed root", where)
	}
	return w.higher
}
