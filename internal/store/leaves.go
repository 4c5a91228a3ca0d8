package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// ErrReused says that a commit id was used before for another request.
var ErrReused = errors.New("this commit id belongs to another request")

// maxEntry is of C2SP tlog-tiles, Log entries: a length of 16 bits.
const maxEntry = 0xffff

var errEntry = errors.New("store leaves: an entry has 1 to 65535 bytes")

// newCommit enters a commit under its id; call it first in the transaction
// that writes the commit's rows. done says that a commit with this id and this
// digest is durable already: return nil and write nothing. ErrReused says
// that the id belongs to another request.
func newCommit(ctx context.Context, tx *sql.Tx, id string, digest []byte) (done bool, err error) {
	if id == "" || len(digest) == 0 {
		return false, errors.New("store commit: no id or no digest")
	}
	result, err := tx.ExecContext(ctx, `INSERT INTO commits (id, digest) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, id, digest)
	if err != nil {
		return false, fmt.Errorf("store commit: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return false, err
	}
	var before []byte
	if err := tx.QueryRowContext(ctx, `SELECT digest FROM commits WHERE id = $1`, id).Scan(&before); err != nil {
		return false, fmt.Errorf("store commit: %w", err)
	}
	if !bytes.Equal(before, digest) {
		return false, fmt.Errorf("store commit: %w", ErrReused)
	}
	return true, nil
}

// appendLeaves keeps the log entries of a commit, in the transaction of its
// rows; the sequencer gives them places later. Call it once a commit.
func appendLeaves(ctx context.Context, tx *sql.Tx, commitID string, entries [][]byte) error {
	now := time.Now().UnixMilli() // orders the queue, nothing more
	for position, entry := range entries {
		if len(entry) == 0 || len(entry) > maxEntry {
			return errEntry
		}
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO log_pending (commit_id, position, added, entry) VALUES ($1, $2, $3, $4)`,
			commitID, position, now, entry); err != nil {
			return fmt.Errorf("store leaves: %w", err)
		}
	}
	return nil
}

// eraseLeaves keeps the tombstones of entries whose events are deleted in this
// transaction, so that an auditor can tell erasure from loss.
func eraseLeaves(ctx context.Context, tx *sql.Tx, entries [][]byte) error {
	for _, entry := range entries {
		leaf := tlog.LeafHash(entry)
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO log_erased (leaf_hash) VALUES ($1) ON CONFLICT (leaf_hash) DO NOTHING`, leaf[:]); err != nil {
			return fmt.Errorf("store tombstone: %w", err)
		}
	}
	return nil
}
