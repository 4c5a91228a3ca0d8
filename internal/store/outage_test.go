package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/store"
)

// patience is the deadline of a request, and no answer may come much later.
const patience = 600 * time.Millisecond

const (
	reads  = "reads"
	writes = "writes"
	room   = "room"
)

var attempt atomic.Int64

// operations of several domains; a write must not be acknowledged in an outage,
// nor anything be taken for absent that could not be looked for.
var operations = []struct {
	name string
	kind string // what an outage must take away for it to fail
	do   func(ctx context.Context, db *store.DB, n int64) error
}{
	{"once", writes, func(ctx context.Context, db *store.DB, n int64) error {
		return db.OAuth().Once(ctx, "outage", fmt.Sprint(n), time.Now().Add(time.Hour))
	}},
	{"spend a nonce", writes, func(ctx context.Context, db *store.DB, n int64) error {
		return db.Credentials().SpendNonce(ctx, fmt.Sprint("outage ", n), time.Now().Add(time.Hour), time.Now())
	}},
	{"append to the log", room, func(ctx context.Context, db *store.DB, n int64) error {
		return db.Log().Append(ctx, fmt.Sprint("outage ", n), []byte{1}, [][]byte{make([]byte, 40_000)})
	}},
	{"find a session", reads, func(ctx context.Context, db *store.DB, _ int64) error {
		_, err := db.Accounts().Session(ctx, "nobody's", time.Now())
		return besides(err, account.ErrNotFound)
	}},
	{"list pending leaves", reads, func(ctx context.Context, db *store.DB, _ int64) error {
		_, err := db.Log().Pending(ctx, 10)
		return err
	}},
	{"find an order", reads, func(ctx context.Context, db *store.DB, _ int64) error {
		_, err := db.Accounts().Order(ctx, "none")
		return besides(err, account.ErrNotFound)
	}},
}

func besides(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// suffers takes the database away and gives it back.
func suffers(t *testing.T, db *store.DB, reason, what string, out, back func()) {
	t.Helper()
	works(t, db)
	out()
	for _, o := range operations {
		if what == writes && o.kind == reads || what == room && o.kind != room {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		began := time.Now()
		err := o.do(ctx, db, attempt.Add(1))
		cancel()
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want an outage", o.name, err)
		}
		if took := time.Since(began); took > 2*patience {
			t.Errorf("%s: answered after %s", o.name, took)
		}
	}
	db.Forget()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := db.Ready(ctx); reasonIn(err) != "the database "+reason {
		t.Errorf("ready: %q (%v), want %q", reasonIn(err), err, reason)
	}
	back()
	works(t, db)
	db.Forget()
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("ready, after it: %v", err)
	}
}

// works tries each operation until it answers: a connection that broke costs one.
func works(t *testing.T, db *store.DB) {
	t.Helper()
	for _, o := range operations {
		var err error
		for range 40 {
			if err = o.do(t.Context(), db, attempt.Add(1)); err == nil || !errors.Is(err, store.ErrUnavailable) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil {
			t.Errorf("%s, with a database: %v", o.name, err)
		}
	}
}

func reasonIn(err error) string {
	if r, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok {
		return r.Reason()
	}
	return ""
}

func TestOutageOfSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, "sqlite:"+path)
	t.Run("it outlives a file that is moved away", func(t *testing.T) {
		suffers(t, db, "is gone", reads,
			func() { must(t, os.Rename(path, path+".away")) }, func() { must(t, os.Rename(path+".away", path)) })
	})
	t.Run("it sees so when it only reads", func(t *testing.T) {
		works(t, db)
		must(t, os.Rename(path, path+".away"))
		defer os.Rename(path+".away", path)
		for began := time.Now(); ; {
			_, err := db.Accounts().Session(t.Context(), "nobody's", time.Now())
			if reasonIn(err) == "the database is gone" {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Fatalf("ten seconds later: %v", err)
			}
		}
	})
	t.Run("it takes no file for its own that it did not open", func(t *testing.T) {
		must(t, os.Rename(path, path+".away"))
		must(t, os.WriteFile(path, nil, 0o600))
		err := db.OAuth().Once(t.Context(), "outage", "replaced", time.Now().Add(time.Hour))
		if reasonIn(err) != "the database is gone" {
			t.Errorf("a write into another file: %v", err)
		}
		must(t, os.Rename(path+".away", path))
	})
	t.Run("it outlives another program's lock", func(t *testing.T) {
		other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
		must(t, err)
		defer other.Close()
		var tx *sql.Tx
		suffers(t, db, "is busy", writes,
			func() { tx, err = other.Begin(); must(t, err) }, func() { must(t, tx.Rollback()) })
	})
	t.Run("it outlives a file that may only be read", func(t *testing.T) {
		suffers(t, db, "is read-only", writes,
			func() { db.Pragma(t, "query_only = 1") }, func() { db.Pragma(t, "query_only = 0") })
	})
	t.Run("it outlives a full disk", func(t *testing.T) {
		suffers(t, db, "is full", room,
			func() { db.Pragma(t, "max_page_count = 1") }, func() { db.Pragma(t, "max_page_count = 1000000") })
	})
	t.Run("it holds a write that found no room against the database until one finds some", func(t *testing.T) {
		db.Pragma(t, "max_page_count = 1")
		if err := operations[2].do(t.Context(), db, attempt.Add(1)); !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		db.Pragma(t, "max_page_count = 1000000")
		db.Forget()
		if err := db.Ready(t.Context()); reasonIn(err) != "the database is full" {
			t.Errorf("after the refusal: %v", err)
		}
		works(t, db)
		db.Forget()
		must(t, db.Ready(t.Context()))
	})
	t.Run("it probes once a second, whoever asks", func(t *testing.T) {
		db.Forget()
		must(t, db.Ready(t.Context()))
		db.Pragma(t, "query_only = 1")
		must(t, db.Ready(t.Context()))
		db.Pragma(t, "query_only = 0")
	})
}

