package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "wallet: "+err.Error())
		return 1
	}
	return 0
}

// settings are the flags.
type settings struct {
	listen, url, hub, trust, data, clientID string
}

func newCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:           "wallet",
		Short:         "A phone-shaped demonstration wallet",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), s) },
	}
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:8084", "address to listen on; loop-back alone")
	f.StringVar(&s.url, "url", "http://localhost:8084", "address of this page as the browser knows it")
	f.StringVar(&s.hub, "hub", "http://localhost:8080", "where a person gets a card")
	f.StringVar(&s.trust, "trust", filepath.Join("data", "trust"), "`folder` that idp trust export wrote")
	f.StringVar(&s.data, "data", filepath.Join("data", "wallet"), "folder of keys and credentials")
	f.StringVar(&s.clientID, "client-id", "demo-wallet", "client id registered at the hub")
	return cmd
}

func serve(ctx context.Context, s settings) error {
	page, err := build(s)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: another program has this port; stop it, or choose another by --listen", s.listen)
	}
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: page, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10, // links travel in the address
	}
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*time.Second)
		defer cancel()
		if server.Shutdown(late) != nil {
			_ = server.Close() // requests under way had their time
		}
	})
	defer stop()
	slog.InfoContext(ctx, "wallet serves", "url", s.url, "listen", s.listen)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// build refuses what is not a demonstration on the loop-back.
func build(s settings) (http.Handler, error) {
	host, _, err := net.SplitHostPort(s.listen)
	public, urlErr := url.Parse(s.url)
	if err != nil || urlErr != nil || !loopback(host) || !loopback(public.Hostname()) {
		return nil, errors.New("this wallet has no lock: --listen and --url must be on the loop-back")
	}
	roots, err := readRoots(filepath.Join(s.trust, "issuer-ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("trust folder (written by `idp trust export`): %w", err)
	}
	store, err := wallet.Open(s.data)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(s.url, "/")
	w := wallet.New(wallet.Config{
		ClientID: s.clientID, RedirectURI: base + "/callback", Issuers: roots, Verifiers: roots, Development: true, Store: store,
		Presenting: wallet.Presenting{Types: openid4vp.Transactions()},
	})
	return newPhone(w, public.Host, s.hub), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func readRoots(path string) (*x509.CertPool, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(body) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}
