package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// step is a statement of which nothing is asked but how many rows it changed.
type step struct {
	query string
	args  []any
	all   int64 // so many, or else errSome; 0: as many as it does
}

// errSome says that some row of many is there already; which, insertKept finds.
var errSome = errors.New("a row is there already")

// did judges what a statement changed.
func (s step) did(changed int64) error {
	if s.all > 0 && changed != s.all {
		return errSome
	}
	return nil
}

// steps are those of one transaction, in order.
type steps []step

// add is a statement over rows, or several; all says that each of them must be new.
func (l *steps) add(before, cells, after string, rows [][]any, all bool) {
	_ = pieces(cells, rows, func(values string, args []any) error {
		s := step{query: before + values + after, args: args}
		if all {
			s.all = int64(len(args) / len(rows[0]))
		}
		*l = append(*l, s)
		return nil
	})
}

func (l steps) run(ctx context.Context, tx *sql.Tx) error {
	for _, s := range l {
		result, err := tx.ExecContext(ctx, s.query, s.args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil {
			err = s.did(n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// atOnce is inTx for statements that are known beforehand. PostgreSQL is sent them
// together, and answers once.
func (db *DB) atOnce(ctx context.Context, l steps) error {
	if db.dialect != postgres {
		return db.inTx(ctx, l.run)
	}
	return db.noted(db.again(ctx, func() error { return db.pipe(ctx, l) }))
}

func (db *DB) pipe(ctx context.Context, l steps) error {
	conn, err := db.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer conn.Close() // one that is left in a transaction is used by nobody again: ResetSession
	return conn.Raw(func(raw any) error {
		c, ok := raw.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("store: a connection of type %T", raw)
		}
		if err := l.pipe(ctx, c.Conn()); err != nil {
			return errors.Join(err, undo(ctx, c.Conn()))
		}
		return nil
	})
}

// pipe sends BEGIN and the statements together, and COMMIT once their answers are good.
func (l steps) pipe(ctx context.Context, c *pgx.Conn) error {
	var batch pgx.Batch
	batch.Queue("BEGIN ISOLATION LEVEL SERIALIZABLE")
	for _, s := range l {
		batch.Queue(s.query, s.args...)
	}
	answers := c.SendBatch(ctx, &batch)
	_, err := answers.Exec()
	for _, s := range l {
		if err != nil {
			break
		}
		var tag interface{ RowsAffected() int64 }
		if tag, err = answers.Exec(); err == nil {
			err = s.did(tag.RowsAffected())
		}
	}
	if broken := answers.Close(); err == nil {
		err = broken
	}
	if err != nil {
		return err
	}
	tag, err := c.Exec(ctx, "COMMIT")
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if tag.String() != "COMMIT" { // of a transaction that failed it makes a ROLLBACK
		return fmt.Errorf("commit: the database answers %s", tag)
	}
	return nil
}

// undo leaves a connection in no transaction, or closes it.
func undo(ctx context.Context, c *pgx.Conn) error {
	if c.IsClosed() || c.PgConn().TxStatus() == 'I' {
		return nil
	}
	if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
		return errors.Join(err, driver.ErrBadConn)
	}
	return nil
}
