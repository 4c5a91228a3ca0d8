package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/account"
)

// Commit makes a change of one citizen's passkeys durable, with its leaf.
func (a *Accounts) Commit(ctx context.Context, c account.Commit) error {
	err := a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		done, err := newCommit(ctx, tx, c.ID, c.Digest())
		if err != nil || done {
			return err
		}
		for _, step := range []func(context.Context, *sql.Tx, account.Commit) error{
			living, addOrder, useCode, addCitizen, endPasskeys, addPasskey, addEvent,
		} {
			if err := step(ctx, tx, c); err != nil {
				return err
			}
		}
		return appendLeaves(ctx, tx, c.ID, c.Leaves)
	})
	if err != nil {
		return fmt.Errorf("store account: %w", err)
	}
	return nil
}

// taken is a row that must be new.
func taken(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return account.ErrConflict
	}
	return err
}

func addOrder(ctx context.Context, tx *sql.Tx, c account.Commit) error {
	if c.Order == nil {
		return nil
	}
	orders, err := json.Marshal(c.Order.Orders)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE enrolment_orders SET ended = $1 WHERE resident = $2 AND ended = 0`,
		c.At.UnixMilli(), c.Order.Resident); err != nil {
		return err
	}
	return taken(tx.ExecContext(ctx,
		`INSERT INTO enrolment_orders (code_hash, resident, replacing, orders, salt, expires, tries, ended)
		VALUES ($1, $2, $3, $4, $5, $6, 0, 0) ON CONFLICT (code_hash) DO NOTHING`,
		c.Order.CodeHash, c.Order.Resident, c.Order.Replace, string(orders), c.Order.Salt, c.Order.Expires.UnixMilli()))
}

func useCode(ctx context.Context, tx *sql.Tx, c account.Commit) error {
	if c.UseCode == "" {
		return nil
	}
	return taken(tx.ExecContext(ctx, `UPDATE enrolment_orders SET ended = $1 WHERE code_hash = $2 AND ended = 0`,
		c.At.UnixMilli(), c.UseCode))
}

func addCitizen(ctx context.Context, tx *sql.Tx, c account.Commit) error {
	if c.Citizen == nil {
		return nil
	}
	return taken(tx.ExecContext(ctx,
		`INSERT INTO citizens (id, resident, salt_key, created) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		c.Citizen.ID, c.Citizen.Resident, c.Citizen.Key, c.Citizen.Created.UnixMilli()))
}

