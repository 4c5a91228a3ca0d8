package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

func newEraseCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "erase",
		Short: "Erase all that the hub knows of a person, by two officers' order",
		Long: "One officer proposes, another reads the file and approves, and the running service\n" +
			"carries it out: grants end, tokens and passkeys too, credentials are revoked, and\n" +
			"then every row of the person goes, with the key that the log's salts came from.\n" +
			"The log stays whole, and shows tombstones. What agencies hold, and backups until\n" +
			"they expire, is beyond this command. An order that broke off is given again.",
	}
	group.AddCommand(newMeasureProposeCommand(approval.Erasure, "Write an order to erase a person, signed by one officer"), newEraseApproveCommand(), newEraseHoldCommand(), newEraseCheckCommand(), newEraseSettleCommand())
	return group
}

func newEraseApproveCommand() *cobra.Command {
	return newMeasureApproveCommand(approval.Erasure, func(cmd *cobra.Command, client *admin.Client, order approval.Case) error {
		gone, err := client.Erase(cmd.Context(), order)
		if err != nil {
			return err
		}
		return show(cmd, gone, func(w io.Writer) {
			if gone.Before {
				fmt.Fprintln(w, "this order was carried out before")
				return
			}
			fmt.Fprintf(w, "erased: %d grants, %d credentials; %d leaves of the log are tombstones now\n", gone.Grants, gone.Credentials, gone.Leaves)
		})
	})
}

func newEraseHoldCommand() *cobra.Command {
	var in admin.HoldRequest
	cmd := &cobra.Command{
		Use:   "hold --resident ID --reason " + strings.Join(erasure.HoldReasons(), "|"),
		Short: "Keep everything of a person from being erased, by order of a court or an authority",
		Args:  cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&in.Resident, "resident", "", "id of the resident in the register")
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why: "+strings.Join(erasure.HoldReasons(), ", "))
	cmd.Flags().BoolVar(&in.Lift, "lift", false, "end the hold")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if in.Resident == "" {
			return errors.New("--resident is required")
		}
		client, err := call()
		if err != nil {
			return err
		}
		if err := client.Hold(cmd.Context(), in); err != nil {
			return err
		}
		return show(cmd, map[string]bool{"held": !in.Lift}, func(w io.Writer) {
			if in.Lift {
				fmt.Fprintln(w, "the hold is lifted")
				return
			}
			fmt.Fprintln(w, "nothing of this person is erased until the hold is lifted")
		})
	}
	return cmd
}
