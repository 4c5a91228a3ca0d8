package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/notify"
)

// Dead implements notify.Morgue.
func (s *Signals) Dead(ctx context.Context, audience string, most int) (all []notify.DeadSignal, err error) {
	query := `SELECT id, audience, seq, kind, grant_id, use_number, at, reason, buried FROM signals_dead
		WHERE audience NOT LIKE 'citizen:%'`
	args := []any{most}
	if audience != "" {
		query, args = query+` AND audience = $2`, append(args, audience)
	}
	rows, err := s.db.db.QueryContext(ctx, query+` ORDER BY audience, seq LIMIT $1`, args...)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store signals: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d notify.DeadSignal
		var at, buried int64
		if err := rows.Scan(&d.ID, &d.Audience, &d.Seq, &d.Kind, &d.Grant, &d.Use, &at, &d.Reason, &buried); err != nil {
			return nil, fmt.Errorf("store signals: %w", err)
		}
		d.At, d.Buried = time.UnixMilli(at).UTC(), time.UnixMilli(buried).UTC()
		all = append(all, d)
	}
	return all, rows.Err()
}

// Resend implements notify.Morgue.
func (s *Signals) Resend(ctx context.Context, audience, id string, now time.Time) (n int64, err error) {
	const where = `audience = $1 AND audience NOT LIKE 'citizen:%' AND (id = $2 OR CAST($2 AS TEXT) = '')`
	err = s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO signals (id, audience, seq, kind, grant_id, use_number, place, at, txn, resent)
			SELECT id, audience, seq, kind, grant_id, use_number, place, at, txn, CAST($3 AS BIGINT) FROM signals_dead WHERE `+where+`
			ON CONFLICT (id) DO NOTHING`, audience, id, now.UnixMilli())
		if err != nil {
			return err
		}
		gone, err := tx.ExecContext(ctx, `DELETE FROM signals_dead WHERE `+where, audience, id)
		if err != nil {
			return err
		}
		if n, err = gone.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE signal_streams SET tries = 0, next = 0 WHERE audience = $1`, audience)
		return err
	})
	if absent(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("store signals: %w", err)
	}
	return n, nil
}
