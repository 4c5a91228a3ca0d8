package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/tracing"
	"github.com/govmydata/mydata/internal/web"
)

// eyes look at the verifier from outside. Both are nil unless they are asked for.
type eyes struct {
	metrics *metrics.Metrics
	tracer  *tracing.Tracer
}

func openEyes(ctx context.Context, c config, log *slog.Logger) (e eyes, err error) {
	if c.Metrics != "" {
		e.metrics = metrics.New()
	}
	to, err := tracing.Endpoint(c.Traces, os.Getenv)
	if err != nil || to == "" {
		return e, err
	}
	log.InfoContext(ctx, "traces go out", "to", to)
	e.tracer, err = tracing.New(ctx, "mydata-verifier", to, log)
	return e, err
}

// close sends what is left, but does not wait for a collector that is gone.
func (e eyes) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = e.tracer.Close(ctx)
}

// observe is the page frame's hook.
func (e eyes) observe(ctx context.Context, correlation string) (context.Context, func(web.Observation)) {
	ctx, end := e.tracer.Request(ctx, correlation)
	return ctx, func(o web.Observation) {
		end(o.Route, o.Method, o.Status, o.Refusal)
		e.metrics.Request(o.Route, o.Method, o.Status, o.Took)
		e.metrics.Refusal(o.Refusal)
	}
}

// serveMetrics serves them at an address of their own, when one is given.
func serveMetrics(ctx context.Context, group *errgroup.Group, c config, m *metrics.Metrics, log *slog.Logger) error {
	if m == nil {
		return nil
	}
	l, err := listenTCP(c.Metrics, "metrics")
	if err != nil {
		return err
	}
	cert, key := c.TLSCert, c.TLSKey
	if host, _, err := net.SplitHostPort(c.Metrics); err == nil && loopback(host) {
		cert, key = "", ""
	}
	group.Go(func() error { return serveUntil(ctx, server(m.Handler(), log), l, cert, key) })
	return nil
}
