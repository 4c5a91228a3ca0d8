package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/govmydata/mydata/internal/tally"
	"github.com/govmydata/mydata/pkg/consent"
)

// Tally is the tally.Store over this database.
type Tally struct{ db *DB }

var _ tally.Store = (*Tally)(nil)

// Tally gives the ledger's rows for counting, and the months that were counted.
func (db *DB) Tally() *Tally { return &Tally{db} }

// EventsAfter implements tally.Store.
func (t *Tally) EventsAfter(ctx context.Context, after tally.Cursor, limit int) ([]consent.Event, error) {
	rows, err := t.db.db.QueryContext(ctx, `SELECT citizen, citizen_seq, event, salt, evidence FROM consent_events
		WHERE (citizen, citizen_seq) > ($1, $2) ORDER BY citizen, citizen_seq LIMIT $3`, after.Citizen, after.Seq, limit)
	if err != nil {
		return nil, fmt.Errorf("store tally: %w", err)
	}
	defer rows.Close()
	var all []consent.Event
	for rows.Next() {
		e, err := scanEvent(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("store tally: %w", err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store tally: %w", err)
	}
	return all, nil
}

// Months implements tally.Store.
func (t *Tally) Months(ctx context.Context, limit int) ([]tally.Month, error) {
	rows, err := t.db.db.QueryContext(ctx, `SELECT content FROM public_months ORDER BY month DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("store tally: %w", err)
	}
	defer rows.Close()
	var all []tally.Month
	for rows.Next() {
		var text string
		var m tally.Month
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("store tally: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return nil, fmt.Errorf("store tally: %w", err)
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// KeepMonth implements tally.Store.
func (t *Tally) KeepMonth(ctx context.Context, m tally.Month) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("store tally: %w", err)
	}
	return t.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := execTx(ctx, tx, `INSERT INTO public_months (month, content) VALUES ($1, $2) ON CONFLICT (month) DO NOTHING`, m.Month, string(text))
		return err
	})
}
