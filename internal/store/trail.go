package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/internal/trail"
)

// Trail keeps what the operator did; it implements trail.Store.
type Trail struct{ db *DB }

var _ trail.Store = (*Trail)(nil)

// Trail gives the rows of the operator's acts.
func (db *DB) Trail() *Trail { return &Trail{db} }

// noLogin stands in the row for a login that is not known.
const noLogin = -1

// Add implements trail.Store.
func (s *Trail) Add(ctx context.Context, e trail.Entry, leaf []byte) error {
	id, digest := "operator/"+e.Act+"/"+e.Step, sha256.Sum256(leaf)
	login := int64(noLogin)
	if e.By.Login != nil {
		login = *e.By.Login
	}
	err := s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		done, err := newCommit(ctx, tx, id, digest[:])
		if err != nil || done {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO operator_acts
			(act, step, at, what, uid, login, target_kind, target, outcome, salt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			e.Act, e.Step, e.At.UnixMilli(), e.What, e.By.UID, login, e.Target.Kind, e.Target.ID, e.Outcome, e.Salt[:]); err != nil {
			return err
		}
		return appendLeaves(ctx, tx, id, [][]byte{leaf})
	})
	if err != nil {
		return fmt.Errorf("store operator's act: %w", err)
	}
	return nil
}

// Acts implements trail.Store.
func (s *Trail) Acts(ctx context.Context, since time.Time, limit int) ([]trail.Act, error) {
	rows, err := s.db.db.QueryContext(ctx, `SELECT b.act, b.what, b.uid, b.login, b.at,
			COALESCE(e.target_kind, b.target_kind), COALESCE(e.target, b.target), COALESCE(e.at, 0), COALESCE(e.outcome, '')
		FROM operator_acts AS b LEFT JOIN operator_acts AS e ON e.act = b.act AND e.step = $1
		WHERE b.step = $2 AND b.at >= $3 ORDER BY b.at DESC, b.act DESC LIMIT $4`,
		trail.Ended, trail.Begun, since.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("operator's acts: %w", err)
	}
	defer rows.Close()
	acts := []trail.Act{}
	for rows.Next() {
		var a trail.Act
		var login, at, ended int64
		if err := rows.Scan(&a.ID, &a.What, &a.By.UID, &login, &at, &a.Target.Kind, &a.Target.ID, &ended, &a.Outcome); err != nil {
			return nil, fmt.Errorf("operator's acts: %w", err)
		}
		a.By, a.At = callerOf(a.By.UID, login), time.UnixMilli(at).UTC()
		if ended != 0 {
			a.Ended = time.UnixMilli(ended).UTC()
		}
		acts = append(acts, a)
	}
	slices.Reverse(acts)
	return acts, rows.Err()
}

func callerOf(uid, login int64) trail.Caller {
	if login == noLogin {
		return trail.Caller{UID: uid}
	}
	return trail.Caller{UID: uid, Login: &login}
}

// scanAct reads a row of act, step, at, what, uid, login, target_kind, target,
// outcome, salt.
func scanAct(scan func(...any) error) (e trail.Entry, err error) {
	var at, login int64
	var salt []byte
	if err := scan(&e.Act, &e.Step, &at, &e.What, &e.By.UID, &login, &e.Target.Kind, &e.Target.ID, &e.Outcome, &salt); err != nil {
		return e, err
	}
	e.By, e.At = callerOf(e.By.UID, login), time.UnixMilli(at).UTC()
	if len(salt) != len(e.Salt) {
		return e, fmt.Errorf("operator's act %s: a salt of %d bytes", e.Act, len(salt))
	}
	e.Salt = [32]byte(salt)
	return e, nil
}
