package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

func cancellation(w *consenttest.World, id consent.GrantID, bend func(*consent.CancelClaims)) string {
	c := consent.CancelClaims{Issuer: w.Consumer.ID, Audience: consenttest.Issuer, IssuedAt: w.Now().Unix(), GrantID: id}
	if bend != nil {
		bend(&c)
	}
	key := w.Consumer
	if c.Issuer == w.Provider.ID {
		key = w.Provider
	}
	jws, err := consent.SignCancel(c, key.Key, key.Chain)
	must(err)
	return jws
}

//clause:consent cancel, pause, resume, invalidate: whose they are, and when
func TestCancel(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name  string
		act   func(w *consenttest.World, passkey *consenttest.Passkey, id consent.GrantID) (consent.Record, error)
		state consent.State
		by    string
		err   error
	}{
		{"it is the consumer's to cancel", func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			return w.Ledger.Cancel(ctx, cancellation(w, id, nil))
		}, consent.StateCancelled, "consumer", nil},
		{"it is the citizen's to take back", func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			return w.Ledger.TakeBack(ctx, id, ada)
		}, consent.StateCancelled, "citizen", nil},
		{"it is nobody else's to take back", func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			return w.Ledger.TakeBack(ctx, id, bea)
		}, consent.StateRequested, "", consent.ErrForeign},
		{"it is no other agency's to cancel", func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			return w.Ledger.Cancel(ctx, cancellation(w, id, func(c *consent.CancelClaims) { c.Issuer = w.Provider.ID }))
		}, consent.StateRequested, "", consent.ErrForeign},
		{"it knows no other grant", func(w *consenttest.World, _ *consenttest.Passkey, _ consent.GrantID) (consent.Record, error) {
			return w.Ledger.Cancel(ctx, cancellation(w, "other", nil))
		}, consent.StateRequested, "", consent.ErrUnknown},
		{"it comes too late after a grant", func(w *consenttest.World, passkey *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			_, err := w.Approve(ctx, id, ada, passkey, "vision_ok", "hearing_ok")
			ok(t, "approve", err)
			return w.Ledger.Cancel(ctx, cancellation(w, id, nil))
		}, consent.StateActive, "", consent.ErrDecided},
		{"it comes too late after a no", func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			_, err := w.Ledger.Deny(ctx, id, ada)
			ok(t, "deny", err)
			return w.Ledger.TakeBack(ctx, id, ada)
		}, consent.StateDenied, "", consent.ErrDecided},
		{"it comes too late after the offer's time", func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			w.Pass(2 * time.Hour)
			return w.Ledger.TakeBack(ctx, id, ada)
		}, consent.StateRequested, "", consent.ErrExpired},
		{"it stays the first one's", func(w *consenttest.World, _ *consenttest.Passkey, id consent.GrantID) (consent.Record, error) {
			_, err := w.Ledger.TakeBack(ctx, id, ada)
			ok(t, "take back", err)
			return w.Ledger.Cancel(ctx, cancellation(w, id, nil))
		}, consent.StateCancelled, "citizen", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, passkey := world(t)
			id := offered(t, w).Grant
			_, err := c.act(w, passkey, id)
			is(t, "act", err, c.err)
			r, events, err := w.Store.History(ctx, id)
			ok(t, "history", err)
			if last := events[len(events)-1]; r.State != c.state || c.by != "" && (last.By != c.by || last.Kind != consent.KindCancelled || len(events) != 2) {
				t.Errorf("%s by %s after %d events", r.State, last.By, len(events))
			}
			if c.state == consent.StateCancelled {
				_, err := w.Approve(ctx, id, ada, passkey, "vision_ok", "hearing_ok")
				is(t, "an approval afterwards", err, consent.ErrDecided)
			}
		})
	}
	w, _ := world(t)
	id := offered(t, w).Grant
	for name, c := range map[string]struct {
		bend  func(*consent.CancelClaims)
		check string
	}{
		"it is for this hub":  {func(c *consent.CancelClaims) { c.Audience = "https://other.example" }, "aud"},
		"it is from now":      {func(c *consent.CancelClaims) { c.IssuedAt -= 3600 }, "iat"},
		"it is not to come":   {func(c *consent.CancelClaims) { c.IssuedAt += 3600 }, "iat"},
		"it names a grant":    {func(c *consent.CancelClaims) { c.GrantID = "" }, "cancellation"},
		"it is of its signer": {func(c *consent.CancelClaims) { c.Issuer = "urn:mydata:agency:nobody" }, "cancellation"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Ledger.Cancel(ctx, cancellation(w, id, c.bend))
			check(t, "cancel", err, c.check)
		})
	}
	_, err := w.Ledger.Cancel(ctx, w.Request(ada, nil).JWS)
	check(t, "another kind of JWS", err, "cancellation")
}

