package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRootCommand()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	report(root, err)
	if coded, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return coded.ExitCode()
	}
	return 1
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "idp",
		Short:         "The hub: log in, issue digital IDs, keep consents, prove all of it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().Bool("json", false, "print one JSON line instead of text")
	root.PersistentFlags().String("data", envOr("MYDATA_DATA", "data"), "folder of keys, database and socket (MYDATA_DATA)")
	root.AddCommand(
		newServeCommand(), newMigrateCommand(), newKeygenCommand(), newWitnessCommand(),
		newEnrolCommand(), newOfferCommand(), newRevokeCommand(), newIssuanceCommand(), newClientCommand(),
		newCatalogueCommand(), newTrustCommand(), newReceiptCommand(), newAuditCommand(), newTrailCommand(), newLogCommand(),
		newAnchorCommand(), newMonitorCommand(), newSandboxCommand(),
		newConsentCommand(), newEraseCommand(), newCredentialCommand(), newResidentCommand(), newRegisterCommand(), newSignalsCommand(),
	)
	return root
}

// report writes the error for the reader the command was called for.
func report(root *cobra.Command, err error) {
	if asJSON, _ := root.PersistentFlags().GetBool("json"); asJSON {
		body := map[string]any{"error": err.Error()}
		if coded, ok := errors.AsType[interface {
			error
			Code() string
		}](err); ok {
			body["code"] = coded.Code()
		}
		_ = json.NewEncoder(os.Stderr).Encode(body) // nowhere left to tell
		return
	}
	fmt.Fprintln(os.Stderr, "idp: "+err.Error())
}

// show prints v as one JSON line when --json is given, text otherwise.
func show(cmd *cobra.Command, v any, text func(io.Writer)) error {
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
	}
	text(cmd.OutOrStdout())
	return nil
}

func dataDir(cmd *cobra.Command) string {
	dir, _ := cmd.Flags().GetString("data")
	return dir
}

func envOr(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
