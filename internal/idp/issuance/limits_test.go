package issuance_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/pkg/credential"
)

type diskFull struct{}

func (diskFull) Error() string     { return "the disk is full" }
func (diskFull) Unavailable() bool { return true }

func TestCardsOfOneCitizenAreBounded(t *testing.T) {
	w, s := withSpy(t)
	w.Limits = limit.New(limit.Options{Store: new(limit.Memory), Now: func() time.Time { return w.now },
		Budgets: map[string]limit.Budget{"credential": {Limit: 3, Window: time.Hour}}})
	ask := func() answer {
		proof := w.proof(t, newKey(t), w.freshNonce(t), nil)
		return w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, proof))
	}
	s.before = func(credential.Commit) error { return fmt.Errorf("store: %w", diskFull{}) }
	for range 5 { // an outage costs no card
		if a := ask(); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || code(t, a) != "unavailable" {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	s.before = nil
	for range 3 {
		if a := ask(); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := ask(); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || code(t, a) != "rate_limited" {
		t.Errorf("%d %s", a.status, a.body)
	}
	before := len(s.commits)
	ask()
	if len(s.commits) != before {
		t.Error("it made a card first")
	}
	if err := w.Limits.Take(t.Context(), "credential", "lee"); err != nil {
		t.Errorf("another citizen: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	if a := ask(); a.status != http.StatusOK {
		t.Errorf("an hour later: %d %s", a.status, a.body)
	}
}

// A wallet that did not hear the answer asks anew, and is answered by what waits
// already: that takes nothing from the person's budget.
func TestAskingAgainForWhatWaitsIsFree(t *testing.T) {
	w := deferring(t)
	w.Limits = limit.New(limit.Options{Store: new(limit.Memory), Now: func() time.Time { return w.now },
		Budgets: map[string]limit.Budget{"credential": {Limit: 2, Window: time.Hour}}})
	key, id := newKey(t), ""
	for range 4 {
		got := w.later(t, []string{w.proof(t, key, w.freshNonce(t), nil)})
		if id != "" && got != id {
			t.Errorf("%s, then %s", id, got)
		}
		id = got
	}
	w.later(t, []string{w.proof(t, newKey(t), w.freshNonce(t), nil)})
	if a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, w.proof(t, newKey(t), w.freshNonce(t), nil))); a.status != http.StatusTooManyRequests {
		t.Errorf("a third one: %d %s", a.status, a.body)
	}
}
