package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/verifier"
)

const maxAnswer = 4 << 20

func newRequestCommand() *cobra.Command {
	var order verifier.Order
	var query, transactions, info, socket string
	cmd := &cobra.Command{
		Use:     "ask",
		Aliases: []string{"request"},
		Short:   "Ask for a presentation; prints the openid4vp:// link for a wallet",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := errors.Join(readJSON(query, &order.Query), readJSON(transactions, &order.TransactionData), readJSON(info, &order.VerifierInfo))
			if err != nil {
				return err
			}
			body, err := json.Marshal(order)
			if err != nil {
				return err
			}
			var placed verifier.Placed
			if err := call(cmd, socket, http.MethodPost, "/requests", body, &placed); err != nil {
				return err
			}
			return show(cmd, placed, func(w io.Writer) { explainPlaced(w, placed) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&query, "query", "", "file with a DCQL query (OpenID4VP 1.0, 6)")
	f.StringVar(&order.Format, "format", "", "ask the default question in this format: dc+sd-jwt")
	f.StringVar(&transactions, "transaction-data", "", "file with an array of transaction data objects, not encoded (OpenID4VP 1.0, 5.1)")
	f.StringVar(&info, "verifier-info", "", "file with an array of what others say of this verifier")
	f.StringVar(&order.Prefix, "client-id-prefix", "", "x509_hash, x509_san_dns, verifier_attestation or redirect_uri (unsigned)")
	f.StringVar(&order.Mode, "response-mode", "", "direct_post.jwt or direct_post")
	f.BoolVar(&order.ByValue, "by-value", false, "put the whole signed request into the link")
	f.StringVar(&order.WalletIssuer, "wallet-issuer", "", "the wallet's issuer, where its metadata was discovered")
	f.StringVar(&order.ReturnURI, "return-uri", "", "where the wallet sends the person with a response_code, which the result then needs")
	f.BoolVar(&order.Page, "page", false, "print the address of a page to send the person to, too")
	f.StringVar(&order.Purpose, "purpose", "", "what the page says about why")
	f.StringVar(&socket, "socket", "", "unix socket of the service; default DATA/verifier.sock")
	cmd.MarkFlagsMutuallyExclusive("query", "format")
	return cmd
}

func explainPlaced(w io.Writer, placed verifier.Placed) {
	fmt.Fprintf(w, "Open this in a wallet:\n\n  %s\n\n", placed.Request)
	if placed.Page != "" {
		fmt.Fprintf(w, "Or send the person to this page; it belongs to the first browser that opens it:\n\n  %s\n\n", placed.Page)
	}
	fmt.Fprintf(w, "Then ask for the result:\n\n  verifier result %s\n", placed.ID)
}

// readJSON reads a file; none for no path.
func readJSON(path string, into any) error {
	if path == "" {
		return nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read order: %s is not the JSON expected: %w", path, err)
	}
	return nil
}

func newResultCommand() *cobra.Command {
	var socket, code string
	cmd := &cobra.Command{
		Use:   "result ID",
		Short: "Show what became of a request: pending, verified, rejected or expired",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var result verifier.Result
			path := "/results/" + url.PathEscape(args[0])
			if code != "" {
				path += "?response_code=" + url.QueryEscape(code)
			}
			if err := call(cmd, socket, http.MethodGet, path, nil, &result); err != nil {
				return err
			}
			return show(cmd, result, func(w io.Writer) { explain(w, result) })
		},
	}
	cmd.Flags().StringVar(&code, "response-code", "", "that came with the person to return-uri")
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
	if len(r.LeftOut) > 0 {
		fmt.Fprintf(w, "  left out: %s\n", strings.Join(r.LeftOut, ", "))
	}
	if r.Error != "" {
		fmt.Fprintf(w, "  the wallet said %s %s\n", r.Error, r.Words)
	}
	for _, t := range r.Transactions {
		body, err := json.Marshal(t.Details)
		if err == nil {
			fmt.Fprintf(w, "  authorized: %s %s\n", t.Type, body)
		}
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
