package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
	"github.com/govmydata/mydata/pkg/tlog"
)

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
	eyes, err := c.Open(ctx, "mydata-verifier", log)
	if err != nil {
		return err
	}
	defer eyes.Close()
	limits, connections, err := c.Limits(new(limit.Memory)) // the verifier keeps nothing, budgets neither
	if err != nil {
		return err
	}
	frame := web.New(web.Options{
		Service: "verifier", Development: c.Development, Logger: log, Zone: zone, Observe: eyes.Observe,
		Deadline: c.RequestTime, Admit: limits.Admit,
	})
	v, err := build(c, frame, eyes, limits, log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	v.Mount(mux)
	public, err := program.Listen(c.Listen, "listen")
	if err != nil {
		return err
	}
	admin, err := service.Socket(c.Socket)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	log.InfoContext(ctx, "verifier serves", "url", c.URL, "listen", public.Addr().String(), "hub", c.Hub)
	group, ctx := errgroup.WithContext(ctx)
	if err := eyes.Serve(ctx, group, program, &c.Settings, log); err != nil {
		return errors.Join(err, public.Close(), admin.Close())
	}
	if err := serveAPI(ctx, group, c, v, log); err != nil {
		return errors.Join(err, public.Close(), admin.Close())
	}
	open := service.Server(frame.Handler(mux), maxHeader, log)
	open.ConnState = connections.State
	public = connections.Listen(public)
	group.Go(func() error { return service.Until(ctx, open, public, c.TLSCert, c.TLSKey) })
	group.Go(func() error { return service.Until(ctx, service.Server(v.Admin(), maxHeader, log), admin, "", "") })
	return group.Wait()
}

// build reads key, chain and trust.
func build(c config, frame *web.Frame, eyes service.Eyes, limits *limit.Limits, log *slog.Logger) (*verifier.Server, error) {
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
		Judged: eyes.Metrics.Presentation, Attestation: attestation, Types: openid4vp.Transactions(), CrossDevice: c.CrossDevice,
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

// maxHeader is what a browser or a wallet may send in header fields.
const maxHeader = 16 << 10
