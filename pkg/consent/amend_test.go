package consent_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// amending is the demo request for a new version of a grant, for one claim more
// seldom asked.
func amending(id consent.GrantID) func(*consent.RequestClaims) {
	return detail(func(d *consent.Detail) {
		d.Supersedes, d.Retention = id, "P10D"
		d.Claims = []consent.RequestedClaim{{Name: "vision_ok"}}
	})
}

//clause:consent a new version: one commit for both, the old one's tokens die
func TestAmend(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	old := w.Granted(ctx, ada, passkey)
	commit := w.Commit(old, 1, nil)
	_, err := w.Ledger.Use(ctx, commit)
	ok(t, "a use of the old version", err)
	r, err := w.Ledger.Request(ctx, w.Request(ada, amending(old.Grant)))
	ok(t, "request", err)
	if r.Supersedes != old.Grant {
		t.Errorf("it supersedes %q", r.Supersedes)
	}
	offer, err := w.Ledger.Offer(ctx, r.Grant, ada, "en")
	ok(t, "offer", err)
	if offer.Before == nil || len(offer.Before.Claims) != 3 || offer.Before.Claims[0].Label != "Eyesight is sufficient" {
		t.Errorf("the version before, in the language of the page: %+v", offer.Before)
	}
	if now, _, _ := w.Ledger.Account(ctx, old.Grant); now.State != consent.StateActive {
		t.Errorf("asking alone made the old version %s", now.State)
	}
	r, err = w.Approve(ctx, r.Grant, ada, passkey, "vision_ok")
	ok(t, "approve", err)
	if r.State != consent.StateActive || r.Agreed.Version != 2 || r.Agreed.Supersedes != old.Terms {
		t.Errorf("granted %+v", r.Agreed)
	}
	request, err := consent.OpenRequest(mustRequest(t, w, r.Grant), w.Trust.AgencyRoots)
	ok(t, "request", err)
	ok(t, "narrow", consent.Narrow(request, copied(t, *r.Agreed), w.Catalogue))

	now, _, err := w.Ledger.Account(ctx, old.Grant)
	ok(t, "account", err)
	if now.State != consent.StateSuperseded || now.Successor != r.Grant {
		t.Errorf("the old version is %s by %q", now.State, now.Successor)
	}
	_, err = w.Ledger.NextUse(ctx, old.Grant, consenttest.Client)
	is(t, "it gives no token of the old version", err, consent.ErrSuperseded)
	_, err = w.Ledger.Use(ctx, w.Commit(old, 2, nil))
	is(t, "it takes no commit under the old version", err, consent.ErrSuperseded)
	_, err = w.Ledger.Use(ctx, commit)
	ok(t, "the earlier commit again", err)
	_, err = w.Ledger.Received(ctx, w.Received(old, 1, commit, nil))
	ok(t, "the earlier use is still countersigned", err)
	_, err = w.Ledger.Withdraw(ctx, old.Grant, ada)
	is(t, "it has ended", err, consent.ErrSuperseded)
	if _, err := w.Ledger.NextUse(ctx, r.Grant, consenttest.Client); err != nil {
		t.Errorf("the new version: %v", err)
	}
	t.Run("it goes on to a third version", func(t *testing.T) {
		next, err := w.Ledger.Request(ctx, w.Request(ada, amending(r.Grant)))
		ok(t, "request", err)
		next, err = w.Approve(ctx, next.Grant, ada, passkey, "vision_ok")
		ok(t, "approve", err)
		if next.Agreed.Version != 3 || next.Agreed.Supersedes != r.Terms {
			t.Errorf("version %d", next.Agreed.Version)
		}
	})
}

func mustRequest(t *testing.T, w *consenttest.World, id consent.GrantID) string {
	t.Helper()
	_, events, err := w.Ledger.Account(t.Context(), id)
	ok(t, "account", err)
	return events[0].Evidence.Request
}

