package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/tracing"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// eyes look at the hub from outside. Both are nil unless they are asked for.
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
	e.tracer, err = tracing.New(ctx, "mydata-idp", to, log)
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
		if c, ok := ceremonies[o.Route]; ok {
			e.metrics.Ceremony(c.name, c.outcome(o.Status))
		}
	}
}

// ceremonies are the routes at which one with a passkey begins or ends.
var ceremonies = map[string]ceremony{
	"POST /login/options":                    {"login", metrics.Begun},
	"POST /login/finish":                     {"login", metrics.Done},
	"POST /enrol/options":                    {"enrolment", metrics.Begun},
	"POST /enrol/finish":                     {"enrolment", metrics.Done},
	"POST /me/passkeys/confirm/{id}/options": {"add or remove passkey", metrics.Begun},
	"POST /me/passkeys/remove/{id}/options":  {"add or remove passkey", metrics.Begun},
	"POST /me/passkeys/change":               {"add or remove passkey", metrics.Done},
	"POST /approval/{interaction}/options":   {"approval", metrics.Begun},
	"POST /approval/{interaction}/finish":    {"approval", metrics.Done},
}

type ceremony struct{ name, good string }

func (c ceremony) outcome(status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return metrics.Failed
	case status >= http.StatusBadRequest:
		return metrics.Refused
	}
	return c.good
}

// asked is the sequencer's hook.
func (e eyes) asked(witness string, size int64, err error) {
	e.metrics.Witness(witness, size, time.Now(), err)
}

// watch has the log's state read at each scrape.
func (e eyes) watch(log *sequencer.Log) {
	if e.metrics == nil {
		return
	}
	e.metrics.Log(func() (metrics.Lag, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		lag, err := log.Lag(ctx)
		return metrics.Lag(lag), err
	})
}

// The stores below count what became durable; what an idempotent call repeats
// does not come so far.

type countedConsents struct {
	consent.Store
	eyes
}

func (s countedConsents) Commit(ctx context.Context, c consent.Commit) error {
	err := s.Store.Commit(ctx, c)
	if err == nil {
		for _, e := range c.Events {
			s.metrics.Consent(string(e.Kind))
		}
	}
	return err
}

type countedAccounts struct {
	account.Store
	eyes
}

func (s countedAccounts) Commit(ctx context.Context, c account.Commit) error {
	err := s.Store.Commit(ctx, c)
	var e approval.KeyEvent
	if err == nil && c.Event != nil && json.Unmarshal(c.Event.Event, &e) == nil {
		s.metrics.Passkey(e.Op)
	}
	return err
}

type countedCredentials struct {
	credential.Store
	eyes
}

func (s countedCredentials) Commit(ctx context.Context, c credential.Commit) error {
	err := s.Store.Commit(ctx, c)
	if err == nil {
		s.metrics.Credentials("issued", len(c.Issue))
		s.metrics.Credentials("revoked", revocations(c.Changes))
	}
	return err
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

// revocations counts those of credentials.
func revocations(changes []credential.Change) (n int) {
	for _, c := range changes {
		if c.Credential != "" && c.Became == statuslist.Invalid {
			n++
		}
	}
	return n
}
