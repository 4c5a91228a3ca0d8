package consent_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// Whose data: nobody but the person whom the request names sees, approves, denies
// or ends it, and no other person's passkey signs for it.
func TestWhoseData(t *testing.T) {
	ctx := t.Context()
	w := consenttest.New()
	mine, theirs := w.People.Enrol(ada), w.People.Enrol(bea)
	r, err := w.Ledger.Request(ctx, w.Request(ada, nil))
	ok(t, "request", err)
	choice := consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "ko"}
	_, err = w.Ledger.Offer(ctx, r.Grant, bea, "ko")
	is(t, "it shows the offer to no other", err, consent.ErrForeign)
	_, err = w.Ledger.Offer(ctx, r.Grant, "", "ko")
	is(t, "it shows the offer to nobody", err, consent.ErrForeign)
	_, err = w.Ledger.Propose(ctx, r.Grant, bea, choice)
	is(t, "it makes no terms for another", err, consent.ErrForeign)
	signed := signedTerms(w, r.Grant, mine, choice.Claims...)
	_, err = w.Ledger.Grant(ctx, r.Grant, bea, signed)
	is(t, "it takes the citizen's signature from no other", err, consent.ErrForeign)
	_, err = w.Ledger.Grant(ctx, r.Grant, ada, signedTerms(w, r.Grant, theirs, choice.Claims...))
	check(t, "it takes no other's passkey", err, "passkey")
	_, err = w.Ledger.Deny(ctx, r.Grant, bea)
	is(t, "another cannot say no", err, consent.ErrForeign)
	r, err = w.Approve(ctx, r.Grant, ada, mine, choice.Claims...)
	ok(t, "approve", err)
	for name, act := range map[string]func() error{
		"another cannot withdraw": func() error { _, err := w.Ledger.Withdraw(ctx, r.Grant, bea); return err },
		"another cannot pause":    func() error { _, err := w.Ledger.Pause(ctx, r.Grant, bea, ""); return err },
		"another cannot resume":   func() error { _, err := w.Ledger.Resume(ctx, r.Grant, bea); return err },
		"another has no notice":   func() error { _, err := w.Ledger.Notice(ctx, r.Grant, bea); return err },
		"another client has no token": func() error {
			_, err := w.Ledger.NextUse(ctx, r.Grant, "another")
			return err
		},
	} {
		is(t, name, act(), consent.ErrForeign)
	}
}
