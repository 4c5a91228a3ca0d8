package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// upOrAgain goes on with a network that was kept, where there is one. One that was
// killed before anybody was told of it holds nothing, and begins anew.
func upOrAgain(ctx context.Context, o options) (*network, error) {
	if !o.keep {
		return up(ctx, o)
	}
	n, err := load(o.dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return up(ctx, o)
	case err != nil:
		return nil, err
	}
	if _, err := os.Stat(n.path("connection.json")); errors.Is(err, os.ErrNotExist) {
		if err := n.down(); err != nil {
			return nil, err
		}
		return up(ctx, o)
	}
	if o.verbose {
		n.log = spoken(time.Now())
	}
	return n, errors.Join(n.again(ctx), n.tell())
}

// tell writes what others read of the network, when it is whole.
func (n *network) tell() error {
	return errors.Join(writeJSON(n.path("connection.json"), n.connection()), writeJSON(n.path("network.json"), n.describe()))
}

// spoken says each step and when it was done.
func spoken(began time.Time) func(string, ...any) {
	return func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.2fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// up starts a network; what a failure leaves half-way is taken down again.
func up(ctx context.Context, o options) (*network, error) {
	if !slices.Contains([]int{1, 3, 4}, o.orderers) {
		return nil, fmt.Errorf("%d orderers: 1, 3 or 4 are offered", o.orderers)
	}
	if _, err := time.ParseDuration(o.batchTimeout); err != nil {
		return nil, fmt.Errorf("--batch-timeout: %w", err)
	}
	if o.logKey != "" && o.origin == "" {
		return nil, errors.New("--log-key is of the log that --origin names: give both")
	}
	n, err := claim(o)
	if err != nil {
		return nil, err
	}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"certificates", n.generate},
		{"genesis block", n.genesis},
		{"processes", n.startNodes},
		{"orderers joined", n.joinOrderers},
		{"peers joined", n.joinPeers},
		{"chaincode", n.firstChaincode},
		{"operator", func(ctx context.Context) error { return n.firstOperator(ctx, o.origin, o.logKey) }},
	}
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return nil, errors.Join(err, n.down())
		}
		n.log("%s", step.name)
	}
	return n, n.tell()
}

// claim takes an empty folder and ports for a network.
func claim(o options) (*network, error) {
	if o.dir == "" {
		return nil, errors.New("--dir is missing")
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(dir, ",:#\"'[]{}") { // Fabric's settings are lists and YAML
		return nil, fmt.Errorf("--dir %s: Fabric takes no such character in its files' names: choose another folder", dir)
	}
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return nil, fmt.Errorf("%s is not empty: network down --dir %s, or another folder", dir, dir)
	}
	began := time.Now()
	n := &network{Dir: dir, Orderers: o.orderers, BatchTimeout: o.batchTimeout, Base: o.base, log: quiet}
	if o.verbose {
		n.log = spoken(began)
	}
	commands, err := newCache()
	if err != nil {
		return nil, err
	}
	n.log("commands found or built")
	n.Fabric, n.Chaincode = commands.fabric, commands.chaincode
	if n.Base == 0 {
		if n.Base, err = freeBase(); err != nil {
			return nil, err
		}
	} else if !free(n.Base) {
		return nil, fmt.Errorf("not all ports from %d to %d are free", n.Base, n.Base+portsEach-1)
	}
	for _, sub := range []string{"cfg", "log", "pid", "process", "run", "tls"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	return n, n.save()
}

func (n *network) startNodes(ctx context.Context) error {
	if err := errors.Join(n.installBuilder(), n.settings()); err != nil {
		return err
	}
	var all []process
	for i := 1; i <= n.Orderers; i++ {
		all = append(all, n.orderer(i))
	}
	for o := 1; o <= organisation; o++ {
		all = append(all, n.peer(o))
	}
	for _, p := range all {
		if err := n.start(p); err != nil {
			return err
		}
	}
	for _, p := range all {
		if err := n.ready(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (n *network) joinOrderers(ctx context.Context) error {
	return together(n.Orderers, func(i int) error {
		tls := n.ordererDir(i, "tls")
		return n.tool(ctx, nil, "osnadmin", "channel", "join", "--channelID", channel, "--config-block", n.block(),
			"-o", host(n.ordererPort(i)+1), "--ca-file", tls+"/ca.crt", "--client-cert", tls+"/server.crt", "--client-key", tls+"/server.key")
	})
}

// joinPeers lets one peer join after the other: two at once turn each other away, for
// neither knows the other's organisation yet, and seconds pass before they try again.
func (n *network) joinPeers(ctx context.Context) error {
	for o := 1; o <= organisation; o++ {
		if err := n.tool(ctx, n.admin(o), "peer", "channel", "join", "-b", n.block()); err != nil {
			return err
		}
	}
	return nil
}

// together does the same for 1 to count at once.
func together(count int, do func(i int) error) error {
	failures := make([]error, count)
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() { failures[i] = do(i + 1) })
	}
	all.Wait()
	return errors.Join(failures...)
}

func (n *network) firstOperator(ctx context.Context, origin, logKey string) error {
	if origin == "" {
		return nil
	}
	user, err := n.identity(1, "user")
	if err != nil {
		return err
	}
	key, err := keyOf(user.Cert)
	if err != nil {
		return err
	}
	log, err := logKeyOf(logKey)
	if err != nil {
		return err
	}
	for o := 1; o <= organisation; o++ {
		if _, err := n.vote(ctx, o, origin, 1, operatorJSON(mspOf(1), key, log)); err != nil {
			return fmt.Errorf("vote of %s: %w", mspOf(o), err)
		}
	}
	return nil
}

func label(sequence int) string { return chaincode + "_" + strconv.Itoa(sequence) }
