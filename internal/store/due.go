package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

var _ consent.Deadlines = (*Consents)(nil)

// Due implements consent.Deadlines.
func (c *Consents) Due(ctx context.Context, now time.Time, limit int) ([]consent.Deadline, error) {
	rows, err := c.db.db.QueryContext(ctx, `SELECT grant_id, due FROM consent_due WHERE due <= $1 ORDER BY due, grant_id LIMIT $2`, now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("store due: %w", err)
	}
	defer rows.Close()
	var due []consent.Deadline
	for rows.Next() {
		var id string
		var at int64
		if err := rows.Scan(&id, &at); err != nil {
			return nil, fmt.Errorf("store due: %w", err)
		}
		due = append(due, consent.Deadline{Grant: consent.GrantID(id), At: time.UnixMilli(at).UTC()})
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store due: %w", err)
	}
	return due, nil
}

// Settle implements consent.Deadlines.
func (c *Consents) Settle(ctx context.Context, d consent.Deadline, at time.Time) error {
	query, args := `DELETE FROM consent_due WHERE grant_id = $1 AND due = $2`, []any{string(d.Grant), d.At.UnixMilli()}
	if !at.IsZero() {
		query, args = `UPDATE consent_due SET due = $3 WHERE grant_id = $1 AND due = $2`, append(args, at.UnixMilli())
	}
	err := c.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("store due: %w", err)
	}
	return nil
}

// dueRows keep the reminders in step with a group's events: those that are set, and
// those that are gone. Most commits, the uses, change none.
func dueRows(units []*unit) (set, gone [][]any) {
	changed := map[consent.GrantID]time.Time{} // zero: gone
	for _, u := range units {
		for _, e := range u.events {
			if at, over := e.Deadline(); over || !at.IsZero() {
				changed[e.Grant] = at
			}
		}
	}
	for id, at := range changed {
		if at.IsZero() {
			gone = append(gone, []any{string(id)})
		} else {
			set = append(set, []any{string(id), at.UnixMilli()})
		}
	}
	order := func(a, b []any) int { return cmp.Compare(a[0].(string), b[0].(string)) } // one order of locks for all
	slices.SortFunc(set, order)
	slices.SortFunc(gone, order)
	return set, gone
}
