package consent_test

import (
	"context"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// What the clock, the operator and those who take something back write is
// broken like every other write of the ledger.
func init() {
	operations = append(operations,
		operation{name: "expire", kind: consent.KindExpired, prepare: func(w *consenttest.World, _ *consenttest.Passkey) func(context.Context) error {
			r, err := w.Ledger.Request(context.Background(), w.Request(ada, nil))
			must(err)
			w.Pass(2 * time.Hour)
			return func(ctx context.Context) error { _, err := w.Ledger.Expire(ctx, r.Grant); return err }
		}},
		operation{name: "cancel", kind: consent.KindCancelled, prepare: func(w *consenttest.World, _ *consenttest.Passkey) func(context.Context) error {
			r, err := w.Ledger.Request(context.Background(), w.Request(ada, nil))
			must(err)
			jws := cancellation(w, r.Grant, nil)
			return func(ctx context.Context) error { _, err := w.Ledger.Cancel(ctx, jws); return err }
		}},
		operation{name: "take back", kind: consent.KindCancelled, prepare: func(w *consenttest.World, _ *consenttest.Passkey) func(context.Context) error {
			r, err := w.Ledger.Request(context.Background(), w.Request(ada, nil))
			must(err)
			return func(ctx context.Context) error { _, err := w.Ledger.TakeBack(ctx, r.Grant, ada); return err }
		}},
		operation{name: "freeze", kind: consent.KindPaused, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
			r := w.Granted(context.Background(), ada, passkey)
			return func(ctx context.Context) error { _, err := w.Ledger.Disown(ctx, r.Grant, 2, ada); return err }
		}},
		operation{name: "not me", kind: consent.KindDisowned, prepare: func(w *consenttest.World, _ *consenttest.Passkey) func(context.Context) error {
			ctx := context.Background()
			r, err := w.Ledger.Request(ctx, w.Request(ada, nil))
			must(err)
			_, err = w.Ledger.Deny(ctx, r.Grant, ada)
			must(err)
			return func(ctx context.Context) error { _, err := w.Ledger.Disown(ctx, r.Grant, 2, ada); return err }
		}},
		operation{name: "invalidate", kind: consent.KindInvalidated, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
			r := w.Granted(context.Background(), ada, passkey)
			return func(ctx context.Context) error {
				_, err := w.Ledger.Invalidate(ctx, r.Grant, "agency_misuse")
				return err
			}
		}},
	)
}

func TestExpire(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	_, err := w.Ledger.Expire(ctx, "nope")
	is(t, "an unknown grant", err, consent.ErrUnknown)
	for _, c := range []struct {
		name string
		make func() consent.Record
		pass time.Duration
		want consent.State
	}{
		{"it leaves an offer that still stands", func() consent.Record { return offered(t, w) }, time.Hour - time.Second, consent.StateRequested},
		{"it expires an offer at its very end", func() consent.Record { return offered(t, w) }, time.Hour, consent.StateExpired},
		{"it leaves a grant that still lasts", func() consent.Record { return w.Granted(ctx, ada, passkey) }, 30*24*time.Hour - time.Second, consent.StateActive},
		{"it expires a grant at its very end", func() consent.Record { return w.Granted(ctx, ada, passkey) }, 30 * 24 * time.Hour, consent.StateExpired},
		{"it expires a paused grant", func() consent.Record {
			r, err := w.Ledger.Pause(ctx, w.Granted(ctx, ada, passkey).Grant, ada, "")
			ok(t, "pause", err)
			return r
		}, 31 * 24 * time.Hour, consent.StateExpired},
		{"it leaves what was withdrawn", func() consent.Record {
			r, err := w.Ledger.Withdraw(ctx, w.Granted(ctx, ada, passkey).Grant, ada)
			ok(t, "withdraw", err)
			return r
		}, 31 * 24 * time.Hour, consent.StateWithdrawn},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := c.make()
			w.Pass(c.pass)
			for range 2 {
				r, err := w.Ledger.Expire(ctx, made.Grant)
				ok(t, "expire", err)
				if r.State != c.want {
					t.Errorf("%s, want %s", r.State, c.want)
				}
			}
			_, events, err := w.Store.History(ctx, made.Grant)
			ok(t, "history", err)
			n := 0
			for _, e := range events {
				if e.Kind == consent.KindExpired && e.By == "hub" {
					n++
				}
			}
			if (n == 1) != (c.want == consent.StateExpired) || n > 1 {
				t.Errorf("%d events of expiry", n)
			}
		})
	}
}

func offered(t *testing.T, w *consenttest.World) consent.Record {
	t.Helper()
	r, err := w.Ledger.Request(t.Context(), w.Request(ada, nil))
	ok(t, "request", err)
	return r
}
