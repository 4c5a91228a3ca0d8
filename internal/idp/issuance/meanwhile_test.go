package issuance_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/pkg/credential"
)

// meanwhile happens while a request is under way whose token, proofs and person
// were looked at: whoever sends it slowly chooses the moment.
type meanwhile func(context.Context) error

func (m meanwhile) Take(ctx context.Context, _, _ string) error { return m(ctx) }
func (meanwhile) Return(context.Context, string, string)        {}

func (h *hub) standing(t *testing.T) (all []credential.Issued) {
	t.Helper()
	issued, err := h.Issuer.Of(t.Context(), "kim")
	must(t, err)
	for _, c := range issued {
		if c.Status != credential.Revoked {
			all = append(all, c)
		}
	}
	return all
}

// What the dashboard does when a phone is lost ends also what that phone's request
// under way would have brought.
func TestAPhoneIsLostWhileItAsks(t *testing.T) {
	h := newHub(t)
	h.Limits = meanwhile(func(ctx context.Context) error {
		return errors.Join(h.Offers.End(ctx, "kim"), h.Deferrals.End(ctx, "kim"), h.authorization.RevokeCitizen(ctx, "kim"), h.Issuer.RevokeAll(ctx, "kim"))
	})
	_, err := h.take(t, credential.ConfigResidentCard, credential.GrantPreAuthorized, false)
	if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Status != http.StatusUnauthorized {
		t.Errorf("the phone was told %v", err)
	}
	if all := h.standing(t); len(all) != 0 {
		t.Errorf("%d cards stand: %+v", len(all), all)
	}
}

// An update of the register revokes what says something else, also what was being
// made at that moment.
func TestTheRegisterChangesWhileACardIsMade(t *testing.T) {
	h := newHub(t)
	now := "before"
	h.Basis = func(context.Context, string) (string, error) { return now, nil }
	h.Limits = meanwhile(func(ctx context.Context) error {
		now = "after"
		_, err := h.Issuer.Supersede(ctx, h.Basis, nil)
		return err
	})
	_, err := h.take(t, credential.ConfigResidentCard, credential.GrantPreAuthorized, false)
	if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("the wallet was told %v", err)
	}
	if all := h.standing(t); len(all) != 0 {
		t.Errorf("%d cards stand of an entry that is over: %+v", len(all), all)
	}
	if _, err := h.take(t, credential.ConfigResidentCard, credential.GrantPreAuthorized, false); err != nil {
		t.Error(err)
	}
	h.Limits, h.Basis = nil, func(context.Context, string) (string, error) { return "", account.ErrNotFound }
	if _, err := h.take(t, credential.ConfigResidentCard, credential.GrantPreAuthorized, false); err != nil {
		t.Errorf("where nothing is kept of the register: %v", err)
	}
}

// A deferred card whose answer was lost is handed out again while it is what its
// record says, and no longer.
func TestADeferredCardIsOverBeforeItIsFetchedAgain(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, w *world, basis *string){
		"it hands out nothing again that was revoked": func(t *testing.T, w *world, _ *string) {
			if err := w.Issuer.RevokeAll(t.Context(), "kim"); err != nil {
				t.Fatal(err)
			}
		},
		"it puts nothing new under the record of what the register said": func(_ *testing.T, _ *world, basis *string) { *basis = "after" },
	} {
		t.Run(name, func(t *testing.T) {
			w := deferring(t)
			basis := "before"
			w.Basis = func(context.Context, string) (string, error) { return basis, nil }
			f := &deferringFault{Credentials: w.db.Credentials(), next: "UpdateDeferral deliver"}
			w.Deferrals.Store = f
			id := w.later(t, w.holders(t, 2))
			if err := w.Deferrals.Approve(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if a := w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(id)); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			happens(t, w, &basis)
			if a := w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect(id)); a.status != 400 || code(t, a) != "invalid_transaction_id" {
				t.Errorf("%d %.200s", a.status, a.body)
			}
		})
	}
}

// A wallet that did not wait for the answer and asks again at once has one order.
func TestOneOrderOfManyRequests(t *testing.T) {
	w := deferring(t)
	order := w.order(t)
	order.Holders = []jose.JSONWebKey{order.Holder}
	var wait sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wait.Go(func() {
			d, err := w.Deferrals.Begin(t.Context(), order, "phone")
			if err != nil {
				t.Error(err)
			}
			ids[i] = d.ID
		})
	}
	wait.Wait()
	if all, err := w.Deferrals.Waiting(t.Context()); err != nil || len(all) != 1 || len(slices.Compact(ids)) != 1 {
		t.Errorf("%d wait, %v, under %v", len(all), err, ids)
	}
}
