package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
)

func TestLogStore(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Log(t, db.Log(), store.ErrReused) })
}

func TestAppendRefuses(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		for name, entries := range map[string][][]byte{"an empty entry": {{}}, "a long entry": {make([]byte, 1<<16)}} {
			if err := db.Log().Append(t.Context(), name, []byte{1}, entries); err == nil {
				t.Errorf("it takes %s", name)
			}
		}
		if err := db.Log().Append(t.Context(), "", []byte{1}, nil); err == nil {
			t.Error("it takes a commit without an id")
		}
		if left, err := db.Log().Pending(t.Context(), 10); err != nil || len(left) != 0 {
			t.Errorf("pending: %v, %v", left, err)
		}
	})
}

// TestWriteSkew has transactions that each read what the other writes: one at
// a time, whatever the database. A commit that COMMIT did not confirm is never
// counted.
func TestWriteSkew(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		const writers, rounds = 8, 20
		must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `CREATE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)`)
			return err
		}))
		must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO counters VALUES (0, 0), (1, 0)`)
			return err
		}))
		var done atomic.Int64
		var wait sync.WaitGroup
		for w := range writers {
			wait.Go(func() {
				for range rounds {
					err := store.InTx(db, context.WithoutCancel(t.Context()), func(ctx context.Context, tx *sql.Tx) error {
						var sum int64
						if err := tx.QueryRowContext(ctx, `SELECT SUM(n) FROM counters`).Scan(&sum); err != nil {
							return err
						}
						// Set, not add: lost when two read the same sum.
						_, err := tx.ExecContext(ctx, `UPDATE counters SET n = $1 - (SELECT n FROM counters WHERE id = $2) WHERE id = $3`,
							sum+1, 1-w%2, w%2)
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					done.Add(1)
				}
			})
		}
		wait.Wait()
		var sum int64
		must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT SUM(n) FROM counters`).Scan(&sum)
		}))
		if sum != done.Load() || sum != writers*rounds {
			t.Errorf("%d of %d transactions are there", sum, done.Load())
		}
	})
}

// TestCommitIsChecked has COMMIT fail: a constraint that is looked at only then.
// (crdb.ExecuteTx, off CockroachDB, answers nil here, and the row is gone.)
func TestCommitIsChecked(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		if strings.HasSuffix(t.Name(), "/cockroach") {
			return // it has no deferred constraints
		}
		for _, statement := range []string{
			`CREATE TABLE parents (id BIGINT PRIMARY KEY)`,
			`CREATE TABLE children (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)`,
		} {
			must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, statement)
				return err
			}))
		}
		err := store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO children (id, parent) VALUES (1, 2)`)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "commit") {
			t.Errorf("an orphan: %v", err)
		}
	})
}

// TestInTxFails shows that an error rolls back and comes back as it is.
func TestInTxFails(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		mine := errors.New("mine")
		err := store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `INSERT INTO commits (id, digest) VALUES ('x', $1)`, []byte{1}); err != nil {
				return err
			}
			return mine
		})
		if !errors.Is(err, mine) {
			t.Errorf("%v", err)
		}
		must(t, db.Log().Append(t.Context(), "x", []byte{2}, nil)) // the id is free
		err = store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO commits (id, digest) VALUES ('x', $1)`, []byte{1})
			return err
		})
		if !store.IsUnique(err) {
			t.Errorf("a key taken: %v", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := store.InTx(db, ended, func(context.Context, *sql.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestCommitUnknown commits the same value from many clients at once, as after
// answers that were lost: it is there once.
func TestCommitUnknown(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		var wait sync.WaitGroup
		for n := range 32 {
			wait.Go(func() {
				id := fmt.Sprint("commit ", n%4)
				if err := db.Log().Append(context.WithoutCancel(t.Context()), id, []byte(id), [][]byte{[]byte(id)}); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if left, err := db.Log().Pending(t.Context(), 100); err != nil || len(left) != 4 {
			t.Errorf("%d leaves, %v", len(left), err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, dsn := range []string{"", "mysql://x", "sqlite:" + t.TempDir(), "sqlite:" + t.TempDir() + "/no/folder/db"} {
		if db, err := store.Open(t.Context(), dsn); err == nil {
			_ = db.Close()
			t.Errorf("it opens %q", dsn)
		} else if strings.Contains(err.Error(), "panic") {
			t.Error(err)
		}
	}
	db, err := store.Open(t.Context(), "sqlite::memory:")
	must(t, err)
	must(t, db.Migrate(t.Context()))
	must(t, db.Log().Append(t.Context(), "x", []byte{2}, nil))
	must(t, errors.Join(db.Hold(), db.Close()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
