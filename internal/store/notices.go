package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/notify"
)

var _ notify.Choices = (*Signals)(nil)

// Choice implements notify.Choices.
func (s *Signals) Choice(ctx context.Context, citizen string) (notify.Choice, error) {
	c := notify.Choice{Citizen: citizen}
	var until, told int64
	err := s.db.db.QueryRowContext(ctx, `SELECT channel, lang, address, code, code_until, code_tries, told FROM notices WHERE citizen = $1`, citizen).
		Scan(&c.Channel, &c.Lang, &c.Address, &c.Code, &until, &c.CodeTries, &told)
	if absent(err) {
		return notify.Choice{}, notify.ErrNoChoice
	}
	if err != nil {
		return notify.Choice{}, fmt.Errorf("store notices: %w", err)
	}
	c.CodeUntil, c.Told = time.UnixMilli(until).UTC(), time.UnixMilli(told).UTC()
	return c, nil
}

// PutChoice implements notify.Choices.
func (s *Signals) PutChoice(ctx context.Context, c notify.Choice) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO notices (citizen, channel, lang, address, code, code_until, code_tries, told)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (citizen) DO UPDATE SET channel = excluded.channel, lang = excluded.lang,
			address = excluded.address, code = excluded.code, code_until = excluded.code_until, code_tries = excluded.code_tries, told = excluded.told`,
			c.Citizen, c.Channel, c.Lang, c.Address, c.Code, c.CodeUntil.UnixMilli(), c.CodeTries, c.Told.UnixMilli())
		return err
	})
}

// TryCode implements notify.Choices.
func (s *Signals) TryCode(ctx context.Context, citizen string) (tries int, err error) {
	err = s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE notices SET code_tries = code_tries + 1 WHERE citizen = $1 RETURNING code_tries`, citizen).Scan(&tries)
	})
	if absent(err) {
		return 0, notify.ErrNoChoice
	}
	return tries, err
}

// NoteTold implements notify.Choices.
func (s *Signals) NoteTold(ctx context.Context, citizen string, at time.Time) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE notices SET told = $1 WHERE citizen = $2`, at.UnixMilli(), citizen)
		return err
	})
}

// DropChoice implements notify.Choices.
func (s *Signals) DropChoice(ctx context.Context, citizen string, address []byte) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if address == nil {
			_, err := tx.ExecContext(ctx, `DELETE FROM notices WHERE citizen = $1`, citizen)
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM notices WHERE citizen = $1 AND address = $2`, citizen, address)
		return err
	})
}
