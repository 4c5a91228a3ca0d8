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

	"github.com/govmydata/mydata/conformance/wallet"
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
	if asJSON, _ := root.PersistentFlags().GetBool("json"); asJSON {
		_ = json.NewEncoder(os.Stderr).Encode(failure(err)) // nowhere left to tell
	} else {
		fmt.Fprintln(os.Stderr, "conformance: "+err.Error())
	}
	return 1
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "conformance", Short: "Drive a deployment from outside", SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().Bool("json", false, "print one JSON line instead of text")
	root.AddCommand(newWalletCommand(), newProviderCommand(), newConsumerCommand(), newIDPCommand(), newVerifierCommand())
	return root
}

// failure names the check for a script.
func failure(err error) map[string]any {
	body := map[string]any{"error": err.Error()}
	if r, ok := errors.AsType[*wallet.Refusal](err); ok {
		body["check"] = r.Check
	}
	if a, ok := errors.AsType[*wallet.Answer](err); ok {
		body["endpoint"], body["status"], body["code"] = a.Endpoint, a.Status, a.Code
	}
	return body
}

func show(cmd *cobra.Command, v any, text func(io.Writer)) error {
	if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
	}
	text(cmd.OutOrStdout())
	return nil
}
