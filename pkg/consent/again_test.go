package consent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// overtaken has another be first, once.
type overtaken struct {
	consent.Store
	by func()
}

func (o *overtaken) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return o.Store.Commit(ctx, c)
}

// Of two who ask the same at once the later one is answered what the first one's commit
// holds, not what its own would have held.
func TestAnswersTheFirst(t *testing.T) {
	ctx := t.Context()
	for name, act := range map[string]func(l *consent.Ledger, id consent.GrantID) (consent.Record, error){
		"withdraw": func(l *consent.Ledger, id consent.GrantID) (consent.Record, error) { return l.Withdraw(ctx, id, ada) },
		"pause":    func(l *consent.Ledger, id consent.GrantID) (consent.Record, error) { return l.Pause(ctx, id, ada, "") },
	} {
		t.Run(name, func(t *testing.T) {
			w, passkey := world(t)
			r := w.Granted(ctx, ada, passkey)
			store := w.Store
			var won consent.Record
			w.Ledger.Store = &overtaken{store, func() {
				w.Pass(time.Minute)
				var err error
				won, err = act(w.Ledger, r.Grant)
				ok(t, "the first", err)
				w.Pass(time.Minute)
			}}
			answered, err := act(w.Ledger, r.Grant)
			ok(t, "the second", err)
			kept, _, err := store.History(ctx, r.Grant)
			ok(t, "history", err)
			if diff := cmp.Diff(kept, answered); diff != "" {
				t.Errorf("it answers what is not kept:\n%s", diff)
			}
			if diff := cmp.Diff(kept, won); diff != "" {
				t.Errorf("the first one was answered what is not kept:\n%s", diff)
			}
		})
	}
}

// A use is decided by what was read in one look: what changed meanwhile counts, and
// what its citizen did elsewhere costs it nothing.
func TestUseDecidesAnew(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		by   func(w *consenttest.World, passkey *consenttest.Passkey, id consent.GrantID)
		want error
	}{
		"it goes on after another grant of the citizen": {func(w *consenttest.World, passkey *consenttest.Passkey, _ consent.GrantID) {
			w.Granted(ctx, ada, passkey)
		}, nil},
		"it is refused after a withdrawal": {func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) {
			_, err := w.Ledger.Withdraw(ctx, id, ada)
			ok(t, "withdraw", err)
		}, consent.ErrWithdrawn},
	} {
		t.Run(name, func(t *testing.T) {
			w, passkey := world(t)
			r := w.Granted(ctx, ada, passkey)
			store := w.Store
			w.Ledger.Store = &overtaken{store, func() { c.by(w, passkey, r.Grant) }}
			_, err := w.Ledger.Use(ctx, w.Commit(r, 1, nil))
			if !errors.Is(err, c.want) {
				t.Errorf("%v instead of %v", err, c.want)
			}
			events, err := store.Events(ctx, ada)
			ok(t, "events", err)
			for i, e := range events {
				if e.CitizenSeq != int64(i)+1 {
					t.Errorf("event %d is at place %d", i+1, e.CitizenSeq)
				}
			}
			kept, _, err := store.History(ctx, r.Grant)
			if ok(t, "history", err); (len(kept.Uses) == 1) != (c.want == nil) {
				t.Errorf("%d uses", len(kept.Uses))
			}
		})
	}
}
