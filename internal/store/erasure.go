package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/erasure"
)

// Erasures deletes persons, and keeps the holds that forbid it; it implements
// erasure.Store.
type Erasures struct{ db *DB }

var _ erasure.Store = (*Erasures)(nil)

// Erasures of this database.
func (db *DB) Erasures() *Erasures { return &Erasures{db} }

// Held implements consent.Holds.
func (s *Erasures) Held(ctx context.Context, citizen string) (bool, error) {
	return s.exists(ctx, `SELECT COUNT(*) FROM erasure_holds WHERE citizen = $1`, citizen)
}

// CarriedOut implements erasure.Store.
func (s *Erasures) CarriedOut(ctx context.Context, id string) (bool, error) {
	return s.exists(ctx, `SELECT COUNT(*) FROM commits WHERE id = $1`, id)
}

func (s *Erasures) exists(ctx context.Context, query, key string) (bool, error) {
	var n int64
	if err := s.db.db.QueryRowContext(ctx, query, key).Scan(&n); err != nil {
		return false, fmt.Errorf("store erasure: %w", err)
	}
	return n > 0, nil
}

// Citizen implements erasure.Store.
func (s *Erasures) Citizen(ctx context.Context, resident string) (string, error) {
	var id string
	err := s.db.db.QueryRowContext(ctx, `SELECT id FROM citizens WHERE resident = $1`, resident).Scan(&id)
	if absent(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("store erasure: %w", err)
	}
	return id, nil
}

// Hold implements erasure.Store.
func (s *Erasures) Hold(ctx context.Context, citizen, reason string, at time.Time) error {
	return s.exec(ctx, `INSERT INTO erasure_holds (citizen, reason, since) VALUES ($1, $2, $3)
		ON CONFLICT (citizen) DO UPDATE SET reason = excluded.reason`, citizen, reason, at.UnixMilli())
}

// Lift implements erasure.Store.
func (s *Erasures) Lift(ctx context.Context, citizen string) error {
	return s.exec(ctx, `DELETE FROM erasure_holds WHERE citizen = $1`, citizen)
}

func (s *Erasures) exec(ctx context.Context, query string, args ...any) error {
	err := s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("store erasure: %w", err)
	}
	return nil
}

// ErasePerson implements erasure.Store.
func (s *Erasures) ErasePerson(ctx context.Context, g erasure.Gone) (erasure.Erased, error) {
	var out erasure.Erased
	err := s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		p := &person{tx: tx, Gone: g}
		done, err := newCommit(ctx, tx, g.ID, g.Digest[:])
		if err != nil || done {
			out = erasure.Erased{Before: done}
			return err
		}
		for _, step := range []func(context.Context) error{p.unchanged, p.read, p.bury, p.redact, p.strip, p.drop} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		out = erasure.Erased{Grants: len(p.grants), Leaves: len(p.entries), Credentials: len(p.credentials)}
		return nil
	})
	switch {
	case errors.Is(err, erasure.ErrChanged):
		return erasure.Erased{}, erasure.ErrChanged
	case err != nil:
		return erasure.Erased{}, fmt.Errorf("erase person: %w", err)
	}
	s.db.settle(ctx)
	return out, nil
}

// settle has SQLite write its journal back and empty it: what was erased is in
// there too. A reader may hold it up; the next erasure or the end of the service
// does the same.
func (db *DB) settle(ctx context.Context) {
	if db.dialect == sqlite && db.path != "" {
		_, _ = db.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	}
}

// nameless is what stands in a row instead of a name.
func nameless() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return "erased-" + base64.RawURLEncoding.EncodeToString(b)
}
