package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/verifier"
)

const maxAnswer = 1 << 20

func newRequestCommand() *cobra.Command {
	var query, format, socket string
	cmd := &cobra.Command{
		Use:   "request",
		Short: "Ask for a presentation; prints the openid4vp:// link for a wallet",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			order := verifier.Order{Format: format}
			if query != "" {
				body, err := os.ReadFile(query)
				if err != nil {
					return fmt.Errorf("read query: %w", err)
				}
				if !json.Valid(body) {
					return fmt.Errorf("read query: %s is not JSON", query)
				}
				order.Query = body
			}
			body, err := json.Marshal(order)
			if err != nil {
				return err
			}
			var placed verifier.Placed
			if err := call(cmd, socket, http.MethodPost, "/requests", body, &placed); err != nil {
				return err
			}
			return show(cmd, placed, func(w io.Writer) {
				fmt.Fprintf(w, "Open this in a wallet:\n\n  %s\n\nThen ask for the result:\n\n  verifier result %s\n", placed.Request, placed.ID)
			})
		},
	}
	cmd.Flags().StringVar(&query, "query", "", "file with a DCQL query (OpenID4VP 1.0, 6)")
	cmd.Flags().StringVar(&format, "format", "", "ask the default question in this format: dc+sd-jwt")
	cmd.Flags().StringVar(&socket, "socket", "", "unix socket of the service; default DATA/verifier.sock")
	cmd.MarkFlagsMutuallyExclusive("query", "format")
	return cmd
}

func newResultCommand() *cobra.Command {
	var socket string
	cmd := &cobra.Command{
		Use:   "result ID",
		Short: "Show what became of a request: pending, verified, rejected or expired",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var result verifier.Result
			if err := call(cmd, socket, http.MethodGet, "/results/"+url.PathEscape(args[0]), nil, &result); err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) { explain(w, result) })
		},
	}
	cmd.Flags().StringVar(&socket, "socket", "", "unix socket of the service; default DATA/verifier.sock")
	return cmd
}

func explain(w io.Writer, r verifier.Result) {
	fmt.Fprintln(w, r.Status)
	for _, c := range r.Checks {
		mark := "ok    "
		if !c.OK {
			mark = "FAILED"
		}
		fmt.Fprintf(w, "  %s  %s  %s\n", mark, c.Name, c.Detail)
	}
	var names []string
	for name := range r.Claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		body, err := json.MarshalIndent(r.Claims[name], "  ", "  ")
		if err == nil {
			fmt.Fprintf(w, "  %s: %s\n", name, body)
		}
	}
}

// call asks the running service.
func call(cmd *cobra.Command, socket, method, path string, body []byte, answer any) error {
	if socket == "" {
		socket = filepath.Join(dataDir(cmd), "verifier.sock")
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(cmd.Context(), method, "http://verifier"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no verifier answers at %s; is `verifier serve` running with this --data? (%w)", socket, err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Code, Check, Cause string }
		if json.Unmarshal(read, &problem) != nil || problem.Code == "" {
			return fmt.Errorf("the verifier answered %s", resp.Status)
		}
		return fmt.Errorf("%s: %s: %s", problem.Code, problem.Check, problem.Cause)
	}
	return json.Unmarshal(read, answer)
}
