package notify_test

import (
	"context"
	"crypto"
	"errors"
	"net/http"
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

func (f *faulty) Hold(ctx context.Context, audience, holder string, now, until time.Time, most int) (tries int, all []signal.Signal, err error) {
	err = f.do("hold", func() (err error) {
		tries, all, err = f.Outbox.Hold(ctx, audience, holder, now, until, most)
		return err
	})
	return tries, all, err
}

func (f *faulty) Told(ctx context.Context, audience string, ids []string) error {
	return f.do("told", func() error { return f.Outbox.Told(ctx, audience, ids) })
}

func (f *faulty) Release(ctx context.Context, audience, holder string, tries int, next time.Time, told []string) error {
	return f.do("release", func() error { return f.Outbox.Release(ctx, audience, holder, tries, next, told) })
}

func (f *faulty) Bury(ctx context.Context, audience, id, reason string, at time.Time) error {
	return f.do("bury", func() error { return f.Outbox.Bury(ctx, audience, id, reason, at) })
}

func TestFaults(t *testing.T) {
	for _, op := range []string{"hold", "release"} {
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

// Of more than one batch, what was heard of the first is told once more at most.
func TestFaultyBatch(t *testing.T) {
	for _, kept := range []bool{false, true} {
		h := newHub(t)
		f := &faulty{Outbox: h.db.Signals(), op: "told", kept: kept}
		h.outbox = f
		const all, batch = 50, 20
		for i := range all {
			must(t, h.db.Signals().Signal(t.Context(), signal.New(h.Provider.ID, signal.GrantPaused, "grant", int64(i+1), 0, h.Now())))
		}
		n := h.notifier()
		if err := n.Round(t.Context()); !errors.Is(err, errLost) || len(h.agencies[h.Provider.ID].took) != batch {
			t.Errorf("kept %t: it goes on after %d, %v", kept, len(h.agencies[h.Provider.ID].took), err)
		}
		h.Pass(2 * time.Minute)
		must(t, n.Round(t.Context()))
		heard := map[int64]int{}
		for _, s := range h.agencies[h.Provider.ID].took {
			heard[s.Seq]++
		}
		for seq := range int64(all) {
			if n := heard[seq+1]; n == 0 || n > 1 && (kept || seq >= batch) {
				t.Errorf("kept %t: the agency heard signal %d %d times", kept, seq+1, n)
			}
		}
		if !f.hit {
			t.Error("nothing was lost")
		}
	}
}

// What could not be put aside is not counted as such, and waits.
func TestFaultyBurial(t *testing.T) {
	for _, kept := range []bool{false, true} {
		h := newHub(t)
		h.outbox = &faulty{Outbox: h.db.Signals(), op: "bury", kept: kept}
		h.endpoints = map[string]string{}
		n := h.notifier()
		h.withdraw(h.Granted(t.Context(), ada, h.passkey)) // three for agencies
		h.Pass(8 * 24 * time.Hour)
		if err := n.Round(t.Context()); !errors.Is(err, errLost) || h.count(notify.Dead) >= 3 {
			t.Errorf("kept=%v: %v, %d put aside", kept, err, h.count(notify.Dead))
		}
		h.Pass(2 * time.Minute)
		must(t, n.Round(t.Context()))
		if dead, err := h.db.Signals().Dead(t.Context(), "", 10); err != nil || len(dead) != 3 {
			t.Errorf("kept=%v: %d dead, %v", kept, len(dead), err)
		}
	}
}

// An agency whose word was not kept is told the same once more.
func TestFaultyPoll(t *testing.T) {
	for op, poll := range map[string]func(id string) signal.Poll{
		"told": func(id string) signal.Poll { return signal.Poll{Now: true, Ack: []string{id}} },
		"bury": func(id string) signal.Poll {
			return signal.Poll{Now: true, Faults: map[string]signal.Fault{id: {Code: signal.CodeRequest}}}
		},
	} {
		t.Run("it answers nothing though "+op+" is lost", func(t *testing.T) {
			h := newHub(t)
			h.outbox = &faulty{Outbox: h.db.Signals(), op: op}
			n := h.notifier()
			h.withdraw(h.Granted(t.Context(), ada, h.passkey))
			waiting, err := h.outbox.Waiting(t.Context(), h.Provider.ID, 1)
			must(t, err)
			got, err := n.Poll(t.Context(), h.Provider.ID, poll(waiting[0].ID), 0)
			if !errors.Is(err, errLost) || len(got.Sets) != 0 || len(h.heard) != 0 {
				t.Errorf("%v, %+v, observed %v", err, got, h.heard)
			}
			if got, err = n.Poll(t.Context(), h.Provider.ID, poll(waiting[0].ID), 0); err != nil || len(got.Sets) != 0 || len(h.heard) != 1 {
				t.Errorf("once more: %v, %+v, observed %v", err, got, h.heard)
			}
		})
	}
}

// A replica that took so long that another works by now, stops.
func TestLostLease(t *testing.T) {
	h := newHub(t)
	h.endpoints[h.Consumer.ID] = ""
	a := h.agencies[h.Provider.ID]
	a.fail = func(int, http.ResponseWriter) bool {
		h.Pass(2 * time.Minute)
		if _, _, err := h.db.Signals().Hold(context.Background(), h.Provider.ID, "another", h.Now(), h.Now().Add(time.Minute), 0); err != nil {
			t.Error(err)
		}
		return false
	}
	for range 3 {
		h.withdraw(h.Granted(t.Context(), ada, h.passkey))
	}
	_ = h.notifier().Round(t.Context())
	if len(a.took) != 1 {
		t.Errorf("it pushed %d", len(a.took))
	}
}

func TestNewRefuses(t *testing.T) {
	for name, without := range map[string]func(*notify.Options){
		"outbox": func(o *notify.Options) { o.Outbox = nil }, "issuer": func(o *notify.Options) { o.Issuer = "" },
		"key": func(o *notify.Options) { o.Key = nil }, "endpoint": func(o *notify.Options) { o.Endpoint = nil },
	} {
		o := notify.Options{
			Outbox: newHub(t).outbox, Issuer: "https://hub.example", Endpoint: func(string) string { return "" },
			Key: func() (crypto.Signer, string) { return nil, "" },
		}
		without(&o)
		if _, err := notify.New(o); err == nil {
			t.Errorf("it is made without %s", name)
		}
	}
}
