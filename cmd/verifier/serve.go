package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
	"github.com/govmydata/mydata/pkg/tlog"
)

// goodbye is how long a request under way may take after the service is told
// to stop.
const goodbye = 4 * time.Second

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the verifier: pages, the wallet's addresses, the socket for commands",
		Args:  cobra.NoArgs,
	}
	load := serveConfig(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		web.CollectSeldom()
		log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
		slog.SetDefault(slog.New(web.Correlated(web.Bare(log.Handler())))) // for libraries
		return serve(cmd.Context(), c, log)
	}
	return cmd
}

func serve(ctx context.Context, c config, log *slog.Logger) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return fmt.Errorf("time-zone: %w", err)
	}
	eyes, err := openEyes(ctx, c, log)
	if err != nil {
		return err
	}
	defer eyes.close()
	limits, connections, err := c.limited()
	if err != nil {
		return err
	}
	frame := web.New(web.Options{
		Service: "verifier", Development: c.Development, Logger: log, Zone: zone, Observe: eyes.observe,
		Deadline: c.RequestTime, Admit: limits.Admit,
	})
	v, err := build(c, frame, eyes, limits, log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	v.Mount(mux)
	public, err := listenTCP(c.Listen, "listen")
	if err != nil {
		return err
	}
	admin, err := listenUnix(c.Socket)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	log.InfoContext(ctx, "verifier serves", "url", c.URL, "listen", public.Addr().String(), "hub", c.Hub)
	group, ctx := errgroup.WithContext(ctx)
	if err := serveMetrics(ctx, group, c, eyes.metrics, log); err != nil {
		return errors.Join(err, public.Close(), admin.Close())
	}
	if err := serveAPI(ctx, group, c, v, log); err != nil {
		return errors.Join(err, public.Close(), admin.Close())
	}
	open := server(frame.Handler(mux), log)
	open.ConnState = connections.State
	public = connections.Listen(public)
	group.Go(func() error { return serveUntil(ctx, open, public, c.TLSCert, c.TLSKey) })
	group.Go(func() error { return serveUntil(ctx, server(v.Admin(), log), admin, "", "") })
	return group.Wait()
}

// build reads key, chain and trust.
func build(c config, frame *web.Frame, eyes eyes, limits *limit.Limits, log *slog.Logger) (*verifier.Server, error) {
	key, err := keys.ReadKey(c.Key)
	if err != nil {
		return nil, fmt.Errorf("key that signs requests (made by `idp keygen`): %w", err)
	}
	chain, err := keys.ReadChain(c.Chain, key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the key that signs requests: %w", err)
	}
	policy, err := c.policy(credential.VCTResidentCard)
	if err != nil {
		return nil, err
	}
	attestation, err := readText(c.Attestation, false)
	if err != nil {
		return nil, fmt.Errorf("attestation: %w", err)
	}
	return verifier.New(verifier.Config{
		URL: c.URL, Wallet: c.Wallet, Key: key, Chain: chain, Queries: verifier.Presets(), Frame: frame, Life: c.Life, Logger: log, Limits: limits,
		Judged: eyes.metrics.Presentation, Attestation: attestation, Types: openid4vp.Transactions(), CrossDevice: c.CrossDevice,
		Described: &credential.TypeMetadata{Development: c.Development},
		Verifier: &credential.Verifier{
			Policy:  policy,
			Status:  &statuslist.Client{Development: c.Development},
			Issuers: &credential.IssuerMetadata{Development: c.Development},
			DIDs: &did.Kept{Resolver: &did.Resolver{Development: c.Development, Allow: func(id string, document []byte) error {
				return policy.Keys.Allows(id, document, time.Now())
			}}},
		},
	})
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

// readKeyHistory proves the issuer's keys by the log's policy, which is trusted
// like the roots; nil when no file is named.
func readKeyHistory(c config) (*credential.KeyHistory, error) {
	if c.IssuerKeys == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.IssuerKeys)
	if err != nil {
		return nil, fmt.Errorf("issuer keys (written by `idp log keys`): %w", err)
	}
	policy, err := os.ReadFile(filepath.Join(c.Trust, "log-policy.txt"))
	if err != nil {
		return nil, fmt.Errorf("trust folder (written by `idp trust export`): %w", err)
	}
	log, err := tlog.ParsePolicy(policy)
	if err != nil {
		return nil, fmt.Errorf("trust folder: %w", err)
	}
	return credential.LoadKeyHistory(log, text)
}

// server bounds what one connection may cost.
func server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           limit.Fields(handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// listenTCP names the setting to change when somebody else has the port.
func listenTCP(address, setting string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: another program has this port; stop it, or choose another by --%s or %s", address, setting, variable(setting))
	}
	return l, err
}

// listenUnix takes over the socket that a killed service left behind, never
// that of a living one.
func listenUnix(path string) (net.Listener, error) {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil { //nolint:noctx // a socket of this machine
		return nil, errors.Join(fmt.Errorf("command socket %s: a verifier serves there already", path), conn.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("command socket: %w", err)
	}
	old := syscall.Umask(0o177) // the socket is its owner's from its first moment
	defer syscall.Umask(old)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("command socket: %w", err)
	}
	return l, nil
}

// serveUntil serves until ctx ends, then lets requests under way finish.
func serveUntil(ctx context.Context, s *http.Server, l net.Listener, cert, key string) error {
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if err := s.Shutdown(late); err != nil {
			_ = s.Close() // they had their time
		}
	})
	defer stop()
	var err error
	if cert != "" {
		err = s.ServeTLS(l, cert, key)
	} else {
		err = s.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
