package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
)

// AddDeferral as credential.DeferralStore says.
func (s *Credentials) AddDeferral(ctx context.Context, d credential.Deferral) error {
	holders, err := json.Marshal(d.Holders)
	if err != nil {
		return fmt.Errorf("deferral: %w", err)
	}
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var waiting int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM credential_deferrals
			WHERE citizen = $1 AND state = $2 AND client = $3 AND config = $4 AND holders = $5 AND created > $6`,
			d.Citizen, string(credential.DeferralWaiting), d.Client, d.Config, holders, d.Created.Add(-credential.DeferralLife).UnixMilli()).Scan(&waiting)
		if err == nil && waiting > 0 {
			err = credential.ErrConflict
		}
		if err != nil {
			return err
		}
		return changed(tx.ExecContext(ctx, `INSERT INTO credential_deferrals
			(id, version, batch, citizen, client, config, device, holders, state, reason, created, decided)
			VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0) ON CONFLICT (id) DO NOTHING`,
			d.ID, d.Batch, d.Citizen, d.Client, d.Config, d.Device, holders, string(d.State), d.Reason, d.Created.UnixMilli()))
	})
}

const deferralColumns = `id, version, batch, citizen, client, config, device, holders, state, reason, created, decided`

func scanDeferral(scan func(...any) error) (credential.Deferral, error) {
	var d credential.Deferral
	var holders []byte
	var created, decided int64
	err := scan(&d.ID, &d.Version, &d.Batch, &d.Citizen, &d.Client, &d.Config, &d.Device, &holders, &d.State, &d.Reason, &created, &decided)
	if err != nil {
		return credential.Deferral{}, err
	}
	if err := json.Unmarshal(holders, &d.Holders); err != nil {
		return credential.Deferral{}, fmt.Errorf("keys: %w", err)
	}
	d.Created = time.UnixMilli(created)
	if decided != 0 {
		d.Decided = time.UnixMilli(decided)
	}
	return d, nil
}

// Deferral as credential.DeferralStore says.
func (s *Credentials) Deferral(ctx context.Context, id string) (credential.Deferral, error) {
	row := s.db.db.QueryRowContext(ctx, `SELECT `+deferralColumns+` FROM credential_deferrals WHERE id = $1`, id)
	d, err := scanDeferral(row.Scan)
	return d, unknown("deferral", err)
}

// DeferralsOf as credential.DeferralStore says.
func (s *Credentials) DeferralsOf(ctx context.Context, citizen string, state credential.DeferralState) (all []credential.Deferral, err error) {
	query, args := `WHERE state = $1 ORDER BY created, id`, []any{string(state)}
	if citizen != "" {
		query, args = `WHERE citizen = $1 AND state = $2 ORDER BY created DESC, id`, []any{citizen, string(state)}
	}
	rows, err := s.db.db.QueryContext(ctx, `SELECT `+deferralColumns+` FROM credential_deferrals `+query, args...)
	if err != nil {
		return nil, fmt.Errorf("deferrals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		d, err := scanDeferral(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("deferrals: %w", err)
		}
		all = append(all, d)
	}
	return all, rows.Err()
}

// UpdateDeferral as credential.DeferralStore says.
func (s *Credentials) UpdateDeferral(ctx context.Context, d credential.Deferral) error {
	var decided int64
	if !d.Decided.IsZero() {
		decided = d.Decided.UnixMilli()
	}
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return changed(tx.ExecContext(ctx, `UPDATE credential_deferrals SET state = $1, reason = $2, decided = $3, version = version + 1
			WHERE id = $4 AND version = $5`, string(d.State), d.Reason, decided, d.ID, d.Version))
	})
}

// endDeferral takes an approved one to issued, in the commit of what is issued.
func endDeferral(ctx context.Context, tx *sql.Tx, d *credential.Deferral) error {
	if d == nil {
		return nil
	}
	err := changed(tx.ExecContext(ctx, `UPDATE credential_deferrals SET state = $1, version = version + 1
		WHERE id = $2 AND state = $3`, string(credential.DeferralIssued), d.ID, string(credential.DeferralApproved)))
	if errors.Is(err, credential.ErrConflict) {
		return credential.ErrDeferral
	}
	return err
}

// EndDeferrals as credential.DeferralStore says.
func (s *Credentials) EndDeferrals(ctx context.Context, citizen string) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM credential_deferrals WHERE citizen = $1`, citizen)
		return err
	})
}

// SweepDeferrals as credential.DeferralStore says.
func (s *Credentials) SweepDeferrals(ctx context.Context, then time.Time) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM credential_deferrals WHERE created < $1`, then.UnixMilli())
		return err
	})
}
