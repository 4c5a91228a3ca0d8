package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// slowProvider has no record until there is one, and a hub that takes its word.
type slowProvider struct {
	*fixture
	there bool
	asked int
}

func newSlow(t *testing.T) *slowProvider {
	t.Helper()
	s := &slowProvider{fixture: newFixture(t)}
	s.slow()
	hub := s.route.hosts["hub.example"]
	s.route.hosts["hub.example"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/agency/ready" {
			hub.ServeHTTP(w, r)
			return
		}
		raw, _ := io.ReadAll(r.Body)
		said, err := s.world.Ledger.Ready(r.Context(), string(raw))
		if err == nil {
			err = s.world.Store.Signal(r.Context(), said)
		}
		switch {
		case errors.Is(err, consent.ErrWithdrawn):
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(problem{Code: "withdrawn", Check: "grant state", Mender: "citizen"})
		case err != nil:
			t.Error(err)
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "{}")
		}
	})
	return s
}

// slow is also what a restarted provider is configured with.
func (s *slowProvider) slow() {
	set := s.provider.config.DataSets["health-checkup"]
	load := set.Load
	set.Load = func(ctx context.Context, who Subject) (Record, error) {
		if s.asked++; !s.there {
			return nil, ErrLater
		}
		return load(ctx, who)
	}
	s.provider.config.DataSets["health-checkup"] = set
}

// late asks, and is put off.
func (s *slowProvider) late() *Later {
	s.Helper()
	state, query := s.granted("vision_ok", "hearing_ok", "checked_on")
	_, err := s.consumer.Complete(context.Background(), state, query)
	l, ok := errors.AsType[*Later](err)
	if !ok || !errors.Is(err, ErrLater) || l.Ticket == "" || l.GrantID == "" || l.Use != 1 {
		s.Fatalf("complete: %v (%+v)", err, l)
	}
	return l
}

func (s *slowProvider) uses(grant string) int {
	s.Helper()
	record, _, err := s.world.Store.History(context.Background(), consent.GrantID(grant))
	if err != nil {
		s.Fatal(err)
	}
	return len(record.Uses)
}

func TestDeliveryLater(t *testing.T) {
	s := newSlow(t)
	ctx := t.Context()
	l := s.late()
	if s.uses(l.GrantID) != 0 || strings.Contains(s.hubSaw.String(), l.Ticket) {
		t.Error("the hub heard of a delivery that waits")
	}
	// Asking meanwhile changes nothing, in another process neither.
	s.open()
	s.slow()
	s.world.Pass(2 * time.Hour)
	for range 2 {
		if _, err := s.consumer.Again(ctx, l.GrantID); !errors.Is(err, ErrLater) {
			t.Fatalf("again: %v", err)
		}
	}
	waiting, err := s.provider.Waiting(ctx)
	if err != nil || len(waiting) != 1 || waiting[0].Ticket != l.Ticket || waiting[0].Subject.ResidentID != citizen || waiting[0].DataSet != "health-checkup" {
		t.Fatalf("waiting: %+v, %v", waiting, err)
	}
	s.there = true
	for range 2 {
		if err := s.provider.Ready(ctx, l.Ticket); err != nil {
			t.Fatal(err)
		}
	}
	if Reason(s.provider.Ready(ctx, "another")) != "unknown_ticket" {
		t.Error("a ticket that is none was announced")
	}
	signals, err := s.world.Store.Waiting(ctx, s.world.Consumer.ID, 10)
	if err != nil || len(signals) != 2 || signals[1].Kind != DeliveryReady || signals[1].Grant != l.GrantID || signals[1].Use != 1 {
		t.Errorf("signals: %+v, %v", signals, err)
	}
	r, err := s.consumer.Again(ctx, l.GrantID)
	if err != nil || r.Use != 1 || r.Claims["vision_ok"] != true {
		t.Fatalf("%+v, %v", r, err)
	}
	if s.uses(l.GrantID) != 1 {
		t.Errorf("%d uses", s.uses(l.GrantID))
	}
	if waiting, err := s.provider.Waiting(ctx); err != nil || len(waiting) != 0 {
		t.Errorf("still waiting: %+v, %v", waiting, err)
	}
	if r, err = s.consumer.Again(ctx, l.GrantID); err != nil || r.Use != 2 {
		t.Errorf("the next use: %+v, %v", r, err)
	}
}

