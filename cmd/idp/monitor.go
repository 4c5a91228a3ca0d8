package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
	"github.com/govmydata/mydata/pkg/tlog"
)

// monitorOptions are the flags of idp monitor.
type monitorOptions struct {
	log, trust, state, promises, metrics, command, file, fabric string
	interval, stale, patience, within                           time.Duration
	lists                                                       bool
}

func newMonitorCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "monitor",
		Short: "Follow a log as a stranger and say what is wrong with it",
		Long: `Reads what everybody may read of a log, any log: each checkpoint's signature
and witnesses, whether it continues the one seen before, whether the new entries,
the tiles and the root are one tree, whether status lists and the hub's DID document
are served as their latest leaves say, whether promises and anchors come in time. Each finding is
told once, with its evidence. The state folder is what a monitor must not lose.`,
	}
	var o monitorOptions
	serve := &cobra.Command{
		Use: "serve --log URL --trust DIR --state DIR", Short: "Look again and again until told to stop", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runMonitor(c, o) },
	}
	once := &cobra.Command{
		Use: "once --log URL --trust DIR --state DIR", Short: "Look once; the exit code is the first finding's (see idp audit --help)", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return lookOnce(c, o) },
	}
	for _, c := range []*cobra.Command{serve, once} {
		f := c.Flags()
		f.StringVar(&o.log, "log", "", "a hub's address, a log's URL prefix, or a folder (default the policy's)")
		f.StringVar(&o.trust, "trust", "", "trust folder, or a folder with log-policy.txt alone")
		f.StringVar(&o.state, "state", "", "folder of what was seen, of this monitor alone")
		f.StringVar(&o.promises, "promises", "", "folder of promises to see kept: signed ones, or leaf hash and Unix time, a line each")
		f.StringVar(&o.command, "alert", "", "program to run for each finding, with one line of JSON on its standard input")
		f.StringVar(&o.file, "alert-file", "", "file to add one line of JSON to for each finding")
		f.StringVar(&o.fabric, "fabric", "", "trust folder of the ledger that anchors are on: they are verified and compared")
		f.DurationVar(&o.within, "anchors-within", 0, "how long a checkpoint may wait for its anchor; 0: for ever")
		f.DurationVar(&o.stale, "stale-after", 0, "how old the newest cosignature may be; 0: not looked at, a log that rests is not cosigned anew")
		f.BoolVar(&o.lists, "lists", true, "compare the status lists and the DID document that are served with their latest leaves")
		_ = c.MarkFlagRequired("trust")
		_ = c.MarkFlagRequired("state")
	}
	serve.Flags().DurationVar(&o.interval, "interval", 30*time.Second, "time between two looks")
	serve.Flags().DurationVar(&o.patience, "patience", time.Minute, "how long something may be out of reach before it is told")
	serve.Flags().StringVar(&o.metrics, "metrics", "", "loop-back address for Prometheus; none by default")
	group.AddCommand(serve, once)
	return group
}

// openMonitor opens the state, which the caller gives back.
func openMonitor(cmd *cobra.Command, o monitorOptions) (*monitor.Monitor, io.Closer, error) {
	options := monitor.Options{State: o.state, StaleAfter: o.stale, Patience: o.patience, Within: o.within}
	roots, err := monitorTrust(&options, o.trust)
	if err != nil {
		return nil, nil, err
	}
	if err := monitorSource(&options, o, roots); err != nil {
		return nil, nil, err
	}
	if options.Tell, err = o.alarm(); err != nil {
		return nil, nil, fmt.Errorf("monitor: %w", err)
	}
	if err := os.MkdirAll(o.state, 0o700); err != nil {
		return nil, nil, fmt.Errorf("monitor: %w", err)
	}
	lock, err := witness.Lock(filepath.Join(o.state, "monitor"))
	if err != nil {
		return nil, nil, fmt.Errorf("monitor: another one follows with this state: %w", err)
	}
	m, err := monitor.New(options)
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	slog.InfoContext(cmd.Context(), "monitor follows", "log", options.Policy.Logs[0].Key.Name, "state", o.state)
	return m, lock, nil
}

