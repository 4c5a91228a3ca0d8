package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// Propose implements registry.Proposals.
func (r *Registry) Propose(ctx context.Context, p registry.Proposal) error {
	signatures, err := json.Marshal(p.Signatures)
	if err != nil {
		return fmt.Errorf("store proposal: %w", err)
	}
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `INSERT INTO registry_proposals (id, version, state, expires, signatures, content)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`,
			p.ID, p.Version, p.State, p.Expires.Unix(), string(signatures), p.Catalogue)
		if err != nil || n == 1 {
			return err
		}
		before, err := scanProposal(tx.QueryRowContext(ctx, selectProposal+` WHERE id = $1`, p.ID).Scan)
		if err == nil && (before.State != registry.Open || before.Signatures[0] != p.Signatures[0]) {
			err = registry.ErrDecided
		}
		return err
	})
}

const selectProposal = `SELECT id, version, state, expires, signatures, content FROM registry_proposals`

func scanProposal(scan func(...any) error) (p registry.Proposal, err error) {
	var expires int64
	var signatures string
	if err := scan(&p.ID, &p.Version, &p.State, &expires, &signatures, &p.Catalogue); err != nil {
		return p, err
	}
	p.Expires = time.Unix(expires, 0).UTC()
	return p, json.Unmarshal([]byte(signatures), &p.Signatures)
}

// Proposal implements registry.Proposals.
func (r *Registry) Proposal(ctx context.Context, id string) (registry.Proposal, error) {
	p, err := scanProposal(r.db.db.QueryRowContext(ctx, selectProposal+` WHERE id = $1`, id).Scan)
	if absent(err) {
		return p, registry.ErrNoProposal
	}
	if err != nil {
		return p, fmt.Errorf("store proposal: %w", err)
	}
	return p, nil
}

// ListProposals implements registry.Proposals.
func (r *Registry) ListProposals(ctx context.Context, limit int) ([]registry.Proposal, error) {
	rows, err := r.db.db.QueryContext(ctx, selectProposal+` ORDER BY version DESC, id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("store proposals: %w", err)
	}
	defer rows.Close()
	var all []registry.Proposal
	for rows.Next() {
		p, err := scanProposal(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("store proposals: %w", err)
		}
		p.Catalogue = nil
		all = append(all, p)
	}
	return all, rows.Err()
}

// Decide implements registry.Proposals.
func (r *Registry) Decide(ctx context.Context, id, signature, state string) error {
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		p, err := scanProposal(tx.QueryRowContext(ctx, selectProposal+` WHERE id = $1`, id).Scan)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return registry.ErrNoProposal
		case err != nil:
			return err
		case p.State == state && slices.Contains(p.Signatures, signature):
			return nil
		case p.State != registry.Open:
			return registry.ErrDecided
		}
		signatures, err := json.Marshal(append(p.Signatures, signature))
		if err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE registry_proposals SET state = $2, signatures = $3 WHERE id = $1`, id, state, string(signatures))
		return err
	})
}

// CatalogueAt implements registry.Store.
func (r *Registry) CatalogueAt(ctx context.Context, version int64) (string, []string, error) {
	var jws string
	var text sql.NullString
	err := r.db.db.QueryRowContext(ctx, `SELECT jws, signatures FROM registry_catalogues WHERE version = $1`, version).Scan(&jws, &text)
	if absent(err) {
		return "", nil, registry.ErrUnknown
	}
	if err != nil {
		return "", nil, fmt.Errorf("store catalogue: %w", err)
	}
	var signatures []string
	if text.Valid {
		err = json.Unmarshal([]byte(text.String), &signatures)
	}
	return jws, signatures, err
}
