package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/consent"
)

func newClientCommand() *cobra.Command {
	group := &cobra.Command{Use: "client", Short: "Manage who may use the authorization server"}
	var file string
	cmd := &cobra.Command{
		Use:   "add --metadata FILE",
		Short: "Register a client by its metadata (RFC 7591 names; see docs/operations.md)",
		Args:  cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().StringVar(&file, "metadata", "", "JSON file: redirect URIs, keys or authentication method, roles")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		raw, err := readRequired(file, "--metadata")
		if err != nil {
			return err
		}
		client, err := call()
		if err != nil {
			return err
		}
		out, err := client.AddClient(cmd.Context(), raw)
		if err != nil {
			return err
		}
		return show(cmd, out, func(w io.Writer) {
			fmt.Fprintln(w, "client", out.ClientID)
			if out.ClientSecret != "" {
				fmt.Fprintln(w, "secret, shown once:", out.ClientSecret)
			}
			fmt.Fprintln(w, "id_tokens by", out.IDTokenAlg)
		})
	}
	group.AddCommand(cmd, newInitialCommand())
	return group
}

// newInitialCommand makes what a client registers itself by.
func newInitialCommand() *cobra.Command {
	var in admin.InitialRequest
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make an initial access token, by which clients register themselves (RFC 7591)",
		Long: "The token is shown once. Clients that register by it may have the scopes named\n" +
			"here; they never belong to an agency and never have a role.",
		Args: cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.Flags().Int64Var(&in.Uses, "uses", 1, "how many clients may register by it")
	cmd.Flags().DurationVar(&life, "life", 24*time.Hour, "how long it is good")
	cmd.Flags().StringSliceVar(&in.Scopes, "scope", []string{"openid"}, "scopes that those clients may have")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		in.Seconds = int64(life / time.Second)
		out, err := client.Initial(cmd.Context(), in)
		if err != nil {
			return err
		}
		return show(cmd, out, func(w io.Writer) {
			fmt.Fprintf(w, "token, shown once: %s\nregistrations %d, until %s\n", out.Token, out.Uses, out.Expires.Format("2006-01-02 15:04 MST"))
		})
	}
	return cmd
}

// readRequired reads the JSON file that a flag names.
func readRequired(path, flag string) (json.RawMessage, error) {
	if path == "" {
		return nil, errors.New(flag + " is required")
	}
	var raw json.RawMessage
	return raw, readJSON(path, &raw)
}

func newTrustCommand() *cobra.Command {
	group := &cobra.Command{Use: "trust", Short: "What others need to check this hub"}
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the log and witness keys, the hub's keys and the CAs to a folder",
		Args:  cobra.ExactArgs(1),
	}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		files, err := client.Trust(cmd.Context())
		if err != nil {
			return err
		}
		dir := args[0]
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: a trust folder is public
			return err
		}
		for name, raw := range files {
			if name != filepath.Base(name) {
				return fmt.Errorf("trust export: the service names a file %q", name)
			}
			if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil { //nolint:gosec // G306: public keys
				return err
			}
		}
		if _, err := consent.LoadTrust(os.DirFS(dir)); err != nil {
			return err
		}
		return show(cmd, map[string]string{"trust": dir}, func(w io.Writer) { fmt.Fprintln(w, "trust folder written to", dir) })
	}
	group.AddCommand(cmd, newTrustRekeyCommand())
	return group
}
