package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

var errReceipt = errors.New("the receipt does not hold")

// peers asks peers of a Fabric channel what they hold now.
type peers interface {
	Read(ctx context.Context, origin string, size int64) (endorsement.Proof, error)
	Close() error
}

// connectPeers opens the peers that a connection file names. The adapter to
// Fabric fills it in; a build without one has no --live.
var connectPeers func(file string) (peers, error)

func newReceiptCommand() *cobra.Command {
	group := &cobra.Command{Use: "receipt", Short: "Check consent receipts"}
	var trust, fabric, live string
	cmd := &cobra.Command{
		Use:   "verify FILE --trust DIR [--fabric DIR]",
		Short: "Check a receipt offline, each check by name",
		Long: "Checks every signature, digest and log proof of a receipt against a trust folder\n" +
			"(idp trust export). With --fabric also that every checkpoint it leads to was\n" +
			"reported committed on a Fabric channel, as often as that folder asks for\n" +
			"(idp anchor trust). Nothing is fetched, unless --live names peers to ask again\n" +
			"now. Exit code 0 only if every check holds.",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&trust, "trust", "", "trust folder")
	cmd.Flags().StringVar(&fabric, "fabric", "", "folder of trust in a Fabric channel")
	cmd.Flags().StringVar(&live, "live", "", "connection file: also ask these peers now")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		report, err := verifyReceipt(cmd.Context(), args[0], trust, fabric, live)
		if err != nil {
			return err
		}
		if err := show(cmd, report, func(w io.Writer) { printChecks(w, report) }); err != nil {
			return err
		}
		if !report.OK() {
			return errReceipt
		}
		return nil
	}
	group.AddCommand(cmd)
	return group
}

func verifyReceipt(ctx context.Context, file, trust, fabric, live string) (receipt.Report, error) {
	switch {
	case trust == "":
		return receipt.Report{}, errors.New("--trust is required: what a receipt is measured against never comes with it")
	case live != "" && fabric == "":
		return receipt.Report{}, errors.New("--live needs --fabric: what peers answer is measured against that folder too")
	case live != "" && connectPeers == nil:
		return receipt.Report{}, errors.New("--live: this build has no client of Fabric")
	}
	known, err := consent.LoadTrust(os.DirFS(trust))
	if err != nil {
		return receipt.Report{}, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return receipt.Report{}, err
	}
	r, err := receipt.Parse(raw)
	if err != nil {
		return receipt.Report{}, err
	}
	if fabric == "" {
		return receipt.Verify(r, known), nil
	}
	channel, err := endorsement.LoadTrust(os.DirFS(fabric))
	if err != nil {
		return receipt.Report{}, err
	}
	report := receipt.Verify(r, known, receipt.WithFabric(channel))
	if live != "" {
		report.Checks = append(report.Checks, checkLive(ctx, r, channel, live))
	}
	return report, nil
}

// checkLive asks the peers again, and measures their answers as the proofs are
// measured.
func checkLive(ctx context.Context, r receipt.Receipt, channel *endorsement.Trust, connection string) receipt.Check {
	check := receipt.Check{Name: "anchored on Fabric now"}
	said, err := r.Anchored(channel)
	if err == nil && len(said) == 0 {
		err = errors.New("the receipt has no anchor to ask for")
	}
	var chain peers
	if err == nil {
		chain, err = connectPeers(connection)
	}
	if err != nil {
		check.Detail = err.Error()
		return check
	}
	defer chain.Close()
	for _, then := range said {
		if err := askNow(ctx, chain, channel, then); err != nil {
			check.Detail = fmt.Sprintf("%s at %d: %v", then.Origin, then.Size, err)
			return check
		}
	}
	check.OK, check.Detail = true, fmt.Sprintf("%d checkpoints", len(said))
	return check
}

func askNow(ctx context.Context, chain peers, channel *endorsement.Trust, then endorsement.Anchored) error {
	p, err := chain.Read(ctx, then.Origin, then.Size)
	if err != nil {
		return err
	}
	now, err := channel.Verify(p)
	if err != nil {
		return err
	}
	if now.Origin != then.Origin || now.Size != then.Size || now.Root != then.Root {
		return fmt.Errorf("the peers say %s at %d with another root than the receipt", now.Origin, now.Size)
	}
	return nil
}

func printChecks(w io.Writer, report receipt.Report) {
	for _, check := range report.Checks {
		mark := "ok    "
		if !check.OK {
			mark = "FAILED"
		}
		fmt.Fprintf(w, "%s %s", mark, check.Name)
		if check.Detail != "" {
			fmt.Fprintf(w, ": %s", check.Detail)
		}
		fmt.Fprintln(w)
	}
}
