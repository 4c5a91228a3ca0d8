package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// Code implements oauth.Store.
func (o *OAuth) Code(ctx context.Context, hash string) (oauth.Code, error) {
	var c oauth.Code
	var text string
	var used bool
	err := o.db.db.QueryRowContext(ctx, `SELECT code, used FROM oauth_codes WHERE hash = $1`, hash).Scan(&text, &used)
	if err != nil {
		return c, gone("code", err)
	}
	err = json.Unmarshal([]byte(text), &c)
	c.Used = used
	return c, err
}

// Redeem implements oauth.Store.
func (o *OAuth) Redeem(ctx context.Context, hash string, g oauth.Grant, t oauth.Tokens) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `UPDATE oauth_codes SET used = TRUE WHERE hash = $1 AND used = FALSE`, hash)
		if err := exactly(n, err, oauth.ErrUsed); err != nil {
			return err
		}
		return putGrant(ctx, tx, g, t)
	})
}

// PutGrant implements oauth.Store.
func (o *OAuth) PutGrant(ctx context.Context, g oauth.Grant, t oauth.Tokens) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error { return putGrant(ctx, tx, g, t) })
}

func putGrant(ctx context.Context, tx *sql.Tx, g oauth.Grant, t oauth.Tokens) error {
	text, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("store grant: %w", err)
	}
	if _, err := execTx(ctx, tx,
		`INSERT INTO oauth_grants (id, citizen, content, revoked, expires) VALUES ($1, $2, $3, FALSE, $4)`,
		g.ID, g.Citizen, string(text), g.Expires.UnixMilli()); err != nil {
		return fmt.Errorf("store grant: %w", err)
	}
	if err := putLogin(ctx, tx, g); err != nil {
		return fmt.Errorf("store login: %w", err)
	}
	return putTokens(ctx, tx, g.ID, t)
}

func putTokens(ctx context.Context, tx *sql.Tx, grant string, t oauth.Tokens) error {
	text, err := json.Marshal(t.Access)
	if err != nil {
		return fmt.Errorf("store access token: %w", err)
	}
	if _, err := execTx(ctx, tx,
		`INSERT INTO oauth_access (jti, grant_id, content, revoked, expires) VALUES ($1, $2, $3, FALSE, $4)`,
		t.Access.JTI, grant, string(text), t.Access.Expires.UnixMilli()); err != nil {
		return fmt.Errorf("store access token: %w", err)
	}
	if t.Refresh == nil {
		return nil
	}
	if _, err := execTx(ctx, tx, `INSERT INTO oauth_refresh (hash, grant_id, used, expires) VALUES ($1, $2, FALSE, $3)`,
		t.Refresh.Hash, grant, t.Refresh.Expires.UnixMilli()); err != nil {
		return fmt.Errorf("store refresh token: %w", err)
	}
	return nil
}

// live says whether a grant still stands, within the transaction that builds on it.
func live(ctx context.Context, tx *sql.Tx, grant string) error {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM oauth_grants WHERE id = $1 AND revoked = FALSE`, grant).Scan(&one)
	return gone("grant", err)
}

// PutTokens implements oauth.Store.
func (o *OAuth) PutTokens(ctx context.Context, grant string, t oauth.Tokens) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := live(ctx, tx, grant); err != nil {
			return err
		}
		return putTokens(ctx, tx, grant, t)
	})
}

// Rotate implements oauth.Store.
func (o *OAuth) Rotate(ctx context.Context, hash, grant string, t oauth.Tokens) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := live(ctx, tx, grant); err != nil {
			return err
		}
		n, err := execTx(ctx, tx, `UPDATE oauth_refresh SET used = TRUE WHERE hash = $1 AND used = FALSE`, hash)
		if err := exactly(n, err, oauth.ErrUsed); err != nil {
			return err
		}
		return putTokens(ctx, tx, grant, t)
	})
}

// Refresh implements oauth.Store.
func (o *OAuth) Refresh(ctx context.Context, hash string) (oauth.RefreshToken, oauth.Grant, error) {
	t := oauth.RefreshToken{Hash: hash}
	var g oauth.Grant
	var text string
	var expires int64
	var revoked bool
	err := o.db.db.QueryRowContext(ctx,
		`SELECT r.used, r.expires, g.content, g.revoked FROM oauth_refresh r JOIN oauth_grants g ON g.id = r.grant_id WHERE r.hash = $1`,
		hash).Scan(&t.Used, &expires, &text, &revoked)
	if err != nil {
		return t, g, gone("refresh token", err)
	}
	t.Expires = time.UnixMilli(expires)
	err = json.Unmarshal([]byte(text), &g)
	g.Revoked = revoked
	return t, g, err
}

// Token implements oauth.Store.
func (o *OAuth) Token(ctx context.Context, jti string, now time.Time) (oauth.AccessToken, oauth.Grant, error) {
	var t oauth.AccessToken
	var g oauth.Grant
	var access, grant string
	err := o.db.db.QueryRowContext(ctx,
		`SELECT a.content, g.content FROM oauth_access a JOIN oauth_grants g ON g.id = a.grant_id
		 WHERE a.jti = $1 AND a.expires > $2 AND a.revoked = FALSE AND g.revoked = FALSE`,
		jti, now.UnixMilli()).Scan(&access, &grant)
	if err != nil {
		return t, g, gone("access token", err)
	}
	if err := json.Unmarshal([]byte(access), &t); err != nil {
		return t, g, fmt.Errorf("store access token: %w", err)
	}
	return t, g, json.Unmarshal([]byte(grant), &g)
}

// RevokeGrant implements oauth.Store.
func (o *OAuth) RevokeGrant(ctx context.Context, grant string) error {
	_, err := o.exec(ctx, "revoke", `UPDATE oauth_grants SET revoked = TRUE WHERE id = $1`, grant)
	return err
}

// RevokeToken implements oauth.Store.
func (o *OAuth) RevokeToken(ctx context.Context, jti string) error {
	_, err := o.exec(ctx, "revoke", `UPDATE oauth_access SET revoked = TRUE WHERE jti = $1`, jti)
	return err
}

// RevokeCitizen implements oauth.Store. Codes and devices' answers come first: one
// that is redeemed meanwhile has given its grant before the grants are looked at.
func (o *OAuth) RevokeCitizen(ctx context.Context, citizen string) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := execTx(ctx, tx, `UPDATE oauth_codes SET used = TRUE WHERE citizen = $1 AND used = FALSE`, citizen); err != nil {
			return fmt.Errorf("store revoke: %w", err)
		}
		if _, err := execTx(ctx, tx, `UPDATE oauth_devices SET state = $1 WHERE citizen = $2 AND state = $3`,
			oauth.DeviceDenied, citizen, oauth.DeviceApproved); err != nil {
			return fmt.Errorf("store revoke: %w", err)
		}
		if _, err := execTx(ctx, tx, `UPDATE oauth_grants SET revoked = TRUE WHERE citizen = $1`, citizen); err != nil {
			return fmt.Errorf("store revoke: %w", err)
		}
		return nil
	})
}
