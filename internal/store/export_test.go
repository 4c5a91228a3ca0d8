package store

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/consent"
)

// What tests of this package need of its inside.
var (
	InTx     = (*DB).inTx
	IsUnique = isUnique
	ReasonOf = reasonOf
)

// Pragma sets one on the only two connections that there will be from now on.
func (db *DB) Pragma(t *testing.T, pragma string) {
	t.Helper()
	for _, one := range []*sql.DB{db.db.DB, db.db.writes} {
		one.SetMaxOpenConns(1)
		one.SetMaxIdleConns(1)
		if _, err := one.ExecContext(context.Background(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
	}
}

// SetClock gives the database another clock to compare with its server's.
func (db *DB) SetClock(now func() time.Time) { db.now = now }

// Forget what Ready knows, as if a second had passed.
func (db *DB) Forget() { db.health.at = time.Time{} }

// Retries are the transactions that the database asked to run again.
func (db *DB) Retries() int64 { return db.retries.Load() }

// SignalRows are the rows of what an event of a grant had others told.
func SignalRows(db *DB, ctx context.Context, id consent.GrantID, seq int64) (all [][]any, err error) {
	rows, err := db.db.QueryContext(ctx, `SELECT id, audience, kind, grant_id, use_number, place, at, txn FROM signals WHERE grant_id = $1 AND place = $2`, string(id), seq)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		row, into := make([]any, 8), make([]any, 8)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// Bulk is how the store writes many rows.
func Bulk(ctx context.Context, tx *sql.Tx, before string, columns int, rows [][]any) error {
	_, err := bulk(ctx, tx, before, plain(columns), "", rows)
	return err
}

// MovePlaces is Integrate's own work.
func (l *Log) MovePlaces(ctx context.Context, tx *sql.Tx, g sequencer.Group) error {
	return errors.Join(moveTree(ctx, tx, g), placeLeaves(ctx, tx, g), writeTiles(ctx, tx, g.Tiles))
}

// Settle empties SQLite's journal.
func (db *DB) Settle(ctx context.Context) error { db.settle(ctx); return nil }

// Queue is how many wait for SQLite's writer.
func (db *DB) Queue() int { return db.writer.queue() }

// Waiting is how many commits wait for the next group.
func (db *DB) Waiting() int { return db.groups.queue() }

// Gather is how a transaction waits for company.
var Gather = gather

// Groups has units of one citizen wait, each under its caller's context, and says
// which are taken next, and whether somebody is left to run for the others.
func Groups(citizen string, callers ...context.Context) (taken []context.Context, running bool) {
	g := &groups{running: true}
	for _, ctx := range callers {
		g.waiting = append(g.waiting, &unit{ctx: ctx, events: []consent.Event{{Citizen: citizen}}})
	}
	for _, u := range g.next() {
		taken = append(taken, u.ctx)
	}
	return taken, g.running
}

// ErrSome is that of rows there must not have been.
var ErrSome = errSome

// AtOnce inserts commits of these ids, each of which must be new, and says what else was
// written beside them; on PostgreSQL under which isolation.
func (db *DB) AtOnce(ctx context.Context, last string, ids ...string) error {
	var l steps
	for _, id := range ids {
		l.add(insertCommits+` VALUES `, plain(2), ` ON CONFLICT DO NOTHING`, [][]any{{id, []byte{1}}}, true)
	}
	if last != "" {
		l = append(l, step{query: last})
	}
	return db.atOnce(ctx, l)
}

// Commits are the digests of commits by id.
func (db *DB) Commits(ctx context.Context) (all map[string]string, err error) {
	rows, err := db.db.QueryContext(ctx, `SELECT id, digest FROM commits`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all = map[string]string{}
	for rows.Next() {
		var id string
		var digest []byte
		if err := rows.Scan(&id, &digest); err != nil {
			return nil, err
		}
		all[id] = string(digest)
	}
	return all, rows.Err()
}
