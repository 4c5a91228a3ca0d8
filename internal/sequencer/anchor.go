package sequencer

import (
	"context"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Anchor is the head of a tree that organisations report committed on their
// ledger.
type Anchor struct {
	Size int64
	Root tlog.Hash
}

// Anchors is the part of Storage that anchoring fills.
type Anchors interface {
	// Checkpoint gives the published checkpoint of a size, or ErrNone.
	Checkpoint(ctx context.Context, size int64) (Published, error)
	// Anchored gives the head of the greatest anchored tree, or ErrNone.
	Anchored(ctx context.Context) (Anchor, error)
	// Disputed gives the heads of all trees whose anchor contradicted the tree when it
	// came, of whatever size.
	Disputed(ctx context.Context) ([]Anchor, error)
}

// contradiction says how an anchor differs from the storage; it is ErrRolledBack.
type contradiction struct{ anchored, stored int64 }

func (c contradiction) Error() string { return ErrRolledBack.Error() + ": " + c.Reason() }

func (c contradiction) Unwrap() error { return ErrRolledBack }

// Reason is what anybody may read.
func (c contradiction) Reason() string {
	if c.anchored > c.stored {
		return fmt.Sprintf("size %d of the log is anchored, and the database is at %d: it was set back, or another writer used the log's key; nothing is signed before the newest database is back", c.anchored, c.stored)
	}
	return fmt.Sprintf("size %d of the log is anchored with another root than the database holds: the log was forked; nothing is signed until a person has looked", c.anchored)
}

// compare holds the tree against the last anchor and those that contradicted it,
// before anything is signed. It is called with a tree, which only grows until it is
// read again.
func (l *Log) compare(ctx context.Context) error {
	disputed, err := l.o.Storage.Disputed(ctx)
	if err != nil {
		return fmt.Errorf("read anchor: %w", err)
	}
	for _, a := range disputed {
		if err := l.keeps(ctx, a); err != nil {
			return err
		}
	}
	a, err := l.o.Storage.Anchored(ctx)
	if errors.Is(err, ErrNone) || err == nil && a == l.anchored {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read anchor: %w", err)
	}
	if err := l.keeps(ctx, a); err != nil {
		return err
	}
	l.anchored = a
	return nil
}

// keeps says whether the tree continues an anchored one; a contradiction when it
// does not.
func (l *Log) keeps(ctx context.Context, a Anchor) error {
	if a.Size > l.tree.Size {
		// Unless another writer moved the tree since we read it.
		if now, err := l.o.Storage.Tree(ctx); err != nil || now.Size != l.tree.Size {
			return errors.Join(ErrMoved, err)
		}
		return contradiction{a.Size, l.tree.Size}
	}
	tiles := &reading{Tiles: l.o.Storage}
	path, err := tlog.ProveConsistency(ctx, tiles, l.tree.Size, l.tree.Root, a.Size)
	if tiles.failed != nil {
		return fmt.Errorf("read tiles: %w", tiles.failed)
	}
	if err == nil {
		err = tlog.CheckConsistency(path, a.Size, a.Root, l.tree.Size, l.tree.Root)
	}
	if err != nil {
		return contradiction{a.Size, l.tree.Size}
	}
	return nil
}

// AnchoredProof proves that an entry is in the newest anchored checkpoint, and
// gives that checkpoint's size; ErrPending when no anchor covers the entry.
func (l *Log) AnchoredProof(ctx context.Context, entry []byte) (tlog.Proof, int64, error) {
	a, err := l.o.Storage.Anchored(ctx)
	if errors.Is(err, ErrNone) {
		return tlog.Proof{}, 0, ErrPending
	}
	if err != nil {
		return tlog.Proof{}, 0, fmt.Errorf("read anchor: %w", err)
	}
	p, err := l.o.Storage.Checkpoint(ctx, a.Size)
	if errors.Is(err, ErrNone) || err == nil && p.Root != a.Root {
		return tlog.Proof{}, 0, ErrPending
	}
	if err != nil {
		return tlog.Proof{}, 0, fmt.Errorf("read checkpoint: %w", err)
	}
	proof, err := l.prove(ctx, tlog.LeafHash(entry), p)
	return proof, a.Size, err
}
