package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// newMeasureProposeCommand is the first officer's half of an order about a whole person.
func newMeasureProposeCommand(m approval.Measure, short string) *cobra.Command {
	var resident, reason, officer, out string
	cmd := &cobra.Command{Use: "propose --resident ID --officer KEY --out FILE", Short: short, Args: cobra.NoArgs}
	cmd.Flags().StringVar(&resident, "resident", "", "id of the resident in the register")
	if reasons := m.Reasons(); len(reasons) > 1 {
		cmd.Use = "propose --resident ID --reason " + strings.Join(reasons, "|") + " --officer KEY --out FILE"
		cmd.Flags().StringVar(&reason, "reason", "", "why: "+strings.Join(reasons, ", "))
	}
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
		order, err := m.Propose(resident, reason, time.Now(), key)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(order, "", "  ")
		if err != nil {
			return err
		}
		if err := writePrivate(out, append(text, '\n')); err != nil {
			return fmt.Errorf("order: %w", err)
		}
		return show(cmd, map[string]string{"order": out}, func(w io.Writer) {
			fmt.Fprintln(w, "the order is in", out+": another officer approves it within seven days")
		})
	}
	return cmd
}

// newMeasureApproveCommand is the second officer's, and has the service carry it out.
func newMeasureApproveCommand(m approval.Measure, carryOut func(*cobra.Command, *admin.Client, approval.Case) error) *cobra.Command {
	var officer string
	cmd := &cobra.Command{
		Use:   "approve FILE --officer KEY",
		Short: "Sign a proposed order as the second officer, and have it carried out",
		Args:  cobra.ExactArgs(1),
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&officer, "officer", "", "PEM file of the other officer's private key; none: the file bears both signatures already")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var order approval.Case
		if err := readJSON(args[0], &order); err != nil {
			return err
		}
		if officer != "" {
			key, err := readOfficer(officer)
			if err != nil {
				return err
			}
			if order, err = m.Approve(order, key); err != nil {
				return err
			}
		}
		client, err := call()
		if err != nil {
			return err
		}
		return carryOut(cmd, client, order)
	}
	return cmd
}
