package main

import (
	"context"
	"time"

	"github.com/govmydata/mydata/internal/expiry"
	"github.com/govmydata/mydata/pkg/signal"
)

// expiryEvery is about how often grants and offers are ended by the clock.
const expiryEvery = 15 * time.Second

// expiry ends grants by the clock, unless somebody has just set it.
func (e *engines) expiry() *expiry.Sweeper {
	return &expiry.Sweeper{
		Ledger: e.ledger, Deadlines: e.db.Consents(), Now: time.Now, Steady: e.clock.Ready, Logger: e.log, Remind: e.remind,
	}
}

// remind tells an agency that its statement of deletion is overdue.
func (e *engines) remind(ctx context.Context, s signal.Signal) error {
	if err := e.outbox().Signal(ctx, s); err != nil {
		return err
	}
	e.eyes.Metrics.DeletionReminder()
	return nil
}
