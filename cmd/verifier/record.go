package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

func newRecordCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "record", Short: "Look at what was kept of a presentation"}
	cmd.AddCommand(newRecordVerifyCommand(), newRecordGetCommand())
	return cmd
}

func newRecordVerifyCommand() *cobra.Command {
	var c config
	var types []string
	var at string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify a presentation record again, without a network",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			record, err := readRecord(args[0])
			if err != nil {
				return err
			}
			when := record.When
			if at != "" {
				if when, err = time.Parse(time.RFC3339, at); err != nil {
					return fmt.Errorf("--at: %w", err)
				}
			}
			if c.Trust == "" {
				c.Trust = filepath.Join(dataDir(cmd), "trust")
			}
			c.Development = true // nothing is fetched: names of this machine are as good as any
			policy, err := c.policy(types...)
			if err != nil {
				return err
			}
			result := record.Verify(cmd.Context(), policy, openid4vp.Answer, when)
			if err := show(cmd, result, func(w io.Writer) { printRecord(w, record, when, result) }); err != nil {
				return err
			}
			if failed, refused := result.Failed(); refused {
				return fmt.Errorf("record refused: %s: %s", failed.Name, failed.Detail)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&c.Trust, "trust", "", "`folder` that idp trust export wrote; default DATA/trust")
	cmd.Flags().StringVar(&c.TrustPolicy, "trust-policy", "", "`file` of further issuers, as the service has it")
	cmd.Flags().StringVar(&c.IssuerKeys, "issuer-keys", "", "`file` that idp log keys wrote: issuers' keys of this log alone")
	cmd.Flags().StringArrayVar(&types, "type", []string{credential.VCTResidentCard}, "credential type (vct) to believe the folder's issuers for; may be repeated")
	cmd.Flags().StringVar(&at, "at", "", "time (RFC 3339) as of which to verify; default that of the presentation")
	return cmd
}

func readRecord(path string) (credential.Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return credential.Record{}, fmt.Errorf("read record: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, credential.MaxRecord+1))
	if err != nil {
		return credential.Record{}, fmt.Errorf("read record: %w", err)
	}
	return credential.ParseRecord(text)
}

// printRecord tells the checks. Claims are for --json: whoever looks whether a
// record holds need not read them.
func printRecord(w io.Writer, record credential.Record, at time.Time, result credential.RecordResult) {
	fmt.Fprintf(w, "presented %s, verified as of %s\n", record.When.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	for _, c := range result.Checks {
		word := "ok  "
		if !c.OK {
			word = "FAIL"
		}
		fmt.Fprintf(w, "%s  %s", word, c.Name)
		if c.Detail != "" {
			fmt.Fprintf(w, ": %s", c.Detail)
		}
		fmt.Fprintln(w)
	}
	for _, what := range result.Unsaid {
		fmt.Fprintf(w, "not said: %s\n", what)
	}
}
