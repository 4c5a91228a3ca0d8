package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// OAuth keeps what the authorization server must not forget or use twice; it
// implements oauth.Store.
type OAuth struct{ db *DB }

var _ oauth.Store = (*OAuth)(nil)

// OAuth gives the rows of the authorization server.
func (db *DB) OAuth() *OAuth { return &OAuth{db} }

// exec runs one statement as a transaction and says how many rows it changed.
func (o *OAuth) exec(ctx context.Context, what, query string, args ...any) (int64, error) {
	var n int64
	err := o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		n, err = execTx(ctx, tx, query, args...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", what, err)
	}
	return n, nil
}

func execTx(ctx context.Context, tx *sql.Tx, query string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// exactly gives a sentinel when no row was changed.
func exactly(n int64, err, none error) error {
	if err == nil && n != 1 {
		return none
	}
	return err
}

// gone gives oauth.ErrGone for a row that is not there.
func gone(what string, err error) error {
	if absent(err) {
		return oauth.ErrGone
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", what, err)
	}
	return nil
}

// Once implements oauth.Store.
func (o *OAuth) Once(ctx context.Context, scope, key string, until time.Time) error {
	n, err := o.exec(ctx, "once",
		`INSERT INTO oauth_once (scope, id, expires) VALUES ($1, $2, $3) ON CONFLICT (scope, id) DO NOTHING`,
		scope, key, until.UnixMilli())
	return exactly(n, err, oauth.ErrUsed)
}

// PutPushed implements oauth.Store.
func (o *OAuth) PutPushed(ctx context.Context, p oauth.Pushed) error {
	text, err := json.Marshal(p.Request)
	if err != nil {
		return fmt.Errorf("store pushed request: %w", err)
	}
	_, err = o.exec(ctx, "pushed request",
		`INSERT INTO oauth_pushed (hash, client, request, expires) VALUES ($1, $2, $3, $4)`,
		p.Hash, p.Client, string(text), p.Expires.UnixMilli())
	return err
}

// TakePushed implements oauth.Store.
func (o *OAuth) TakePushed(ctx context.Context, hash, client string, now time.Time) (oauth.Pushed, error) {
	p := oauth.Pushed{Hash: hash, Client: client}
	var text string
	var expires int64
	var none error
	err := o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		none = tx.QueryRowContext(ctx,
			`DELETE FROM oauth_pushed WHERE hash = $1 AND client = $2 AND expires > $3 RETURNING request, expires`,
			hash, client, now.UnixMilli()).Scan(&text, &expires)
		if errors.Is(none, sql.ErrNoRows) {
			return nil // anybody can ask for what is not there, and holds up nobody
		}
		return none
	})
	if err = cmp.Or(err, none); err != nil {
		return p, gone("pushed request", err)
	}
	p.Expires = time.UnixMilli(expires)
	return p, json.Unmarshal([]byte(text), &p.Request)
}

// PutRequest implements oauth.Store.
func (o *OAuth) PutRequest(ctx context.Context, r oauth.Request) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store authorization request: %w", err)
	}
	_, err = o.exec(ctx, "authorization request",
		`INSERT INTO oauth_requests (id, version, request, expires) VALUES ($1, $2, $3, $4)`,
		r.ID, r.Version, string(text), r.Expires.UnixMilli())
	return err
}

// Request implements oauth.Store.
func (o *OAuth) Request(ctx context.Context, id string, now time.Time) (oauth.Request, error) {
	var r oauth.Request
	var text string
	var version int64
	err := o.db.db.QueryRowContext(ctx,
		`SELECT request, version FROM oauth_requests WHERE id = $1 AND expires > $2`, id, now.UnixMilli()).Scan(&text, &version)
	if err != nil {
		return r, gone("authorization request", err)
	}
	err = json.Unmarshal([]byte(text), &r)
	r.Version = version
	return r, err
}

// UpdateRequest implements oauth.Store.
func (o *OAuth) UpdateRequest(ctx context.Context, r oauth.Request) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store authorization request: %w", err)
	}
	n, err := o.exec(ctx, "authorization request",
		`UPDATE oauth_requests SET request = $1, version = version + 1 WHERE id = $2 AND version = $3`,
		string(text), r.ID, r.Version)
	return exactly(n, err, oauth.ErrConflict)
}

// FinishRequest implements oauth.Store.
func (o *OAuth) FinishRequest(ctx context.Context, id string, version int64, code *oauth.Code) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `DELETE FROM oauth_requests WHERE id = $1 AND version = $2`, id, version)
		if err := exactly(n, err, oauth.ErrGone); err != nil || code == nil {
			return err
		}
		text, err := json.Marshal(code)
		if err != nil {
			return err
		}
		_, err = execTx(ctx, tx, `INSERT INTO oauth_codes (hash, code, used, expires, citizen) VALUES ($1, $2, FALSE, $3, $4)`,
			code.Hash, string(text), code.Expires.UnixMilli(), code.Citizen)
		return err
	})
}

// onceKept is how long what was used once is remembered after its end: a clock
// that was ahead, and is set back, must not open it again.
const onceKept = 2 * time.Hour

// usedKept is how long a used code or an ended grant is remembered.
const usedKept = 24 * time.Hour

// Sweep implements oauth.Store.
func (o *OAuth) Sweep(ctx context.Context, now time.Time) error {
	late := now.UnixMilli()
	for _, sweep := range []struct {
		query  string
		before int64
	}{
		{`DELETE FROM oauth_once WHERE expires < $1`, now.Add(-onceKept).UnixMilli()},
		{`DELETE FROM oauth_pushed WHERE expires < $1`, late},
		{`DELETE FROM oauth_requests WHERE expires < $1`, late},
		{`DELETE FROM oauth_codes WHERE expires < $1`, now.Add(-usedKept).UnixMilli()},
		{`DELETE FROM oauth_devices WHERE expires < $1`, now.Add(-usedKept).UnixMilli()},
		{`DELETE FROM oauth_logins WHERE expires < $1`, late},
		{`DELETE FROM oauth_access WHERE expires < $1`, late},
		{`DELETE FROM oauth_refresh WHERE expires < $1`, late},
		{`DELETE FROM oauth_grants WHERE expires < $1`, now.Add(-usedKept).UnixMilli()},
	} {
		if _, err := o.exec(ctx, "sweep", sweep.query, sweep.before); err != nil {
			return err
		}
	}
	return nil
}
