package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/pkg/signal"
)

// Signals is the outbox: what commits leave to be told.
type Signals struct{ db *DB }

var (
	_ notify.Outbox = (*Signals)(nil)
	_ notify.Morgue = (*Signals)(nil)
)

// Signals gives the rows of the outbox.
func (db *DB) Signals() *Signals { return &Signals{db} }

// signalRows are written in the transaction of their commit, without numbers: a
// counter there would have all commits about one agency wait for one another.
func signalRows(all []signal.Signal) (rows [][]any) {
	for _, s := range all {
		rows = append(rows, []any{s.ID, s.Audience, string(s.Kind), s.Grant, s.Use, s.Place, s.At.UnixMilli(), s.Txn})
	}
	return rows
}

// heardRows are signalRows, each with the citizen whom it is for, if any: insertHeard
// leaves out what is for citizens who chose no way to be told.
func heardRows(all []signal.Signal) [][]any {
	rows := signalRows(all)
	for i, s := range all {
		if citizen, ok := signal.CitizenOf(s.Audience); ok {
			rows[i] = append(rows[i], citizen)
		} else {
			rows[i] = append(rows[i], nil)
		}
	}
	return rows
}

const (
	insertHeard = `INSERT INTO signals (id, audience, kind, grant_id, use_number, place, at, txn)
		SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM (VALUES `
	heardCells = `CAST($%d AS TEXT), CAST($%d AS TEXT), CAST($%d AS TEXT), CAST($%d AS TEXT), CAST($%d AS BIGINT), CAST($%d AS BIGINT), CAST($%d AS BIGINT), CAST($%d AS TEXT), CAST($%d AS TEXT)`
	whereHeard = `) AS told WHERE column9 IS NULL OR EXISTS (SELECT 1 FROM notices WHERE citizen = column9) ON CONFLICT (id) DO NOTHING`
)

func insertSignals(ctx context.Context, tx *sql.Tx, rows [][]any) error {
	_, err := bulk(ctx, tx, `INSERT INTO signals (id, audience, kind, grant_id, use_number, place, at, txn) VALUES `, plain(8),
		` ON CONFLICT (id) DO NOTHING`, rows)
	if err != nil {
		return fmt.Errorf("store signals: %w", err)
	}
	return nil
}

// Signal keeps a signal that no event of a grant stands behind.
func (s *Signals) Signal(ctx context.Context, one signal.Signal) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return insertSignals(ctx, tx, signalRows([]signal.Signal{one}))
	})
}

// Due implements notify.Outbox.
func (s *Signals) Due(ctx context.Context, now time.Time, most int) (due []string, err error) {
	rows, err := s.db.db.QueryContext(ctx, `SELECT s.audience FROM signals s LEFT JOIN signal_streams t ON t.audience = s.audience
		WHERE t.audience IS NULL OR (t.until <= $1 AND t.next <= $2)
		GROUP BY s.audience ORDER BY MIN(s.at) LIMIT $3`, now.UnixMilli(), now.UnixMilli(), most)
	if err != nil {
		return nil, fmt.Errorf("store signals: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var audience string
		if err := rows.Scan(&audience); err != nil {
			return nil, fmt.Errorf("store signals: %w", err)
		}
		due = append(due, audience)
	}
	return due, rows.Err()
}

// Hold implements notify.Outbox.
func (s *Signals) Hold(ctx context.Context, audience, holder string, now, until time.Time, most int) (tries int, waiting []signal.Signal, err error) {
	err = s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO signal_streams (audience, seq, holder, until, tries, next) VALUES ($1, 0, $2, $3, 0, 0)
			ON CONFLICT (audience) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE signal_streams.until <= $4 OR signal_streams.holder = excluded.holder RETURNING tries`,
			audience, holder, until.UnixMilli(), now.UnixMilli()).Scan(&tries)
		if errors.Is(err, sql.ErrNoRows) {
			return notify.ErrHeld
		}
		if err != nil || most == 0 {
			return err
		}
		if err := number(ctx, tx, audience); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, signalsFirst, audience, most) //nolint:rowserrcheck // scanSignals asks
		if err != nil {
			return err
		}
		waiting, err = scanSignals(rows)
		return err
	})
	if err != nil && !errors.Is(err, notify.ErrHeld) {
		err = fmt.Errorf("store signals: %w", err)
	}
	return tries, waiting, err
}

// Release implements notify.Outbox.
func (s *Signals) Release(ctx context.Context, audience, holder string, tries int, next time.Time, ids []string) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := told(ctx, tx, audience, ids); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE signal_streams SET holder = '', until = 0, tries = $1, next = $2
			WHERE audience = $3 AND holder = $4`, tries, next.UnixMilli(), audience, holder)
		return err
	})
}

