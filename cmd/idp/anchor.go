package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/fabric"
	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

func init() {
	connectPeers = func(file string) (peers, error) { return openChain(file) }
}

func newAnchorCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "anchor",
		Short: "Anchor a log's checkpoints on a Hyperledger Fabric network",
		Long: `An anchorer is a process of its own, which anybody may run who is registered as
the operator of the log's origin on the network. It reads what everybody may
read, keeps its outbox in files, and hands the proofs to the hub. No login, no
issuance and no consent waits for it.`,
	}
	c.AddCommand(newAnchorServeCommand(), newAnchorStatusCommand(), newAnchorTrustCommand())
	return c
}

// anchorOptions are the flags of idp anchor serve.
type anchorOptions struct {
	hub, trust, fabric, connection, state, metrics string
	interval                                       time.Duration
}

func newAnchorServeCommand() *cobra.Command {
	var o anchorOptions
	c := &cobra.Command{
		Use:   "serve --hub URL --trust DIR --connection FILE",
		Short: "Run the anchorer",
		Long: `Runs the anchorer: every interval at most one transaction, with the newest
witnessed checkpoint of the log and the digests of the public statements since
the last. It may be stopped and killed at any moment, and waits for a hub or a
network that is out of reach. It ends by itself only when the log contradicts
what is anchored; both are then in fork.json, and it does not start again before
a person has moved that file away.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAnchorer(c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.hub, "hub", "", "the hub's address (required)")
	f.StringVar(&o.trust, "trust", "", "folder with the log's policy, log-policy.txt (required)")
	f.StringVar(&o.fabric, "fabric", "", "folder of trust in the channel, by idp anchor trust (default fabric in the trust folder)")
	f.StringVar(&o.connection, "connection", "", "connection file: the network's peers, and who writes (required)")
	f.StringVar(&o.state, "state", "", "folder of the outbox (default anchorer in the data folder)")
	f.DurationVar(&o.interval, "interval", time.Minute, "between transactions, at least")
	f.StringVar(&o.metrics, "metrics", "", "address on loop-back for Prometheus; none by default")
	for _, name := range []string{"hub", "trust", "connection"} {
		_ = c.MarkFlagRequired(name)
	}
	return c
}

func openChain(file string) (*fabric.Chain, error) {
	connection, err := fabric.ReadConnection(file)
	if err != nil {
		return nil, err
	}
	return fabric.Open(connection, time.Now)
}

func runAnchorer(cmd *cobra.Command, o anchorOptions) (err error) {
	ctx, log := cmd.Context(), slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if o.state == "" {
		o.state = filepath.Join(dataDir(cmd), "anchorer")
	}
	if o.interval < 100*time.Millisecond || o.interval > 24*time.Hour {
		return fmt.Errorf("interval %s: want 100ms to 24h", o.interval)
	}
	if err := metrics.CheckAddress(o.metrics, false); err != nil {
		return err
	}
	options := anchor.Options{Interval: o.interval, Logger: log}
	if options.Policy, options.Trust, err = readAnchorTrust(o); err != nil {
		return err
	}
	if options.Hub, err = anchor.NewHTTPHub(o.hub); err != nil {
		return err
	}
	chain, err := openChain(o.connection)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, chain.Close()) }()
	folder, err := anchor.OpenFolder(o.state)
	if err != nil {
		return err
	}
	defer folder.Close()
	options.Chain, options.Outbox = chain, folder
	a, err := anchor.New(options)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "the anchorer runs", "hub", o.hub, "interval", o.interval.String(), "state", o.state)
	return serveAnchorer(ctx, a, o, log)
}

// serveAnchorer runs it beside its metrics.
func serveAnchorer(ctx context.Context, a *anchor.Anchorer, o anchorOptions, log *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	if o.metrics != "" {
		l, err := program.Listen(o.metrics, "metrics")
		if err != nil {
			return err
		}
		m := metrics.New()
		m.Anchorer(func() metrics.AnchorerState { return anchorerState(a.Report()) })
		group.Go(func() error { return service.Until(ctx, server(m.Handler(), log), l, "", "") })
	}
	group.Go(func() error {
		if err := a.Run(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	})
	return group.Wait()
}

func anchorerState(r anchor.Report) metrics.AnchorerState {
	s := metrics.AnchorerState{
		Published: r.Published, Transactions: r.State.Count, Failing: r.Problem != "", Since: r.Since, Forked: r.Forked,
	}
	if last := r.State.Last; last != nil {
		s.Size, s.At = last.Size, last.At
	}
	return s
}

// readAnchorTrust reads which log is anchored, and whose word about it counts.
func readAnchorTrust(o anchorOptions) (policy tlog.Policy, trust anchor.Verifier, err error) {
	text, err := os.ReadFile(filepath.Join(o.trust, consent.LogPolicyFile))
	if err != nil {
		return policy, nil, fmt.Errorf("log policy: %w", err)
	}
	if policy, err = tlog.ParsePolicy(text); err != nil {
		return policy, nil, err
	}
	if o.fabric == "" {
		o.fabric = filepath.Join(o.trust, "fabric")
	}
	if trust, err = endorsement.LoadTrust(os.DirFS(o.fabric)); err != nil {
		return policy, nil, fmt.Errorf("%s: %w; idp anchor trust makes it", o.fabric, err)
	}
	return policy, trust, nil
}

func newAnchorStatusCommand() *cobra.Command {
	var state string
	c := &cobra.Command{
		Use:   "status",
		Short: "Say what is anchored and what is under way (offline, from the outbox)",
		Args:  cobra.NoArgs,
	}
	c.Flags().StringVar(&state, "state", "", "folder of the outbox (default anchorer in the data folder)")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if state == "" {
			state = filepath.Join(dataDir(cmd), "anchorer")
		}
		s, err := anchor.ReadState(state)
		if err != nil {
			return err
		}
		return show(cmd, anchorerStatus(s), func(w io.Writer) { printAnchorer(w, s) })
	}
	return c
}

// anchorerStatus is what a program is told.
func anchorerStatus(s anchor.State) map[string]any {
	out := map[string]any{"origin": s.Origin, "transactions": s.Count, "waiting_digests": len(s.Waiting)}
	if s.Last != nil {
		out["anchored_size"], out["anchored_root"], out["anchored_at"] = s.Last.Size, s.Last.Root.String(), s.Last.At
	}
	if s.Next != nil {
		out["next_size"], out["next_step"], out["next_since"], out["next_tx"] = s.Next.Put.Size, s.Next.Step, s.Next.Since, s.Next.TxID
	}
	return out
}

func printAnchorer(w io.Writer, s anchor.State) {
	if s.Origin == "" {
		fmt.Fprintln(w, "nothing so far")
		return
	}
	fmt.Fprintf(w, "log           %s\n", s.Origin)
	if s.Last != nil {
		fmt.Fprintf(w, "anchored      size %d, root %s, %s\n", s.Last.Size, s.Last.Root, s.Last.At.UTC().Format(time.RFC3339))
	}
	if s.Next != nil {
		fmt.Fprintf(w, "under way     size %d, %s since %s %s\n", s.Next.Put.Size, s.Next.Step, s.Next.Since.UTC().Format(time.RFC3339), s.Next.TxID)
	}
	fmt.Fprintf(w, "transactions  %d\n", s.Count)
	if len(s.Waiting) > 0 {
		fmt.Fprintf(w, "digests that wait for the next  %d\n", len(s.Waiting))
	}
}
