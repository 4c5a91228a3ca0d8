package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"
)

// ErrHeld says that a running service holds this database.
var ErrHeld = errors.New("the database is held by a running service")

// connections to a database server, at most.
const connections = 16

type dialect int

const (
	sqlite dialect = iota
	postgres
	cockroach
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	db      pool
	dialect dialect
	now     func() time.Time
	health  health
	groups  groups
	retries atomic.Int64 // transactions that the database asked to run again
	path    string       // of SQLite's file, empty for others
	writer  *writer      // SQLite's one at a time; nil for others
	held    *os.File
}

// Open opens "sqlite:PATH", "sqlite::memory:" or a "postgres://" URL (also
// CockroachDB's) and checks that it answers. A missing SQLite file is made,
// readable by its owner alone.
func Open(ctx context.Context, dsn string) (*DB, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		return openSQLite(ctx, path)
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return openPostgres(ctx, dsn)
	}
	return nil, errors.New("open store: the address must begin with sqlite: or postgres://")
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	d := newDB(sqlite)
	d.writer = &writer{db: d, has: make(chan struct{}, 1)}
	pragmas := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"secure_delete(1)", // what is erased is overwritten, not only unlinked
	}}
	name := "file::memory:"
	if path != ":memory:" {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		info, err := file.Stat()
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		d.path, d.db.path, d.db.file, d.db.seen = path, path, info, new(atomic.Int64)
		name = (&url.URL{Scheme: "file", Opaque: url.PathEscape(path)}).String()
	}
	var err error
	if d.db.DB, err = openPrepared(name + "?" + pragmas.Encode() + "&_pragma=busy_timeout(1000)"); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	d.db.SetMaxIdleConns(connections) // one that is opened anew prepares all its statements again
	if d.path == "" {                 // each connection would be a database of its own
		d.db.SetMaxOpenConns(1)
		d.db.SetMaxIdleConns(1)
		return d, d.ping(ctx)
	}
	if d.db.writes, err = openPrepared(name + "?" + pragmas.Encode()); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), d.db.DB.Close())
	}
	d.db.writes.SetMaxOpenConns(1) // what it wrote stays read
	return d, d.ping(ctx)
}

func newDB(d dialect) *DB {
	db := &DB{dialect: d, now: time.Now, health: health{probing: make(chan struct{}, 1)}}
	db.groups.db = db
	return db
}

func openPostgres(ctx context.Context, dsn string) (*DB, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	d := newDB(postgres)
	d.db.DB = db
	var version string
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), db.Close())
	}
	if strings.Contains(version, "CockroachDB") {
		d.dialect = cockroach
	}
	return d, nil
}

func (db *DB) ping(ctx context.Context) error {
	if err := db.db.PingContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("open store: %w", marked(err)), db.db.Close())
	}
	return nil
}

// Hold marks a SQLite database as opened by a running service, by a lock on
// PATH.lock that ends with the process; ErrHeld when another process has it.
// Commands call it too before they open a database offline. Other databases
// have their own way of serving many clients and are not held.
func (db *DB) Hold() error {
	if db.path == "" || db.held != nil {
		return nil
	}
	file, err := os.OpenFile(db.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("hold store: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrHeld
		}
		return errors.Join(fmt.Errorf("hold store: %w", err), file.Close())
	}
	db.held = file
	return nil
}

// Close ends all connections and gives up what Hold took.
func (db *DB) Close() error {
	err := db.db.Close()
	if db.held != nil {
		err = errors.Join(err, db.held.Close())
	}
	return err
}
