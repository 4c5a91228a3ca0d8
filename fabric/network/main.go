package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const usage = `usage:
  network up --dir DIR [--orderers 1|3|4] [--base-port N] [--batch-timeout 20ms] [--origin O [--log-key LOG.vkey]] [-v]
  network down --dir DIR
  network kill --dir DIR NAME      end a process at once (SIGKILL)
  network start --dir DIR NAME     start it again
  network vote --dir DIR --origin O --version N --operator CERT.pem --msp MSPID [--log-key LOG.vkey] [--org N]
  network invoke --dir DIR --org N --as admin|user FUNCTION [ARGUMENT...]
  network query  --dir DIR --org N --as admin|user FUNCTION [ARGUMENT...]
  network upgrade --dir DIR        the next sequence of the chaincode, with a new process each
  network config --dir DIR --org N --out FILE         the channel's configuration (common.Config) as a peer has it
  network batch --dir DIR --count N                   change the channel: transactions in a block
  network revoke --dir DIR --org N --cert CERT.pem    change the channel: a revocation list more
  network hold --dir DIR ...       up, then down when its input ends or on Ctrl-C; with --keep the
                                   folder stays, and the next hold with --keep goes on with its ledger
  network build                    what up would build, and nothing else`

var errUsage = errors.New(usage)

func main() {
	if role := filepath.Base(os.Args[0]); slices.Contains(builderRoles, role) {
		exit(builder(role, os.Args[1:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, os.Args[1:]))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "network:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are all flags of all commands.
type options struct {
	dir, batchTimeout, origin, operator, logKey, msp, as, cert, out string
	orderers, base, org, count                                      int
	version                                                         int64
	verbose, keep                                                   bool
	args                                                            []string
}

func parse(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("network", flag.ContinueOnError)
	set.Usage = func() { fmt.Fprintln(os.Stderr, usage) }
	set.StringVar(&o.dir, "dir", "", "")
	set.StringVar(&o.batchTimeout, "batch-timeout", "20ms", "")
	set.StringVar(&o.origin, "origin", "", "")
	set.StringVar(&o.operator, "operator", "", "")
	set.StringVar(&o.logKey, "log-key", "", "")
	set.StringVar(&o.msp, "msp", "", "")
	set.StringVar(&o.as, "as", "user", "")
	set.IntVar(&o.orderers, "orderers", 1, "")
	set.IntVar(&o.base, "base-port", 0, "")
	set.StringVar(&o.out, "out", "", "")
	set.StringVar(&o.cert, "cert", "", "")
	set.IntVar(&o.count, "count", 0, "")
	set.IntVar(&o.org, "org", 0, "")
	set.Int64Var(&o.version, "version", 1, "")
	set.BoolVar(&o.verbose, "v", false, "")
	set.BoolVar(&o.keep, "keep", false, "")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.args = set.Args()
	return o, nil
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	o, err := parse(args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "build":
		_, err := newCache()
		return err
	case "up":
		_, err := printUp(ctx, o)
		return err
	case "hold":
		return hold(ctx, o)
	}
	n, err := load(o.dir)
	if err != nil {
		return err
	}
	return n.command(ctx, args[0], o)
}

// command is one on a network that is there.
func (n *network) command(ctx context.Context, name string, o options) error {
	switch name {
	case "down":
		return n.down()
	case "kill", "start":
		if len(o.args) != 1 || !slices.Contains(n.names(), o.args[0]) {
			return fmt.Errorf("name one of %s", strings.Join(n.names(), ", "))
		}
		if name == "kill" {
			return n.kill(o.args[0])
		}
		return n.restart(ctx, o.args[0])
	case "vote":
		return n.voteByFile(ctx, o)
	case "invoke", "query":
		return n.call(ctx, name == "invoke", o)
	case "batch":
		return n.batch(ctx, o.count)
	case "revoke", "config":
		if o.org < 1 || o.org > organisation {
			return errUsage
		}
		if name == "config" {
			return n.saveConfiguration(ctx, o.org, o.out)
		}
		return n.revoke(ctx, o.org, o.cert)
	case "upgrade":
		return n.upgrade(ctx)
	}
	return errUsage
}

func printUp(ctx context.Context, o options) (*network, error) {
	n, err := upOrAgain(ctx, o)
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(n.describe())
	if err != nil {
		return nil, err
	}
	fmt.Println(string(line))
	return n, nil
}

// hold is for who cannot be trusted to call down: it comes down with its caller.
func hold(ctx context.Context, o options) error {
	n, err := printUp(ctx, o)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // an error is an end as well
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	if o.keep {
		return n.rest()
	}
	return n.down()
}
