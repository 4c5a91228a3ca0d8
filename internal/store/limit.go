package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/limit"
)

// Limits keeps what was spent of budgets; it implements limit.Store.
type Limits struct{ db *DB }

var _ limit.Store = (*Limits)(nil)

// Limits gives the rows of budgets.
func (db *DB) Limits() *Limits { return &Limits{db} }

// SpendWindow implements limit.Store.
func (l *Limits) SpendWindow(ctx context.Context, name string, begins, ends time.Time, n int64) (sum int64, err error) {
	err = l.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx,
			`INSERT INTO limit_windows (name, begins, ends, spent) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name, begins) DO UPDATE SET spent = limit_windows.spent + excluded.spent
			RETURNING spent`, name, begins.UnixMilli(), ends.UnixMilli(), n).Scan(&sum)
	})
	if err != nil {
		return 0, fmt.Errorf("store budget: %w", err)
	}
	return sum, nil
}

// SweepWindows implements limit.Store.
func (l *Limits) SweepWindows(ctx context.Context, then time.Time) error {
	err := l.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM limit_windows WHERE ends < $1`, then.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("store budget: %w", err)
	}
	return nil
}
