package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

// writeChange changes a credential, from no other status than the change says,
// and keeps the change.
func writeChange(ctx context.Context, tx *sql.Tx, c credential.Change) error {
	var result sql.Result
	var err error
	at := c.At.UnixMilli()
	switch {
	case c.Credential == "": // a decoy
	case c.Became == statuslist.Invalid:
		result, err = tx.ExecContext(ctx, `UPDATE credentials SET revoked = $1, suspended = 0, reason = $2 WHERE id = $3 AND revoked = 0`, at, c.Reason, c.Credential)
	case c.Became == statuslist.Suspended:
		result, err = tx.ExecContext(ctx, `UPDATE credentials SET suspended = $1, reason = $2 WHERE id = $3 AND revoked = 0 AND suspended = 0`, at, c.Reason, c.Credential)
	default:
		result, err = tx.ExecContext(ctx, `UPDATE credentials SET suspended = 0, reason = '' WHERE id = $1 AND revoked = 0 AND suspended <> 0`, c.Credential)
	}
	if result != nil || err != nil {
		if err := changed(result, err); err != nil {
			return err
		}
	}
	return changed(tx.ExecContext(ctx, `INSERT INTO status_changes (list, version, list_index, credential, was, became, reason, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`, c.List, c.Version, c.Index, c.Credential, int64(c.Was), int64(c.Became), c.Reason, at))
}

const changeColumns = `credential, list, list_index, version, was, became, reason, at`

func scanChange(scan func(...any) error) (credential.Change, error) {
	var c credential.Change
	var at int64
	err := scan(&c.Credential, &c.List, &c.Index, &c.Version, &c.Was, &c.Became, &c.Reason, &at)
	c.At = time.UnixMilli(at)
	return c, err
}

func (s *Credentials) changes(ctx context.Context, which string, args ...any) ([]credential.Change, error) {
	rows, err := s.db.db.QueryContext(ctx, `SELECT `+changeColumns+` FROM status_changes `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("status changes: %w", err)
	}
	defer rows.Close()
	var all []credential.Change
	for rows.Next() {
		c, err := scanChange(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("status changes: %w", err)
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// Standing as credential.Store says.
func (s *Credentials) Standing(ctx context.Context, after string, now time.Time, limit int) ([]credential.Issued, error) {
	return s.credentials(ctx, `WHERE id > $1 AND revoked = 0 AND expires > $2 ORDER BY id LIMIT $3`, after, now.UnixMilli(), limit)
}

// ChangesOf as credential.Store says.
func (s *Credentials) ChangesOf(ctx context.Context, id string) ([]credential.Change, error) {
	return s.changes(ctx, `WHERE credential = $1 AND credential <> '' ORDER BY version`, id)
}

// ListChanges as credential.Store says.
func (s *Credentials) ListChanges(ctx context.Context, list string) ([]credential.Change, error) {
	return s.changes(ctx, `WHERE list = $1 ORDER BY version DESC, list_index`, list)
}

// ListIDs as credential.Store says.
func (s *Credentials) ListIDs(ctx context.Context, limit int) ([]string, error) {
	rows, err := s.db.db.QueryContext(ctx, `SELECT id FROM status_lists ORDER BY created DESC, id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("status lists: %w", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("status lists: %w", err)
		}
		all = append(all, id)
	}
	return all, rows.Err()
}

// buryChanges leaves a tombstone for the leaf of each suspension and each end of
// one.
func (p *person) buryChanges(ctx context.Context) error {
	for _, id := range p.credentials {
		salt := account.CitizenRow{Key: p.key}.Salt(credential.SaltLabel(id))
		err := p.rows(ctx, func(scan func(...any) error) error {
			c, err := scanChange(scan)
			if err == nil {
				p.entries = append(p.entries, tlog.Commitment(credential.LeafDomain, salt, c.Digest()))
			}
			return err
		}, `SELECT `+changeColumns+` FROM status_changes WHERE credential = $1 AND became <> 1`, id)
		if err != nil {
			return err
		}
	}
	return nil
}
