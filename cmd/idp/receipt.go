package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

var errReceipt = errors.New("the receipt does not hold")

func newReceiptCommand() *cobra.Command {
	group := &cobra.Command{Use: "receipt", Short: "Check consent receipts"}
	var trust string
	cmd := &cobra.Command{
		Use:   "verify FILE --trust DIR",
		Short: "Check a receipt offline, each check by name",
		Long: "Checks every signature, digest and log proof of a receipt against a trust folder\n" +
			"(idp trust export). Nothing is fetched. Exit code 0 only if every check holds.",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&trust, "trust", "", "trust folder")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if trust == "" {
			return errors.New("--trust is required: what a receipt is measured against never comes with it")
		}
		known, err := consent.LoadTrust(os.DirFS(trust))
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		r, err := receipt.Parse(raw)
		if err != nil {
			return err
		}
		report := receipt.Verify(r, known)
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
