package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/mirror"
)

// exportOptions are the flags of idp log export.
type exportOptions struct {
	log, trust, dir string
	follow          bool
	interval        time.Duration
}

func newLogCommand() *cobra.Command {
	group := &cobra.Command{Use: "log", Short: "Read the published log, change its key, restore it"}
	var o exportOptions
	c := &cobra.Command{
		Use:   "export",
		Short: "Copy the published log into files that any web server or object store can serve",
		Long: `Copies the log into a folder laid out as its addresses (C2SP tlog-tiles). Hash
tiles are computed from the entries, the tree has to continue the one in the
folder, and the checkpoint is taken only when the log signed it and a quorum of
witnesses cosigned; it is written last. Every file but "checkpoint" may be
cached for ever. Run again, or with --follow, it copies what is new.

For an object store, sync the folder to it, the tiles first and "checkpoint"
last. "idp audit --log DIR" reads the folder.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runExport(c, o) },
	}
	f := c.Flags()
	o.flags(f)
	f.StringVar(&o.dir, "dir", "", "folder to write (required)")
	f.BoolVar(&o.follow, "follow", false, "go on, until stopped")
	f.DurationVar(&o.interval, "interval", time.Second, "between looks, with --follow")
	_ = c.MarkFlagRequired("dir")
	group.AddCommand(c, newLogKeysCommand(), newLogRekeyCommand(), newLogImportCommand())
	return group
}

// flags are those that say where the log is and what is believed.
func (o *exportOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.log, "log", "", "published log: a hub's address, a log's URL prefix, or a folder (default the policy's address)")
	f.StringVar(&o.trust, "trust", "", "folder with log-policy.txt (default DATA/trust, else DATA)")
}

// source opens the log that is named, or that the policy gives an address for.
func (o *exportOptions) source(a *audit.Audit) (err error) {
	if one, ok := a.Policy.One(); o.log == "" && ok {
		o.log = one.URL
	}
	if o.log == "" {
		return errors.New("the policy gives the log no address; give --log")
	}
	a.Log, err = auditSource(o.log)
	return err
}

func runExport(c *cobra.Command, o exportOptions) error {
	var a audit.Audit
	if err := auditTrust(&a, auditOptions{trust: o.trust}, dataDir(c)); err != nil {
		return err
	}
	if o.interval < 100*time.Millisecond {
		return errors.New("log export: --interval is at least 100ms")
	}
	if err := o.source(&a); err != nil {
		return fmt.Errorf("log export: %w", err)
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil { //nolint:gosec // G301: to be served
		return fmt.Errorf("log export: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(o.dir, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("log export: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("log export: another process writes into %s: %w", o.dir, err)
	}
	m := &mirror.Mirror{Source: a.Log, Policy: a.Policy, Dir: o.dir}
	if o.follow {
		return followLog(c.Context(), m, o.interval)
	}
	now, err := m.Update(c.Context())
	if err != nil {
		return fmt.Errorf("log export: %w", err)
	}
	return show(c, map[string]any{"dir": o.dir, "origin": now.Origin, "root": now.Root.String(), "size": now.Size}, func(w io.Writer) {
		fmt.Fprintf(w, "%d entries of %s are in %s\n", now.Size, now.Origin, o.dir)
	})
}

// followLog copies until it is stopped, or until the log contradicts itself. A
// source that is out of reach, or a checkpoint without its witnesses, may come.
func followLog(ctx context.Context, m *mirror.Mirror, interval time.Duration) error {
	var size int64 = -1
	var failing bool
	for {
		now, err := m.Update(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // told to stop
		case errors.Is(err, mirror.ErrContradicts), errors.Is(err, tlog.ErrUnsigned), errors.Is(err, tlog.ErrCheckpoint):
			return fmt.Errorf("log export: %w", err)
		case err != nil && !failing:
			slog.WarnContext(ctx, "log export delayed", "error", err)
		case err == nil && (failing || now.Size != size):
			slog.InfoContext(ctx, "log exported", "size", now.Size, "root", now.Root.String())
			size = now.Size
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
	}
}