const (
	signalColumns = `id, audience, COALESCE(seq, 0), kind, grant_id, use_number, place, at, txn`
	signalRead    = signalColumns + `, COALESCE(resent, 0)`
)

// signalScan is rows of the pool or of a transaction.
type signalScan interface {
	Next() bool
	Scan(into ...any) error
	Err() error
	Close() error
}

func scanSignals(rows signalScan) (all []signal.Signal, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one signal.Signal
		var at, resent int64
		if err := rows.Scan(&one.ID, &one.Audience, &one.Seq, &one.Kind, &one.Grant, &one.Use, &one.Place, &at, &one.Txn, &resent); err != nil {
			return nil, fmt.Errorf("store signals: %w", err)
		}
		if one.At = time.UnixMilli(at).UTC(); resent != 0 {
			one.Resent = time.UnixMilli(resent).UTC()
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store signals: %w", err)
	}
	return all, nil
}

const signalsFirst = `SELECT ` + signalRead + ` FROM signals WHERE audience = $1 AND seq IS NOT NULL ORDER BY seq LIMIT $2`

// Waiting implements notify.Outbox.
func (s *Signals) Waiting(ctx context.Context, audience string, most int) ([]signal.Signal, error) {
	var fresh int
	err := s.db.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM signals WHERE audience = $1 AND seq IS NULL`, audience).Scan(&fresh)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store signals: %w", err)
	}
	if fresh > 0 {
		if err := s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error { return number(ctx, tx, audience) }); err != nil {
			return nil, fmt.Errorf("store signals: %w", err)
		}
	}
	rows, err := s.db.db.QueryContext(ctx, signalsFirst, audience, most)
	if err != nil {
		return nil, fmt.Errorf("store signals: %w", err)
	}
	return scanSignals(rows)
}

// numbered is how many signals get their numbers in one transaction.
const numbered = 500

// number gives signals their numbers. Events of one grant were committed one
// after the other, so none is seen before those that it follows; at never goes
// back within a grant.
func number(ctx context.Context, tx *sql.Tx, audience string) error {
	rows, err := tx.QueryContext(ctx, //nolint:rowserrcheck // scanSignals asks
		`SELECT `+signalRead+` FROM signals WHERE audience = $1 AND seq IS NULL
		ORDER BY at, grant_id, place LIMIT $2`, audience, numbered)
	if err != nil {
		return err
	}
	fresh, err := scanSignals(rows)
	if err != nil || len(fresh) == 0 {
		return err
	}
	var last int64
	if err := tx.QueryRowContext(ctx, `INSERT INTO signal_streams (audience, seq, holder, until, tries, next) VALUES ($1, $2, '', 0, 0, 0)
		ON CONFLICT (audience) DO UPDATE SET seq = signal_streams.seq + excluded.seq RETURNING seq`,
		audience, len(fresh)).Scan(&last); err != nil {
		return err
	}
	for i, one := range fresh {
		if _, err := tx.ExecContext(ctx, `UPDATE signals SET seq = $1 WHERE id = $2`, last-int64(len(fresh)-1-i), one.ID); err != nil {
			return err
		}
	}
	return nil
}

// Told implements notify.Outbox.
func (s *Signals) Told(ctx context.Context, audience string, ids []string) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error { return told(ctx, tx, audience, ids) })
}

func told(ctx context.Context, tx *sql.Tx, audience string, ids []string) error {
	for _, id := range ids {
		if !storable(id) {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM signals WHERE id = $1 AND audience = $2`, id, audience); err != nil {
			return err
		}
	}
	return nil
}

// storable says that a row can have this id; PostgreSQL would refuse another text.
func storable(id string) bool { return !strings.ContainsRune(id, 0) && utf8.ValidString(id) }

// Bury implements notify.Outbox.
func (s *Signals) Bury(ctx context.Context, audience, id, reason string, at time.Time) error {
	if !storable(id) {
		return nil
	}
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO signals_dead (id, audience, seq, kind, grant_id, use_number, place, at, txn, reason, buried)
			SELECT `+signalColumns+`, CAST($1 AS TEXT), CAST($2 AS BIGINT) FROM signals WHERE id = $3 AND audience = $4
			ON CONFLICT (id) DO NOTHING`, reason, at.UnixMilli(), id, audience)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM signals WHERE id = $1 AND audience = $2`, id, audience)
		return err
	})
}
