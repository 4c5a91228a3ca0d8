package issuance_test

import (
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
)

// TestClockJumps sets the clock an hour forward and back: nonces and offers of
// the wrong clock are refused by the right one, and a spent nonce stays spent.
func TestClockJumps(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	spent, left := w.Nonces.Make(), w.Nonces.Make()
	if err := w.Nonces.Spend(ctx, spent); err != nil {
		t.Fatal(err)
	}
	offer, _, err := w.Offers.Make(ctx, "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, false)
	if err != nil {
		t.Fatal(err)
	}

	w.now = w.now.Add(time.Hour) // forward
	if err := w.Nonces.Spend(ctx, left); !errors.Is(err, credential.ErrNonce) {
		t.Errorf("a nonce of before: %v", err)
	}
	if _, err := w.Offers.Redeem(ctx, w.Offers.Code(offer), ""); !errors.Is(err, credential.ErrOffer) {
		t.Errorf("an offer of before: %v", err)
	}
	if err := w.Nonces.Spend(ctx, w.Nonces.Make()); err != nil { // it sweeps
		t.Fatal(err)
	}
	if err := w.Offers.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	ahead := w.Nonces.Make()
	offerAhead, _, err := w.Offers.Make(ctx, "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, false)
	if err != nil {
		t.Fatal(err)
	}

	w.now = w.now.Add(-time.Hour) // and back
	if err := w.Nonces.Spend(ctx, ahead); !errors.Is(err, credential.ErrNonce) {
		t.Errorf("a nonce that would live an hour: %v", err)
	}
	if _, err := w.Offers.Redeem(ctx, w.Offers.Code(offerAhead), ""); !errors.Is(err, credential.ErrOffer) {
		t.Errorf("an offer that would live an hour: %v", err)
	}
	if err := w.Nonces.Spend(ctx, spent); !errors.Is(err, credential.ErrNonce) {
		t.Errorf("a nonce that was spent before the jump: %v", err)
	}
	if err := w.Nonces.Spend(ctx, left); err != nil {
		t.Errorf("the nonce of before, by the right clock: %v", err)
	}
	if _, err := w.Offers.Redeem(ctx, w.Offers.Code(offer), ""); err != nil {
		t.Errorf("the offer of before, by the right clock: %v", err)
	}
	w.issue(t, newKey(t))
}
