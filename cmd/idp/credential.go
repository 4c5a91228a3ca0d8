package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/credential"
)

func newCredentialCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "credential",
		Short: "Suspend, reinstate or revoke a credential",
		Long: "What is changed stands on the published status list at once, and is seen by\n" +
			"everybody within fifteen minutes. The holder reads the reason on the page of\n" +
			"credentials, the trail keeps who did it (idp trail). The reasons are a closed\n" +
			"list:\n  " + strings.Join(credential.Reasons(), "\n  "),
	}
	group.AddCommand(
		statusCommand("suspend", "Suspend a credential until it is reinstated or revoked", true, (*admin.Client).Suspend),
		statusCommand("reinstate", "End a suspension", false, func(c *admin.Client, ctx context.Context, in admin.StatusRequest) error {
			return c.Reinstate(ctx, in.Credential)
		}),
		statusCommand("revoke", "Revoke a credential for good", true, (*admin.Client).Revoke),
	)
	return group
}

func statusCommand(name, short string, reasoned bool, do func(*admin.Client, context.Context, admin.StatusRequest) error) *cobra.Command {
	var in admin.StatusRequest
	use := name + " --credential ID"
	if reasoned {
		use += " --reason CODE"
	}
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs}
	call := caller(cmd)
	cmd.Flags().StringVar(&in.Credential, "credential", "", "number of the credential, as its holder's pages show it")
	if reasoned {
		cmd.Flags().StringVar(&in.Reason, "reason", "", "code of the reason")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if in.Credential == "" || reasoned && in.Reason == "" {
			return errors.New("--credential and --reason are required; the reasons are " + strings.Join(credential.Reasons(), ", "))
		}
		client, err := call()
		if err != nil {
			return err
		}
		if err := do(client, cmd.Context(), in); err != nil {
			return err
		}
		done := map[string]string{"suspend": "suspended", "reinstate": "reinstated", "revoke": "revoked"}[name]
		return show(cmd, map[string]string{done: in.Credential}, func(w io.Writer) { fmt.Fprintln(w, done, in.Credential) })
	}
	return cmd
}

// newRevokeCommand is the short way for who stands at the counter.
func newRevokeCommand() *cobra.Command {
	var in admin.StatusRequest
	cmd := &cobra.Command{
		Use:   "revoke --credential ID",
		Short: "Revoke a credential for good, by its holder's wish",
		Args:  cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&in.Credential, "credential", "", "id of the credential, as the dashboard shows it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if in.Credential == "" {
			return errors.New("--credential is required")
		}
		client, err := call()
		if err != nil {
			return err
		}
		if err := client.Revoke(cmd.Context(), in); err != nil {
			return err
		}
		return show(cmd, map[string]string{"revoked": in.Credential}, func(w io.Writer) { fmt.Fprintln(w, "revoked", in.Credential) })
	}
	return cmd
}
