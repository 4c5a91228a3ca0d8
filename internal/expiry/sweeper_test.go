package expiry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// hub is a world, and what its ledger was asked and its reminders were told.
type hub struct {
	*consenttest.World
	*Sweeper

	mu      sync.Mutex
	asked   []consent.GrantID
	settled []string
	broken  map[consent.GrantID]error
	dueErr  error
	extra   []consent.Deadline
}

func open(t *testing.T) *hub {
	t.Helper()
	h := &hub{World: consenttest.New(), broken: map[consent.GrantID]error{}}
	h.People.Enrol("ada")
	h.Sweeper = &Sweeper{Ledger: h, Deadlines: h, Now: h.World.Now, Steady: func() error { return nil }, Logger: slog.New(slog.DiscardHandler)}
	return h
}

func (h *hub) Expire(ctx context.Context, id consent.GrantID) (consent.Record, error) {
	h.mu.Lock()
	h.asked = append(h.asked, id)
	err := h.broken[id]
	h.mu.Unlock()
	if err != nil {
		return consent.Record{}, err
	}
	return h.World.Ledger.Expire(ctx, id)
}

func (h *hub) Due(ctx context.Context, now time.Time, limit int) ([]consent.Deadline, error) {
	due, err := h.Store.Due(ctx, now, limit)
	return append(due, h.extra...), errors.Join(err, h.dueErr)
}

func (h *hub) Settle(ctx context.Context, d consent.Deadline, at time.Time) error {
	if err := h.Store.Settle(ctx, d, at); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	to := "never"
	if !at.IsZero() {
		to = at.Sub(h.World.Now()).String()
	}
	h.settled = append(h.settled, fmt.Sprint(d.Grant, " ", to))
	return nil
}

func (h *hub) offer(t *testing.T) consent.GrantID {
	t.Helper()
	r, err := h.World.Ledger.Request(t.Context(), h.Request("ada", nil))
	if err != nil {
		t.Fatal(err)
	}
	return r.Grant
}

func (h *hub) state(t *testing.T, id consent.GrantID) consent.State {
	t.Helper()
	r, _, err := h.Store.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.State
}

//clause:consent what the clock ends is written down without traffic, once, by any number of replicas
func TestSweep(t *testing.T) {
	errClock, errGone := errors.New("the clock was set"), errors.New("gone")
	for _, c := range []struct {
		name    string
		pass    time.Duration
		bend    func(h *hub, id consent.GrantID)
		state   consent.State
		settled string // "" none
		err     error
	}{
		{"it expires what is over", time.Hour + Grace, nil, consent.StateExpired, "never", nil},
		{"it waits for clocks that are behind", time.Hour + Grace - time.Second, nil, consent.StateRequested, "", nil},
		{"it does nothing while the clock is set", 2 * time.Hour, func(h *hub, _ consent.GrantID) { h.Steady = func() error { return errClock } }, consent.StateRequested, "", errClock},
		{"it says that it cannot look", 2 * time.Hour, func(h *hub, _ consent.GrantID) { h.dueErr = errGone }, consent.StateRequested, "", errGone},
		{"it puts behind what it cannot expire", 2 * time.Hour, func(h *hub, id consent.GrantID) { h.broken[id] = errGone }, consent.StateRequested, "10m0s", errGone},
		{"it forgets what was erased meanwhile", 2 * time.Hour, func(h *hub, id consent.GrantID) { h.broken[id] = consent.ErrUnknown }, consent.StateRequested, "never", nil},
		{"it gives a reminder that was early its time", 0, func(h *hub, id consent.GrantID) { h.extra = []consent.Deadline{{Grant: id}} }, consent.StateRequested, "1h0m0s", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			id := h.offer(t)
			if c.bend != nil {
				c.bend(h, id)
			}
			h.Pass(c.pass)
			n, err := h.Sweep(t.Context())
			if !errors.Is(err, c.err) || c.err == nil && err != nil || (n == 1) != (c.state == consent.StateExpired) {
				t.Errorf("%d, %v", n, err)
			}
			if got := h.state(t, id); got != c.state {
				t.Errorf("%s, want %s", got, c.state)
			}
			if want := string(id) + " " + c.settled; c.settled != "" && !slices.Contains(h.settled, want) || c.settled == "" && len(h.settled) > 0 {
				t.Errorf("settled %v, want %s", h.settled, want)
			}
		})
	}
	t.Run("it stops for nobody", func(t *testing.T) {
		h := open(t)
		bad, good := h.offer(t), h.offer(t)
		h.broken[bad] = errGone
		h.Pass(2 * time.Hour)
		if n, err := h.Sweep(t.Context()); n != 1 || !errors.Is(err, errGone) || h.state(t, good) != consent.StateExpired {
			t.Errorf("%d, %v", n, err)
		}
	})
	t.Run("it takes many in batches", func(t *testing.T) {
		h := open(t)
		var all []consent.GrantID
		for range batch + 20 {
			all = append(all, h.offer(t))
		}
		h.Pass(2 * time.Hour)
		if n, err := h.Sweep(t.Context()); n != len(all) || err != nil {
			t.Errorf("%d of %d, %v", n, len(all), err)
		}
	})
	t.Run("it runs until it is told to end", func(t *testing.T) {
		h := open(t)
		id := h.offer(t)
		h.Pass(2 * time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx, 5*time.Millisecond); close(done) }()
		for end := time.Now().Add(10 * time.Second); h.state(t, id) != consent.StateExpired && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		<-done
		if h.state(t, id) != consent.StateExpired {
			t.Error("nothing is expired without traffic")
		}
	})
}