// Denied, lapsed or never decided, an amendment leaves the old version alone.
func TestAmendLeavesTheOldVersion(t *testing.T) {
	for name, act := range map[string]func(ctx context.Context, w *consenttest.World, id consent.GrantID) error{
		"it lives on when the citizen says no": func(ctx context.Context, w *consenttest.World, id consent.GrantID) error {
			_, err := w.Ledger.Deny(ctx, id, ada)
			return err
		},
		"it lives on when the offer lapses": func(_ context.Context, w *consenttest.World, _ consent.GrantID) error {
			w.Pass(2 * time.Hour)
			return nil
		},
		"it lives on while it is shown": func(ctx context.Context, w *consenttest.World, id consent.GrantID) error {
			_, err := w.Ledger.Propose(ctx, id, ada, consent.Choice{Claims: []string{"vision_ok"}, Lang: "ko"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, passkey := world(t)
			old := w.Granted(t.Context(), ada, passkey)
			r, err := w.Ledger.Request(t.Context(), w.Request(ada, amending(old.Grant)))
			ok(t, "request", err)
			ok(t, name, act(t.Context(), w, r.Grant))
			_, err = w.Ledger.Use(t.Context(), w.Commit(old, 1, nil))
			ok(t, "a use of the old version", err)
		})
	}
}

func TestAmendRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		bend func(ctx context.Context, w *consenttest.World, old consent.Record, in *consent.Requested) error
		want string
		says string
		is   error
	}{
		"it refuses to amend what is not there": {want: "supersedes", bend: func(_ context.Context, w *consenttest.World, _ consent.Record, in *consent.Requested) error {
			*in = w.Request(ada, amending("nothing"))
			return nil
		}},
		"it refuses to amend another person's": {want: "supersedes", bend: func(_ context.Context, w *consenttest.World, old consent.Record, in *consent.Requested) error {
			*in = w.Request(bea, amending(old.Grant))
			return nil
		}},
		"it refuses to amend another client's": {want: "supersedes", bend: func(_ context.Context, _ *consenttest.World, _ consent.Record, in *consent.Requested) error {
			in.Client = "another"
			return nil
		}},
		"it refuses to amend towards another data set": {want: "supersedes", says: "provider or data set", bend: func(_ context.Context, w *consenttest.World, old consent.Record, in *consent.Requested) error {
			*in = w.Request(ada, func(c *consent.RequestClaims) {
				amending(old.Grant)(c)
				c.Details[0].DataTypes[0] = "tax"
			})
			return nil
		}},
		"it refuses to amend what waits": {is: consent.ErrPending, bend: func(ctx context.Context, w *consenttest.World, _ consent.Record, in *consent.Requested) error {
			r, err := w.Ledger.Request(ctx, w.Request(ada, nil))
			*in = w.Request(ada, amending(r.Grant))
			return err
		}},
		"it refuses to amend what was withdrawn": {is: consent.ErrWithdrawn, bend: func(ctx context.Context, w *consenttest.World, old consent.Record, _ *consent.Requested) error {
			_, err := w.Ledger.Withdraw(ctx, old.Grant, ada)
			return err
		}},
		"it refuses to amend what has lapsed": {is: consent.ErrExpired, bend: func(_ context.Context, w *consenttest.World, old consent.Record, in *consent.Requested) error {
			w.Pass(31 * 24 * time.Hour)
			*in = w.Request(ada, amending(old.Grant))
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			w, passkey := world(t)
			old := w.Granted(ctx, ada, passkey)
			in := w.Request(ada, amending(old.Grant))
			ok(t, "prepare", c.bend(ctx, w, old, &in))
			_, err := w.Ledger.Request(ctx, in)
			if c.is != nil {
				is(t, name, err, c.is)
				return
			}
			says(t, name, err, c.want, c.says)
		})
	}
}

// Withdrawn between page and signature, the old version stays withdrawn, and
// the signature makes nothing.
func TestWithdrawalBeatsAnAmendment(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	old := w.Granted(ctx, ada, passkey)
	r, err := w.Ledger.Request(ctx, w.Request(ada, amending(old.Grant)))
	ok(t, "request", err)
	sign := signedTerms(w, r.Grant, passkey, "vision_ok")
	_, err = w.Ledger.Withdraw(ctx, old.Grant, ada)
	ok(t, "withdraw", err)
	_, err = w.Ledger.Grant(ctx, r.Grant, ada, sign)
	is(t, "grant", err, consent.ErrWithdrawn)
	_, err = w.Ledger.Offer(ctx, r.Grant, ada, "ko")
	is(t, "offer", err, consent.ErrWithdrawn)
	if now, _, _ := w.Ledger.Account(ctx, r.Grant); now.State != consent.StateRequested {
		t.Errorf("the new version is %s", now.State)
	}
}

// Of two amendments signed at once one replaces the grant.
//
//clause:consent a new version: one commit for both, the old one's tokens die
func TestTwoAmendmentsAtOnce(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	old := w.Granted(ctx, ada, passkey)
	errs, grants := make([]error, 2), make([]func(), 2)
	for i := range errs {
		r, err := w.Ledger.Request(ctx, w.Request(ada, amending(old.Grant)))
		ok(t, "request", err)
		signed := signedTerms(w, r.Grant, passkey, "vision_ok")
		grants[i] = func() { _, errs[i] = w.Ledger.Grant(ctx, r.Grant, ada, signed) }
	}
	var group sync.WaitGroup
	for _, grant := range grants {
		group.Go(grant)
	}
	group.Wait()
	if errs[0] != nil {
		errs[0], errs[1] = errs[1], errs[0]
	}
	if errs[0] != nil || !errors.Is(errs[1], consent.ErrSuperseded) {
		t.Errorf("%v, %v", errs[0], errs[1])
	}
}

func TestNarrowAmended(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	old := w.Granted(ctx, ada, passkey)
	r, err := w.Ledger.Request(ctx, w.Request(ada, amending(old.Grant)))
	ok(t, "request", err)
	r, err = w.Approve(ctx, r.Grant, ada, passkey, "vision_ok")
	ok(t, "approve", err)
	request, err := consent.OpenRequest(mustRequest(t, w, r.Grant), w.Trust.AgencyRoots)
	ok(t, "open", err)
	for name, c := range map[string]struct {
		bend func(*consent.Terms)
		want string
	}{
		"it refuses a first version":    {func(x *consent.Terms) { x.Version = 1 }, "terms version"},
		"it refuses version nought":     {func(x *consent.Terms) { x.Version = 0 }, "terms version"},
		"it refuses no version before":  {func(x *consent.Terms) { x.Supersedes = "" }, "supersedes"},
		"it refuses what is no digest":  {func(x *consent.Terms) { x.Supersedes = "x" }, "supersedes"},
		"it refuses to replace itself":  {func(x *consent.Terms) { x.GrantID = old.Grant }, "supersedes"},
		"it refuses a period not asked": {func(x *consent.Terms) { x.DataRange = &consent.DataRange{From: "2026-01-01", To: "2026-01-01"} }, "data_range"},
	} {
		t.Run(name, func(t *testing.T) {
			terms := copied(t, *r.Agreed)
			c.bend(&terms)
			check(t, name, consent.Narrow(request, renotice(t, terms), nil), c.want)
		})
	}
}
