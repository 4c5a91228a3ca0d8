package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/conformance/inspect"
	"github.com/govmydata/mydata/conformance/report"
)

// inspection is the flags of the commands that try a deployment.
type inspection struct {
	url, client, request, junit, json string
	try                               func(context.Context, inspect.Options) (report.Report, error)
}

func newIDPCommand() *cobra.Command {
	i := inspection{try: inspect.IDP}
	cmd := i.command("idp --issuer URL", "Try an identity provider and issuer, clause by clause")
	cmd.Flags().StringVar(&i.url, "issuer", "", "its issuer identifier")
	cmd.Flags().StringVar(&i.client, "client", "", "JSON file of a client registered for this: client_id, redirect_uri, scope, key (private JWK)")
	return required(cmd, "issuer")
}

func newVerifierCommand() *cobra.Command {
	i := inspection{try: inspect.Verifier}
	cmd := i.command("verifier --url URL", "Try a verifier, clause by clause")
	cmd.Flags().StringVar(&i.url, "url", "", "its page")
	cmd.Flags().StringVar(&i.request, "request", "", "an openid4vp:// link of its, where the page is not one of this project")
	return required(cmd, "url")
}

func (i *inspection) command(use, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		Long: short + ".\n\nA table names each clause and how its case ended; with --json it is one JSON object.\n" +
			"The exit code is 0 when something passed and nothing failed.",
		RunE: i.run,
	}
	cmd.Flags().StringVar(&i.junit, "junit", "", "also JUnit XML, into this file")
	cmd.Flags().StringVar(&i.json, "report", "", "also the report as JSON, into this file")
	return cmd
}

func required(cmd *cobra.Command, flag string) *cobra.Command {
	if err := cmd.MarkFlagRequired(flag); err != nil {
		panic(err)
	}
	return cmd
}

func (i *inspection) run(cmd *cobra.Command, _ []string) error {
	o := inspect.Options{URL: i.url, Request: i.request}
	if i.client != "" {
		var err error
		if o.Client, err = inspect.ReadClient(i.client); err != nil {
			return err
		}
	}
	r, err := i.try(cmd.Context(), o)
	if err != nil {
		return err
	}
	for path, write := range map[string]func(io.Writer) error{i.junit: r.WriteJUnit, i.json: r.WriteJSON} {
		if path == "" {
			continue
		}
		if err := toFile(path, write); err != nil {
			return err
		}
	}
	if err := show(cmd, r, func(out io.Writer) { _ = r.WriteText(out) }); err != nil {
		return err
	}
	if !r.OK() {
		return fmt.Errorf("%w: %d of %d cases failed", errNotAdmitted, r.Count(report.Failed), len(r.Results))
	}
	return nil
}

// toFile writes a report's form.
func toFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
