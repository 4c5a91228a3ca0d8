package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

func newConsentCommand() *cobra.Command {
	group := &cobra.Command{Use: "consent", Short: "What an operator may do about a consent"}
	var grant, reason string
	cmd := &cobra.Command{
		Use:   "invalidate --grant ID --reason CODE",
		Short: "End a standing grant for good, for a reason that the citizen sees",
		Long: "From its end no release is made under the grant. The citizen reads the reason on\n" +
			"the page of consents and in the history, the agencies hear of it, and the trail\n" +
			"keeps who did it (idp trail). The reasons are a closed list:\n  " + strings.Join(consent.Invalidations(), "\n  "),
		Args: cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&grant, "grant", "", "consent number, as the citizen's pages and receipts show it")
	cmd.Flags().StringVar(&reason, "reason", "", "code of the reason")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if grant == "" || reason == "" {
			return errors.New("--grant and --reason are required; the reasons are " + strings.Join(consent.Invalidations(), ", "))
		}
		client, err := call()
		if err != nil {
			return err
		}
		out, err := client.Invalidate(cmd.Context(), admin.InvalidateRequest{Grant: consent.GrantID(grant), Reason: reason})
		if err != nil {
			return err
		}
		return show(cmd, out, func(w io.Writer) { fmt.Fprintf(w, "the grant is %s: %s\n", out.State, out.Reason) })
	}
	group.AddCommand(cmd)
	return group
}

// newReceiptExportCommand writes a checked receipt in another form.
func newReceiptExportCommand() *cobra.Command {
	var trust, as string
	cmd := &cobra.Command{
		Use:   "export FILE --trust DIR --as receipt|record|details",
		Short: "Write a receipt as ISO/IEC TS 27560 JSON-LD, or as RFC 9396 details",
		Long: "Checks the receipt against a trust folder as `idp receipt verify` does, and only\n" +
			"then writes it: receipt, a consent receipt of ISO/IEC TS 27560 in JSON-LD with the\n" +
			"terms of the Data Privacy Vocabulary; record, the consent record in it alone;\n" +
			"details, what was agreed as authorization_details of RFC 9396.",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&trust, "trust", "", "trust folder")
	cmd.Flags().StringVar(&as, "as", "receipt", "receipt, record or details")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		report, err := verifyReceipt(cmd.Context(), args[0], trust, "", "")
		if err != nil {
			return err
		}
		if !report.OK() {
			return fmt.Errorf("%w: %s: nothing is written", errReceipt, report.Failed()[0].Name)
		}
		out, err := exported(args[0], trust, as)
		if err != nil {
			return err
		}
		encoder := json.NewEncoder(cmd.OutOrStdout())
		encoder.SetEscapeHTML(false)
		if asJSON, _ := cmd.Flags().GetBool("json"); !asJSON {
			encoder.SetIndent("", "  ")
		}
		return encoder.Encode(out)
	}
	return cmd
}

func exported(file, trust, as string) (any, error) {
	known, err := consent.LoadTrust(os.DirFS(trust))
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r, err := receipt.Parse(raw)
	if err != nil {
		return nil, err
	}
	switch as {
	case "receipt":
		return r.Export(known.Issuer)
	case "record":
		return r.ExportRecord(known.Issuer)
	case "details":
		details, err := consent.Details(r.Terms)
		return map[string]any{"authorization_details": details}, err
	}
	return nil, fmt.Errorf("--as %q: it is receipt, record or details", as)
}
