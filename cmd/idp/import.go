package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

func newLogImportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import FROM",
		Short: "Fill in the leaves that a database lost, from a copy of the log (offline)",
		Long: `For a database that was set back and that nothing newer is left of: reads the copy
that "idp log export" wrote, or a mirror's address, and gives the missing entries
their places again. The copy's checkpoint has to be cosigned by a quorum of the
hub's witnesses, the copy has to continue what the database holds, and every
group of entries is found under that checkpoint before it is written. Leaves
come back; the rows that they stand for do not. Run again, it goes on.

The service has to be stopped. Take the newest copy there is: while a witness
knows a newer one, the hub still does not start.`,
		Args: cobra.ExactArgs(1),
	}
	load := settings(c, "database", "log-policy")
	c.RunE = func(c *cobra.Command, args []string) error {
		conf, err := load()
		if err != nil {
			return err
		}
		from, err := auditSource(args[0])
		if err != nil {
			return err
		}
		done, err := importLog(c, conf, from)
		if err != nil {
			return fmt.Errorf("log import: %w", err)
		}
		out := map[string]int64{"before": done.From, "size": done.To, "lost": done.Lost}
		return show(c, out, func(w io.Writer) {
			fmt.Fprintf(w, "the log had %d entries and has %d now\n", done.From, done.To)
			if done.Lost > 0 {
				fmt.Fprintf(w, "%d of them came back without their rows: see docs/operations.md, Restore a backup\n", done.Lost)
			}
		})
	}
	return c
}

func importLog(c *cobra.Command, conf config, from audit.Source) (done sequencer.Restored, err error) {
	ctx := c.Context()
	ring, err := keys.Load(dataDir(c))
	if err != nil {
		return done, err
	}
	text, err := os.ReadFile(conf.LogPolicy)
	if err != nil {
		return done, err
	}
	policy, err := tlog.ParsePolicy(text)
	if err == nil {
		err = checkLogKeys(ring.LogKeys(), policy)
	}
	if err != nil {
		return done, err
	}
	note, err := from.Checkpoint(ctx)
	if err != nil {
		return done, err
	}
	db, err := openDatabase(ctx, conf.Database)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return sequencer.Restore(ctx, sequencer.Options{
		Signer: ring.LogSigners(time.Now())[0], Signers: ring.LogSigners, Policy: policy, Logger: slog.Default(),
	}, db.Log(), from, note)
}
