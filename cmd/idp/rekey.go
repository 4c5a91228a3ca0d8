package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/pkg/tlog"
)

// checkLogKeys holds the hub's policy, which it exports, against the log's keys
// at hand: all of them, each with its end, and none besides.
func checkLogKeys(ours []tlog.Log, policy tlog.Policy) error {
	known := map[string]tlog.Log{}
	for _, l := range policy.Logs {
		known[l.Key.String()] = l
	}
	for i, l := range ours {
		have, ok := known[l.Key.String()]
		switch {
		case !ok && l.Until.IsZero() && i == 0:
			return fmt.Errorf("log policy: it does not name the log %s with the key at hand", l.Key.Name)
		case !ok && time.Now().Before(l.Until), !ok && i == len(ours)-1, ok && !have.Until.Equal(l.Until):
			return errors.New("log policy: it does not know of the change of the log's key: run idp log rekey with the file that idp keygen --rotate-log named")
		}
		delete(known, l.Key.String())
	}
	for _, l := range known {
		if l.Key.Name == ours[0].Key.Name && l.Until.IsZero() {
			return fmt.Errorf("log policy: it names a key of %s that is not at hand: the keys are older than the policy", l.Key.Name)
		}
	}
	return nil
}

// rotateLog is idp keygen --rotate-log.
func rotateLog(c *cobra.Command, wait, overlap time.Duration) error {
	if wait < 0 || overlap < 2*time.Second {
		return errors.New("keygen: both keys have to sign for a time: --overlap is at least 2s, and days where others have to follow")
	}
	active := time.Now().Add(wait).Truncate(time.Second)
	change, err := keys.RotateLog(dataDir(c), active, active.Add(overlap).Truncate(time.Second))
	if err != nil {
		return fmt.Errorf("keygen: %w", err)
	}
	file := filepath.Join(dataDir(c), "log-key-change.txt")
	if err := durable.Replace(file, change.Note); err != nil {
		return fmt.Errorf("keygen: %w", err)
	}
	out := map[string]string{
		"change": file, "old": change.Old.String(), "new": change.New.String(),
		"active": change.Active.Format(time.RFC3339), "retired": change.Retired.Format(time.RFC3339),
	}
	return show(c, out, func(w io.Writer) {
		fmt.Fprintf(w, "the log's next key is made; both keys signed the change, %s\n", file)
		fmt.Fprintf(w, "  %s  until %s\n  %s  from %s on\n", change.Old, out["retired"], change.New, out["active"])
		fmt.Fprintln(w, "now: idp log rekey --change", file, "--policy FILE, for the hub's policy and at everybody who has one;")
		fmt.Fprintln(w, "then start the hub, each of its replicas, and the witnesses anew, before", out["active"])
	})
}

func newLogRekeyCommand() *cobra.Command {
	var change, policy string
	c := &cobra.Command{
		Use:   "rekey --change FILE --policy FILE",
		Short: "Add the log's next key to a policy, by the word of the key that is there (offline)",
		Long: `Reads a change of a log's key, signed by the old and the new key (it is on the log
too), checks that the policy trusts the old one, and writes the policy anew: the
old key with the time at which it ends, and the new one. Witnesses, monitors,
auditors, anchorers and agencies do this with the policies they have; run twice
it changes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			note, err := os.ReadFile(change)
			if err != nil {
				return fmt.Errorf("log rekey: %w", err)
			}
			said, err := tlog.ParseKeyChange(note)
			if err != nil {
				return fmt.Errorf("log rekey: %s: %w", change, err)
			}
			before, err := os.ReadFile(policy)
			if err != nil {
				return fmt.Errorf("log rekey: %w", err)
			}
			after, err := tlog.Rekey(before, said)
			if err == nil {
				err = durable.Replace(policy, after)
			}
			if err != nil {
				return fmt.Errorf("log rekey: %s: %w", policy, err)
			}
			return show(c, map[string]string{"policy": policy, "new": said.New.String()}, func(w io.Writer) {
				fmt.Fprintf(w, "%s takes %s, and %s for what was cosigned until %s\n", policy, said.New, said.Old, said.Retired.Format(time.RFC3339))
			})
		},
	}
	c.Flags().StringVar(&change, "change", "", "file with the signed change (required)")
	c.Flags().StringVar(&policy, "policy", "", "policy to write anew (required)")
	_ = c.MarkFlagRequired("change")
	_ = c.MarkFlagRequired("policy")
	return c
}

// sayLogKeys puts each change of the log's key on the log.
func (e *engines) sayLogKeys(ctx context.Context) error {
	for _, c := range e.ring.LogChanges() {
		entry, err := c.Entry()
		if err != nil {
			return err
		}
		if err := e.say(ctx, entry, tlog.KindKeyChange, c.New.String()); err != nil {
			return fmt.Errorf("put the log's key on the log: %w", err)
		}
	}
	return nil
}
