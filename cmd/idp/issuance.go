package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/credential"
)

func newIssuanceCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "issuance",
		Short: "Decide on credentials that wait for an operator (serve --defer)",
		Long: "A wallet that asks for a credential of a deferred configuration is told to come\n" +
			"back. What is approved is issued when it does, from the register as it is then;\n" +
			"what is refused stays on the citizen's page with the reason. A decision is for good.",
	}
	group.AddCommand(newIssuanceListCommand(), newIssuanceApproveCommand(), newIssuanceRefuseCommand())
	return group
}

func newIssuanceListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List what waits, oldest first", Args: cobra.NoArgs}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		waiting, err := client.WaitingIssuances(cmd.Context())
		if err != nil {
			return err
		}
		return show(cmd, waiting, func(w io.Writer) {
			if len(waiting) == 0 {
				fmt.Fprintln(w, "nothing waits")
			}
			for _, d := range waiting {
				fmt.Fprintf(w, "%s  %s for %s, %d of them, by %s since %s\n", d.ID, d.Config, d.Resident, d.Copies, d.Device, d.Since.Format("2006-01-02 15:04 MST"))
			}
		})
	}
	return cmd
}

func newIssuanceApproveCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "approve ID", Short: "Let one be issued", Args: cobra.ExactArgs(1)}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		if err := client.DecideIssuance(cmd.Context(), args[0], admin.Decision{Approve: true}); err != nil {
			return err
		}
		return show(cmd, map[string]string{"approved": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "approved", args[0]) })
	}
	return cmd
}

func newIssuanceRefuseCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "refuse ID --reason " + strings.Join(credential.RefusalReasons(), "|"),
		Short: "Refuse one, for a reason that the citizen is told",
		Args:  cobra.ExactArgs(1),
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why: "+strings.Join(credential.RefusalReasons(), ", "))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if reason == "" {
			return errors.New("--reason is required")
		}
		client, err := call()
		if err != nil {
			return err
		}
		if err := client.DecideIssuance(cmd.Context(), args[0], admin.Decision{Reason: reason}); err != nil {
			return err
		}
		return show(cmd, map[string]string{"refused": args[0], "reason": reason}, func(w io.Writer) { fmt.Fprintln(w, "refused", args[0]) })
	}
	return cmd
}
