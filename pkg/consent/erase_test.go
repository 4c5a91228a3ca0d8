package consent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// hold is who may not be erased.
type hold struct {
	citizen string
	err     error
}

func (h hold) Held(_ context.Context, citizen string) (bool, error) {
	return citizen == h.citizen, h.err
}

var errHold = errors.New("no answer")

//clause:consent erasure: when the law allows it, by whom, once, and the log still proves
func TestErase(t *testing.T) {
	const day = 24 * time.Hour
	withdrawn := func(w *consenttest.World, r consent.Record) {
		_, err := w.Ledger.Withdraw(t.Context(), r.Grant, ada)
		must(err)
	}
	for _, c := range []struct {
		name    string
		before  func(*consenttest.World, consent.Record)
		pass    time.Duration
		citizen string
		holds   consent.Holds
		want    any
	}{
		{name: "it erases what ended long ago", before: withdrawn, pass: consent.ProofKept, citizen: ada},
		{name: "it erases what the clock ended, with no event of it", pass: consent.ProofKept + 30*day, citizen: ada},
		{name: "it leaves what lasts", pass: 29 * day, citizen: ada, want: consent.ErrStanding},
		{name: "it leaves what ended not long ago", before: withdrawn, pass: consent.ProofKept - time.Second, citizen: ada, want: consent.ErrYoung},
		{name: "it leaves what the clock ended not long ago", pass: consent.ProofKept + 29*day, citizen: ada, want: consent.ErrYoung},
		{name: "it takes a shorter law", before: func(w *consenttest.World, r consent.Record) { withdrawn(w, r); w.Ledger.Proof = day }, pass: day, citizen: ada},
		{name: "it leaves another's", before: withdrawn, pass: consent.ProofKept, citizen: "bea", want: consent.ErrForeign},
		{name: "it leaves nobody's", before: withdrawn, pass: consent.ProofKept, want: consent.ErrForeign},
		{name: "it leaves what is held", before: withdrawn, pass: consent.ProofKept, citizen: ada, holds: hold{citizen: ada}, want: consent.ErrHeld},
		{name: "it erases beside another's hold", before: withdrawn, pass: consent.ProofKept, citizen: ada, holds: hold{citizen: "bea"}},
		{name: "it erases nothing when nobody knows of a hold", before: withdrawn, pass: consent.ProofKept, citizen: ada, holds: hold{err: errHold}, want: errHold},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := consenttest.New()
			r := used(t, w)
			given, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log}.ForCitizen(t.Context(), r.Grant, ada)
			must(err)
			if c.before != nil {
				c.before(w, r)
			}
			w.Pass(c.pass)
			w.Ledger.Holds = c.holds
			refused(t, w.Ledger.Erase(t.Context(), r.Grant, c.citizen), c.want)
			_, _, err = w.Ledger.Account(t.Context(), r.Grant)
			if gone := errors.Is(err, consent.ErrUnknown); gone != (c.want == nil) {
				t.Errorf("gone: %v (%v)", gone, err)
			}
			if report := receipt.Verify(given, w.Trust); !report.OK() {
				t.Errorf("the receipt that was given out: %v", report.Failed())
			}
			if c.want == nil {
				refused(t, w.Ledger.Erase(t.Context(), r.Grant, c.citizen), consent.ErrUnknown)
			}
		})
	}
}

// All that may go goes, and what may not stays.
func TestEraseEnded(t *testing.T) {
	w := consenttest.New()
	ctx := t.Context()
	old := used(t, w)
	_, err := w.Ledger.Withdraw(ctx, old.Grant, ada)
	must(err)
	w.Pass(consent.ProofKept - time.Hour)
	passkey := w.People.Enrol("bea") // whose clock is as late
	young := w.Granted(ctx, "bea", passkey)
	_, err = w.Ledger.Withdraw(ctx, young.Grant, "bea")
	must(err)
	w.Pass(time.Hour)
	standing := w.Granted(ctx, "bea", passkey)
	for citizen, want := range map[string]int{ada: 1, "bea": 0} {
		if n, err := w.Ledger.EraseEnded(ctx, citizen); n != want || err != nil {
			t.Errorf("%s: %d, %v", citizen, n, err)
		}
	}
	if all, err := w.Ledger.Of(ctx, "bea"); err != nil || len(all) != 2 || all[0].Grant != standing.Grant {
		t.Errorf("%d, %v", len(all), err)
	}
	w.Ledger.Holds = hold{citizen: "bea"}
	w.Pass(consent.ProofKept)
	if n, err := w.Ledger.EraseEnded(ctx, "bea"); n != 0 || !errors.Is(err, consent.ErrHeld) {
		t.Errorf("under a hold: %d, %v", n, err)
	}
}
