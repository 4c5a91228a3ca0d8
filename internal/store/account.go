package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/internal/account"
)

// Accounts implements account.Store.
type Accounts struct{ db *DB }

var _ account.Store = (*Accounts)(nil)

// Accounts of this database.
func (db *DB) Accounts() *Accounts { return &Accounts{db} }

// accountRow turns "no rows" into the engine's word and says what was sought.
func accountRow(what string, err error) error {
	if absent(err) {
		err = account.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", what, err)
	}
	return nil
}

const citizenColumns = `SELECT id, resident, salt_key, created FROM citizens `

// Citizen of that id.
func (a *Accounts) Citizen(ctx context.Context, id string) (account.CitizenRow, error) {
	return a.citizen(ctx, citizenColumns+`WHERE id = $1`, id)
}

// CitizenOf a resident.
func (a *Accounts) CitizenOf(ctx context.Context, resident string) (account.CitizenRow, error) {
	return a.citizen(ctx, citizenColumns+`WHERE resident = $1`, resident)
}

func (a *Accounts) citizen(ctx context.Context, query, arg string) (account.CitizenRow, error) {
	var c account.CitizenRow
	var created int64
	err := a.db.db.QueryRowContext(ctx, query, arg).Scan(&c.ID, &c.Resident, &c.Key, &created)
	c.Created = time.UnixMilli(created)
	return c, accountRow("citizen", err)
}

// Living is the citizen of that id whose account is open.
func (a *Accounts) Living(ctx context.Context, id string) (c account.CitizenRow, err error) {
	var created int64
	var closed bool
	err = a.db.db.QueryRowContext(ctx, `SELECT id, resident, salt_key, created, EXISTS (SELECT 1 FROM deaths WHERE deaths.resident = citizens.resident)
		FROM citizens WHERE id = $1`, id).Scan(&c.ID, &c.Resident, &c.Key, &created, &closed)
	if c.Created = time.UnixMilli(created); err == nil && closed {
		return account.CitizenRow{}, account.ErrClosed
	}
	return c, accountRow("citizen", err)
}

const orderColumns = `code_hash, resident, replacing, orders, salt, expires, tries, ended`

// Order of that code hash.
func (a *Accounts) Order(ctx context.Context, codeHash string) (account.OrderRow, error) {
	return scanOrder(a.db.db.QueryRowContext(ctx,
		`SELECT `+orderColumns+` FROM enrolment_orders WHERE code_hash = $1`, codeHash))
}

// TryOrder counts a try.
func (a *Accounts) TryOrder(ctx context.Context, codeHash string, now time.Time, tries int64) (o account.OrderRow, err error) {
	err = a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		o, err = scanOrder(tx.QueryRowContext(ctx,
			`UPDATE enrolment_orders SET tries = tries + 1
			WHERE code_hash = $1 AND ended = 0 AND expires > $2 AND tries < $3
			RETURNING `+orderColumns, codeHash, now.UnixMilli(), tries))
		return err
	})
	return o, err
}

func scanOrder(row scanner) (account.OrderRow, error) {
	var o account.OrderRow
	var orders string
	var expires, ended int64
	err := row.Scan(&o.CodeHash, &o.Resident, &o.Replace, &orders, &o.Salt, &expires, &o.Tries, &ended)
	if err != nil {
		return o, accountRow("order", err)
	}
	o.Expires, o.Used = time.UnixMilli(expires), ended != 0
	return o, accountRow("order", json.Unmarshal([]byte(orders), &o.Orders))
}

// Passkeys that live.
func (a *Accounts) Passkeys(ctx context.Context, citizen string) ([]account.PasskeyRow, error) {
	rows, err := a.db.db.QueryContext(ctx,
		`SELECT id, citizen, credential, jwk, device, added, last_used FROM passkeys
		WHERE citizen = $1 AND ended = 0 ORDER BY added, id`, citizen)
	if err != nil {
		return nil, accountRow("passkeys", err)
	}
	defer rows.Close()
	var out []account.PasskeyRow
	for rows.Next() {
		var p account.PasskeyRow
		var added, used int64
		if err := rows.Scan(&p.ID, &p.Citizen, &p.Credential, &p.JWK, &p.Device, &added, &used); err != nil {
			return nil, accountRow("passkeys", err)
		}
		p.Added, p.LastUsed = time.UnixMilli(added), time.UnixMilli(used)
		out = append(out, p)
	}
	return out, accountRow("passkeys", rows.Err())
}

