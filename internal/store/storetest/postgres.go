package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

var server struct {
	start   sync.Once
	stop    func()
	folder  string
	problem error
}

// Postgres makes a database, a copy of template (template1: empty), and gives
// its address. The server starts with the first call; TestMain stops it with
// StopPostgres.
func Postgres(t testing.TB, name, template string) string {
	t.Helper()
	server.start.Do(func() { server.problem = startPostgres() })
	if server.problem != nil {
		t.Fatalf("PostgreSQL for tests: %v", server.problem)
	}
	admin, err := sql.Open("pgx", postgresURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	return postgresURL(name)
}

// Cockroach makes an empty database on a running CockroachDB, gives its address,
// and drops it at the test's end.
func Cockroach(t testing.TB, server, name string) string {
	t.Helper()
	address, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+" CASCADE")
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	address.Path = "/" + name
	return address.String()
}

// StopPostgres ends the server, if a test started it.
func StopPostgres() {
	if server.stop != nil {
		server.stop()
	}
}

func postgresURL(database string) string {
	query := url.Values{"host": {server.folder}, "user": {"test"}}
	return "postgres:///" + database + "?" + query.Encode()
}

func startPostgres() error {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return errors.New("not found under /usr/lib/postgresql: apt-get install postgresql")
	}
	slices.Sort(found)
	bin := filepath.Dir(found[len(found)-1])
	folder, err := os.MkdirTemp("/tmp", "mydata-postgres-") // a socket's path is short
	if err != nil {
		return err
	}
	server.folder = folder
	as, err := ordinaryUser(folder)
	if err != nil {
		return err
	}
	data := filepath.Join(folder, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale", "C")
	initdb.Dir, initdb.SysProcAttr = folder, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	postgres := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", folder,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	postgres.Dir = folder
	postgres.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGINT}
	return runPostgres(postgres)
}

// ordinaryUser is whom PostgreSQL runs as when the tests run as root, which it
// refuses; nil means as ourselves.
func ordinaryUser(folder string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err1 := strconv.ParseUint(who.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(who.Gid, 10, 32)
	if err := errors.Join(err1, err2, os.Chown(folder, int(uid), int(gid))); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// runPostgres starts the server from a thread that lives as long as the test
// binary, so that its death, even by a crash, ends the server.
func runPostgres(postgres *exec.Cmd) error {
	var output bytes.Buffer
	postgres.Stdout, postgres.Stderr = &output, &output
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := postgres.Start()
		started <- err
		if err == nil {
			_ = postgres.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	server.stop = func() {
		_ = postgres.Process.Signal(syscall.SIGQUIT)
		<-ended
		_ = os.RemoveAll(server.folder)
	}
	return awaitPostgres(ended, &output)
}

func awaitPostgres(ended chan struct{}, output *bytes.Buffer) error {
	db, err := sql.Open("pgx", postgresURL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for range 300 {
		select {
		case <-ended:
			return fmt.Errorf("ended at once: %s", output)
		case <-time.After(50 * time.Millisecond):
		}
		if err = db.PingContext(context.Background()); err == nil {
			return nil
		}
	}
	return err
}
