package service

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

// Eyes look at a service from outside. Both are nil unless they are asked for.
type Eyes struct {
	Metrics *metrics.Metrics
	Tracer  *tracing.Tracer
}

// Open opens the eyes that the settings ask for; name is the service's in traces.
func (s *Settings) Open(ctx context.Context, name string, log *slog.Logger) (e Eyes, err error) {
	if s.Metrics != "" {
		e.Metrics = metrics.New()
	}
	to, err := tracing.Endpoint(s.Traces, os.Getenv)
	if err != nil || to == "" {
		return e, err
	}
	log.InfoContext(ctx, "traces go out", "to", to)
	e.Tracer, err = tracing.New(ctx, name, to, log)
	return e, err
}

// Close sends what is left, but does not wait for a collector that is gone.
func (e Eyes) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = e.Tracer.Close(ctx)
}

// Observe is the page frame's hook.
func (e Eyes) Observe(ctx context.Context, correlation string) (context.Context, func(web.Observation)) {
	ctx, end := e.Tracer.Request(ctx, correlation)
	return ctx, func(o web.Observation) {
		end(o.Route, o.Method, o.Status, o.Refusal)
		e.Metrics.Request(o.Route, o.Method, o.Status, o.Took)
		e.Metrics.Refusal(o.Refusal)
	}
}

// Serve serves the metrics at an address of their own, when one is given.
func (e Eyes) Serve(ctx context.Context, group *errgroup.Group, p Program, s *Settings, log *slog.Logger) error {
	if e.Metrics == nil {
		return nil
	}
	l, err := p.Listen(s.Metrics, "metrics")
	if err != nil {
		return err
	}
	cert, key := s.TLSCert, s.TLSKey
	if host, _, err := net.SplitHostPort(s.Metrics); err == nil && Loopback(host) {
		cert, key = "", ""
	}
	const maxHeader = 16 << 10
	group.Go(func() error { return Until(ctx, Server(e.Metrics.Handler(), maxHeader, log), l, cert, key) })
	return nil
}
