package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
)

// Credentials is the store of issued credentials, status lists, offers and
// spent nonces: a credential.Store and a credential.OfferStore.
type Credentials struct{ db *DB }

// Credentials of this database.
func (db *DB) Credentials() *Credentials { return &Credentials{db} }

// Commit as credential.Store says.
func (s *Credentials) Commit(ctx context.Context, c credential.Commit) error {
	err := s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		done, err := newCommit(ctx, tx, c.ID, c.Digest[:])
		if done || err != nil {
			return err
		}
		if err := endDeferral(ctx, tx, c.Deferral); err != nil {
			return err
		}
		for _, issued := range c.Issue {
			if err := insertCredential(ctx, tx, issued); err != nil {
				return err
			}
		}
		for _, change := range c.Changes {
			if err := writeChange(ctx, tx, change); err != nil {
				return err
			}
		}
		for _, list := range c.Lists {
			if err := writeList(ctx, tx, list); err != nil {
				return err
			}
		}
		return appendLeaves(ctx, tx, c.ID, c.Leaves)
	})
	if err != nil {
		return fmt.Errorf("credential commit: %w", err)
	}
	return nil
}

func insertCredential(ctx context.Context, tx *sql.Tx, i credential.Issued) error {
	return changed(tx.ExecContext(ctx, `INSERT INTO credentials
		(id, citizen, vct, config, issued, expires, list, list_index, holder, device, acceptance, revoked, basis)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 0, $11) ON CONFLICT DO NOTHING`,
		i.ID, i.Citizen, i.VCT, i.Config, i.IssuedAt.UnixMilli(), i.Expires.UnixMilli(), i.List, i.Index, i.Holder, i.Device, i.Basis))
}

func writeList(ctx context.Context, tx *sql.Tx, l credential.List) error {
	if l.Version == 0 {
		return changed(tx.ExecContext(ctx, `INSERT INTO status_lists (id, version, created, bits, data, decoys)
			VALUES ($1, 1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`, l.ID, l.Created.UnixMilli(), l.Bits, l.Data, l.Decoys))
	}
	return changed(tx.ExecContext(ctx, `UPDATE status_lists SET version = version + 1, data = $1
		WHERE id = $2 AND version = $3 AND LENGTH(data) <= $4`, l.Data, l.ID, l.Version, len(l.Data)))
}

// changed turns a statement that changed no row into credential.ErrConflict.
func changed(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return credential.ErrConflict
}

const credentialColumns = `id, citizen, vct, config, issued, expires, list, list_index, holder, device, acceptance, revoked, suspended, reason, basis`

func scanCredential(scan func(...any) error) (credential.Issued, error) {
	var i credential.Issued
	var issued, expires, revoked, suspended int64
	err := scan(&i.ID, &i.Citizen, &i.VCT, &i.Config, &issued, &expires, &i.List, &i.Index, &i.Holder, &i.Device, &i.Acceptance,
		&revoked, &suspended, &i.Reason, &i.Basis)
	if err != nil {
		return credential.Issued{}, err
	}
	i.IssuedAt, i.Expires, i.Status = time.UnixMilli(issued), time.UnixMilli(expires), credential.Valid
	switch {
	case revoked != 0:
		i.Status, i.RevokedAt = credential.Revoked, time.UnixMilli(revoked)
	case suspended != 0:
		i.Status, i.SuspendedAt = credential.Suspended, time.UnixMilli(suspended)
	}
	return i, nil
}

// Credential as credential.Store says.
func (s *Credentials) Credential(ctx context.Context, id string) (credential.Issued, error) {
	row := s.db.db.QueryRowContext(ctx, `SELECT `+credentialColumns+` FROM credentials WHERE id = $1`, id)
	i, err := scanCredential(row.Scan)
	return i, unknown("credential", err)
}

// CredentialsOf as credential.Store says.
func (s *Credentials) CredentialsOf(ctx context.Context, citizen string) ([]credential.Issued, error) {
	return s.credentials(ctx, `WHERE citizen = $1 ORDER BY issued DESC, id`, citizen)
}

func (s *Credentials) credentials(ctx context.Context, which string, args ...any) ([]credential.Issued, error) {
	rows, err := s.db.db.QueryContext(ctx, `SELECT `+credentialColumns+` FROM credentials `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	defer rows.Close()
	var all []credential.Issued
	for rows.Next() {
		i, err := scanCredential(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
		all = append(all, i)
	}
	return all, rows.Err()
}

// SetAcceptance as credential.Store says.
func (s *Credentials) SetAcceptance(ctx context.Context, id, acceptance string) error {
	err := s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return changed(tx.ExecContext(ctx, `UPDATE credentials SET acceptance = $1 WHERE id = $2`, acceptance, id))
	})
	if errors.Is(err, credential.ErrConflict) {
		return credential.ErrUnknown
	}
	return err
}

// List as credential.Store says.
func (s *Credentials) List(ctx context.Context, id string) (credential.List, error) {
	return s.list(ctx, `WHERE id = $1`, id)
}

// NewestList as credential.Store says.
func (s *Credentials) NewestList(ctx context.Context) (credential.List, error) {
	return s.list(ctx, `ORDER BY created DESC, id LIMIT 1`)
}

func (s *Credentials) list(ctx context.Context, which string, args ...any) (credential.List, error) {
	var l credential.List
	var created int64
	err := s.db.db.QueryRowContext(ctx, `SELECT id, version, created, bits, data, decoys FROM status_lists `+which, args...).
		Scan(&l.ID, &l.Version, &created, &l.Bits, &l.Data, &l.Decoys)
	if err != nil {
		return credential.List{}, unknown("status list", err)
	}
	l.Created = time.UnixMilli(created)
	return l, nil
}

func unknown(what string, err error) error {
	if absent(err) {
		return credential.ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
