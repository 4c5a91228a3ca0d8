package consent_test

import (
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// TestClockJumps sets the clock an hour forward and back in the middle of a
// grant's life: a proposal of the wrong clock is not signed by the right one,
// no history runs backwards, and withdrawing works at once.
func TestClockJumps(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)

	w.Pass(time.Hour) // forward
	_, err := w.Ledger.Use(ctx, w.Commit(r, 1, nil))
	ok(t, "use, ahead", err)
	other, err := w.Ledger.Request(ctx, w.Request(ada, nil))
	ok(t, "request, ahead", err)
	p, err := w.Ledger.Propose(ctx, other.Grant, ada, consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "ko"})
	ok(t, "propose, ahead", err)

	w.Pass(-time.Hour) // and back
	digest, err := p.Terms.Digest()
	ok(t, "digest", err)
	_, err = w.Ledger.Grant(ctx, other.Grant, ada, passkey.Sign(approval.Challenge([][32]byte{digest}, p.Nonce)))
	is(t, "a proposal that would live an hour", err, consent.ErrNoOffer)
	fresh := w.Granted(ctx, ada, passkey)
	_, err = w.Ledger.Use(ctx, w.Commit(fresh, 1, nil))
	ok(t, "use, by the right clock", err)
	_, err = w.Ledger.Withdraw(ctx, r.Grant, ada)
	ok(t, "withdraw", err)
	_, err = w.Ledger.Use(ctx, w.Commit(r, 2, nil))
	is(t, "commit after withdrawal", err, consent.ErrWithdrawn)
	_, err = w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
	is(t, "token after withdrawal", err, consent.ErrWithdrawn)
	history, err := w.Ledger.History(ctx, ada)
	ok(t, "history", err)
	last := map[consent.GrantID]time.Time{}
	for i := len(history) - 1; i >= 0; i-- {
		e := history[i].Event
		if e.At.Before(last[e.Grant]) {
			t.Errorf("%s of %s runs backwards", e.Kind, e.Grant)
		}
		last[e.Grant] = e.At
	}
}
