package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// PutInitial implements registry.Store. Tokens whose time is over go with it.
func (r *Registry) PutInitial(ctx context.Context, t registry.InitialToken, now time.Time) error {
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := execTx(ctx, tx, `DELETE FROM registry_initial WHERE expires <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		_, err := execTx(ctx, tx, `INSERT INTO registry_initial (hash, uses, scopes, expires) VALUES ($1, $2, $3, $4)`,
			t.Hash, t.Uses, strings.Join(t.Scopes, " "), t.Expires.UnixMilli())
		return err
	})
}

// Initial implements registry.Store.
func (r *Registry) Initial(ctx context.Context, hash string, now time.Time) (registry.InitialToken, error) {
	t := registry.InitialToken{Hash: hash}
	var scopes string
	var expires int64
	err := r.db.db.QueryRowContext(ctx, `SELECT uses, scopes, expires FROM registry_initial WHERE hash = $1 AND uses > 0 AND expires > $2`,
		hash, now.UnixMilli()).Scan(&t.Uses, &scopes, &expires)
	if absent(err) {
		return t, registry.ErrNotAllowed
	}
	if err != nil {
		return t, fmt.Errorf("store initial access token: %w", err)
	}
	t.Scopes, t.Expires = strings.Fields(scopes), time.UnixMilli(expires)
	return t, nil
}

// Register implements registry.Store.
func (r *Registry) Register(ctx context.Context, initial string, now time.Time, g registry.Registration) error {
	text, err := json.Marshal(g.Client)
	if err != nil {
		return fmt.Errorf("store registration: %w", err)
	}
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `UPDATE registry_initial SET uses = uses - 1 WHERE hash = $1 AND uses > 0 AND expires > $2`, initial, now.UnixMilli())
		if err := exactly(n, err, registry.ErrNotAllowed); err != nil {
			return err
		}
		n, err = execTx(ctx, tx, `INSERT INTO registry_clients (id, content) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, g.Client.ID, string(text))
		if err := exactly(n, err, registry.ErrTaken); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `INSERT INTO registry_registrations (client, token, scopes) VALUES ($1, $2, $3)`,
			g.Client.ID, g.Token, strings.Join(g.Scopes, " "))
		return err
	})
}

// Registration implements registry.Store.
func (r *Registry) Registration(ctx context.Context, id, token string) (registry.Registration, error) {
	g := registry.Registration{Token: token}
	var scopes, content string
	err := r.db.db.QueryRowContext(ctx,
		`SELECT r.scopes, c.content FROM registry_registrations r JOIN registry_clients c ON c.id = r.client WHERE r.client = $1 AND r.token = $2`,
		id, token).Scan(&scopes, &content)
	if absent(err) {
		return g, registry.ErrUnknown
	}
	if err != nil {
		return g, fmt.Errorf("store registration: %w", err)
	}
	g.Scopes = strings.Fields(scopes)
	return g, json.Unmarshal([]byte(content), &g.Client)
}

// Reregister implements registry.Store.
func (r *Registry) Reregister(ctx context.Context, token string, c registry.Client) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("store registration: %w", err)
	}
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx,
			`UPDATE registry_clients SET content = $1 WHERE id = $2 AND EXISTS (SELECT 1 FROM registry_registrations WHERE client = $2 AND token = $3)`,
			string(text), c.ID, token)
		return exactly(n, err, registry.ErrUnknown)
	})
}

// Unregister implements registry.Store. An empty row stays where the client was, so
// that nobody gets its id, and with it what citizens had given it.
func (r *Registry) Unregister(ctx context.Context, id, token string) error {
	return r.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `DELETE FROM registry_registrations WHERE client = $1 AND token = $2`, id, token)
		if absent(err) {
			return registry.ErrUnknown
		}
		if err := exactly(n, err, registry.ErrUnknown); err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `UPDATE registry_clients SET content = '' WHERE id = $1`, id)
		return err
	})
}
