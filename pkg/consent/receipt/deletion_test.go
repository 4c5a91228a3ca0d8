package receipt_test

import (
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// A receipt carries the consumer's statement of deletion, and no other.
func TestReceiptOfDeletion(t *testing.T) {
	w, id := story(t)
	rec, _, err := w.Ledger.Account(t.Context(), id)
	ok(t, "account", err)
	other := w.Deleted(rec, 1, nil)
	w.Pass(1e9)
	_, err = w.Ledger.Deleted(t.Context(), w.Deleted(rec, 1, nil))
	ok(t, "deleted", err)
	whole := citizens(t, w, id)
	if report := receipt.Verify(whole, w.Trust); !report.OK() || whole.Deletion == "" {
		t.Fatalf("%s", failed(report))
	}
	p := schemas(t)
	if err := p.check(t, receiptID, whole); err != nil {
		t.Errorf("schema: %v", err)
	}
	by := func(issuer consenttest.Agency, bend func(*consent.DeletedClaims)) receipt.Receipt {
		c := consent.DeletedClaims{Issuer: issuer.ID, Audience: w.Issuer, IssuedAt: w.Now().Unix(), GrantID: id, Uses: 1, At: w.Now().Unix()}
		if bend != nil {
			bend(&c)
		}
		jws, err := consent.SignDeleted(c, issuer.Key, issuer.Chain)
		ok(t, "sign", err)
		r := whole
		r.Events = append([]receipt.Event(nil), r.Events...)
		r.Deletion, r.Events[len(r.Events)-1].Event.Deletion = jws, consent.DigestOf(jws)
		return r
	}
	lost, changed, spare := whole, whole, citizens(t, w, id)
	lost.Deletion, changed.Deletion = "", other
	spare.Events = spare.Events[:len(spare.Events)-1]
	for name, c := range map[string]struct {
		r    receipt.Receipt
		says string
	}{
		"it is there":               {lost, "the event names another statement"},
		"it is the event's":         {changed, "the event names another statement"},
		"it belongs to an event":    {spare, "no event tells of it"},
		"it is the consumer's":      {by(w.Provider, nil), "signed by"},
		"it is for this hub":        {by(w.Consumer, func(c *consent.DeletedClaims) { c.Audience = "https://x.example" }), "addressed to"},
		"it is of this grant":       {by(w.Consumer, func(c *consent.DeletedClaims) { c.GrantID = "x" }), "another grant or other uses"},
		"it covers what is written": {by(w.Consumer, func(c *consent.DeletedClaims) { c.Uses = 2 }), "another grant or other uses"},
		"it is a statement":         {by(w.Consumer, func(c *consent.DeletedClaims) { c.Uses = 0 }), "covers no use"},
	} {
		found := false
		for _, check := range receipt.Verify(c.r, w.Trust).Failed() {
			found = found || check.Name == "statement of deletion" && strings.Contains(check.Detail, c.says)
		}
		if !found {
			t.Errorf("%s: %s", name, failed(receipt.Verify(c.r, w.Trust)))
		}
	}
}
