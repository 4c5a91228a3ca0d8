package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
)

// Lease implements sequencer.Storage.
func (l *Log) Lease(ctx context.Context) (sequencer.Lease, error) {
	var lease sequencer.Lease
	var expires int64
	err := l.db.db.QueryRowContext(ctx, `SELECT holder, epoch, expires FROM log_lease WHERE id = 1`).Scan(&lease.Holder, &lease.Epoch, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return sequencer.Lease{}, sequencer.ErrNone
	}
	lease.Expires = time.UnixMilli(expires)
	return lease, err
}

// Take implements sequencer.Storage.
func (l *Log) Take(ctx context.Context, from, to sequencer.Lease) error {
	query := `UPDATE log_lease SET holder = $1, epoch = $2, expires = $3
		WHERE id = 1 AND holder = $4 AND epoch = $5 AND expires = $6`
	args := []any{to.Holder, to.Epoch, to.Expires.UnixMilli(), from.Holder, from.Epoch, from.Expires.UnixMilli()}
	if from.Epoch == 0 {
		query = `INSERT INTO log_lease (id, holder, epoch, expires) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING`
		args = args[:3]
	}
	return l.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, query, args...))
	})
}

// Held says that no other process can have this database: Hold took it, and its
// kind can be held.
func (db *DB) Held() bool { return db.held != nil }
