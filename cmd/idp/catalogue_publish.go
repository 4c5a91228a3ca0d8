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

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// readNext reads an operator's file as the version after the one in force.
func readNext(path string, now *catalogue.Catalogue) (*catalogue.Catalogue, json.RawMessage, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	next, err := catalogue.Parse(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	next.Version = 1
	if now != nil {
		next.Version = now.Version + 1
	}
	if err := next.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	body, err := json.Marshal(next)
	return &next, body, err
}

func newDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff [ID | FILE]",
		Short: "Show what a proposal, or a file, would change of the catalogue in force",
		Long:  "Without an argument: of the one proposal that is open.",
		Args:  cobra.MaximumNArgs(1),
	}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		if len(args) == 1 && strings.ContainsAny(args[0], "./") {
			now, err := inForce(cmd, client)
			if err != nil {
				return err
			}
			next, _, err := readNext(args[0], now)
			if err != nil {
				return err
			}
			digest, err := next.Digest()
			if err != nil {
				return err
			}
			return change{next, now, digest}.print(cmd, "not proposed")
		}
		id, err := theOne(cmd, client, args)
		if err != nil {
			return err
		}
		c, p, err := proposed(cmd, client, id)
		if err != nil {
			return err
		}
		return c.print(cmd, p.State)
	}
	return cmd
}

// theOne is the proposal named, or the only one that waits for a decision.
func theOne(cmd *cobra.Command, client *admin.Client, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	all, err := client.Proposals(cmd.Context())
	if err != nil {
		return "", err
	}
	var waiting []string
	for _, p := range all {
		if p.State == registry.Open || p.State == registry.Ready {
			waiting = append(waiting, p.ID)
		}
	}
	if len(waiting) != 1 {
		return "", fmt.Errorf("%d proposals wait: name one (idp catalogue proposals)", len(waiting))
	}
	return waiting[0], nil
}

func newProposalsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "proposals", Short: "List the newest proposals and what became of them", Args: cobra.NoArgs}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		all, err := client.Proposals(cmd.Context())
		if err != nil {
			return err
		}
		return show(cmd, map[string][]registry.Proposal{"proposals": all}, func(w io.Writer) {
			for _, p := range all {
				fmt.Fprintf(w, "%s  version %d  %-9s  until %s\n", p.ID, p.Version, p.State, p.Expires.Format(time.RFC3339))
			}
		})
	}
	return cmd
}

func newPublishCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "publish ID | publish --file FILE",
		Short: "Publish an approved proposal; in development, a file",
		Long: "A service in development holds both demo officers' keys, and signs a file with\n" +
			"them in one step. Any other refuses --file. The same content again changes nothing.",
		Args: cobra.MaximumNArgs(1),
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&file, "file", "", "JSON file of agencies with their signed entries, data sets and purposes (development alone)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (file == "") == (len(args) == 0) {
			return errors.New("either a proposal's ID or --file is required")
		}
		client, err := call()
		if err != nil {
			return err
		}
		var out admin.Published
		if file != "" {
			raw, err := readRequired(file, "--file")
			if err != nil {
				return err
			}
			out, err = client.PublishCatalogue(cmd.Context(), raw)
			if err != nil {
				return err
			}
		} else if out, err = client.PublishProposal(cmd.Context(), args[0]); err != nil {
			return err
		}
		return show(cmd, out, func(w io.Writer) {
			fmt.Fprintf(w, "catalogue version %d is in force, by %s\n", out.Version, out.By)
		})
	}
	return cmd
}

// newSignCommand is for an officer's own machine: it calls no service.
func newSignCommand() *cobra.Command {
	var key, after string
	var reject bool
	cmd := &cobra.Command{
		Use:   "sign FILE --officer KEY [--after PUBLISHED]",
		Short: "Sign a catalogue's digest on an officer's own machine; print the signature",
		Args:  cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&key, "officer", "", "PEM file of the officer's private key")
	cmd.Flags().StringVar(&after, "after", "", "file of the published catalogue that it is to follow (GET /catalogue); none for the first")
	cmd.Flags().BoolVar(&reject, "reject", false, "sign a no")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var now *catalogue.Catalogue
		if after != "" {
			jws, err := os.ReadFile(after)
			if err != nil {
				return err
			}
			if now, err = catalogue.Peek(strings.TrimSpace(string(jws))); err != nil {
				return err
			}
		}
		next, _, err := readNext(args[0], now)
		if err != nil {
			return err
		}
		digest, err := next.Digest()
		if err != nil {
			return err
		}
		decision := catalogue.Approve
		if reject {
			decision = catalogue.Reject
		}
		signature, err := (&officer{key: key}).decide(decision, next, now)
		if err != nil {
			return err
		}
		cmd.SetOut(os.Stderr) // the signature alone goes to stdout
		if err := (change{next, now, digest}).print(cmd, decision); err != nil {
			return err
		}
		_, err = fmt.Fprintln(os.Stdout, signature)
		return err
	}
	return cmd
}
