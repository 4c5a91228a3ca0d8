package sdk_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

const durable = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_txlock=immediate"

func openDB(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func sqlJournal(t testing.TB, db *sql.DB) *sdk.SQLJournal {
	t.Helper()
	j, err := sdk.OpenSQLJournal(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

var postgres struct {
	sync.Once
	*stage.Postgres
	err error
	n   atomic.Int64
}

func TestMain(m *testing.M) {
	m.Run()
	if postgres.Postgres != nil {
		if err := postgres.Close(); err != nil {
			panic(err)
		}
	}
}

func postgresDSN(t testing.TB) string {
	t.Helper()
	postgres.Do(func() { postgres.Postgres, postgres.err = stage.StartPostgres(context.Background()) })
	if postgres.err != nil {
		t.Fatal(postgres.err)
	}
	dsn, err := postgres.Database(t.Context(), fmt.Sprintf("journal%d", postgres.n.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// Every opening is a pool of its own, as another process has.
//
//clause:kit every journal passes one suite; SQLite and PostgreSQL, several processes, each write lost and kept
func TestSQLJournal(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		sdktest.TestJournal(t, func(t *testing.T) func() sdk.Journal {
			dsn := "file:" + filepath.Join(t.TempDir(), "journal.db") + durable
			return func() sdk.Journal { return sqlJournal(t, openDB(t, "sqlite", dsn)) }
		})
	})
	t.Run("postgres", func(t *testing.T) {
		sdktest.TestJournal(t, func(t *testing.T) func() sdk.Journal {
			dsn := postgresDSN(t)
			return func() sdk.Journal { return sqlJournal(t, openDB(t, "pgx", dsn)) }
		})
	})
}

//clause:kit every journal passes one suite; SQLite and PostgreSQL, several processes, each write lost and kept
func TestFileJournal(t *testing.T) {
	sdktest.TestJournal(t, func(t *testing.T) func() sdk.Journal {
		path := filepath.Join(t.TempDir(), "journal")
		var last *sdk.FileJournal
		return func() sdk.Journal {
			if last != nil {
				last.Close()
			}
			var err error
			if last, err = sdk.OpenFileJournal(path); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { last.Close() })
			return last
		}
	})
}

// It gives one of several processes the entry, whatever each does at once.
//
//clause:kit every journal passes one suite; SQLite and PostgreSQL, several processes, each write lost and kept
func TestSQLJournalAmongProcesses(t *testing.T) {
	for name, open := range map[string]func() *sql.DB{
		"sqlite": func() func() *sql.DB {
			dsn := "file:" + filepath.Join(t.TempDir(), "journal.db") + durable
			return func() *sql.DB { return openDB(t, "sqlite", dsn) }
		}(),
		"postgres": func() func() *sql.DB {
			dsn := postgresDSN(t)
			return func() *sql.DB { return openDB(t, "pgx", dsn) }
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			var journals []*sdk.SQLJournal
			for range 4 {
				journals = append(journals, sqlJournal(t, open()))
			}
			var created, deleted atomic.Int64
			var wg sync.WaitGroup
			const keys = 20
			for i := range keys {
				for _, j := range journals {
					wg.Go(func() {
						e := sdk.Entry{Kind: "use", Key: fmt.Sprint(i), Value: []byte("1")}
						if err := j.Create(t.Context(), e); err == nil {
							created.Add(1)
						} else if !errors.Is(err, sdk.ErrExists) {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			for i := range keys {
				for _, j := range journals {
					wg.Go(func() {
						if err := j.Delete(t.Context(), "use", fmt.Sprint(i)); err == nil {
							deleted.Add(1)
						} else if !errors.Is(err, sdk.ErrAbsent) {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			if created.Load() != keys || deleted.Load() != keys {
				t.Errorf("%d created, %d deleted; want %d of each", created.Load(), deleted.Load(), keys)
			}
		})
	}
}

var errGone = errors.New("connection reset")

// flaky is a driver whose next write is broken once: lost, or kept and called lost.
type flaky struct {
	of   driver.Driver
	dsn  string
	mode atomic.Int32 // 0: whole, 1: lost, 2: kept but called lost
}

func (f *flaky) Connect(context.Context) (driver.Conn, error) {
	conn, err := f.of.Open(f.dsn)
	return flakyConn{conn, f}, err
}

// Driver implements driver.Connector.
func (f *flaky) Driver() driver.Driver { return f.of }

type flakyConn struct {
	driver.Conn
	of *flaky
}

func (c flakyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	mode := c.of.mode.Swap(0)
	if mode == 1 {
		return nil, errGone
	}
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if mode == 2 && err == nil {
		return nil, errGone
	}
	return result, err
}

func (c flakyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (f *flaky) journal(t *testing.T) *sdk.SQLJournal {
	db := sql.OpenDB(f)
	t.Cleanup(func() { db.Close() })
	return sqlJournal(t, db)
}

func (f *flaky) next(kept bool) {
	mode := int32(1)
	if kept {
		mode = 2
	}
	f.mode.Store(mode)
}

// Each write is broken twice: lost, and kept but called lost. It never says that
// what was lost is kept, and a caller who tries again with the same values
// finds out which of the two it was.
//
//clause:kit every journal passes one suite; SQLite and PostgreSQL, several processes, each write lost and kept
func TestSQLJournalFaults(t *testing.T) {
	for _, engine := range []string{"sqlite", "pgx"} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s kept=%v", engine, kept), func(t *testing.T) {
				dsn := "file:" + filepath.Join(t.TempDir(), "journal.db") + durable
				if engine == "pgx" {
					dsn = postgresDSN(t)
				}
				f := &flaky{of: openDB(t, engine, dsn).Driver(), dsn: dsn}
				ctx, j := t.Context(), f.journal(t)
				e := sdk.Entry{Kind: "use", Key: "g/1", Value: []byte(`"a"`)}
				broken := func(what string, err error) {
					t.Helper()
					if err == nil || errors.Is(err, sdk.ErrExists) || errors.Is(err, sdk.ErrAbsent) || strings.Contains(err.Error(), "g/1") {
						t.Errorf("%s: %v", what, err)
					}
				}
				again := func(what string, err, whenKept error) {
					t.Helper()
					want := error(nil)
					if kept {
						want = whenKept
					}
					if !errors.Is(err, want) {
						t.Errorf("%s again: %v; want %v", what, err, want)
					}
				}
				f.next(kept)
				broken("create", j.Create(ctx, e))
				again("create", j.Create(ctx, e), sdk.ErrExists)
				e.Value = []byte(`"b"`)
				f.next(kept)
				broken("put", j.Put(ctx, e))
				if got, err := j.Get(ctx, "use", "g/1"); err != nil || (string(got.Value) == `"b"`) != kept {
					t.Errorf("after the put: %s, %v", got.Value, err)
				}
				again("put", j.Put(ctx, e), nil)
				f.next(kept)
				broken("delete", j.Delete(ctx, "use", "g/1"))
				again("delete", j.Delete(ctx, "use", "g/1"), sdk.ErrAbsent)
			})
		}
	}
}

// What another process changed meanwhile is not deleted.
//
//clause:consent two providers on one journal: what the hub said yes to is delivered, whatever it told the other
func TestSQLJournalDeletesTheSame(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *sql.DB{
		"sqlite":   func(t *testing.T) *sql.DB { return openDB(t, "sqlite", filepath.Join(t.TempDir(), "j.db")+durable) },
		"postgres": func(t *testing.T) *sql.DB { return openDB(t, "pgx", postgresDSN(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, j := t.Context(), sqlJournal(t, open(t))
			e := sdk.Entry{Kind: "same", Key: "k", Value: []byte(`{"n":1}`)}
			if err := j.Create(ctx, e); err != nil {
				t.Fatal(err)
			}
			other := e
			other.Value = []byte(`{"n":2}`)
			if err := j.DeleteSame(ctx, other); !errors.Is(err, sdk.ErrAbsent) {
				t.Errorf("it deleted what has another value: %v", err)
			}
			if err := j.DeleteSame(ctx, e); err != nil {
				t.Error(err)
			}
			if err := j.DeleteSame(ctx, e); !errors.Is(err, sdk.ErrAbsent) {
				t.Errorf("twice: %v", err)
			}
			if _, err := j.Get(ctx, "same", "k"); !errors.Is(err, sdk.ErrAbsent) {
				t.Errorf("still there: %v", err)
			}
		})
	}
}
