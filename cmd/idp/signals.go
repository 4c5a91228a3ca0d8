package main

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/signal"
)

// buildSignals makes what tells agencies and citizens.
func (e *engines) buildSignals() (err error) {
	e.signals, err = notify.New(notify.Options{
		Outbox: e.db.Signals(), Issuer: e.config.Issuer, Loopback: e.config.Development, Logger: e.log, Now: time.Now,
		Observe: e.eyes.metrics.Signal,
		Key: func() (crypto.Signer, string) {
			signer, kid, _ := e.ring.Signer(keys.Record)
			return signer, kid
		},
		Endpoint: func(agency string) string {
			if c := e.registry.Catalogue(); c != nil {
				a, _ := c.Agency(agency)
				return a.Signals
			}
			return ""
		},
	})
	return err
}

// waking has signals go out as soon as there are any.
type waking struct {
	consent.Store
	wake func()
}

func (w waking) Commit(ctx context.Context, c consent.Commit) error {
	err := w.Store.Commit(ctx, c)
	if err == nil && len(c.Signals) > 0 {
		w.wake()
	}
	return err
}

// calls remembers which calls were made, for all replicas.
type calls struct{ rows oauth.Store }

func (c calls) Once(ctx context.Context, key string, until time.Time) error {
	err := c.rows.Once(ctx, "call", key, until)
	if errors.Is(err, oauth.ErrUsed) {
		return dpop.ErrReplayed
	}
	return err
}

// outbox has a signal that comes by itself go out at once.
func (e *engines) outbox() wakingOutbox { return wakingOutbox{e.db.Signals(), e.signals.Wake} }

type wakingOutbox struct {
	*store.Signals
	wake func()
}

func (w wakingOutbox) Signal(ctx context.Context, s signal.Signal) error {
	err := w.Signals.Signal(ctx, s)
	if err == nil {
		w.wake()
	}
	return err
}