// A pause by the citizen's own wish ends by a session; one that somebody set
// because sessions cannot be trusted needs a passkey, and guards the others.
//
//clause:consent cancel, pause, resume, invalidate: whose they are, and when
func TestPauseReasons(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	mine, frozen := w.Granted(ctx, ada, passkey), w.Granted(ctx, ada, passkey)
	_, err := w.Ledger.Pause(ctx, mine.Grant, ada, "")
	ok(t, "pause", err)
	r, err := w.Ledger.Resume(ctx, mine.Grant, ada)
	ok(t, "resume", err)
	if r.State != consent.StateActive || r.Reason != "" {
		t.Errorf("resumed: %s %q", r.State, r.Reason)
	}
	_, err = w.Ledger.Pause(ctx, mine.Grant, ada, "")
	ok(t, "pause", err)
	is(t, "not mine", second(w.Ledger.ResumeConfirmed(ctx, mine.Grant, bea)), consent.ErrForeign)
	for _, freeze := range []func() error{
		func() error { _, err := w.Ledger.Disown(ctx, mine.Grant, 2, ada); return err },
		func() error { return w.Ledger.PauseAll(ctx, ada, consent.PausedLostPhone) },
	} {
		ok(t, "freeze", freeze())
		is(t, "a use", second(w.Ledger.NextUse(ctx, frozen.Grant, consenttest.Client)), consent.ErrPaused)
		is(t, "resume of the frozen", second(w.Ledger.Resume(ctx, frozen.Grant, ada)), consent.ErrConfirm)
		is(t, "resume of one that was paused before", second(w.Ledger.Resume(ctx, mine.Grant, ada)), consent.ErrConfirm)
		r, err := w.Ledger.ResumeConfirmed(ctx, frozen.Grant, ada)
		ok(t, "confirmed", err)
		if r.State != consent.StateActive {
			t.Errorf("%s", r.State)
		}
	}
	ok(t, "the other, now", second(w.Ledger.Resume(ctx, mine.Grant, ada)))
	is(t, "pause of an offer", second(w.Ledger.Pause(ctx, offered(t, w).Grant, ada, "")), consent.ErrPending)
}

func second[T any](_ T, err error) error { return err }

//clause:consent cancel, pause, resume, invalidate: whose they are, and when
func TestInvalidate(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	commit := w.Commit(r, 1, nil)
	check(t, "another reason", second(w.Ledger.Invalidate(ctx, r.Grant, "because")), "reason")
	check(t, "no reason", second(w.Ledger.Invalidate(ctx, r.Grant, "")), "reason")
	is(t, "another grant", second(w.Ledger.Invalidate(ctx, "other", "agency_closed")), consent.ErrUnknown)
	is(t, "an offer", second(w.Ledger.Invalidate(ctx, offered(t, w).Grant, "agency_closed")), consent.ErrPending)
	for range 2 {
		got, err := w.Ledger.Invalidate(ctx, r.Grant, "agency_closed")
		if err != nil || got.State != consent.StateInvalidated || got.Reason != "agency_closed" {
			t.Errorf("%s because of %q, %v", got.State, got.Reason, err)
		}
	}
	is(t, "a use afterwards", second(w.Ledger.Use(ctx, commit)), consent.ErrInvalid)
	is(t, "another reason afterwards", second(w.Ledger.Invalidate(ctx, r.Grant, "wrong_person")), consent.ErrInvalid)
	is(t, "resume", second(w.Ledger.ResumeConfirmed(ctx, r.Grant, ada)), consent.ErrInvalid)
	paused := w.Granted(ctx, ada, passkey)
	ok(t, "pause", second(w.Ledger.Pause(ctx, paused.Grant, ada, "")))
	ok(t, "invalidate the paused", second(w.Ledger.Invalidate(ctx, paused.Grant, "agency_closed")))
	over := w.Granted(ctx, ada, passkey)
	w.Pass(31 * 24 * time.Hour)
	is(t, "one that is over", second(w.Ledger.Invalidate(ctx, over.Grant, "agency_closed")), consent.ErrExpired)
	if err := second(w.Ledger.Withdraw(ctx, r.Grant, ada)); !errors.Is(err, consent.ErrInvalid) {
		t.Errorf("withdraw: %v", err)
	}
}
