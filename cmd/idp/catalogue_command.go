package main

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
)

func newCatalogueCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "catalogue",
		Short: "Change which agency gives what, and for which purposes, with four eyes",
		Long: "One officer proposes a change, another reads the difference and approves it, and\n" +
			"only then can it be published. Each signs the digest of the exact snapshot: what is\n" +
			"changed afterwards by one byte has no approval. Officers who sign on another machine\n" +
			"use `idp catalogue sign` there, and bring the signature by --signature.",
	}
	group.AddCommand(
		newProposeCommand(), newDiffCommand(), newApproveCommand(), newRejectCommand(), newProposalsCommand(),
		newPublishCommand(), newSignCommand(), newCertificatesCommand(),
	)
	return group
}

// officer is who signs: by a key file here, or by a signature made elsewhere.
type officer struct{ key, signature string }

func (o *officer) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.key, "officer", "", "PEM file of the officer's private key")
	cmd.Flags().StringVar(&o.signature, "signature", "", "file of the officer's signature, made elsewhere by idp catalogue sign")
}

const decisionLife = 7 * 24 * time.Hour

// decide gives this officer's signature for next to follow inForce.
func (o *officer) decide(decision string, next, inForce *catalogue.Catalogue) (string, error) {
	switch {
	case (o.key == "") == (o.signature == ""):
		return "", errors.New("either --officer or --signature is required")
	case o.signature != "":
		text, err := os.ReadFile(o.signature)
		return strings.TrimSpace(string(text)), err
	}
	key, err := readOfficer(o.key)
	if err != nil {
		return "", err
	}
	d, err := catalogue.Decide(decision, next, inForce, time.Now(), decisionLife)
	if err != nil {
		return "", err
	}
	return catalogue.SignDecision(d, key)
}

func readOfficer(path string) (crypto.Signer, error) {
	key, err := keys.ReadKey(path)
	if err != nil {
		return nil, fmt.Errorf("officer's key: %w", err)
	}
	return key, nil
}

// change is a proposed catalogue beside the one in force.
type change struct {
	next, inForce *catalogue.Catalogue
	id            string
}

// inForce reads what the service has in force; nil before the first.
func inForce(cmd *cobra.Command, client *admin.Client) (*catalogue.Catalogue, error) {
	jws, err := client.CatalogueJWS(cmd.Context())
	if err != nil || jws == "" {
		return nil, err
	}
	return catalogue.Peek(jws)
}

// proposed reads a proposal, and holds the service to its name: what is shown and
// signed is what the id says.
func proposed(cmd *cobra.Command, client *admin.Client, id string) (change, registry.Proposal, error) {
	p, err := client.Proposal(cmd.Context(), id)
	if err != nil {
		return change{}, p, err
	}
	next, err := catalogue.Parse(p.Catalogue)
	if err != nil {
		return change{}, p, err
	}
	digest, err := next.Digest()
	if err == nil && digest != id {
		err = fmt.Errorf("the service gave another catalogue, %s", digest)
	}
	if err == nil {
		err = next.Validate()
	}
	if err != nil {
		return change{}, p, err
	}
	now, err := inForce(cmd, client)
	return change{&next, now, id}, p, err
}

// print shows the difference as a person reads it.
func (c change) print(cmd *cobra.Command, state string) error {
	changes, err := catalogue.Diff(c.inForce, c.next)
	if err != nil {
		return err
	}
	body := map[string]any{"id": c.id, "version": c.next.Version, "state": state, "changes": changes}
	return show(cmd, body, func(w io.Writer) {
		from := "nothing"
		if c.inForce != nil {
			from = fmt.Sprint("version ", c.inForce.Version)
		}
		fmt.Fprintf(w, "proposal %s (%s): %s -> version %d\n", c.id, state, from, c.next.Version)
		for _, x := range changes {
			fmt.Fprintln(w, x)
		}
	})
}

func newProposeCommand() *cobra.Command {
	var who officer
	cmd := &cobra.Command{
		Use:   "propose FILE --officer KEY",
		Short: "Propose a catalogue, signed by one officer; its version becomes the next",
		Args:  cobra.ExactArgs(1),
	}
	call := caller(cmd)
	who.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		now, err := inForce(cmd, client)
		if err != nil {
			return err
		}
		next, raw, err := readNext(args[0], now)
		if err != nil {
			return err
		}
		signature, err := who.decide(catalogue.Approve, next, now)
		if err != nil {
			return err
		}
		p, err := client.Propose(cmd.Context(), admin.Proposed{Catalogue: raw, Signature: signature})
		if err != nil {
			return err
		}
		return change{next, now, p.ID}.print(cmd, p.State)
	}
	return cmd
}

// decisionCommand is approve and reject: both show what they are about.
func decisionCommand(use, short, decision string) *cobra.Command {
	var who officer
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1)}
	call := caller(cmd)
	who.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		c, _, err := proposed(cmd, client, args[0])
		if err != nil {
			return err
		}
		signature, err := who.decide(decision, c.next, c.inForce)
		if err != nil {
			return err
		}
		p, err := client.DecideProposal(cmd.Context(), c.id, signature)
		if err != nil {
			return err
		}
		return c.print(cmd, p.State)
	}
	return cmd
}

func newApproveCommand() *cobra.Command {
	return decisionCommand("approve ID --officer KEY", "Approve a proposal as its second officer, not the one who proposed it", catalogue.Approve)
}

func newRejectCommand() *cobra.Command {
	return decisionCommand("reject ID --officer KEY", "Reject a proposal for good, as any officer", catalogue.Reject)
}
