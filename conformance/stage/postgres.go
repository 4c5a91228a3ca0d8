package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Postgres is a PostgreSQL server of our own, without TCP, in a temporary
// folder. It may be killed and started again: fsync is off, since the machine
// does not crash, only processes do.
type Postgres struct {
	folder, bin string
	as          *syscall.Credential
	process     *process
}

// StartPostgres starts a server with what Debian's postgresql package brings.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is fine
	if len(found) == 0 {
		return nil, errors.New("PostgreSQL: not found under /usr/lib/postgresql: apt-get install postgresql")
	}
	slices.Sort(found)
	folder, err := os.MkdirTemp("/tmp", "mydata-postgres-") // a socket's path is short
	if err != nil {
		return nil, err
	}
	p := &Postgres{folder: folder, bin: filepath.Dir(found[len(found)-1])}
	if p.as, err = ordinaryUser(folder); err != nil {
		return nil, err
	}
	if err := p.command(ctx, "initdb", "-D", p.data(), "-U", "test", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale", "C"); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

func (p *Postgres) data() string { return filepath.Join(p.folder, "data") }

// Start starts the server again after Kill or Stop, and waits until it answers.
func (p *Postgres) Start(ctx context.Context) error {
	program := filepath.Join(p.bin, "postgres")
	args := []string{"-D", p.data(), "-k", p.folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100"}
	var err error
	if p.process, err = startAs(p.as, p.folder, filepath.Join(p.folder, "log"), program, args...); err != nil {
		return err
	}
	for range 400 {
		if err = p.command(ctx, "pg_isready", "-h", p.folder, "-U", "test", "-q"); err == nil || !p.process.running() {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	return err
}

// Database makes an empty database and answers its address.
func (p *Postgres) Database(ctx context.Context, name string) (string, error) {
	if err := p.command(ctx, "createdb", "-h", p.folder, "-U", "test", name); err != nil {
		return "", err
	}
	query := url.Values{"host": {p.folder}, "user": {"test"}}
	return "postgres:///" + name + "?" + query.Encode(), nil
}

// SQL runs statements as the server's administrator, whatever the database allows
// its users.
func (p *Postgres) SQL(ctx context.Context, database, statements string) error {
	return p.command(ctx, "psql", "-h", p.folder, "-U", "test", "-d", database, "-q", "-v", "ON_ERROR_STOP=1", "-c", statements)
}

// Lock keeps everybody from a table until release is called.
func (p *Postgres) Lock(database, table string) (release func(), err error) {
	cmd := exec.Command(filepath.Join(p.bin, "psql"), "-h", p.folder, "-U", "test", "-d", database, "-q", "-A", "-t")
	cmd.Dir, cmd.SysProcAttr = p.folder, attributes()
	cmd.SysProcAttr.Credential = p.as
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	release = func() {
		_ = in.Close() // psql ends with its input, and the lock with psql
		_ = cmd.Wait()
	}
	_, err = io.WriteString(in, "BEGIN; LOCK TABLE "+table+"; SELECT 'locked';\n")
	if err == nil {
		_, err = io.ReadFull(out, make([]byte, len("locked\n")))
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("lock %s: %w", table, err)
	}
	return release, nil
}

// Kill ends the server at once, without a last checkpoint of its own; what it
// acknowledged is in its write-ahead log.
func (p *Postgres) Kill() {
	_ = p.process.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended by itself
	<-p.process.ended
}

// Close ends the server and deletes its folder.
func (p *Postgres) Close() error {
	p.Kill()
	return os.RemoveAll(p.folder)
}

func (p *Postgres) command(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, program), args...)
	cmd.Dir, cmd.SysProcAttr = p.folder, &syscall.SysProcAttr{Credential: p.as}
	cmd.Env = append(os.Environ(), "PGOPTIONS=-c default_transaction_read_only=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return nil
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
