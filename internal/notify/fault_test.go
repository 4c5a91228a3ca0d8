package notify_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/pkg/signal"
)

// faulty breaks one call: lost, or lost but kept.
type faulty struct {
	notify.Outbox
	op   string
	kept bool
	hit  bool
}

var errLost = errors.New("connection lost")

func (f *faulty) do(op string, call func() error) error {
	if op != f.op || f.hit {
		return call()
	}
	f.hit = true
	if f.kept {
		if err := call(); err != nil {
			return err
		}
	}
	return errLost
}

func (f *faulty) Hold(ctx context.Context, audience, holder string, now, until time.Time) (tries int, err error) {
	err = f.do("hold", func() (err error) { tries, err = f.Outbox.Hold(ctx, audience, holder, now, until); return err })
	return tries, err
}

func (f *faulty) Waiting(ctx context.Context, audience string, most int) (all []signal.Signal, err error) {
	err = f.do("waiting", func() (err error) { all, err = f.Outbox.Waiting(ctx, audience, most); return err })
	return all, err
}

func (f *faulty) Told(ctx context.Context, audience string, ids []string) error {
	return f.do("told", func() error { return f.Outbox.Told(ctx, audience, ids) })
}

func (f *faulty) Release(ctx context.Context, audience, holder string, tries int, next time.Time) error {
	return f.do("release", func() error { return f.Outbox.Release(ctx, audience, holder, tries, next) })
}

func (f *faulty) Bury(ctx context.Context, audience, id, reason string, at time.Time) error {
	return f.do("bury", func() error { return f.Outbox.Bury(ctx, audience, id, reason, at) })
}

func TestFaults(t *testing.T) {
	for _, op := range []string{"hold", "waiting", "told", "release"} {
		for _, kept := range []bool{false, true} {
			t.Run("it tells all in order though "+op+" is lost", func(t *testing.T) {
				h := newHub(t)
				f := &faulty{Outbox: h.db.Signals(), op: op, kept: kept}
				h.outbox = f
				h.endpoints[h.Consumer.ID] = ""
				n := h.notifier()
				h.withdraw(h.Granted(t.Context(), ada, h.passkey))
				for range 4 {
					_ = n.Round(t.Context()) // it may fail, and goes on
					h.Pass(2 * time.Minute)
				}
				a := h.agencies[h.Provider.ID]
				if !f.hit || len(a.took) == 0 || len(a.took) > 2 || a.took[0].ID != a.took[len(a.took)-1].ID {
					t.Errorf("hit %v, took %+v", f.hit, a.took)
				}
				waiting, err := h.outbox.Waiting(t.Context(), h.Provider.ID, 10)
				must(t, err)
				if len(waiting) != 0 {
					t.Errorf("waiting: %+v", waiting)
				}
			})
		}
	}
}