// alarm finds what a finding is told by; one that could not ring is found now, and not
// by the first finding.
func (o monitorOptions) alarm() (func(context.Context, monitor.Alert) error, error) {
	switch {
	case o.stale < 0 || o.patience < 0 || o.within < 0:
		return nil, errors.New("--stale-after, --patience and --anchors-within are 0 or longer")
	case o.command != "" && o.file != "":
		return nil, errors.New("give --alert or --alert-file, not both")
	case o.command != "":
		if _, err := exec.LookPath(o.command); err != nil {
			return nil, fmt.Errorf("--alert: %w", err)
		}
		return monitor.Command(o.command), nil
	case o.file != "":
		file, err := os.OpenFile(o.file, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("--alert-file: %w", err)
		}
		return monitor.File(o.file), file.Close()
	}
	return nil, nil
}

// monitorTrust reads whom to believe: the policy, and from a whole trust folder
// also the hub's keys, for promises, and the issuers' roots, for status lists.
func monitorTrust(options *monitor.Options, folder string) (*consent.Trust, error) {
	text, err := os.ReadFile(filepath.Join(folder, consent.LogPolicyFile))
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	if options.Policy, err = tlog.ParsePolicy(text); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(folder, consent.HubFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	whole, err := consent.LoadTrust(os.DirFS(folder))
	if err != nil {
		return nil, err
	}
	options.Hub, options.Issuer = whole.HubKeys, whole.Issuer
	return &whole, nil
}

// monitorSource says where the log, its lists, promises and anchors are read.
func monitorSource(options *monitor.Options, o monitorOptions, whole *consent.Trust) error {
	if o.log == "" {
		one, _ := options.Policy.One()
		if one.URL == "" {
			return errors.New("monitor: the policy names no address: give --log")
		}
		o.log = one.URL
	}
	var err error
	if options.Log, err = auditSource(o.log); err != nil {
		return err
	}
	if prover, ok := options.Log.(audit.HTTP); ok {
		options.Prover = prover
	}
	if o.promises != "" {
		options.Promises = os.DirFS(o.promises)
	}
	if o.lists {
		served := monitor.Served{Client: &statuslist.Client{Development: onLoopback(o.log)}}
		if whole != nil {
			served.Roots = whole.IssuerRoots
		}
		options.Lists = served
		options.Documents = &did.Resolver{Development: onLoopback(o.log)}
	}
	if o.fabric != "" {
		options.Anchors, err = handedAnchors(o.log, o.fabric)
		return err
	}
	if o.within != 0 {
		return errors.New("monitor: --anchors-within needs --fabric, or an anchor would be anybody's word")
	}
	return nil
}

// onLoopback says that a log is one of development: then its lists may be too.
func onLoopback(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && service.Loopback(u.Hostname())
}

func runMonitor(cmd *cobra.Command, o monitorOptions) (err error) {
	if o.interval < time.Second {
		return errors.New("monitor: --interval is at least a second")
	}
	if err := metrics.CheckAddress(o.metrics, false); err != nil {
		return err
	}
	m, lock, err := openMonitor(cmd, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	group, ctx := errgroup.WithContext(cmd.Context())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var each func(monitor.Report)
	if o.metrics != "" {
		all := metrics.New()
		each = watched(all.Monitor())
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.metrics)
		if err != nil {
			return fmt.Errorf("monitor: cannot listen on %s, choose another address by --metrics: %w", o.metrics, err)
		}
		group.Go(func() error { return service.Until(ctx, server(all.Handler(), slog.Default()), l, "", "") })
	}
	group.Go(func() error {
		defer stop()
		return m.Run(ctx, o.interval, each)
	})
	return group.Wait()
}

func watched(fill func(metrics.Watch)) func(monitor.Report) {
	return func(r monitor.Report) {
		w := metrics.Watch{Size: r.Size, Anchored: r.Anchored, At: r.At, Findings: map[string]int{}}
		for _, f := range r.Findings {
			w.Findings[string(f.Check)]++
		}
		fill(w)
	}
}

func lookOnce(cmd *cobra.Command, o monitorOptions) (err error) {
	m, lock, err := openMonitor(cmd, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	report, err := m.Round(cmd.Context())
	if err != nil {
		return err
	}
	if err := show(cmd, report, func(w io.Writer) { printRound(w, report) }); err != nil {
		return err
	}
	return report.First()
}

func printRound(w io.Writer, r monitor.Report) {
	fmt.Fprintf(w, "log %s\nsize %d\nwitnesses %s\nstatus lists %d, promises kept %d, anchored %d\n",
		r.Origin, r.Size, strings.Join(r.Witnesses, ", "), r.Lists, r.Promises, r.Anchored)
	printFindings(w, r.Findings)
}
