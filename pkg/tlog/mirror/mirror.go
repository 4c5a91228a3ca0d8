package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/govmydata/mydata/pkg/tlog"
)

// ErrContradicts says that the source is not a continuation of what the folder
// has, or not what its checkpoint says: asking again does not help.
var ErrContradicts = errors.New("the source contradicts its checkpoint, or the log in the folder")

// Source is a published log.
type Source interface {
	Checkpoint(ctx context.Context) ([]byte, error)
	tlog.Tiles
}

// Mirror is a folder that follows a log. One Update at a time.
type Mirror struct {
	Source Source
	Policy tlog.Policy
	Dir    string
}

// Update brings the folder to the source's checkpoint and gives it.
func (m *Mirror) Update(ctx context.Context) (tlog.Checkpoint, error) {
	before, err := m.have()
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	note, err := m.Source.Checkpoint(ctx)
	if err != nil {
		return tlog.Checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	now, err := m.Policy.Open(note)
	if err != nil {
		return tlog.Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	switch {
	case before.Note == nil:
	case before.Origin != now.Origin:
		return tlog.Checkpoint{}, fmt.Errorf("%w: it is of %s, the folder of %s", ErrContradicts, now.Origin, before.Origin)
	case now.Size < before.Size:
		return tlog.Checkpoint{}, fmt.Errorf("%w: it has %d entries, the folder %d", ErrContradicts, now.Size, before.Size)
	case bytes.Equal(now.Note, before.Note):
		return now, nil
	}
	full, err := m.grow(ctx, before, now)
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	if err := m.write("checkpoint", now.Note); err != nil {
		return tlog.Checkpoint{}, err
	}
	return now, m.tidy(full)
}

// have is the checkpoint in the folder; an empty tree when there is none.
func (m *Mirror) have() (tlog.Checkpoint, error) {
	note, err := os.ReadFile(filepath.Join(m.Dir, "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return tlog.Checkpoint{Root: tlog.EmptyRoot}, nil
	}
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	c, err := m.Policy.Ever().Open(note) // its key may be retired since
	if err != nil {
		return c, fmt.Errorf("the folder's checkpoint: %w", err)
	}
	return c, nil
}

// grow writes all tiles between two trees, and gives those that became full.
// It begins with the last bundle that was not full, so that each entry of each
// file it writes is checked.
func (m *Mirror) grow(ctx context.Context, before, now tlog.Checkpoint) (full []tlog.Tile, err error) {
	edge, err := tlog.NewEdge(ctx, folder(m.Dir), before.Size-before.Size%tlog.TileWidth)
	if err != nil {
		return nil, fmt.Errorf("the folder's tiles: %w", err)
	}
	if edge.Size() == before.Size && edge.Root() != before.Root {
		return nil, errors.New("the folder's tiles do not give its checkpoint's root: begin anew in an empty folder")
	}
	keep := func(t tlog.Tile, hashes []tlog.Hash) {
		if err == nil {
			err = m.write(t.Path(), join(hashes))
		}
		if t.Width == tlog.TileWidth {
			full = append(full, t)
		}
	}
	for edge.Size() < now.Size {
		t := tlog.Tile{Level: tlog.Entries, Index: edge.Size() / tlog.TileWidth, Width: int(min(tlog.TileWidth, now.Size-edge.Size()))}
		data, failed := m.Source.Tile(ctx, t)
		if failed != nil {
			return nil, fmt.Errorf("read %s: %w", t.Path(), failed)
		}
		entries, failed := tlog.ParseBundle(data, t.Width)
		if failed != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrContradicts, t.Path(), failed)
		}
		for _, entry := range entries {
			edge.Append(tlog.LeafHash(entry), keep)
			if edge.Size() == before.Size && edge.Root() != before.Root {
				return nil, fmt.Errorf("%w: its first %d entries are not those of the folder", ErrContradicts, before.Size)
			}
		}
		if err = errors.Join(err, m.write(t.Path(), data)); err != nil {
			return nil, err
		}
		if t.Width == tlog.TileWidth {
			full = append(full, t)
		}
	}
	if edge.Root() != now.Root {
		return nil, fmt.Errorf("%w: its entries do not give its root", ErrContradicts)
	}
	edge.Partial(keep)
	return full, err
}

func join(hashes []tlog.Hash) []byte {
	data := make([]byte, 0, len(hashes)*len(tlog.Hash{}))
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	return data
}
