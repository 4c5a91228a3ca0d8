package issuance_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/credential"
)

var errDisk = errors.New("the disk is gone")

// faulty is the real store of which the next write is lost, or kept although it
// fails.
type faulty struct {
	*store.Credentials
	broken, kept bool
}

func (f *faulty) do(write func() error) error {
	broken := f.broken
	f.broken = false
	if broken && !f.kept {
		return errDisk
	}
	err := write()
	if broken && err == nil {
		return errDisk
	}
	return err
}

func (f *faulty) AddOffer(ctx context.Context, o credential.Offer) error {
	return f.do(func() error { return f.Credentials.AddOffer(ctx, o) })
}

func (f *faulty) UpdateOffer(ctx context.Context, o credential.Offer) error {
	return f.do(func() error { return f.Credentials.UpdateOffer(ctx, o) })
}

func (f *faulty) SpendNonce(ctx context.Context, nonce string, expires, now time.Time) error {
	return f.do(func() error { return f.Credentials.SpendNonce(ctx, nonce, expires, now) })
}

func (f *faulty) SetAcceptance(ctx context.Context, id, acceptance string) error {
	return f.do(func() error { return f.Credentials.SetAcceptance(ctx, id, acceptance) })
}

// broken makes a world whose next write breaks.
func broken(t *testing.T, kept bool) (*world, *faulty) {
	t.Helper()
	w := newWorld(t)
	f := &faulty{Credentials: w.db.Credentials(), kept: kept}
	w.Issuer.Store, w.Offers.Store, w.Nonces.Store = f, f, f
	return w, f
}

// TestOnceFaults breaks each write that makes something usable once, in both
// ways: nothing is given, and it is either still whole or used up.
func TestOnceFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: " that was lost", true: " that was kept although it failed"}[kept]
		offered := func(t *testing.T) (*world, *faulty, credential.Offer, string) {
			w, f := broken(t, kept)
			o, txCode, err := w.Offers.Make(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
			if err != nil {
				t.Fatal(err)
			}
			f.broken = true
			return w, f, o, txCode
		}
		t.Run("it gives no code for an offer"+way, func(t *testing.T) {
			w, f := broken(t, kept)
			f.broken = true
			link, txCode, err := w.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
			if !errors.Is(err, errDisk) || link != "" || txCode != "" {
				t.Error(link, txCode, err)
			}
		})
		t.Run("it redeems an offer once after a redemption"+way, func(t *testing.T) {
			w, _, o, txCode := offered(t)
			if _, err := w.Offers.Redeem(t.Context(), w.Offers.Code(o), txCode); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if _, err := w.Offers.Redeem(t.Context(), w.Offers.Code(o), txCode); errors.Is(err, credential.ErrOffer) != kept || !kept && err != nil {
				t.Errorf("again: %v", err)
			}
			if _, err := w.Offers.Redeem(t.Context(), w.Offers.Code(o), txCode); !errors.Is(err, credential.ErrOffer) {
				t.Errorf("a third time: %v", err)
			}
		})
		t.Run("it tells nothing of a wrong code whose count"+way, func(t *testing.T) {
			w, f, o, txCode := offered(t)
			if _, err := w.Offers.Redeem(t.Context(), w.Offers.Code(o), "x"); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			row, err := f.Offer(t.Context(), o.ID)
			if err != nil || (row.Tries == 1) != kept {
				t.Errorf("%d tries, %v", row.Tries, err)
			}
			if _, err := w.Offers.Redeem(t.Context(), w.Offers.Code(o), txCode); err != nil {
				t.Errorf("the right one: %v", err)
			}
		})
		t.Run("it takes a nonce once after a use"+way, func(t *testing.T) {
			w, f := broken(t, kept)
			nonce := w.Nonces.Make()
			f.broken = true
			if err := w.Nonces.Spend(t.Context(), nonce); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if err := w.Nonces.Spend(t.Context(), nonce); errors.Is(err, credential.ErrNonce) != kept || !kept && err != nil {
				t.Errorf("again: %v", err)
			}
			if err := w.Nonces.Spend(t.Context(), nonce); !errors.Is(err, credential.ErrNonce) {
				t.Errorf("a third time: %v", err)
			}
		})
		t.Run("it is told of a card's arrival once more after a word"+way, func(t *testing.T) {
			w, f := broken(t, kept)
			_, issued, err := w.Issuer.Issue(t.Context(), w.order(t))
			if err != nil {
				t.Fatal(err)
			}
			f.broken = true
			if err := w.Issuer.Notified(t.Context(), "kim", issued.ID, "credential_accepted"); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			err = w.Issuer.Notified(t.Context(), "kim", issued.ID, "credential_accepted")
			row, missing := w.Issuer.Get(t.Context(), issued.ID)
			if err != nil || missing != nil || row.Acceptance != "credential_accepted" {
				t.Error(row.Acceptance, err, missing)
			}
		})
	}
	figure.Hold(t, "faults-cards", 5, "writes of offers, nonces and notifications, each lost, and kept but called lost")
}
