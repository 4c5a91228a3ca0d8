package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/receipt/reading"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

var errReceipt = errors.New(receipt.HoldsNot)

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
	var trust, fabric, live, printed string
	cmd := &cobra.Command{
		Use:   "verify FILE --trust DIR [--fabric DIR] [--digest PRINTED]",
		Short: "Check a receipt offline, each check by name",
		Long: "Checks every signature, digest and log proof of a receipt against a trust folder\n" +
			"(idp trust export). With --fabric also that every checkpoint it leads to was\n" +
			"reported committed on a Fabric channel, as often as that folder asks for\n" +
			"(idp anchor trust). Nothing is fetched, unless --live names peers to ask again\n" +
			"now. Prints the fingerprint of that trust, as the page /receipt of a hub shows\n" +
			"it, and the digest that a printed receipt carries; --digest compares with one.\n" +
			"Exit code 0 only if every check holds.",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&trust, "trust", "", "trust folder")
	cmd.Flags().StringVar(&fabric, "fabric", "", "folder of trust in a Fabric channel")
	cmd.Flags().StringVar(&live, "live", "", "connection file: also ask these peers now")
	cmd.Flags().StringVar(&printed, "digest", "", "digest on a printed receipt, to compare with")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		report, err := verifyReceipt(cmd.Context(), args[0], trust, fabric, live)
		if err != nil {
			return err
		}
		if printed != "" && len(report.of.Events) == 0 {
			return errors.New("--digest: only a receipt has a printed form")
		}
		if printed != "" {
			report.Checks = append(report.Checks, receipt.ComparePaper(report.of, printed))
		}
		report.Verdict = report.Report.Verdict()
		if err := show(cmd, report, func(w io.Writer) { printReceipt(w, report) }); err != nil {
			return err
		}
		if !report.OK() {
			return errReceipt
		}
		return nil
	}
	group.AddCommand(cmd, newReceiptExportCommand())
	return group
}

// verified is a report with what it is about and was measured against.
type verified struct {
	receipt.Report
	Verdict string `json:"verdict"`
	Paper   string `json:"paper_digest,omitempty"`
	Trust   string `json:"trust"` // fingerprint

	of receipt.Receipt
}

func verifyReceipt(ctx context.Context, file, trust, fabric, live string) (v verified, err error) {
	switch {
	case trust == "":
		return v, errors.New("--trust is required: what a receipt is measured against never comes with it")
	case live != "" && fabric == "":
		return v, errors.New("--live needs --fabric: what peers answer is measured against that folder too")
	case live != "" && connectPeers == nil:
		return v, errors.New("--live: this build has no client of Fabric")
	}
	known, err := reading.FolderTrust(os.DirFS(trust))
	if err != nil {
		return v, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return v, err
	}
	if answer, is := receipt.ReadAnswer(raw); is {
		if fabric != "" {
			return v, errors.New("--fabric: an answer carries no anchors")
		}
		v.Trust, v.Report = known.Fingerprint, receipt.NewVerifier(known.Meaning()).VerifyAnswer(answer)
		return v, nil
	}
	if v.of, err = reading.Parse(raw); err != nil {
		return v, err
	}
	v.Trust = known.Fingerprint
	v.Paper, _ = v.of.PaperDigest(len(v.of.Events)) // none without events, which a check says
	if fabric == "" {
		v.Report = receipt.Verify(v.of, known.Meaning())
		return v, nil
	}
	channel, err := endorsement.LoadTrust(os.DirFS(fabric))
	if err != nil {
		return v, err
	}
	v.Report = receipt.Verify(v.of, known.Meaning(), receipt.WithFabric(channel))
	if live != "" {
		v.Checks = append(v.Checks, checkLive(ctx, v.of, channel, live))
	}
	return v, nil
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

func printReceipt(w io.Writer, v verified) {
	for _, check := range v.Checks {
		fmt.Fprintf(w, "%-6s %s", check.Mark(), check.Name)
		if check.Detail != "" {
			fmt.Fprintf(w, ": %s", check.Detail)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "trust  %s\n", v.Trust)
	if v.Paper != "" {
		fmt.Fprintf(w, "digest %s\n", v.Paper)
	}
	fmt.Fprintln(w, v.Verdict)
}
