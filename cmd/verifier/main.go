package main

import (
	"context"
	"encoding/json"
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
	if asJSON, _ := root.PersistentFlags().GetBool("json"); asJSON {
		_ = json.NewEncoder(os.Stderr).Encode(map[string]string{"error": err.Error()}) // nowhere left to tell
		return 1
	}
	fmt.Fprintln(os.Stderr, "verifier: "+err.Error())
	return 1
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "verifier",
		Short:         "Ask a wallet for a proof and check it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	data, given := os.LookupEnv("MYDATA_DATA")
	if !given {
		data = "data"
	}
	root.PersistentFlags().Bool("json", false, "print one JSON line instead of text")
	root.PersistentFlags().String("data", data, "folder of keys and socket (MYDATA_DATA)")
	root.AddCommand(newServeCommand(), newRequestCommand(), newResultCommand())
	root.AddCommand(newRecordCommand())
	return root
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
