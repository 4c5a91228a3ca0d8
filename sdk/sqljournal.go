package sdk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// SQLJournal is a Journal in one table of a database of yours, for several
// processes at once: PostgreSQL, CockroachDB or SQLite, by the driver that you
// import; this package imports none. Each method is one statement in a
// transaction of its own, so a change counts when the database says that it is
// committed. Open SQLite with synchronous=FULL, and PostgreSQL with
// synchronous_commit on, or nothing here is durable.
//
// What has run out is deleted now and then as entries are written.
type SQLJournal struct {
	db     *sql.DB
	now    func() time.Time
	last   atomic.Int64 // the newest place given by this process
	writes atomic.Int64
}

// sweepEvery is after how many writes what has run out is deleted.
const sweepEvery = 512

// sqlTries bounds how often a statement is sent again that the database undid.
const sqlTries = 5

const journalTable = `CREATE TABLE IF NOT EXISTS mydata_journal (
  kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  ends BIGINT NOT NULL, place BIGINT NOT NULL, PRIMARY KEY (kind, name))`

// The statements. ends is 0 for ever, else milliseconds; place is the order of
// creation, which an entry keeps while it lives.
const (
	sqlCreate = `INSERT INTO mydata_journal (kind, name, value, ends, place) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, ends = excluded.ends, place = excluded.place
WHERE mydata_journal.ends <> 0 AND mydata_journal.ends < $6`
	sqlPut = `INSERT INTO mydata_journal (kind, name, value, ends, place) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, ends = excluded.ends,
place = CASE WHEN mydata_journal.ends <> 0 AND mydata_journal.ends < $6 THEN excluded.place ELSE mydata_journal.place END`
	sqlGet    = `SELECT value, ends FROM mydata_journal WHERE kind = $1 AND name = $2 AND (ends = 0 OR ends >= $3)`
	sqlSame   = `DELETE FROM mydata_journal WHERE kind = $1 AND name = $2 AND value = $3 AND (ends = 0 OR ends >= $4)`
	sqlDelete = `DELETE FROM mydata_journal WHERE kind = $1 AND name = $2 AND (ends = 0 OR ends >= $3)`
	sqlList   = `SELECT name, value, ends FROM mydata_journal WHERE kind = $1 AND (ends = 0 OR ends >= $2) ORDER BY place, name`
	sqlSweep  = `DELETE FROM mydata_journal WHERE ends <> 0 AND ends < $1`
)

// OpenSQLJournal makes the table mydata_journal where it is missing. The
// database stays the caller's to close.
func OpenSQLJournal(ctx context.Context, db *sql.DB) (*SQLJournal, error) {
	if db == nil {
		return nil, errors.New("open journal: no database")
	}
	j := &SQLJournal{db: db, now: time.Now}
	if _, err := db.ExecContext(ctx, journalTable); err != nil {
		// Of two processes that begin at once, one may lose the race to make it.
		if _, missing := j.List(ctx, "journal"); missing != nil {
			return nil, fmt.Errorf("open journal: %w", err)
		}
	}
	return j, nil
}

// place orders entries: by the clock, and never twice in a process.
func (j *SQLJournal) place() int64 {
	for {
		last := j.last.Load()
		next := max(j.now().UnixNano(), last+1)
		if j.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

func (j *SQLJournal) millis() int64 { return j.now().UnixMilli() }

func ends(until time.Time) int64 {
	if until.IsZero() {
		return 0
	}
	return until.UnixMilli()
}

// change runs one statement and says how many rows it changed. Only what the
// database says it has undone is tried again: of any other error nobody knows.
func (j *SQLJournal) change(ctx context.Context, statement string, args ...any) (int64, error) {
	for try := 1; ; try++ {
		result, err := j.db.ExecContext(ctx, statement, args...)
		if err == nil {
			return result.RowsAffected()
		}
		if !undone(err) || try == sqlTries {
			return 0, fmt.Errorf("journal: %w", err)
		}
		if err := pause(ctx, try); err != nil {
			return 0, err
		}
	}
}

// undone tells a serialization failure or a deadlock (SQLSTATE 40001, 40P01):
// the transaction was rolled back whole.
func undone(err error) bool {
	var state interface{ SQLState() string }
	return errors.As(err, &state) && (state.SQLState() == "40001" || state.SQLState() == "40P01")
}

func (j *SQLJournal) write(ctx context.Context, statement string, e Entry) (int64, error) {
	value := e.Value
	if value == nil {
		value = json.RawMessage("null")
	}
	if len(e.Kind)+len(e.Key)+len(value) > maxJournalLine {
		return 0, errors.New("journal: entry too large")
	}
	n, err := j.change(ctx, statement, e.Kind, e.Key, string(value), ends(e.Until), j.place(), j.millis())
	if err == nil && j.writes.Add(1)%sweepEvery == 0 {
		_, _ = j.change(ctx, sqlSweep, j.millis()) // what is left is absent to every reader
	}
	return n, err
}

// Create implements Journal.
func (j *SQLJournal) Create(ctx context.Context, e Entry) error {
	n, err := j.write(ctx, sqlCreate, e)
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// Put implements Journal.
func (j *SQLJournal) Put(ctx context.Context, e Entry) error {
	_, err := j.write(ctx, sqlPut, e)
	return err
}

// Get implements Journal.
func (j *SQLJournal) Get(ctx context.Context, kind, key string) (Entry, error) {
	var value string
	var until int64
	err := j.db.QueryRowContext(ctx, sqlGet, kind, key, j.millis()).Scan(&value, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return Entry{}, ErrAbsent
	}
	if err != nil {
		return Entry{}, fmt.Errorf("journal: %w", err)
	}
	return stored(kind, key, value, until), nil
}

func stored(kind, key, value string, until int64) Entry {
	e := Entry{Kind: kind, Key: key, Value: json.RawMessage(value)}
	if until != 0 {
		e.Until = time.UnixMilli(until).UTC()
	}
	return e
}

// Delete implements Journal.
func (j *SQLJournal) Delete(ctx context.Context, kind, key string) error {
	n, err := j.change(ctx, sqlDelete, kind, key, j.millis())
	if err == nil && n == 0 {
		return ErrAbsent
	}
	return err
}

// DeleteSame implements SameDeleter.
func (j *SQLJournal) DeleteSame(ctx context.Context, e Entry) error {
	n, err := j.change(ctx, sqlSame, e.Kind, e.Key, string(e.Value), j.millis())
	if err == nil && n == 0 {
		return ErrAbsent
	}
	return err
}

// List implements Journal.
func (j *SQLJournal) List(ctx context.Context, kind string) ([]Entry, error) {
	rows, err := j.db.QueryContext(ctx, sqlList, kind, j.millis())
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer rows.Close()
	var all []Entry
	for rows.Next() {
		var key, value string
		var until int64
		if err := rows.Scan(&key, &value, &until); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		all = append(all, stored(kind, key, value, until))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return all, nil
}
