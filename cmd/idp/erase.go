package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

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
	group.AddCommand(newEraseProposeCommand(), newEraseApproveCommand(), newEraseHoldCommand(), newEraseCheckCommand(), newEraseSettleCommand())
	return group
}

func newEraseProposeCommand() *cobra.Command {
	var resident, reason, officer, out string
	cmd := &cobra.Command{
		Use:   "propose --resident ID --reason " + strings.Join(approval.Erasures(), "|") + " --officer KEY --out FILE",
		Short: "Write an order to erase a person, signed by one officer",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().StringVar(&resident, "resident", "", "id of the resident in the register")
	cmd.Flags().StringVar(&reason, "reason", "", "why: "+strings.Join(approval.Erasures(), ", "))
	cmd.Flags().StringVar(&officer, "officer", "", "PEM file of the officer's private key")
	cmd.Flags().StringVar(&out, "out", "", "file to write the order to; it names the person, keep it as such")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if resident == "" || officer == "" || out == "" {
			return errors.New("--resident, --officer and --out are required")
		}
		key, err := readOfficer(officer)
		if err != nil {
			return err
		}
		o, err := erasure.Propose(resident, reason, time.Now(), key)
		if err != nil {
			return err
		}
		return keepOrder(cmd, out, o)
	}
	return cmd
}

func newEraseApproveCommand() *cobra.Command {
	var officer string
	cmd := &cobra.Command{
		Use:   "approve FILE --officer KEY",
		Short: "Sign a proposed order as the second officer, and have it carried out",
		Args:  cobra.ExactArgs(1),
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&officer, "officer", "", "PEM file of the other officer's private key; none: the file bears both signatures already")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var o erasure.Order
		if err := readJSON(args[0], &o); err != nil {
			return err
		}
		if officer != "" {
			key, err := readOfficer(officer)
			if err != nil {
				return err
			}
			if o, err = erasure.Approve(o, key); err != nil {
				return err
			}
		}
		client, err := call()
		if err != nil {
			return err
		}
		gone, err := client.Erase(cmd.Context(), o)
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
	}
	return cmd
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

// keepOrder writes an order that one officer has signed, for the other.
func keepOrder(cmd *cobra.Command, out string, order any) error {
	text, err := json.MarshalIndent(order, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	return show(cmd, map[string]string{"order": out}, func(w io.Writer) {
		fmt.Fprintln(w, "the order is in", out+": another officer approves it within seven days")
	})
}
