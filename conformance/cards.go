package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/conformance/wallet"
)

// phone is the flags of the wallet's commands.
type phone struct {
	dir, trust, clientID, redirectURI string
	development                       bool
}

func newWalletCommand() *cobra.Command {
	var p phone
	cmd := &cobra.Command{Use: "wallet", Short: "A scripted phone"}
	f := cmd.PersistentFlags()
	f.StringVar(&p.dir, "dir", filepath.Join("data", "scripted-wallet"), "folder of keys and credentials")
	f.StringVar(&p.trust, "trust", filepath.Join("data", "trust"), "folder that idp trust export wrote")
	f.StringVar(&p.clientID, "client-id", "demo-wallet", "client id registered at the authorization server; empty: anonymous")
	f.StringVar(&p.redirectURI, "redirect-uri", "http://localhost:8084/callback", "redirect URI of that client; accept listens there for authorization code offers")
	f.BoolVar(&p.development, "development", true, "allow plain http on the loop-back")
	cmd.AddCommand(p.accept(), p.list(), p.delete(), p.present(), p.look(), p.decline())
	return cmd
}

func (p *phone) open() (*wallet.Wallet, error) {
	body, err := os.ReadFile(filepath.Join(p.trust, "issuer-ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("trust folder (written by `idp trust export`): %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(body) {
		return nil, fmt.Errorf("trust folder: issuer-ca.pem holds no certificate")
	}
	store, err := wallet.Open(p.dir)
	if err != nil {
		return nil, err
	}
	return wallet.New(wallet.Config{
		ClientID: p.clientID, RedirectURI: p.redirectURI, Issuers: roots, Verifiers: roots, Development: p.development, Store: store,
	}), nil
}

// card is a credential as the commands print it.
type card struct {
	ID            string         `json:"id"`
	Issuer        string         `json:"issuer"`
	Configuration string         `json:"configuration"`
	VCT           string         `json:"vct"`
	Received      time.Time      `json:"received"`
	Claims        map[string]any `json:"claims"`
}

func cards(list []wallet.Credential) ([]card, error) {
	out := []card{}
	for _, c := range list {
		claims, err := wallet.Claims(c)
		if err != nil {
			return nil, err
		}
		out = append(out, card{c.ID, c.Issuer, c.Configuration, c.VCT, c.Received, claims})
	}
	return out, nil
}

func printCards(w io.Writer, list []card) {
	for _, c := range list {
		fmt.Fprintf(w, "%s  %s  from %s, received %s\n", c.ID, c.VCT, c.Issuer, c.Received.Format(time.RFC3339))
	}
}

func (p *phone) accept() *cobra.Command {
	var txCode string
	cmd := &cobra.Command{
		Use: "accept LINK", Short: "Accept a credential offer", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := p.open()
			if err != nil {
				return err
			}
			offered, err := w.ReadOffer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var got []wallet.Credential
			if offered.PreAuthorized() {
				got, err = w.Accept(cmd.Context(), offered, txCode)
			} else {
				got, err = p.signIn(cmd, w, offered)
			}
			if err != nil {
				return err
			}
			list, err := cards(got)
			if err != nil {
				return err
			}
			return show(cmd, map[string]any{"credentials": list}, func(out io.Writer) { printCards(out, list) })
		},
	}
	cmd.Flags().StringVar(&txCode, "tx-code", "", "transaction code, when the offer asks for one")
	return cmd
}

// signIn waits at the redirect URI for the browser to come back.
func (p *phone) signIn(cmd *cobra.Command, w *wallet.Wallet, o wallet.Offered) ([]wallet.Credential, error) {
	back, err := url.Parse(p.redirectURI)
	if err != nil || back.Scheme != "http" {
		return nil, fmt.Errorf("redirect-uri: this command waits at a plain http address of this machine")
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Minute)
	defer cancel()
	listener, err := net.Listen("tcp", back.Host)
	if err != nil {
		return nil, fmt.Errorf("wait for the browser at %s: %w", back.Host, err)
	}
	arrived := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != back.Path {
			http.NotFound(rw, r)
			return
		}
		select {
		case arrived <- r.URL.Query():
			fmt.Fprintln(rw, "You can close this page.")
		default:
			http.Error(rw, "already here", http.StatusConflict)
		}
	})}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()
	address, _, err := w.Begin(ctx, o)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "Open in a browser:", address)
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the browser: %w", ctx.Err())
	case callback := <-arrived:
		return w.Finish(ctx, callback)
	}
}

func (p *phone) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the credentials held", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := p.open()
			if err != nil {
				return err
			}
			list, err := cards(w.Store().List())
			if err != nil {
				return err
			}
			return show(cmd, map[string]any{"credentials": list}, func(out io.Writer) { printCards(out, list) })
		},
	}
}

func (p *phone) delete() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID", Short: "Forget a credential and its key", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := p.open()
			if err != nil {
				return err
			}
			if err := w.Store().Delete(args[0]); err != nil {
				return err
			}
			return show(cmd, map[string]string{"deleted": args[0]}, func(out io.Writer) { fmt.Fprintln(out, "deleted") })
		},
	}
}
