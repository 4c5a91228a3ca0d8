package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// eyes look at the hub from outside.
type eyes struct{ service.Eyes }

// observe is the page frame's hook.
func (e eyes) observe(ctx context.Context, correlation string) (context.Context, func(web.Observation)) {
	ctx, seen := e.Observe(ctx, correlation)
	return ctx, func(o web.Observation) {
		seen(o)
		if c, ok := ceremonies[o.Route]; ok {
			e.Metrics.Ceremony(c.name, c.outcome(o.Status))
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
	e.Metrics.Witness(witness, size, time.Now(), err)
}

// watch has the log's state read at each scrape.
func (e eyes) watch(log *sequencer.Log) {
	if e.Metrics == nil {
		return
	}
	e.Metrics.Log(func() (metrics.Lag, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		lag, err := log.Lag(ctx)
		return metrics.Lag(lag), err
	})
}

// The stores below count what became durable, but what an idempotent call repeats.

type countedConsents struct {
	consent.Store
	eyes
}

func (s countedConsents) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	again, err = s.Store.Commit(ctx, c)
	if err == nil && !again {
		for _, e := range c.Events {
			s.Metrics.Consent(string(e.Kind))
		}
	}
	return again, err
}

type countedAccounts struct {
	account.Store
	eyes
}

func (s countedAccounts) Commit(ctx context.Context, c account.Commit) error {
	err := s.Store.Commit(ctx, c)
	var e approval.KeyEvent
	if err == nil && c.Event != nil && json.Unmarshal(c.Event.Event, &e) == nil {
		s.Metrics.Passkey(e.Op)
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
		s.Metrics.Credentials("issued", len(c.Issue))
		s.Metrics.Credentials("revoked", revocations(c.Changes))
	}
	return err
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
