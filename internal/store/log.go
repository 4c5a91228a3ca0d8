package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Log is the log's storage; it implements sequencer.Storage.
type Log struct{ db *DB }

var _ sequencer.Storage = (*Log)(nil)

// Log gives the rows of the transparency log.
func (db *DB) Log() *Log { return &Log{db} }

// Append makes a commit durable that is leaves and nothing else: statements of
// the operator, such as a new catalogue. The same id and digest again is nil;
// the same id with another digest is ErrReused.
func (l *Log) Append(ctx context.Context, id string, digest []byte, entries [][]byte) error {
	return l.db.groups.commit(ctx, &unit{id: id, digest: digest, leaves: entries})
}

// Pending implements sequencer.Storage.
func (l *Log) Pending(ctx context.Context, limit int) ([]sequencer.Leaf, error) {
	rows, err := l.db.db.QueryContext(ctx,
		`SELECT commit_id, position, entry FROM log_pending ORDER BY added, commit_id, position LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var leaves []sequencer.Leaf
	for rows.Next() {
		var leaf sequencer.Leaf
		if err := rows.Scan(&leaf.Commit, &leaf.Position, &leaf.Entry); err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
	}
	return leaves, rows.Err()
}

// Waiting implements sequencer.Storage.
func (l *Log) Waiting(ctx context.Context) (leaves int64, since time.Time, err error) {
	var oldest sql.NullInt64
	err = l.db.db.QueryRowContext(ctx, `SELECT COUNT(*), MIN(added) FROM log_pending`).Scan(&leaves, &oldest)
	if oldest.Valid {
		since = time.UnixMilli(oldest.Int64)
	}
	return leaves, since, err
}

// Tree implements sequencer.Storage.
func (l *Log) Tree(ctx context.Context) (sequencer.Tree, error) {
	var t sequencer.Tree
	var root []byte
	err := l.db.db.QueryRowContext(ctx, `SELECT size, root, signed FROM log_tree WHERE id = 1`).Scan(&t.Size, &root, &t.Signed)
	return t, row(err, root, &t.Root)
}

// Published implements sequencer.Storage.
func (l *Log) Published(ctx context.Context) (sequencer.Published, error) {
	var p sequencer.Published
	var root []byte
	var at int64
	err := l.db.db.QueryRowContext(ctx,
		`SELECT size, root, note, published FROM log_checkpoints ORDER BY size DESC LIMIT 1`).Scan(&p.Size, &root, &p.Note, &at)
	p.At = time.UnixMilli(at)
	return p, row(err, root, &p.Root)
}

// row turns the outcome of a query into the words of sequencer.Storage.
func row(err error, root []byte, to *tlog.Hash) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return sequencer.ErrNone
	case err != nil:
		return err
	case len(root) != len(to):
		return fmt.Errorf("%w: a root of %d bytes", sequencer.ErrCorrupt, len(root))
	}
	copy(to[:], root)
	return nil
}

// Index implements sequencer.Storage.
func (l *Log) Index(ctx context.Context, leaf tlog.Hash) (int64, error) {
	var index sql.NullInt64
	err := l.db.db.QueryRowContext(ctx, `SELECT MIN(leaf_index) FROM log_leaves WHERE leaf_hash = $1`, leaf[:]).Scan(&index)
	if err == nil && !index.Valid {
		err = sequencer.ErrNone
	}
	return index.Int64, err
}

// Tile implements sequencer.Storage.
func (l *Log) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	if t.Level == tlog.Entries {
		return l.bundle(ctx, t)
	}
	var hashes []byte
	err := l.db.db.QueryRowContext(ctx, `SELECT hashes FROM log_tiles WHERE level = $1 AND tile = $2`, t.Level, t.Index).Scan(&hashes)
	width := t.Width * len(tlog.Hash{})
	if errors.Is(err, sql.ErrNoRows) || err == nil && len(hashes) < width {
		return nil, sequencer.ErrNone
	}
	if err != nil {
		return nil, err
	}
	return hashes[:width], nil
}

func (l *Log) bundle(ctx context.Context, t tlog.Tile) ([]byte, error) {
	start := t.Index * tlog.TileWidth
	rows, err := l.db.db.QueryContext(ctx,
		`SELECT entry FROM log_leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index`, start, start+int64(t.Width))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var entries [][]byte
	for rows.Next() {
		var entry []byte
		if err := rows.Scan(&entry); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(entries) < t.Width {
		return nil, sequencer.ErrNone
	}
	return tlog.MarshalBundle(entries)
}

// Integrate implements sequencer.Storage.
func (l *Log) Integrate(ctx context.Context, g sequencer.Group) error {
	return l.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := moveTree(ctx, tx, g); err != nil {
			return err
		}
		if err := placeLeaves(ctx, tx, g); err != nil {
			return err
		}
		return writeTiles(ctx, tx, g.Tiles)
	})
}

// moveTree is the compare-and-swap that keeps a size from having two roots.
func moveTree(ctx context.Context, tx *sql.Tx, g sequencer.Group) error {
	query := `UPDATE log_tree SET size = $1, root = $2, signed = $3 WHERE id = 1 AND size = $4 AND root = $5`
	args := []any{g.To.Size, g.To.Root[:], g.To.Signed, g.From.Size, g.From.Root[:]}
	if g.From.Signed == nil {
		query = `INSERT INTO log_tree (id, size, root, signed) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING`
		args = args[:3]
	}
	return one(tx.ExecContext(ctx, query, args...))
}

func placeLeaves(ctx context.Context, tx *sql.Tx, g sequencer.Group) error {
	if len(g.Leaves) == 0 {
		return nil
	}
	pending, placed := make([][]any, len(g.Leaves)), make([][]any, len(g.Leaves))
	for i, leaf := range g.Leaves {
		hash := tlog.LeafHash(leaf.Entry)
		pending[i] = []any{leaf.Commit, leaf.Position}
		placed[i] = []any{g.From.Size + int64(i), hash[:], leaf.Commit, leaf.Position, leaf.Entry}
	}
	removed, err := bulk(ctx, tx, `DELETE FROM log_pending WHERE (commit_id, position) IN (VALUES `,
		"CAST($%d AS TEXT), CAST($%d AS BIGINT)", ")", pending)
	if err != nil {
		return err
	}
	if removed != int64(len(g.Leaves)) { // one of them has a place already
		return sequencer.ErrMoved
	}
	_, err = bulk(ctx, tx, `INSERT INTO log_leaves (leaf_index, leaf_hash, commit_id, position, entry) VALUES `, plain(5), "", placed)
	return err
}

func writeTiles(ctx context.Context, tx *sql.Tx, tiles []sequencer.TileRow) error {
	for _, t := range tiles {
		if _, err := tx.ExecContext(ctx, `INSERT INTO log_tiles (level, tile, hashes) VALUES ($1, $2, $3)
			ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes`, t.Tile.Level, t.Tile.Index, t.Data); err != nil {
			return err
		}
	}
	return nil
}

// one asks that a statement changed exactly one row.
func one(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(sequencer.ErrMoved, err)
	}
	return nil
}

// Publish implements sequencer.Storage.
func (l *Log) Publish(ctx context.Context, p sequencer.Published) error {
	return l.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var size int64
		var root []byte
		err := tx.QueryRowContext(ctx, `SELECT size, root FROM log_checkpoints ORDER BY size DESC LIMIT 1`).Scan(&size, &root)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case size > p.Size || size == p.Size && !bytes.Equal(root, p.Root[:]):
			return sequencer.ErrMoved
		case size == p.Size:
			return nil
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO log_checkpoints (size, root, note, published) VALUES ($1, $2, $3, $4)`,
			p.Size, p.Root[:], p.Note, p.At.UnixMilli())
		return err
	})
}
