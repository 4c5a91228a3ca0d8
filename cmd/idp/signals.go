package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/idp/notices"
	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/signal"
)

// buildSignals makes what tells agencies and citizens.
func (e *engines) buildSignals() (err error) {
	messages, err := e.buildMessages()
	if err != nil {
		return err
	}
	e.messages = messages
	e.signals, err = notify.New(notify.Options{
		Outbox: e.db.Signals(), Issuer: e.config.Issuer, Loopback: e.config.Development, Logger: e.log, Now: time.Now,
		Observe: e.eyes.Metrics.Signal, Messages: messages,
		Key: e.recordKey,
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

// buildMessages opens the channels to citizens that there are.
func (e *engines) buildMessages() (*notify.Messages, error) {
	m := &notify.Messages{Choices: e.db.Signals(), Hub: e.config.Issuer, Now: time.Now}
	key, err := e.ring.Push()
	if err != nil {
		return nil, fmt.Errorf("key for push services: %w", err)
	}
	if key != nil {
		m.Push = notify.NewWebPush(key, e.config.Issuer, e.config.Development)
	}
	if e.config.Mail != "" {
		user, password, err := loginFile(e.config.MailLogin)
		if err != nil {
			return nil, err
		}
		if m.Mail, err = notify.NewSMTP(e.config.Mail, e.config.MailFrom, user, password, e.config.Development); err != nil {
			return nil, err
		}
	}
	if e.config.Messages != "" {
		m.File = &notify.FileSink{Path: e.config.Messages}
	}
	return m, nil
}

// loginFile reads user:password from a file that others may not read.
func loginFile(path string) (user, password string, err error) {
	if path == "" {
		return "", "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("mail-login: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", "", fmt.Errorf("mail-login: others may read %s; chmod 600 it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", fmt.Errorf("mail-login: %w", err)
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(text)), ":")
	if !ok || user == "" {
		return "", "", fmt.Errorf("mail-login: %s holds no user:password", path)
	}
	return user, password, nil
}

// waking has signals go out as soon as there are any.
type waking struct {
	consent.Store
	wake func()
}

func (w waking) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	again, err = w.Store.Commit(ctx, c)
	if err == nil && len(c.Signals) > 0 {
		w.wake()
	}
	return again, err
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

// notices is the page on which citizens choose how to hear.
func (e *engines) notices(frame *web.Frame) *notices.Handler {
	h := &notices.Handler{Frame: frame, Messages: e.messages, Session: func(r *http.Request) (string, error) {
		s, err := e.session(frame, r)
		return s.Citizen, err
	}}
	if e.messages.Push != nil {
		h.PushKey = e.messages.Push.PublicKey()
	}
	return h
}