func TestDeliveryLaterAfterWithdrawal(t *testing.T) {
	s := newSlow(t)
	ctx := t.Context()
	l := s.late()
	if _, err := s.world.Ledger.Withdraw(ctx, consent.GrantID(l.GrantID), citizen); err != nil {
		t.Fatal(err)
	}
	s.there = true
	if _, err := s.consumer.Again(ctx, l.GrantID); Reason(err) != "withdrawn" {
		t.Errorf("again: %v", err)
	}
	if s.uses(l.GrantID) != 0 || len(s.observed) != 0 {
		t.Errorf("%d uses, released %v", s.uses(l.GrantID), s.observed)
	}
	if err := s.provider.Ready(ctx, l.Ticket); Reason(err) != "withdrawn" {
		t.Errorf("ready: %v", err)
	}
	if waiting, err := s.provider.Waiting(ctx); err != nil || len(waiting) != 0 {
		t.Errorf("what is over still waits: %+v, %v", waiting, err)
	}
}

func TestDeliveryLaterIsForgottenOnSignal(t *testing.T) {
	s := newSlow(t)
	l := s.late()
	e := newEar(t, s.world, func(c *SignalsConfig) {
		c.Journal, c.Provider = s.journals[0], s.provider
		c.Keys = Keys{Signer: s.world.Provider.Key, Chain: s.world.Provider.Chain}
	})
	if status, body := e.push(t, e.token(t, GrantWithdrawn, l.GrantID, 1)); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	if waiting, err := s.provider.Waiting(t.Context()); err != nil || len(waiting) != 0 {
		t.Errorf("still waiting: %+v, %v", waiting, err)
	}
}

// After the window the consumer begins anew, with the same use number.
func TestDeliveryLaterHasAWindow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		window time.Duration
		want   time.Duration
	}{
		{"it keeps a delivery for a day", 0, 24 * time.Hour},
		{"it keeps it as long as configured", time.Hour, time.Hour},
		{"it keeps it for a week at most", 90 * 24 * time.Hour, 7 * 24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSlow(t)
			s.provider.config.LaterFor = tt.window
			l := s.late()
			if got := l.Until.Sub(s.world.Now()); got != tt.want {
				t.Errorf("kept for %s", got)
			}
			s.world.Pass(tt.want)
			if waiting, err := s.provider.Waiting(t.Context()); err != nil || len(waiting) != 0 {
				t.Errorf("waiting: %+v, %v", waiting, err)
			}
			s.there = true
			r, err := s.consumer.Again(t.Context(), l.GrantID)
			if err != nil {
				t.Fatal(err)
			}
			if r.Use != 1 || s.uses(l.GrantID) != 1 {
				t.Errorf("use %d of %d", r.Use, s.uses(l.GrantID))
			}
		})
	}
}

func TestLaterOf(t *testing.T) {
	for name, body := range map[string]string{
		"it takes no ticket that is empty":   `{"ticket":"","until":5}`,
		"it takes no ticket without an end":  `{"ticket":"t"}`,
		"it takes no ticket that is too big": `{"ticket":"` + strings.Repeat("t", 129) + `","until":5}`,
		"it takes no words":                  `soon`,
	} {
		if err := laterOf([]byte(body)); Reason(err) != "refused" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzLater(f *testing.F) {
	f.Add([]byte(`{"ticket":"t","until":5}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if l, ok := errors.AsType[*Later](laterOf(body)); ok && (l.Ticket == "" || l.Until.Unix() <= 0) {
			t.Errorf("%+v", l)
		}
	})
}
