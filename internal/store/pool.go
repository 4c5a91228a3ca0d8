package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// pool is *sql.DB whose every error says whether it is an outage. Inside of a
// transaction inTx does so.
type pool struct {
	*sql.DB
	writes *sql.DB       // the connection of a SQLite file that writes; nil for others
	path   string        // of SQLite's file, empty for others
	file   os.FileInfo   // as it was opened
	seen   *atomic.Int64 // when it was last found there; of a SQLite file alone
}

// glance is for how long reads believe that the file is where it was.
const glance = 10 * time.Millisecond

// here refuses to go on with a SQLite file that was moved or replaced: its
// connections would write into a file that nobody finds again. Moved back, it
// serves again.
func (p pool) here() error {
	if p.path == "" {
		return nil
	}
	if at, err := os.Stat(p.path); err != nil || !os.SameFile(at, p.file) {
		p.seen.Store(0)
		return &outage{isGone, errors.Join(errors.New("its file is not where it was opened"), err)}
	}
	p.seen.Store(time.Now().UnixNano())
	return nil
}

// lately is here for a read: one of many needs no look of its own, for what it
// finds is as it was a moment ago.
func (p pool) lately() error {
	if p.path != "" && time.Since(time.Unix(0, p.seen.Load())).Abs() < glance {
		return nil
	}
	return p.here()
}

// unwatched keeps database/sql and the driver from watching over each statement of
// a SQLite file whether its caller goes away, by a goroutine each: what they would
// break off is over sooner, or hangs in the system where nothing breaks it off. What
// waits for another program's lock is a transaction's BEGIN, which is watched.
func (p pool) unwatched(ctx context.Context) (context.Context, error) {
	if p.path == "" {
		return ctx, nil
	}
	return context.WithoutCancel(ctx), ctx.Err()
}

// BeginTx as sql.DB's.
func (p pool) BeginTx(ctx context.Context, o *sql.TxOptions) (*sql.Tx, error) {
	if err := p.here(); err != nil {
		return nil, err
	}
	db := p.DB
	if p.writes != nil {
		db = p.writes
	}
	tx, err := db.BeginTx(ctx, o)
	return tx, marked(err)
}

// Close as sql.DB's.
func (p pool) Close() error {
	err := p.DB.Close()
	if p.writes != nil {
		err = errors.Join(err, p.writes.Close())
	}
	return err
}

// QueryRowContext as sql.DB's.
func (p pool) QueryRowContext(ctx context.Context, query string, args ...any) scanner {
	if err := p.lately(); err != nil {
		return nothing{err}
	}
	ctx, err := p.unwatched(ctx)
	if err != nil {
		return nothing{marked(err)}
	}
	return single{p.DB.QueryRowContext(ctx, query, args...)}
}

// QueryContext as sql.DB's.
func (p pool) QueryContext(ctx context.Context, query string, args ...any) (*several, error) {
	if err := p.lately(); err != nil {
		return nil, err
	}
	ctx, err := p.unwatched(ctx)
	if err != nil {
		return nil, marked(err)
	}
	rows, err := p.DB.QueryContext(ctx, query, args...) //nolint:rowserrcheck // its caller's
	return &several{rows}, marked(err)
}

// scanner is a row, of the pool or of a transaction.
type scanner interface{ Scan(into ...any) error }

type nothing struct{ err error }

func (n nothing) Scan(...any) error { return n.err }

type single struct{ *sql.Row }

func (s single) Scan(into ...any) error { return marked(s.Row.Scan(into...)) }

type several struct{ *sql.Rows }

func (s *several) Scan(into ...any) error { return marked(s.Rows.Scan(into...)) }
func (s *several) Err() error             { return marked(s.Rows.Err()) }
