package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cockroachdb/cockroach-go/v2/crdb"
	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// attempts bounds the tries of one transaction; with the pauses between them
// it gives up after about ten seconds.
const attempts = 40

// inTx runs f in a SERIALIZABLE transaction and checks its COMMIT. When the
// database asks for it (serialization failure, deadlock, SQLITE_BUSY), all of
// f runs again in a new transaction: f must change nothing but the database.
// After any other error the outcome is unknown: the caller repeats the same
// commit id.
//
// crdb.ExecuteTx is for CockroachDB alone: elsewhere it retries by a savepoint
// and takes an ignored COMMIT error for success.
func (db *DB) inTx(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	return db.noted(db.run(ctx, f))
}

// noted tells what a transaction tells of the database.
func (db *DB) noted(err error) error {
	db.health.note(err)
	if o, ok := errors.AsType[*outage](err); ok && o.reason == isReadOnly && db.dialect != sqlite {
		db.reconnect()
	}
	return err
}

// reconnect closes connections that idle: after a change of the primary they
// lead to a server that will never take a write again.
func (db *DB) reconnect() {
	db.db.SetMaxIdleConns(0)
	db.db.SetMaxIdleConns(connections)
}

func (db *DB) run(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	options := &sql.TxOptions{Isolation: sql.LevelSerializable}
	if db.dialect == cockroach {
		return marked(crdb.ExecuteTx(ctx, db.db.DB, options, func(tx *sql.Tx) error { return f(ctx, tx) }))
	}
	return db.again(ctx, func() error { return db.try(ctx, options, f) })
}

// again tries until the transaction was, or may have been.
func (db *DB) again(ctx context.Context, one func() error) error {
	var err error
	for try := range attempts {
		if err = one(); err == nil || !retryable(err) {
			return marked(err)
		}
		db.retries.Add(1)
		pause := min(time.Duration(1<<min(try, 9))*time.Millisecond, 400*time.Millisecond)
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // G404: a pause keeps no secret
		case <-ctx.Done():
			return marked(errors.Join(err, ctx.Err()))
		}
	}
	return marked(fmt.Errorf("transaction given up after %d tries: %w", attempts, err))
}

func (db *DB) try(ctx context.Context, options *sql.TxOptions, f func(context.Context, *sql.Tx) error) error {
	if db.writer != nil {
		return db.writer.write(ctx, options, f)
	}
	tx, err := db.db.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // after COMMIT it does nothing
	if err := f(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// retryable says that the transaction certainly did not happen and may be run
// again.
func retryable(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	if lite, ok := errors.AsType[*driver.Error](err); ok {
		code := lite.Code() & 0xff
		return code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED
	}
	return false
}

// absent says that there is no such row: none was found, or none can be, since
// the text that was sought is one that PostgreSQL keeps in no row (a NUL, or
// not UTF-8) while SQLite just finds nothing.
func absent(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return errors.Is(err, sql.ErrNoRows) || ok && pg.Code == "22021"
}

// isUnique says that a row with this key exists already. On PostgreSQL the
// transaction is then dead: prefer ON CONFLICT where it will go on.
func isUnique(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23505"
	}
	if lite, ok := errors.AsType[*driver.Error](err); ok {
		return lite.Code() == lib.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == lib.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}
