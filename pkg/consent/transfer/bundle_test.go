package transfer

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// bundled walks a citizen to the grants of a bundle of two.
func bundled(t *testing.T) []*asked {
	t.Helper()
	ctx := context.Background()
	w := consenttest.New()
	passkey := w.People.Enrol(citizen)
	w.Pass(73 * time.Hour)
	var requests []consent.Requested
	for i := range 2 {
		requests = append(requests, w.Request(citizen, func(c *consent.RequestClaims) {
			c.Details[0].Bundle = &consent.Bundle{ID: "b", Index: i, Count: 2}
		}))
	}
	records, err := w.Ledger.RequestAll(ctx, requests)
	if err != nil {
		t.Fatal(err)
	}
	ids := []consent.GrantID{records[0].Grant, records[1].Grant}
	choice := &consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "ko"}
	proposals, err := w.Ledger.ProposeAll(ctx, ids, nil, citizen, []*consent.Choice{choice, choice})
	if err != nil {
		t.Fatal(err)
	}
	var digests [][32]byte
	for _, p := range proposals {
		d, _ := p.Terms.Digest()
		digests = append(digests, d)
	}
	records, err = w.Ledger.GrantAll(ctx, ids, nil, citizen, passkey.Sign(approval.Challenge(digests, proposals[0].Nonce)))
	if err != nil {
		t.Fatal(err)
	}
	return []*asked{with(t, w, passkey, records[0]), with(t, w, passkey, records[1])}
}

// approves signs the terms together with others.
func (a *asked) approves(before, after int) {
	own, err := a.Terms.Digest()
	if err != nil {
		a.t.Fatal(err)
	}
	var digests [][32]byte
	for i := range before + 1 + after {
		d := [32]byte{byte(i)}
		if i == before {
			d = own
		}
		digests = append(digests, d)
	}
	p := &a.Sealed.Approval
	p.Digests = nil
	for _, d := range digests {
		p.Digests = append(p.Digests, consent.Encode(d[:]))
	}
	p.Assertion = a.passkey.Sign(approval.Challenge(digests, [32]byte(p.Nonce)))
}

//clause:consent a bundle: one approval, grants that live and die alone
func TestProviderChecksABundle(t *testing.T) {
	for _, a := range bundled(t) {
		if err := a.check(); err != nil {
			t.Errorf("a part of a bundle: %v", err)
		}
	}
	for _, tt := range []struct {
		name          string
		part          int // of two; -1: asked for alone
		before, after int
		want          string
	}{
		{"it takes the first part alone", 0, 0, 0, ""},
		{"it takes the second part alone", 1, 0, 0, ""},
		{"it refuses one before the first", 0, 1, 0, CheckBundle},
		{"it refuses two after the first", 0, 0, 2, CheckBundle},
		{"it refuses one after the last", 1, 1, 1, CheckBundle},
		{"it refuses company for what was asked for alone", -1, 0, 1, CheckBundle},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t)
			if tt.part >= 0 {
				a = bundled(t)[tt.part]
			}
			a.approves(tt.before, tt.after)
			if err := a.check(); CheckOf(err) != tt.want {
				t.Errorf("%v, want check %q", err, tt.want)
			}
		})
	}
}

// The citizen's receipt of one grant carries the digests of all that one approval
// covered, and no other terms than its own.
func TestReceiptOfABundle(t *testing.T) {
	parts := bundled(t)
	for _, a := range parts {
		r, err := receipt.Assembler{Ledger: a.Ledger, Proofs: a.Log}.ForCitizen(context.Background(), a.record.Grant, citizen)
		if err != nil {
			t.Fatal(err)
		}
		if report := receipt.Verify(r, a.Trust); !report.OK() {
			t.Errorf("%v", report.Failed())
		}
		want := []string{parts[0].record.Terms, parts[1].record.Terms}
		if !slices.Equal(r.Approval.Digests, want) || r.Terms.GrantID != a.record.Grant {
			t.Errorf("digests %v, want %v", r.Approval.Digests, want)
		}
	}
}
