package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// maxPrepared is how many statements a connection keeps.
const maxPrepared = 128

// openPrepared opens SQLite so that a connection prepares a statement once and
// not at each use: that costs more than many of them do. Statements are prepared
// anew by SQLite itself when the schema changes. PostgreSQL's driver keeps its own.
func openPrepared(dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{dsn, db.Driver()}), db.Close()
}

type connector struct {
	dsn    string
	driver driver.Driver
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	raw, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	whole, ok := raw.(connection)
	if !ok {
		return nil, errors.Join(fmt.Errorf("open store: a connection of type %T", raw), raw.Close())
	}
	return &preparing{connection: whole, ready: map[string]statement{}}, nil
}

// connection and statement are all that database/sql uses of the driver's.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// preparing is a connection, used by one at a time, with the statements that are
// ready. One in use is not among them: the same text again is prepared again.
type preparing struct {
	connection
	ready map[string]statement
}

func (p *preparing) take(ctx context.Context, query string) (statement, error) {
	if s, ok := p.ready[query]; ok {
		delete(p.ready, query)
		return s, nil
	}
	prepared, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("store: a statement of type %T", prepared), prepared.Close())
	}
	return s, nil
}

// give keeps a statement that did well; of many it forgets all, since texts that
// are used are soon there again.
func (p *preparing) give(query string, s statement, err error) error {
	if err != nil {
		_ = s.Close()
		return err
	}
	if _, twice := p.ready[query]; twice {
		return s.Close()
	}
	if len(p.ready) >= maxPrepared {
		if err := p.forget(); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	p.ready[query] = s
	return nil
}

func (p *preparing) forget() (err error) {
	for query, s := range p.ready {
		delete(p.ready, query)
		err = errors.Join(err, s.Close())
	}
	return err
}

// Close ends the statements first.
func (p *preparing) Close() error { return errors.Join(p.forget(), p.connection.Close()) }

// ExecContext as the driver's.
func (p *preparing) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := p.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	return result, p.give(query, s, err)
}

// QueryContext as the driver's.
func (p *preparing) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := p.take(ctx, query)
	if err != nil {
		return nil, err
	}
	found, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, p.give(query, s, err)
	}
	return &using{Rows: found, done: func(err error) error { return p.give(query, s, err) }}, nil
}

// BeginTx begins to write, by statements that are ready.
func (p *preparing) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if _, err := p.ExecContext(ctx, "BEGIN IMMEDIATE", nil); err != nil {
		_ = transaction{p}.Rollback() // it may have begun while its caller left
		return nil, err
	}
	return transaction{p}, nil
}

// transaction is the one that the connection is in.
type transaction struct{ p *preparing }

// Commit as the driver's: when it fails the connection is in no transaction.
func (t transaction) Commit() error {
	_, err := t.p.ExecContext(context.Background(), "COMMIT", nil)
	if err != nil {
		_ = t.Rollback()
	}
	return err
}

// Rollback as the driver's.
func (t transaction) Rollback() error {
	_, err := t.p.ExecContext(context.Background(), "ROLLBACK", nil)
	return err
}

// using are rows whose statement is ready again once they are closed.
type using struct {
	driver.Rows
	failed error
	done   func(error) error
}

// Next as the driver's.
func (u *using) Next(into []driver.Value) error {
	err := u.Rows.Next(into)
	if err != nil && !errors.Is(err, io.EOF) {
		u.failed = err
	}
	return err
}

// Close as the driver's.
func (u *using) Close() error {
	if u.done == nil {
		return nil
	}
	done := u.done
	u.done = nil
	if err := u.Rows.Close(); err != nil || u.failed == nil {
		return done(err)
	}
	_ = done(u.failed) // its caller heard of it from Next
	return nil
}
