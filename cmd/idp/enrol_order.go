package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/internal/idp/admin"
)

// newEnrolProposeCommand is the first officer's half of an order to enrol.
func newEnrolProposeCommand() *cobra.Command {
	var resident, officer, out, letter string
	var replace bool
	cmd := &cobra.Command{
		Use:   "propose --resident ID --officer KEY --out FILE",
		Short: "Order an enrolment as one officer (offline); another approves it",
		Long: "Prints the link and the code that the person gets, and nobody else: the order holds\n" +
			"a digest of the code alone.",
		Args: cobra.NoArgs,
	}
	load := settings(cmd, "issuer", "register")
	f := cmd.Flags()
	f.StringVar(&resident, "resident", "", "id of the resident in the register")
	f.BoolVar(&replace, "replace", false, "after a loss: end what there is and begin anew")
	f.StringVar(&officer, "officer", "", "PEM file of the officer's private key")
	f.StringVar(&out, "out", "", "file to write the order to; it names the person, keep it as such")
	f.StringVar(&letter, "letter", "", "write the letter to this HTML file, for printing; it takes name and address from the register")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if resident == "" || officer == "" || out == "" {
			return errors.New("--resident, --officer and --out are required")
		}
		c, err := load()
		if err != nil {
			return err
		}
		to, err := addressee(cmd.Context(), letter, c.Register, resident)
		if err != nil {
			return err
		}
		key, err := readOfficer(officer)
		if err != nil {
			return err
		}
		now := time.Now()
		code, order, err := account.ProposeOrder(resident, replace, now, key)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(order, "", "  ")
		if err != nil {
			return err
		}
		e, err := admin.NewEnrolment(c.Issuer, code, now, to)
		if err == nil && letter != "" {
			err = writePrivate(letter, []byte(e.Letter))
		}
		if err != nil {
			return fmt.Errorf("letter: %w", err)
		}
		if err := writePrivate(out, append(text, '\n')); err != nil {
			return fmt.Errorf("order: %w", err)
		}
		e.Letter = ""
		return show(cmd, e, func(w io.Writer) {
			printEnrolment(w, e)
			fmt.Fprintln(w, "the order is in", out+": another officer approves it")
		})
	}
	return cmd
}

// addressee is whom a letter is for, when one is written.
func addressee(ctx context.Context, letter, file, resident string) (account.Resident, error) {
	if letter == "" {
		return account.Resident{}, nil
	}
	register, err := openRegister(file)
	if err != nil {
		return account.Resident{}, err
	}
	to, err := register.Resident(ctx, resident)
	if err != nil {
		return to, fmt.Errorf("--resident %s: %w in %s", resident, err, file)
	}
	return to, nil
}

// newEnrolApproveCommand is the second officer's half.
func newEnrolApproveCommand() *cobra.Command {
	var officer string
	cmd := &cobra.Command{
		Use:   "approve FILE --officer KEY",
		Short: "Sign a proposed order as the second officer (offline); idp enrol --order takes it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := readOfficer(officer)
			if err != nil {
				return err
			}
			var in account.EnrolmentOrder
			if err := readJSON(args[0], &in); err != nil {
				return err
			}
			signed, order, err := in.Approve(key)
			if err != nil {
				return err
			}
			text, err := json.MarshalIndent(signed, "", "  ")
			if err != nil {
				return err
			}
			if err := durable.Replace(args[0], append(text, '\n')); err != nil {
				return fmt.Errorf("order: %w", err)
			}
			what := "a first passkey"
			if order.Replace {
				what = "a passkey in the place of all there are"
			}
			until := time.Unix(order.Expires, 0).UTC()
			return show(cmd, map[string]any{"order": args[0], "resident": signed.Resident, "replace": order.Replace, "expires": until}, func(w io.Writer) {
				fmt.Fprintf(w, "signed: %s for resident %s, until %s\nidp enrol --order %s\n", what, signed.Resident, until.Format(time.RFC3339), args[0])
			})
		},
	}
	cmd.Flags().StringVar(&officer, "officer", "", "PEM file of the other officer's private key (required)")
	_ = cmd.MarkFlagRequired("officer")
	return cmd
}

// writePrivate writes a file that names a person, or that somebody signs in with: for its
// owner alone, though one that everybody may read was there.
func writePrivate(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		if err := file.Chmod(0o600); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
