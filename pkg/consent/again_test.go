package consent_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/consent"
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