func endPasskeys(ctx context.Context, tx *sql.Tx, c account.Commit) error {
	if c.EndAll != "" {
		if _, err := tx.ExecContext(ctx, `UPDATE passkeys SET ended = $1 WHERE citizen = $2 AND ended = 0`,
			c.At.UnixMilli(), c.EndAll); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE citizen = $1`, c.EndAll); err != nil {
			return err
		}
	}
	for _, id := range c.End {
		if err := taken(tx.ExecContext(ctx, `UPDATE passkeys SET ended = $1 WHERE id = $2 AND ended = 0`,
			c.At.UnixMilli(), id)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE passkey = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

func addPasskey(ctx context.Context, tx *sql.Tx, c account.Commit) error {
	if c.Passkey == nil {
		return nil
	}
	p := c.Passkey
	return taken(tx.ExecContext(ctx,
		`INSERT INTO passkeys (id, citizen, credential, jwk, device, added, last_used, ended)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (id) DO NOTHING`,
		p.ID, p.Citizen, p.Credential, p.JWK, p.Device, p.Added.UnixMilli(), p.LastUsed.UnixMilli()))
}

func addEvent(ctx context.Context, tx *sql.Tx, c account.Commit) error {
	if c.Event == nil {
		return nil
	}
	return taken(tx.ExecContext(ctx,
		`INSERT INTO passkey_events (citizen, seq, event, salt) VALUES ($1, $2, $3, $4) ON CONFLICT (citizen, seq) DO NOTHING`,
		c.Event.Citizen, c.Event.Seq, c.Event.Event, c.Event.Salt))
}

// PutCeremony keeps a row and forgets expired ones.
func (a *Accounts) PutCeremony(ctx context.Context, c account.CeremonyRow, now time.Time) error {
	return accountRow("ceremony", a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM ceremonies WHERE expires <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx,
			`INSERT INTO ceremonies (ceremony_key, kind, owner, data, expires) VALUES ($1, $2, $3, $4, $5)`,
			c.Key, c.Kind, c.Owner, c.Data, c.Expires.UnixMilli())
		return err
	}))
}

const thisCeremony = ` FROM ceremonies WHERE ceremony_key = $1 AND kind = $2 AND owner = $3 AND expires > $4`

// PeekCeremony answers a live row.
func (a *Accounts) PeekCeremony(ctx context.Context, key, kind, owner string, now time.Time) (account.CeremonyRow, error) {
	return scanCeremony(a.db.db.QueryRowContext(ctx,
		`SELECT ceremony_key, kind, owner, data, expires`+thisCeremony, key, kind, owner, now.UnixMilli()))
}

// TakeCeremony answers a live row to one caller, and deletes it.
func (a *Accounts) TakeCeremony(ctx context.Context, key, kind, owner string, now time.Time) (c account.CeremonyRow, err error) {
	err = a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		c, err = scanCeremony(tx.QueryRowContext(ctx,
			`DELETE`+thisCeremony+` RETURNING ceremony_key, kind, owner, data, expires`, key, kind, owner, now.UnixMilli()))
		return err
	})
	return c, err
}

func scanCeremony(row scanner) (account.CeremonyRow, error) {
	var c account.CeremonyRow
	var expires int64
	err := row.Scan(&c.Key, &c.Kind, &c.Owner, &c.Data, &expires)
	c.Expires = time.UnixMilli(expires)
	return c, accountRow("ceremony", err)
}

// PutSession keeps a session of a living passkey.
func (a *Accounts) PutSession(ctx context.Context, s account.SessionRow, now time.Time) error {
	amr, err := json.Marshal(s.AMR)
	if err != nil {
		return accountRow("session", err)
	}
	return accountRow("session", a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		err := taken(tx.ExecContext(ctx,
			`INSERT INTO sessions (hash, citizen, passkey, auth_time, expires, amr)
			SELECT $1, citizen, id, $2, $3, $4 FROM passkeys WHERE id = $5 AND citizen = $6 AND ended = 0`,
			s.Hash, s.AuthTime.UnixMilli(), s.Expires.UnixMilli(), string(amr), s.Passkey, s.Citizen))
		if errors.Is(err, account.ErrConflict) {
			return account.ErrNotFound
		}
		return err
	}))
}

// Session of that hash.
func (a *Accounts) Session(ctx context.Context, hash string, now time.Time) (account.SessionRow, error) {
	var s account.SessionRow
	var auth, expires int64
	var amr string
	err := a.db.db.QueryRowContext(ctx,
		`SELECT hash, citizen, passkey, auth_time, expires, amr FROM sessions WHERE hash = $1 AND expires > $2`,
		hash, now.UnixMilli()).Scan(&s.Hash, &s.Citizen, &s.Passkey, &auth, &expires, &amr)
	if err != nil {
		return s, accountRow("session", err)
	}
	s.AuthTime, s.Expires = time.UnixMilli(auth), time.UnixMilli(expires)
	return s, accountRow("session", json.Unmarshal([]byte(amr), &s.AMR))
}

// EndSession deletes a session.
func (a *Accounts) EndSession(ctx context.Context, hash string) error {
	return a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return accountOne("session")(tx.ExecContext(ctx, `DELETE FROM sessions WHERE hash = $1`, hash))
	})
}

// EndSessions deletes all sessions of a citizen but one.
func (a *Accounts) EndSessions(ctx context.Context, citizen, but string) error {
	return a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE citizen = $1 AND hash <> $2`, citizen, but)
		return err
	})
}

// Spend adds to a budget.
func (a *Accounts) Spend(ctx context.Context, name string, start time.Time, n int64) (sum int64, err error) {
	err = a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM budgets WHERE begins < $1`, start.UnixMilli()); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx,
			`INSERT INTO budgets (name, begins, spent) VALUES ($1, $2, $3)
			ON CONFLICT (name, begins) DO UPDATE SET spent = budgets.spent + $3
			RETURNING spent`, name, start.UnixMilli(), n).Scan(&sum)
	})
	return sum, accountRow("budget", err)
}
