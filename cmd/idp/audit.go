package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
)

// auditOptions are the flags of idp audit.
type auditOptions struct {
	log, trust, database, state, receipts, fabric, anchors string
	progress                                               bool
}

func newAuditCommand() *cobra.Command {
	var o auditOptions
	c := &cobra.Command{
		Use:   "audit",
		Short: "Walk the whole log and name the first lie",
		Long: `Reads the log from its first entry: the checkpoint's signature and witnesses,
whether it continues the checkpoint seen last time, whether entries, tiles and
root are one tree. With a database also: each event has its leaf, each leaf its
event or a tombstone, no promise is overdue, each grant's history is legal; and
with a whole trust folder: each grant was approved by the citizen's passkey, and
who can log in is what was signed. With --receipts each receipt's signatures and
inclusions, and that its checkpoints are of the log; with --fabric that each
anchor is a beginning of the log.

With --log it reads a published log and needs nothing else of the service.
Without --log it reads the database; while a running service holds that, it
reads the log at the address that the policy names. With --receipts and neither,
it reads the receipts alone.

An audit from the log alone that was interrupted, or lost the log, goes on where
it stopped: what it had verified is beside the remembered checkpoint.

Exit codes: 0 no lie found, 1 wrong use or interrupted, 2 unreadable, 3 remembered
checkpoint of another log, 10 checkpoint, 11 UNWITNESSED, 12 rolled back, 13 two
logs, 14 entry, 15 tile, 16 root, 17 event, 18 unexplained leaf, 19 illegal
history, 20 altered evidence, 21 public statement,
22 approval, 23 passkeys, 24 broken promise, 25 receipt, 26 anchor, 27 stale
checkpoint, 28 status list, 29 statement, 30 missed anchor, 31 DID document,
32 log key.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAudit(c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.log, "log", "", "published log: a hub's address, a log's URL prefix, or a folder")
	f.StringVar(&o.trust, "trust", "", "folder with log-policy.txt (default DATA/trust, else DATA)")
	f.StringVar(&o.database, "database", envOr(program.Prefix+"DATABASE", ""), "also check events: sqlite:PATH or postgres://… (default, without --log, DATA/idp.db) ("+program.Variable("database")+")")
	f.Lookup("database").DefValue = "" // --help shows no password out of the environment
	f.StringVar(&o.state, "state", "", "file that remembers the checkpoint last seen (default DATA/audit-checkpoint); - for none")
	f.StringVar(&o.receipts, "receipts", "", "folder of receipts (*.json) to check, each by name; needs a whole trust folder")
	f.StringVar(&o.fabric, "fabric", "", "trust folder of the ledger that anchors are on, to verify them with")
	f.StringVar(&o.anchors, "anchors", "", "a hub's address, or a folder of proofs (*.json) (default the hub of --log); needs --fabric")
	f.BoolVar(&o.progress, "progress", false, "show how far the walk is on standard error (done anyway on a terminal)")
	return c
}

func runAudit(cmd *cobra.Command, o auditOptions) (err error) {
	ctx, data := cmd.Context(), dataDir(cmd)
	a := &audit.Audit{}
	if err := auditTrust(a, o, data); err != nil {
		return err
	}
	db, err := openAudited(cmd, &o, data, a.Policy)
	if err != nil {
		return err
	}
	if db != nil {
		defer func() { err = errors.Join(err, db.Close()) }()
		a.Events = db.Audit()
		if a.Log, err = sequencer.New(sequencer.Options{Storage: db.Log()}); err != nil {
			return err
		}
	}
	if o.log != "" {
		if a.Log, err = auditSource(o.log); err != nil {
			return err
		}
	}
	if o.anchors != "" && o.fabric == "" {
		return errors.New("audit: --anchors needs --fabric, or an anchor would be anybody's word")
	}
	if o.fabric != "" {
		if a.Anchors, err = auditAnchors(cmp.Or(o.anchors, o.log), o.fabric); err != nil {
			return err
		}
	}
	state := auditState(o.state, data)
	if err := recallAudit(a, state); err != nil {
		return err
	}
	done := showProgress(cmd, a, o.progress)
	report, err := a.Run(ctx)
	done()
	if errors.Is(err, context.Canceled) && a.Keep != nil {
		return fmt.Errorf("audit: interrupted, the same command goes on where it stopped: %w", err)
	}
	if err != nil {
		return err
	}
	if err := show(cmd, report, func(w io.Writer) { printReport(w, report) }); err != nil {
		return err
	}
	if err := report.First(); err != nil || state == "" || a.Log == nil {
		return err
	}
	return rememberAudit(state, a.Seen())
}

// openAudited opens the database to audit, if any. When none was named and a
// running service holds the one in the data folder, the log that the policy
// gives an address for is audited instead.
func openAudited(cmd *cobra.Command, o *auditOptions, data string, policy tlog.Policy) (*store.DB, error) {
	named := o.database != ""
	if !named && (o.log != "" || o.receipts != "") {
		return nil, nil
	}
	if !named {
		o.database = "sqlite:" + filepath.Join(data, "idp.db")
	}
	db, err := openIdle(cmd.Context(), o.database)
	if one, _ := policy.One(); errors.Is(err, store.ErrHeld) && !named && one.URL != "" {
		o.log = one.URL
		fmt.Fprintln(cmd.ErrOrStderr(), "the service is running: auditing what it publishes at", o.log+", not its database")
		return nil, nil
	}
	return db, err
}

// auditTrust reads which log and witnesses are trusted and, from a whole trust
// folder, whose signatures approvals and passkey histories need.
func auditTrust(a *audit.Audit, o auditOptions, data string) error {
	folders := []string{o.trust}
	if o.trust == "" {
		folders = []string{filepath.Join(data, "trust"), data}
	}
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, consent.LogPolicyFile))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if a.Policy, err = tlog.ParsePolicy(text); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(folder, consent.HubFile)); errors.Is(err, fs.ErrNotExist) {
			if o.receipts != "" {
				return fmt.Errorf("audit: --receipts needs a whole trust folder, %s has the log's policy alone (idp trust export writes one)", folder)
			}
			return nil
		}
		whole, err := consent.LoadTrust(os.DirFS(folder))
		a.RP, a.Officers = whole.RP, whole.Officers
		if o.receipts != "" {
			a.Receipts = &audit.Bundle{FS: os.DirFS(o.receipts), Trust: whole}
		}
		return err
	}
	return fmt.Errorf("audit: no %s in %s; give --trust DIR (idp trust export writes it)", consent.LogPolicyFile, strings.Join(folders, " or "))
}

func auditSource(where string) (audit.Source, error) {
	if strings.Contains(where, "://") {
		return audit.NewHTTP(where)
	}
	if info, err := os.Stat(where); err != nil || !info.IsDir() {
		return nil, errors.Join(fmt.Errorf("audit: --log %s is no folder", where), err)
	}
	return audit.Dir{FS: os.DirFS(where)}, nil
}

// openIdle opens a database that exists and that no running service holds.
func openIdle(ctx context.Context, dsn string) (*store.DB, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("audit: no database: %w", err)
		}
	}
	db, err := store.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	err = db.Hold()
	if errors.Is(err, store.ErrHeld) {
		err = fmt.Errorf("audit: %w: stop it, or audit what it publishes with --log URL", err)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
