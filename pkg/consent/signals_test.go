package consent_test

import (
	"slices"
	"testing"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/signal"
)

// Each party hears of what it did not do itself, in order and without a gap.
func TestWhoIsTold(t *testing.T) {
	ctx := t.Context()
	w := consenttest.New()
	r := w.Granted(ctx, "ada", w.People.Enrol("ada"))
	commit := w.Commit(r, 1, nil)
	if _, err := w.Ledger.Use(ctx, commit); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.Received(ctx, w.Received(r, 1, commit, nil)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second changes nothing
		if _, err := w.Ledger.Withdraw(ctx, r.Grant, "ada"); err != nil {
			t.Fatal(err)
		}
	}
	for audience, want := range map[string][]signal.Kind{
		w.Consumer.ID:         {signal.GrantGranted, signal.GrantWithdrawn},
		w.Provider.ID:         {signal.UseReceived, signal.GrantWithdrawn},
		signal.Citizen("ada"): {signal.GrantGranted, signal.UseCommitted, signal.GrantWithdrawn},
	} {
		waiting, err := w.Store.Waiting(ctx, audience, 10)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []signal.Kind
		for i, s := range waiting {
			kinds = append(kinds, s.Kind)
			if s.Seq != int64(i+1) || s.Grant != string(r.Grant) {
				t.Errorf("%s: %+v", audience, s)
			}
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("%s hears %v, want %v", audience, kinds, want)
		}
	}
}
