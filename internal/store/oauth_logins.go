package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// loginKept is how long a client hears of the end of a login.
const loginKept = 30 * 24 * time.Hour

// putLogin notes that a client wants to hear of a session's end.
func putLogin(ctx context.Context, tx *sql.Tx, g oauth.Grant) error {
	if g.SID == "" {
		return nil
	}
	_, err := execTx(ctx, tx,
		`INSERT INTO oauth_logins (sid, session, citizen, client, subject, seen, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)
		 ON CONFLICT (sid) DO NOTHING`,
		g.SID, g.Session, g.Citizen, g.Client, g.Subject, g.AuthTime.UnixMilli(), g.AuthTime.Add(loginKept).UnixMilli())
	return err
}

func logins(ctx context.Context, tx *sql.Tx, query string, args ...any) (all []oauth.Login, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l oauth.Login
		if err := rows.Scan(&l.SID, &l.Session, &l.Citizen, &l.Client, &l.Subject); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, rows.Err()
}

const loginColumns = `sid, session, citizen, client, subject`

// Logins implements oauth.LogoutStore.
func (o *OAuth) Logins(ctx context.Context, citizen string) (all []oauth.Login, err error) {
	err = o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err = logins(ctx, tx, `SELECT `+loginColumns+` FROM oauth_logins WHERE citizen = $1 ORDER BY sid`, citizen)
		return err
	})
	return all, err
}

// UnseenLogins implements oauth.LogoutStore.
func (o *OAuth) UnseenLogins(ctx context.Context, before, now time.Time, most int) (all []oauth.Login, err error) {
	err = o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err = logins(ctx, tx, `SELECT `+loginColumns+` FROM oauth_logins WHERE seen < $1 ORDER BY seen LIMIT $2`, before.UnixMilli(), most)
		for _, l := range all {
			if err == nil {
				_, err = execTx(ctx, tx, `UPDATE oauth_logins SET seen = $1 WHERE sid = $2`, now.UnixMilli(), l.SID)
			}
		}
		return err
	})
	return all, err
}

// MoveLogins implements oauth.LogoutStore.
func (o *OAuth) MoveLogins(ctx context.Context, from, to string) error {
	_, err := o.exec(ctx, "logins", `UPDATE oauth_logins SET session = $1 WHERE session = $2`, to, from)
	return err
}

// EndSession implements oauth.LogoutStore.
func (o *OAuth) EndSession(ctx context.Context, session string, now time.Time) error {
	return o.endLogins(ctx, `DELETE FROM oauth_logins WHERE session = $1 RETURNING `+loginColumns, session, now)
}

// EndCitizen implements oauth.LogoutStore.
func (o *OAuth) EndCitizen(ctx context.Context, citizen string, now time.Time) error {
	return o.endLogins(ctx, `DELETE FROM oauth_logins WHERE citizen = $1 RETURNING `+loginColumns, citizen, now)
}

func (o *OAuth) endLogins(ctx context.Context, query, key string, now time.Time) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err := logins(ctx, tx, query, key)
		if err != nil {
			return err
		}
		for _, l := range all {
			if _, err := execTx(ctx, tx,
				`INSERT INTO oauth_logouts (id, client, subject, sid, tries, next, ended) VALUES ($1, $2, $3, $4, 0, $5, $6)`,
				rand.Text(), l.Client, l.Subject, l.SID, now.UnixMilli(), now.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
}

// DueLogouts implements oauth.LogoutStore.
func (o *OAuth) DueLogouts(ctx context.Context, now, until time.Time, most int) (all []oauth.Logout, err error) {
	err = o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all = nil
		rows, err := tx.QueryContext(ctx,
			`SELECT id, client, subject, sid, tries, ended FROM oauth_logouts WHERE next <= $1 ORDER BY next LIMIT $2`, now.UnixMilli(), most)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var l oauth.Logout
			var ended int64
			if err := rows.Scan(&l.ID, &l.Client, &l.Subject, &l.SID, &l.Tries, &ended); err != nil {
				return err
			}
			l.Ended = time.UnixMilli(ended)
			all = append(all, l)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, l := range all {
			if _, err := execTx(ctx, tx, `UPDATE oauth_logouts SET next = $1 WHERE id = $2`, until.UnixMilli(), l.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// LogoutTold implements oauth.LogoutStore.
func (o *OAuth) LogoutTold(ctx context.Context, id string) error {
	_, err := o.exec(ctx, "logout", `DELETE FROM oauth_logouts WHERE id = $1`, id)
	return err
}

// LogoutLater implements oauth.LogoutStore.
func (o *OAuth) LogoutLater(ctx context.Context, id string, tries int, next time.Time) error {
	_, err := o.exec(ctx, "logout", `UPDATE oauth_logouts SET tries = $1, next = $2 WHERE id = $3`, tries, next.UnixMilli(), id)
	return err
}
