package expiry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/signal"
)

// Ledger judges; see consent.Ledger.Expire.
type Ledger interface {
	Expire(ctx context.Context, id consent.GrantID) (consent.Record, error)
}

// Grace is how long a grant has been over, by this clock, before its event is
// written: another replica's clock may be behind, and an event is for good.
const Grace = 30 * time.Second

const (
	batch   = 200              // deadlines read at once
	batches = 50               // of one sweep
	workers = 8                // grants at once: their commits are grouped
	later   = 10 * time.Minute // how long one waits that could not be expired
	timeout = 2 * time.Minute  // of a sweep
)

// Sweeper expires what is due. Its methods may run at once, in several processes.
type Sweeper struct {
	Ledger    Ledger
	Deadlines consent.Deadlines
	Now       func() time.Time
	Steady    func() error // nil while the clock can be trusted
	// Remind keeps a signal to an agency whose statement of deletion is overdue; it
	// is durable on nil, and may come twice. Nobody is reminded when it is nil.
	Remind func(ctx context.Context, s signal.Signal) error
	Logger *slog.Logger
}

// Run sweeps about so often, until ctx ends.
func (s *Sweeper) Run(ctx context.Context, every time.Duration) {
	for {
		wait := every/2 + rand.N(every) //nolint:gosec // G404: so that replicas take turns
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		sweeping, cancel := context.WithTimeout(ctx, timeout)
		n, err := s.Sweep(sweeping)
		cancel()
		switch {
		case err != nil && ctx.Err() == nil:
			s.Logger.WarnContext(ctx, "expiry", "expired", n, "error", err)
		case n > 0:
			s.Logger.InfoContext(ctx, "expiry", "expired", n)
		}
	}
}

// Sweep expires what is due now, in bounded batches, and says how many grants
// it found over. It goes on after an error and answers all of them.
func (s *Sweeper) Sweep(ctx context.Context) (expired int, err error) {
	if err := s.Steady(); err != nil {
		return 0, fmt.Errorf("not now: %w", err)
	}
	now := s.Now().Add(-Grace)
	var failed []error
	for range batches {
		due, err := s.Deadlines.Due(ctx, now, batch)
		if err != nil {
			return expired, errors.Join(append(failed, err)...)
		}
		rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] }) //nolint:gosec // G404: so that replicas share
		n, err := s.each(ctx, due)
		expired += n
		if err != nil {
			failed = append(failed, err)
		}
		if len(due) < batch || ctx.Err() != nil {
			break
		}
	}
	return expired, errors.Join(failed...)
}

func (s *Sweeper) each(ctx context.Context, due []consent.Deadline) (int, error) {
	var expired atomic.Int64
	errs := make([]error, len(due))
	var group errgroup.Group
	group.SetLimit(workers)
	for i, d := range due {
		group.Go(func() error {
			over, err := s.one(ctx, d)
			if over {
				expired.Add(1)
			}
			errs[i] = err
			return nil
		})
	}
	_ = group.Wait() // each error has its place
	return int(expired.Load()), errors.Join(errs...)
}

// one has the ledger judge a grant, and puts its reminder right.
func (s *Sweeper) one(ctx context.Context, d consent.Deadline) (over bool, err error) {
	r, err := s.Ledger.Expire(ctx, d.Grant)
	switch {
	case errors.Is(err, consent.ErrUnknown): // erased meanwhile
		return false, s.Deadlines.Settle(ctx, d, time.Time{})
	case err != nil:
		return false, errors.Join(fmt.Errorf("grant %s: %w", d.Grant, err), s.Deadlines.Settle(ctx, d, s.Now().Add(later)))
	case r.Lives():
		return false, s.Deadlines.Settle(ctx, d, r.Expires)
	}
	next, err := s.deletion(ctx, r)
	expired := r.State == consent.StateExpired && !d.At.After(r.Expires)
	return expired, errors.Join(err, s.Deadlines.Settle(ctx, d, next))
}

// deletion reminds the consumer of a grant that is over, where that is due, and
// says when to look again.
func (s *Sweeper) deletion(ctx context.Context, r consent.Record) (next time.Time, err error) {
	due, next := r.Reminder(s.Now().Add(-Grace))
	if due == nil || s.Remind == nil {
		return next, nil
	}
	if err := s.Remind(ctx, *due); err != nil {
		return s.Now().Add(later), fmt.Errorf("grant %s: remind of its deletion: %w", r.Grant, err)
	}
	return next, nil
}