func TestOutageOfPostgreSQL(t *testing.T) {
	dsn := postgresDSN(t)
	p, through := between(t, dsn)
	db, err := store.Open(t.Context(), through)
	must(t, err)
	defer db.Close()
	admin, err := sql.Open("pgx", dsn)
	must(t, err)
	defer admin.Close()
	name, _ := url.Parse(dsn)
	only := func(mode string) {
		_, err := admin.Exec("ALTER DATABASE " + name.Path[1:] + " SET default_transaction_read_only = " + mode)
		must(t, err)
		p.cut() // what was open would not notice
	}
	t.Run("it outlives a server that is gone", func(t *testing.T) {
		suffers(t, db, "does not answer", reads, p.away, p.back)
	})
	t.Run("it outlives a server that hangs", func(t *testing.T) {
		suffers(t, db, "is slow", reads, p.hang, p.back)
	})
	t.Run("it outlives a server that takes no writes", func(t *testing.T) {
		suffers(t, db, "is read-only", writes, func() { only("on") }, func() { only("off") })
	})
	t.Run("it outlives a table that is locked", func(t *testing.T) {
		tx, err := admin.Begin()
		must(t, err)
		_, err = tx.Exec("LOCK TABLE oauth_once")
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := operations[0].do(ctx, db, attempt.Add(1)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a write into it: %v", err)
		}
		must(t, tx.Rollback())
		works(t, db)
	})
	t.Run("it leaves a server that became a standby for the one that takes its place", func(t *testing.T) {
		works(t, db) // its connections idle
		_, err := admin.Exec("ALTER DATABASE " + name.Path[1:] + " SET default_transaction_read_only = on")
		must(t, err)
		p.cut()
		if err := operations[0].do(t.Context(), db, attempt.Add(1)); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a write: %v", err)
		}
		_, err = admin.Exec("ALTER DATABASE " + name.Path[1:] + " SET default_transaction_read_only = off")
		must(t, err)
		works(t, db) // by new connections: nobody cut the old ones
	})
	t.Run("it says when the clocks differ", func(t *testing.T) {
		for _, by := range []time.Duration{time.Hour, -time.Hour} {
			db.SetClock(func() time.Time { return time.Now().Add(by) })
			db.Forget()
			if err := db.Ready(t.Context()); reasonIn(err) != "the clock and the database's differ by 1h0m0s" {
				t.Errorf("by %s: %v", by, err)
			}
		}
		db.SetClock(time.Now)
		db.Forget()
		must(t, db.Ready(t.Context()))
	})
}

// line is a proxy before PostgreSQL's socket.
type line struct {
	mu      sync.Mutex
	folder  string
	to      string
	l       net.Listener
	open    []net.Conn
	hanging chan struct{} // closed: bytes flow
}

func between(t *testing.T, dsn string) (*line, string) {
	u, err := url.Parse(dsn)
	must(t, err)
	q := u.Query()
	folder, err := os.MkdirTemp("/tmp", "mydata-line-") // a socket's path is short
	must(t, err)
	p := &line{folder: folder, to: filepath.Join(q.Get("host"), ".s.PGSQL.5432"), hanging: make(chan struct{})}
	close(p.hanging)
	q.Set("host", folder)
	u.RawQuery = q.Encode()
	p.back()
	t.Cleanup(func() { p.away(); os.RemoveAll(folder) })
	return p, u.String()
}

func (p *line) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.hanging:
	default:
		close(p.hanging)
	}
	if p.l != nil {
		return
	}
	l, err := net.Listen("unix", filepath.Join(p.folder, ".s.PGSQL.5432"))
	if err != nil {
		panic(err)
	}
	p.l = l
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.carry(c)
		}
	}()
}

func (p *line) carry(c net.Conn) {
	s, err := net.Dial("unix", p.to)
	if err != nil {
		c.Close()
		return
	}
	p.mu.Lock()
	p.open = append(p.open, c, s)
	p.mu.Unlock()
	go p.pump(c, s)
	p.pump(s, c)
}

func (p *line) pump(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		wait := p.hanging
		p.mu.Unlock()
		<-wait
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hang lets connections stand, and nothing through.
func (p *line) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hanging = make(chan struct{})
}

// cut ends what is open; new connections come through.
func (p *line) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.open {
		c.Close()
	}
	p.open = nil
}

// away ends what is open, and nobody listens.
func (p *line) away() {
	p.mu.Lock()
	if p.l != nil {
		p.l.Close()
		p.l = nil
	}
	p.mu.Unlock()
	p.cut()
}
