package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/web"
)

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the hub",
		Args:  cobra.NoArgs,
	}
	load := settings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := c.sandboxed(dataDir(cmd)); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}
		web.CollectSeldom()
		log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
		slog.SetDefault(slog.New(web.Correlated(web.Bare(log.Handler())))) // for libraries
		return serve(cmd.Context(), c, dataDir(cmd), log)
	}
	return cmd
}

// serve runs until ctx ends or a part of the hub falls that cannot go on.
func serve(ctx context.Context, c config, data string, log *slog.Logger) (err error) {
	if c.Sandbox {
		stop, err := startSandbox(ctx, c, data, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	e, err := newEngines(ctx, c, data, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.db.Close()) }()
	defer e.eyes.Close()
	doors, err := newFaces(e)
	if err != nil {
		return err
	}
	public, err := program.Listen(c.Listen, "listen")
	if err != nil {
		return err
	}
	socket, err := service.Socket(c.Socket)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	if err := e.eyes.Serve(ctx, group, program, &c.Settings, log); err != nil {
		return errors.Join(err, public.Close(), socket.Close())
	}
	group.Go(func() error {
		if err := e.sequence.Run(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("log: %w", err)
		}
		return nil
	})
	open := server(doors.public, log)
	open.ConnState = e.connections.State
	public = e.connections.Listen(public)
	group.Go(func() error { return service.Until(ctx, open, public, c.TLSCert, c.TLSKey) })
	operator := server(doors.operator, log)
	operator.ConnContext = withPeer
	group.Go(func() error { return service.Until(ctx, operator, socket, "", "") })
	for _, run := range e.chores(doors) {
		group.Go(func() error { run(ctx); return nil })
	}
	log.InfoContext(ctx, "the hub serves", "issuer", c.Issuer, "listen", c.Listen, "development", c.Development)
	return group.Wait()
}

// chores go on beside the doors, each until its context ends.
func (e *engines) chores(doors *faces) []func(context.Context) {
	return []func(context.Context){
		e.signals.Run,
		doors.server.RunLogouts,
		e.goOn,
		func(ctx context.Context) {
			e.sweep(ctx, doors.server.Sweep, e.offers.Sweep, e.deferrals.Sweep, e.limits.Sweep, e.tally.Sweep, e.issuer.Disturb, e.deaths().Go)
		},
		func(ctx context.Context) {
			e.registry.Follow(ctx, 15*time.Second, func(err error) { e.log.WarnContext(ctx, "catalogue", "err", err) })
		},
		func(ctx context.Context) { e.expiry().Run(ctx, expiryEvery) },
		e.watchCertificates,
		e.lookAtClients,
		e.watchErasures,
	}
}
