package sequencer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"github.com/govmydata/mydata/pkg/tlog"
)

// ErrNotACopy says that files are no copy of this log: a checkpoint of it, its
// tiles and its entries, that continue what the storage holds.
var ErrNotACopy = errors.New("not a copy of this log that continues it")

// LostCommit begins the commit ids of leaves whose rows were lost and that came
// back from a copy of the log, without what they stand for.
const LostCommit = "restored/"

// Restorer is a storage that takes entries of its own again.
type Restorer interface {
	Storage
	// Append makes a commit durable that is leaves and nothing else. The same id
	// and digest again is nil.
	Append(ctx context.Context, id string, digest []byte, entries [][]byte) error
}

// Restored is what came back.
type Restored struct {
	From, To int64 // sizes of the tree, before and now
	Lost     int64 // leaves of which the storage had no row
}

// Restore fills in the leaves of a storage that was set back, from a copy of the
// published log and its checkpoint. Nothing is written before it was found to
// be under that checkpoint, which a quorum of witnesses has to have cosigned, so
// that no size gets a second root. It may be interrupted and begun again.
func Restore(ctx context.Context, o Options, to Restorer, from tlog.Tiles, checkpoint []byte) (Restored, error) {
	o.Storage = to
	l, err := New(o)
	if err != nil {
		return Restored{}, err
	}
	c, err := l.o.Policy.Open(checkpoint)
	if err != nil {
		return Restored{}, fmt.Errorf("the copy's checkpoint: %w", err)
	}
	if c.Origin != l.o.Signer.Name() {
		return Restored{}, fmt.Errorf("%w: it is of %s", ErrNotACopy, c.Origin)
	}
	if err := l.load(ctx); err != nil {
		return Restored{}, err
	}
	r := restoring{l: l, to: to, from: from, until: c, done: Restored{From: l.tree.Size, To: l.tree.Size}}
	if c.Size < l.tree.Size {
		return r.done, l.continues(ctx, c)
	}
	if err := r.under(ctx, l.tree.Size, l.tree.Root); err != nil {
		return r.done, err
	}
	if err := r.all(ctx); err != nil {
		return r.done, err
	}
	at := c.Cosigned
	if at.IsZero() {
		at = l.o.Now()
	}
	if err := to.Publish(ctx, Published{c.Size, c.Root, c.Note, at}); err != nil {
		return r.done, fmt.Errorf("publish: %w", err)
	}
	return r.done, nil
}

// continues checks that a copy that is older than the storage is its beginning.
func (l *Log) continues(ctx context.Context, c tlog.Checkpoint) error {
	err := l.checkPublished(ctx, *l.tree, Published{Size: c.Size, Root: c.Root})
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: the storage holds another tree than the copy", ErrNotACopy)
	}
	return err
}

// restoring is one run of Restore.
type restoring struct {
	l       *Log
	to      Restorer
	from    tlog.Tiles
	until   tlog.Checkpoint
	done    Restored
	pending map[string][]Leaf // by their entries
}

// under checks that a tree is the beginning of the copy's.
func (r *restoring) under(ctx context.Context, size int64, root tlog.Hash) error {
	path, err := tlog.ProveConsistency(ctx, r.from, r.until.Size, r.until.Root, size)
	if err == nil {
		err = tlog.CheckConsistency(path, size, root, r.until.Size, r.until.Root)
	}
	if err != nil {
		return fmt.Errorf("%w: at size %d: %w", ErrNotACopy, size, err)
	}
	return nil
}

func (r *restoring) all(ctx context.Context) error {
	waiting, err := r.to.Pending(ctx, math.MaxInt32)
	if err != nil {
		return fmt.Errorf("read pending leaves: %w", err)
	}
	r.pending = map[string][]Leaf{}
	for _, leaf := range waiting {
		r.pending[string(leaf.Entry)] = append(r.pending[string(leaf.Entry)], leaf)
	}
	for r.l.tree.Size < r.until.Size {
		entries, err := r.entries(ctx, r.l.tree.Size)
		if err != nil {
			return err
		}
		if err := r.group(ctx, entries); err != nil {
			return err
		}
		r.done.To = r.l.tree.Size
	}
	return nil
}

// entries reads those that follow a size, of whole bundles, at most a group.
func (r *restoring) entries(ctx context.Context, size int64) (all [][]byte, err error) {
	for at := size; at < r.until.Size && len(all)+tlog.TileWidth <= groupSize; {
		bundle := at / tlog.TileWidth
		width := int(min(tlog.TileWidth, r.until.Size-bundle*tlog.TileWidth))
		data, err := r.from.Tile(ctx, tlog.Tile{Level: tlog.Entries, Index: bundle, Width: width})
		if err != nil {
			return nil, fmt.Errorf("read the copy's entries: %w", err)
		}
		entries, err := tlog.ParseBundle(data, width)
		if err != nil {
			return nil, fmt.Errorf("%w: entries from %d: %w", ErrNotACopy, bundle*tlog.TileWidth, err)
		}
		all = append(all, entries[at%tlog.TileWidth:]...)
		at = bundle*tlog.TileWidth + int64(width)
	}
	return all, nil
}

// group gives entries the places that they have in the copy.
func (r *restoring) group(ctx context.Context, entries [][]byte) error {
	edge := r.l.edge.Clone()
	for _, entry := range entries {
		edge.Append(tlog.LeafHash(entry), nil)
	}
	if err := r.under(ctx, edge.Size(), edge.Root()); err != nil {
		return err
	}
	leaves := make([]Leaf, len(entries))
	var lost [][]byte
	var places []int
	for i, entry := range entries {
		if same := r.pending[string(entry)]; len(same) > 0 {
			leaves[i], r.pending[string(entry)] = same[0], same[1:]
			continue
		}
		lost, places = append(lost, entry), append(places, i)
	}
	if len(lost) > 0 {
		digest := sha256.New()
		for _, entry := range lost {
			hash := tlog.LeafHash(entry)
			digest.Write(hash[:])
		}
		id := fmt.Sprintf("%s%d/%x", LostCommit, r.l.tree.Size, digest.Sum(nil)[:8])
		if err := r.to.Append(ctx, id, digest.Sum(nil), lost); err != nil {
			return fmt.Errorf("keep entries: %w", err)
		}
		for position, i := range places {
			leaves[i] = Leaf{id, int64(position), lost[position]}
		}
	}
	if err := r.l.place(ctx, leaves); err != nil {
		return err
	}
	r.done.Lost += int64(len(lost))
	return nil
}
