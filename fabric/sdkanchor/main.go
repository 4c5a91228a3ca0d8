package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sdkanchor: "+err.Error())
		os.Exit(1)
	}
}

func run() (err error) {
	hubURL := flag.String("hub", "", "the hub's address")
	trust := flag.String("trust", "", "folder with the log's policy, log-policy.txt")
	fabric := flag.String("fabric", "", "folder of trust in the channel, by idp anchor trust")
	connection := flag.String("connection", "", "connection file of the network, as for idp anchor serve, with orderers")
	state := flag.String("state", "sdkanchor", "folder of the pending transaction")
	interval := flag.Duration("interval", time.Minute, "between transactions, at least")
	flag.Parse()
	if *hubURL == "" || *trust == "" || *fabric == "" || *connection == "" || flag.NArg() > 0 {
		return errors.New("--hub, --trust, --fabric and --connection are required, and nothing but flags is taken")
	}
	if *interval < 100*time.Millisecond || *interval > 24*time.Hour {
		return fmt.Errorf("--interval %s: want 100ms to 24h", *interval)
	}
	if err := checkAddress(*hubURL); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	text, err := os.ReadFile(filepath.Join(*trust, "log-policy.txt"))
	if err != nil {
		return err
	}
	a := &anchorer{interval: *interval, log: slog.New(slog.NewJSONHandler(os.Stderr, nil))}
	if a.policy, err = tlog.ParsePolicy(text); err != nil {
		return err
	}
	one, ok := a.policy.One()
	if !ok || len(a.policy.Witnesses) == 0 {
		return errors.New("the log policy has to name one log, and witnesses")
	}
	a.origin = one.Key.Name
	if a.trust, err = endorsement.LoadTrust(os.DirFS(*fabric)); err != nil {
		return err
	}
	a.hub = newHub(*hubURL)
	if a.box, err = openOutbox(*state); err != nil {
		return err
	}
	if a.chain, err = connect(*connection, *state); err != nil {
		return err
	}
	defer a.chain.close()
	return a.run(ctx)
}
