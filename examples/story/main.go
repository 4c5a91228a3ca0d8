package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

const usage = `story starts the whole demonstration on this machine.

  story run [--data DIR] [--base-port N] [--bin DIR] [--behind N] [--database URL] [--fabric PROGRAM]

Ports: N idp, N+1 verifier, N+2 insurer, N+3 licence, N+4 wallet, N+5 extract,
N+6 portal, N+11 to N+13 witnesses; MYDATA_IDP_PORT, MYDATA_VERIFIER_PORT,
MYDATA_INSURER_PORT, MYDATA_LICENCE_PORT, MYDATA_WALLET_PORT, MYDATA_EXTRACT_PORT,
MYDATA_PORTAL_PORT and MYDATA_WITNESS_PORT (the first of three) move one of them.

`

func main() {
	// A child dies with the thread that started it (see child_linux.go), so that
	// thread must be the one that lives as long as we do.
	runtime.LockOSThread()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout)
	stopped := ctx.Err() != nil
	cancel()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil && !stopped {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("story run", flag.ContinueOnError)
	set.Usage = func() { fmt.Fprint(set.Output(), usage); set.PrintDefaults() }
	data := set.String("data", "data", "folder of everything that is kept")
	base := set.Int("base-port", 8080, "port of the idp, from which the others count")
	behind := set.Int("behind", 0, "services are reached at their port plus this, where a proxy forwards")
	database := set.String("database", "", "the hub's database, sqlite:PATH or postgres://…; default DATA/idp.db")
	network := set.String("fabric", "", "program that runs a Fabric network (fabric/network), to anchor checkpoints there; none by default")
	bin := set.String("bin", besides(), "folder of the programs")
	if len(args) == 0 || args[0] != "run" {
		set.Usage()
		return flag.ErrHelp
	}
	if err := set.Parse(args[1:]); err != nil {
		return err
	}
	ports, err := newServices(*base, *behind)
	if err != nil {
		return err
	}
	unlock, err := lock(*data)
	if err != nil {
		return err
	}
	defer unlock()
	if err := ports.free(); err != nil {
		return err
	}
	if err := buildMissing(ctx, *bin); err != nil {
		return err
	}
	s := newStage(*data, *bin, ports)
	s.database, s.network = *database, *network
	return s.play(ctx, out)
}

// besides is where the programs are: next to this one when it was built with
// them, else ./bin.
func besides() string {
	if self, err := os.Executable(); err == nil {
		if _, err := os.Stat(filepath.Join(filepath.Dir(self), "idp")); err == nil {
			return filepath.Dir(self)
		}
	}
	return "bin"
}

// lock keeps a second story out of the same data folder.
func lock(data string) (func(), error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(data, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is in use by another story: stop that one, or give this one --data DIR and --base-port N", data)
	}
	return func() { f.Close() }, nil
}
