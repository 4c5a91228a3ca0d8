package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Anchors are the proofs that checkpoints are anchored; it implements
// anchor.Rows and anchor.Tree.
type Anchors struct{ db *DB }

var (
	_ anchor.Rows = (*Anchors)(nil)
	_ anchor.Tree = (*Anchors)(nil)
)

// Anchors gives the rows of anchors.
func (db *DB) Anchors() *Anchors { return &Anchors{db} }

// Keep implements anchor.Rows.
func (a *Anchors) Keep(ctx context.Context, k anchor.Kept) (kept bool, err error) {
	err = a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO log_anchors (size, root, proof, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (size) DO NOTHING`, k.Size, k.Root[:], k.Proof, k.At.UnixMilli())
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if kept = n == 1; err != nil || kept {
			return err
		}
		var root []byte
		if err := tx.QueryRowContext(ctx, `SELECT root FROM log_anchors WHERE size = $1`, k.Size).Scan(&root); err != nil {
			return err
		}
		if !bytes.Equal(root, k.Root[:]) {
			return anchor.ErrTaken
		}
		return nil
	})
	return kept && err == nil, err
}

// Dispute implements anchor.Rows.
func (a *Anchors) Dispute(ctx context.Context, k anchor.Kept) error {
	return a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO log_disputes (size, root, proof, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (size, root) DO NOTHING`, k.Size, k.Root[:], k.Proof, k.At.UnixMilli())
		return err
	})
}

// Newest implements anchor.Rows.
func (a *Anchors) Newest(ctx context.Context) (anchor.Kept, error) {
	return a.one(ctx, `SELECT size, root, proof, at FROM log_anchors ORDER BY size DESC LIMIT 1`)
}

// Of implements anchor.Rows.
func (a *Anchors) Of(ctx context.Context, size int64) (anchor.Kept, error) {
	return a.one(ctx, `SELECT size, root, proof, at FROM log_anchors WHERE size = $1`, size)
}

func (a *Anchors) one(ctx context.Context, query string, args ...any) (k anchor.Kept, err error) {
	var root []byte
	var at int64
	err = a.db.db.QueryRowContext(ctx, query, args...).Scan(&k.Size, &root, &k.Proof, &at)
	k.At = time.UnixMilli(at)
	if err = row(err, root, &k.Root); errors.Is(err, sequencer.ErrNone) {
		err = anchor.ErrNotFound
	}
	return k, err
}

// Head implements anchor.Tree.
func (a *Anchors) Head(ctx context.Context) (size int64, root tlog.Hash, err error) {
	t, err := a.db.Log().Tree(ctx)
	if errors.Is(err, sequencer.ErrNone) {
		return 0, tlog.EmptyRoot, nil
	}
	return t.Size, t.Root, err
}

// Beyond implements anchor.Tree: checkpoints are published in their order.
func (a *Anchors) Beyond(ctx context.Context, size int64) (since time.Time, err error) {
	var at int64
	err = a.db.db.QueryRowContext(ctx, `SELECT published FROM log_checkpoints WHERE size > $1 ORDER BY size LIMIT 1`, size).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return time.UnixMilli(at), err
}

// Tile implements anchor.Tree.
func (a *Anchors) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	return a.db.Log().Tile(ctx, t)
}

// Anchored implements sequencer.Storage.
func (l *Log) Anchored(ctx context.Context) (sequencer.Anchor, error) {
	var at sequencer.Anchor
	var root []byte
	err := l.db.db.QueryRowContext(ctx, `SELECT size, root FROM log_anchors ORDER BY size DESC LIMIT 1`).Scan(&at.Size, &root)
	return at, row(err, root, &at.Root)
}

// Disputed implements sequencer.Storage.
func (l *Log) Disputed(ctx context.Context) (all []sequencer.Anchor, err error) {
	rows, err := l.db.db.QueryContext(ctx, `SELECT size, root FROM log_disputes ORDER BY size, root`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var at sequencer.Anchor
		var root []byte
		if err := row(rows.Scan(&at.Size, &root), root, &at.Root); err != nil {
			return nil, err
		}
		all = append(all, at)
	}
	return all, rows.Err()
}

// Checkpoint implements sequencer.Storage.
func (l *Log) Checkpoint(ctx context.Context, size int64) (sequencer.Published, error) {
	p := sequencer.Published{Size: size}
	var root []byte
	var at int64
	err := l.db.db.QueryRowContext(ctx,
		`SELECT root, note, published FROM log_checkpoints WHERE size = $1`, size).Scan(&root, &p.Note, &at)
	p.At = time.UnixMilli(at)
	return p, row(err, root, &p.Root)
}
