package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
)

// caller adds the --socket flag and gives the client of the running service.
func caller(cmd *cobra.Command) func() (*admin.Client, error) {
	load := settings(cmd, "socket")
	return func() (*admin.Client, error) {
		c, err := load()
		return admin.NewClient(c.Socket), err
	}
}

func newEnrolCommand() *cobra.Command {
	var in admin.EnrolRequest
	var letter, order string
	var list bool
	cmd := &cobra.Command{
		Use:   "enrol --resident ID",
		Short: "Order a one-time code with which a resident enrols a passkey",
		Long: "Two officers order the enrolment, by propose and approve; in development the service\n" +
			"signs for both.\n" +
			"--replace is for a lost phone: it ends the passkeys, sessions and credentials\n" +
			"there are, and pauses standing grants.",
		Args: cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&in.Resident, "resident", "", "id of the resident in the register")
	cmd.Flags().BoolVar(&in.Replace, "replace", false, "after a loss: end what there is and begin anew")
	cmd.Flags().StringVar(&letter, "letter", "", "write the letter to this HTML file, for printing")
	cmd.Flags().StringVar(&order, "order", "", "file of an order signed by two officers (propose, approve), instead of --resident")
	cmd.Flags().BoolVar(&list, "list", false, "list the residents and who is enrolled")
	for _, of := range []string{"resident", "replace", "letter"} { // an order says these itself, and holds no code for a letter
		cmd.MarkFlagsMutuallyExclusive("order", of)
		cmd.MarkFlagsMutuallyExclusive("list", of)
	}
	cmd.MarkFlagsMutuallyExclusive("order", "list")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		if list {
			return listResidents(cmd, client)
		}
		if order != "" {
			if err := readJSON(order, &in.Order); err != nil {
				return err
			}
		} else if in.Resident == "" {
			return errors.New("--resident, --order or --list is required")
		}
		out, err := client.Enrol(cmd.Context(), in)
		if err != nil {
			return err
		}
		if letter != "" {
			if err := writePrivate(letter, []byte(out.Letter)); err != nil {
				return fmt.Errorf("letter: %w", err)
			}
		}
		out.Letter = ""
		return show(cmd, out, func(w io.Writer) {
			if out.Code == "" {
				fmt.Fprintln(w, "the order is accepted")
				return
			}
			printEnrolment(w, out)
		})
	}
	cmd.AddCommand(newEnrolProposeCommand(), newEnrolApproveCommand())
	return cmd
}

func printEnrolment(w io.Writer, e admin.Enrolment) {
	fmt.Fprintf(w, "link   %s\ncode   %s\nuntil  %s\n", e.URL, e.Code, e.Expires.Format("2006-01-02 15:04 MST"))
}

func listResidents(cmd *cobra.Command, client *admin.Client) error {
	residents, err := client.Residents(cmd.Context())
	if err != nil {
		return err
	}
	return show(cmd, residents, func(w io.Writer) {
		for _, r := range residents {
			state := "not enrolled"
			if r.Enrolled {
				state = "enrolled"
			}
			fmt.Fprintf(w, "%-14s %s (%s): %s\n", r.Resident, r.NameKo, r.NameLatin, state)
		}
	})
}

func newOfferCommand() *cobra.Command {
	var in admin.OfferRequest
	cmd := &cobra.Command{
		Use:   "offer --resident ID --config CONFIGURATION_ID",
		Short: "Make a credential offer for a resident's wallet",
		Args:  cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&in.Resident, "resident", "", "id of the resident in the register")
	cmd.Flags().StringVar(&in.Config, "config", "", "credential configuration id, as in the issuer's metadata")
	cmd.Flags().StringVar(&in.Grant, "grant", "pre-authorized_code", "pre-authorized_code or authorization_code")
	cmd.Flags().BoolVar(&in.TxCode, "tx-code", false, "ask for a transaction code, printed here and told to the person another way")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if in.Resident == "" || in.Config == "" {
			return errors.New("--resident and --config are required")
		}
		client, err := call()
		if err != nil {
			return err
		}
		out, err := client.Offer(cmd.Context(), in)
		if err != nil {
			return err
		}
		return show(cmd, out, func(w io.Writer) {
			fmt.Fprintln(w, out.CredentialOffer)
			if out.TxCode != "" {
				fmt.Fprintln(w, "transaction code:", out.TxCode)
			}
		})
	}
	return cmd
}

func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
