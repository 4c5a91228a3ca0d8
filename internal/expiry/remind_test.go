package expiry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/signal"
)

const day = 24 * time.Hour

// used is a grant of thirty days with one release that was received; the terms let
// the consumer keep it for thirty days.
func (h *hub) used(t *testing.T) consent.Record {
	t.Helper()
	r := h.Granted(t.Context(), "ada", h.People.Enrol("ada"))
	commit := h.Commit(r, 1, nil)
	if _, err := h.World.Ledger.Use(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	next, err := h.World.Ledger.Received(t.Context(), h.Received(r, 1, commit, nil))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func (h *hub) deleted(t *testing.T, r consent.Record) {
	t.Helper()
	now := h.World.Now().Unix()
	jws, err := consent.SignDeleted(consent.DeletedClaims{
		Issuer: h.Consumer.ID, Audience: consenttest.Issuer, IssuedAt: now, GrantID: r.Grant, Uses: 1, At: now,
	}, h.Consumer.Key, h.Consumer.Chain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.World.Ledger.Deleted(t.Context(), jws); err != nil {
		t.Fatal(err)
	}
}

//clause:consent overdue statements: the agency is reminded through the outbox, and named in public where ten people are behind it
func TestRemind(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, h *hub, r consent.Record) // how the grant ends; nil: by the clock
		pass []time.Duration                              // between sweeps
		want int
	}{
		"it reminds once what expired and was not said to be deleted": {nil, []time.Duration{30*day + time.Minute, day + time.Minute, time.Hour}, 1},
		"it gives a day after the end":                                {nil, []time.Duration{30*day + time.Minute, day - 10*time.Minute}, 0},
		"it reminds again after a week":                               {nil, []time.Duration{30*day + time.Minute, day + time.Minute, 7 * day, time.Minute}, 2},
		"it stops after eight":                                        {nil, []time.Duration{31 * day, day, 7 * day, 7 * day, 7 * day, 7 * day, 7 * day, 7 * day, 7 * day, 7 * day, 7 * day}, 8},
		"it reminds of what was withdrawn, from the end of retention on": {func(t *testing.T, h *hub, r consent.Record) {
			h.Pass(time.Hour)
			if _, err := h.World.Ledger.Withdraw(t.Context(), r.Grant, "ada"); err != nil {
				t.Fatal(err)
			}
		}, []time.Duration{time.Minute, 28 * day, 3*day + time.Minute}, 1},
		"it is silent where the statement came": {func(t *testing.T, h *hub, r consent.Record) {
			h.Pass(time.Hour)
			if _, err := h.World.Ledger.Withdraw(t.Context(), r.Grant, "ada"); err != nil {
				t.Fatal(err)
			}
			h.deleted(t, r)
		}, []time.Duration{time.Minute, 60 * day}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			r := h.used(t)
			told := map[string]signal.Signal{}
			h.Sweeper.Remind = func(_ context.Context, s signal.Signal) error {
				told[s.ID] = s
				return nil
			}
			if c.end != nil {
				c.end(t, h, r)
			}
			for _, d := range c.pass {
				h.Pass(d)
				for range 2 { // a second replica, or a crash before the reminder was settled
					if _, err := h.Sweep(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if len(told) != c.want {
				t.Errorf("%d reminders, want %d", len(told), c.want)
			}
			for _, s := range told {
				if s.Kind != signal.DeletionDue || s.Audience != h.Consumer.ID || s.Grant != string(r.Grant) || s.Place <= r.Seq {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	t.Run("it says nothing where nothing was released", func(t *testing.T) {
		h := open(t)
		h.Granted(t.Context(), "ada", h.People.Enrol("ada"))
		h.Sweeper.Remind = func(context.Context, signal.Signal) error { return errors.New("reminded") }
		h.Pass(90 * day)
		for range 2 {
			if _, err := h.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	for _, kept := range []bool{false, true} {
		name := map[bool]string{false: "it tries again what was lost", true: "it tells the same again where it was kept but called lost"}[kept]
		t.Run(name, func(t *testing.T) {
			h := open(t)
			h.used(t)
			lost, told, tries := errors.New("lost"), map[string]bool{}, 0
			h.Sweeper.Remind = func(_ context.Context, s signal.Signal) error {
				tries++
				if kept || tries > 1 {
					told[s.ID] = true
				}
				if tries == 1 {
					return lost
				}
				return nil
			}
			h.Pass(30*day + time.Minute)
			if _, err := h.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.Pass(day + time.Minute)
			if _, err := h.Sweep(t.Context()); !errors.Is(err, lost) {
				t.Errorf("%v", err)
			}
			h.Pass(later + time.Minute)
			if _, err := h.Sweep(t.Context()); err != nil || tries != 2 || len(told) != 1 {
				t.Errorf("%v, %d tries, %d signals", err, tries, len(told))
			}
		})
	}
}
