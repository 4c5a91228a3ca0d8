package audit

import (
	"context"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
)

// walker reads the log from its first entry to its last and builds the tree
// twice: of the entries, and of the lowest tiles. Where they differ, the root
// that the checkpoint signs says which was altered.
type walker struct {
	*Audit
	entries, tiles tlog.Edge
	higher         []difference // tiles above the lowest, against the entries
	lowest         string       // the first place where entries and tiles differ
	atBefore       tlog.Hash    // root of the entries at the remembered size
}

type difference struct{ path, what string }

// walk compares entries, tiles and root, and the root at the remembered size.
func (a *Audit) walk(ctx context.Context) {
	w := walker{Audit: a, atBefore: tlog.EmptyRoot}
	for index := int64(0); index*tlog.TileWidth < a.now.Size; index++ {
		width := int(min(tlog.TileWidth, a.now.Size-index*tlog.TileWidth))
		if err := w.bundle(ctx, index, width); err != nil {
			a.report.find(Unreadable, "%v", err)
			return
		}
	}
	w.entries.Partial(w.compare(ctx))
	w.judge()
}

// bundle adds one entry bundle and its lowest tile to the two trees.
func (w *walker) bundle(ctx context.Context, index int64, width int) error {
	name := tlog.Tile{Level: tlog.Entries, Index: index, Width: width}
	data, err := w.Log.Tile(ctx, name)
	if err != nil {
		return fmt.Errorf("%s: %w", name.Path(), err)
	}
	entries, err := tlog.ParseBundle(data, width)
	if err != nil {
		// Not to be told from an altered entry: the lengths were altered.
		entries = make([][]byte, width)
		w.differ(name.Path())
	}
	lowest := tlog.Tile{Level: 0, Index: index, Width: width}
	if data, err = w.Log.Tile(ctx, lowest); err != nil {
		return fmt.Errorf("%s: %w", lowest.Path(), err)
	}
	hashes, err := tlog.ParseHashes(data, width)
	if err != nil {
		hashes = make([]tlog.Hash, width)
		w.differ(lowest.Path())
	}
	compare := w.compare(ctx)
	for i, entry := range entries {
		leaf := tlog.LeafHash(entry)
		if leaf != hashes[i] {
			w.differ(fmt.Sprintf("%s, entry %d", name.Path(), w.entries.Size()))
		}
		if !w.hear(entry) { // a statement explains itself
			w.leaves[leaf] = false
		}
		w.entries.Append(leaf, compare)
		w.tiles.Append(hashes[i], nil)
		if w.entries.Size() == w.before.Size {
			w.atBefore = w.entries.Root()
		}
	}
	return nil
}

func (w *walker) differ(where string) {
	if w.lowest == "" {
		w.lowest = where
	}
}

// compare gives a function that compares a tile above the lowest with the
// published one.
func (w *walker) compare(ctx context.Context) func(tlog.Tile, []tlog.Hash) {
	return func(t tlog.Tile, want []tlog.Hash) {
		if t.Level == 0 {
			return
		}
		data, err := w.Log.Tile(ctx, t)
		if err != nil {
			w.higher = append(w.higher, difference{t.Path(), err.Error()})
			return
		}
		got, err := tlog.ParseHashes(data, t.Width)
		if err != nil {
			w.higher = append(w.higher, difference{t.Path(), err.Error()})
			return
		}
		for i := range want {
			if got[i] != want[i] {
				w.higher = append(w.higher, difference{t.Path(), fmt.Sprintf("hash %d is not that of the tiles below", i)})
				return
			}
		}
	}
}

// judge says what was altered.
func (w *walker) judge() {
	root, where := w.entries.Root(), w.lowest
	switch {
	case root != w.now.Root && w.tiles.Root() == w.now.Root:
		w.report.find(Entry, "%s was altered: its tile gives the signed root", where)
		return
	case root != w.now.Root && where == "":
		w.report.find(Root, "entries and tiles agree on another root than the log signed: %s", root)
		return
	case root != w.now.Root:
		w.report.find(Root, "neither entries nor tiles give the signed root; they differ first at %s", where)
		return
	case where != "":
		w.report.find(Tile, "the tile of %s was altered: the entries give the signed root", where)
		return
	case len(w.higher) > 0:
		w.report.find(Tile, "%s: %s", w.higher[0].path, w.higher[0].what)
		return
	}
	w.report.pass("entries, tiles and root are one tree")
	if len(w.before.Note) == 0 {
		return
	}
	if w.atBefore != w.before.Root {
		w.contradiction(TwoLogs, "the first %d entries are not those seen before", w.before.Size)
		return
	}
	w.report.pass("it continues the log seen before")
}
