package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/internal/registry"
)

// Registry keeps clients and catalogues; it implements registry.Store.
type Registry struct{ db *DB }

var _ registry.Store = (*Registry)(nil)

// Registry gives the rows of the registry.
func (db *DB) Registry() *Registry { return &Registry{db} }

// Client implements registry.Store.
func (r *Registry) Client(ctx context.Context, id string) (registry.Client, error) {
	var c registry.Client
	var text string
	err := r.db.db.QueryRowContext(ctx, `SELECT content FROM registry_clients WHERE id = $1`, id).Scan(&text)
	if absent(err) || err == nil && text == "" { // it was, and is no more
		return c, registry.ErrUnknown
	}
	if err != nil {
		return c, fmt.Errorf("store client: %w", err)
	}
	return c, json.Unmarshal([]byte(text), &c)
}

// Clients implements registry.Store.
func (r *Registry) Clients(ctx context.Context, after string, limit int) (all []registry.Client, err error) {
	rows, err := r.db.db.QueryContext(ctx, `SELECT content FROM registry_clients WHERE id > $1 AND content <> '' ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("store client: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var c registry.Client
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("store client: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return nil, fmt.Errorf("store client: %w", err)
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// AddClient implements registry.Store.
func (r *Registry) AddClient(ctx context.Context, c registry.Client) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("store client: %w", err)
	}
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `INSERT INTO registry_clients (id, content) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, c.ID, string(text))
		if err != nil || n == 1 {
			return err
		}
		var before string
		if err := tx.QueryRowContext(ctx, `SELECT content FROM registry_clients WHERE id = $1`, c.ID).Scan(&before); err != nil {
			return err
		}
		if before != string(text) {
			return registry.ErrTaken
		}
		return nil
	})
}

// Catalogue implements registry.Store.
func (r *Registry) Catalogue(ctx context.Context) (int64, string, error) {
	var version int64
	var jws string
	err := r.db.db.QueryRowContext(ctx, `SELECT version, jws FROM registry_catalogues ORDER BY version DESC LIMIT 1`).Scan(&version, &jws)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", registry.ErrUnknown
	}
	if err != nil {
		return 0, "", fmt.Errorf("store catalogue: %w", err)
	}
	return version, jws, nil
}

// PutCatalogue implements registry.Store.
func (r *Registry) PutCatalogue(ctx context.Context, c registry.CatalogueCommit) error {
	digest := sha256.Sum256([]byte(c.JWS))
	signatures, err := json.Marshal(c.Signatures)
	if err != nil {
		return fmt.Errorf("store catalogue: %w", err)
	}
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		done, err := newCommit(ctx, tx, c.ID, digest[:])
		if errors.Is(err, ErrReused) {
			return registry.ErrConflict
		}
		if err != nil || done {
			return err
		}
		var newest sql.NullInt64
		if err := tx.QueryRowContext(ctx, `SELECT MAX(version) FROM registry_catalogues`).Scan(&newest); err != nil {
			return err
		}
		if newest.Valid && newest.Int64 >= c.Version {
			return registry.ErrConflict
		}
		if _, err := execTx(ctx, tx, `INSERT INTO registry_catalogues (version, jws, signatures) VALUES ($1, $2, $3)`, c.Version, c.JWS, string(signatures)); err != nil {
			return err
		}
		if _, err := execTx(ctx, tx, `UPDATE registry_proposals SET state = $2 WHERE id = $1`, c.Proposal, registry.Published); err != nil {
			return err
		}
		return appendLeaves(ctx, tx, c.ID, c.Leaves)
	})
}
