package main

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newRecordGetCommand() *cobra.Command {
	var query, socket string
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Print the record of a verified presentation, while the service remembers it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var record json.RawMessage
			path := "/results/" + url.PathEscape(args[0]) + "/record?query=" + url.QueryEscape(query)
			if err := call(cmd, socket, http.MethodGet, path, nil, &record); err != nil {
				return err
			}
			_, err := cmd.OutOrStdout().Write(append(record, '\n'))
			return err
		},
	}
	cmd.Flags().StringVar(&query, "query", "", "id of the Credential Query, where there are several")
	cmd.Flags().StringVar(&socket, "socket", "", "unix socket of the service; default DATA/verifier.sock")
	return cmd
}