// TouchPasskey keeps the record after a use.
func (a *Accounts) TouchPasskey(ctx context.Context, id string, credential []byte, used time.Time) error {
	return a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return accountOne("passkey")(tx.ExecContext(ctx,
			`UPDATE passkeys SET credential = $1, last_used = $2 WHERE id = $3 AND ended = 0`,
			credential, used.UnixMilli(), id))
	})
}

// accountOne demands that a statement changed a row.
func accountOne(what string) func(sql.Result, error) error {
	return func(result sql.Result, err error) error {
		if err != nil {
			return accountRow(what, err)
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			err = account.ErrNotFound
		}
		return accountRow(what, err)
	}
}

// Events of a citizen.
func (a *Accounts) Events(ctx context.Context, citizen string) ([]account.EventRow, error) {
	rows, err := a.db.db.QueryContext(ctx,
		`SELECT citizen, seq, event, salt FROM passkey_events WHERE citizen = $1 ORDER BY seq`, citizen)
	if err != nil {
		return nil, accountRow("passkey events", err)
	}
	defer rows.Close()
	var out []account.EventRow
	for rows.Next() {
		var e account.EventRow
		if err := rows.Scan(&e.Citizen, &e.Seq, &e.Event, &e.Salt); err != nil {
			return nil, accountRow("passkey events", err)
		}
		out = append(out, e)
	}
	return out, accountRow("passkey events", rows.Err())
}

// Keys are the passkeys that live and all events, by one statement.
func (a *Accounts) Keys(ctx context.Context, citizen string) (keys []account.PasskeyRow, events []account.EventRow, err error) {
	rows, err := a.db.db.QueryContext(ctx,
		`SELECT 0, id, device, credential, jwk, added, last_used FROM passkeys WHERE citizen = $1 AND ended = 0
		UNION ALL SELECT seq, '', '', event, salt, 0, 0 FROM passkey_events WHERE citizen = $2`, citizen, citizen)
	if err != nil {
		return nil, nil, accountRow("keys", err)
	}
	defer rows.Close()
	for rows.Next() {
		p := account.PasskeyRow{Citizen: citizen}
		var seq, added, used int64
		if err := rows.Scan(&seq, &p.ID, &p.Device, &p.Credential, &p.JWK, &added, &used); err != nil {
			return nil, nil, accountRow("keys", err)
		}
		if seq > 0 {
			events = append(events, account.EventRow{Citizen: citizen, Seq: seq, Event: p.Credential, Salt: p.JWK})
			continue
		}
		p.Added, p.LastUsed = time.UnixMilli(added), time.UnixMilli(used)
		keys = append(keys, p)
	}
	slices.SortFunc(keys, func(a, b account.PasskeyRow) int { return cmp.Or(a.Added.Compare(b.Added), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(events, func(a, b account.EventRow) int { return cmp.Compare(a.Seq, b.Seq) })
	return keys, events, accountRow("keys", rows.Err())
}

// Pseudonym keeps a pseudonym or answers the one that is there.
func (a *Accounts) Pseudonym(ctx context.Context, sector, citizen, sub string) (kept string, err error) {
	const find = `SELECT sub FROM pseudonyms WHERE sector = $1 AND citizen = $2`
	err = a.db.db.QueryRowContext(ctx, find, sector, citizen).Scan(&kept)
	if !errors.Is(err, sql.ErrNoRows) {
		return kept, accountRow("pseudonym", err)
	}
	err = a.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO pseudonyms (sector, citizen, sub) SELECT CAST($1 AS TEXT), id, CAST($2 AS TEXT) FROM citizens WHERE id = $3
			ON CONFLICT (sector, citizen) DO NOTHING`, sector, sub, citizen); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, find, sector, citizen).Scan(&kept)
	})
	return kept, accountRow("pseudonym", err)
}

// PseudonymOf is the citizen behind a pseudonym.
func (a *Accounts) PseudonymOf(ctx context.Context, sector, sub string) (citizen string, err error) {
	err = a.db.db.QueryRowContext(ctx,
		`SELECT citizen FROM pseudonyms WHERE sector = $1 AND sub = $2`, sector, sub).Scan(&citizen)
	return citizen, accountRow("pseudonym", err)
}
