package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/death"
)

// Deaths keeps which accounts are closed; it implements death.Store.
type Deaths struct{ db *DB }

var _ death.Store = (*Deaths)(nil)

// Deaths of this database.
func (db *DB) Deaths() *Deaths { return &Deaths{db} }

const deathColumns = `resident, citizen, order_name, closed`

func scanDeath(scan func(...any) error) (death.Closed, error) {
	var c death.Closed
	var at int64
	err := scan(&c.Resident, &c.Citizen, &c.Order, &at)
	c.At = time.UnixMilli(at)
	return c, err
}

// Close implements death.Store.
func (s *Deaths) Close(ctx context.Context, c death.Closed) (stands death.Closed, before bool, err error) {
	err = s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		at := c.At.UnixMilli()
		result, err := tx.ExecContext(ctx, `INSERT INTO deaths (resident, citizen, order_name, closed, settled)
			VALUES ($1, COALESCE((SELECT id FROM citizens WHERE resident = $1), ''), $2, $3, 0) ON CONFLICT (resident) DO NOTHING`, c.Resident, c.Order, at)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		stands, err = scanDeath(tx.QueryRowContext(ctx, `SELECT `+deathColumns+` FROM deaths WHERE resident = $1`, c.Resident).Scan)
		if before = n == 0; err != nil || before {
			return err
		}
		for _, one := range []struct {
			statement string
			args      []any
		}{
			{`UPDATE passkeys SET ended = $1 WHERE citizen = $2 AND ended = 0`, []any{at, stands.Citizen}},
			{`DELETE FROM sessions WHERE citizen = $1`, []any{stands.Citizen}},
			{`UPDATE enrolment_orders SET ended = $1 WHERE resident = $2 AND ended = 0`, []any{at, c.Resident}},
		} {
			if _, err := tx.ExecContext(ctx, one.statement, one.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return death.Closed{}, false, fmt.Errorf("store death: %w", err)
	}
	// An answer that was lost is no other order.
	return stands, before && stands.Order != c.Order, nil
}

// Unsettled implements death.Store.
func (s *Deaths) Unsettled(ctx context.Context, limit int) ([]death.Closed, error) {
	rows, err := s.db.db.QueryContext(ctx, `SELECT `+deathColumns+` FROM deaths WHERE settled = 0 ORDER BY closed, resident LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("store deaths: %w", err)
	}
	defer rows.Close()
	var all []death.Closed
	for rows.Next() {
		c, err := scanDeath(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("store deaths: %w", err)
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// Settle implements death.Store.
func (s *Deaths) Settle(ctx context.Context, resident string, at time.Time) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE deaths SET settled = $1 WHERE resident = $2 AND settled = 0`, at.UnixMilli(), resident)
		return err
	})
}

// Closed implements account.Store.
func (a *Accounts) Closed(ctx context.Context, resident string) (bool, error) {
	var n int64
	err := a.db.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM deaths WHERE resident = $1`, resident).Scan(&n)
	return n > 0, accountRow("death", err)
}

// living refuses to begin anything for a closed account, in the transaction that
// would.
func living(ctx context.Context, tx *sql.Tx, c account.Commit) error {
	resident, citizen := "", ""
	switch {
	case c.Citizen != nil:
		resident = c.Citizen.Resident
	case c.Passkey != nil:
		citizen = c.Passkey.Citizen
	}
	if c.Order != nil {
		resident = c.Order.Resident
	}
	if resident == "" && citizen == "" {
		return nil
	}
	var n int64
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM deaths WHERE resident = $1 OR citizen = $2 AND citizen <> ''`, resident, citizen).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return account.ErrClosed
	}
	return nil
}
