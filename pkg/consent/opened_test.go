package consent_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// TestOpenedRequests: a request that was read once is not taken for another, and
// not under another government's certificates.
func TestOpenedRequests(t *testing.T) {
	w := consenttest.New()
	w.People.Enrol("ada")
	asked := w.Request("ada", nil)
	r, err := w.Ledger.Request(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		offer, err := w.Ledger.Offer(t.Context(), r.Grant, "ada", "en")
		if err != nil {
			t.Fatal(err)
		}
		offer.Request.Details[0].Purpose = "another" // its own copy
		if offer.Terms.Purpose.Code == "another" {
			t.Error("the terms follow a change of the offer")
		}
	}
	if again, err := w.Ledger.Offer(t.Context(), r.Grant, "ada", "en"); err != nil || again.Request.Details[0].Purpose == "another" {
		t.Errorf("what was read once is what a caller made of it: %v", err)
	}
	bent := asked
	at := len(bent.JWS) - 20
	bent.JWS = bent.JWS[:at] + string(rune(bent.JWS[at]^1)) + bent.JWS[at+1:]
	if _, err := w.Ledger.Request(t.Context(), bent); err == nil {
		t.Error("it takes a request whose signature was changed")
	}
	w.Ledger.AgencyRoots = consenttest.NewAuthority("Another CA", w.Now()).Pool()
	if _, err := w.Ledger.Offer(t.Context(), r.Grant, "ada", "en"); err == nil {
		t.Error("it trusts a request by the certificates of before")
	}
}
