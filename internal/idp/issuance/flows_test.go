package issuance_test

import (
	"errors"
	"testing"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential"
)

// take carries an offer out with the hub's wallet, by either grant.
func (h *hub) take(t *testing.T, config, grant string, byValue bool) ([]wallet.Credential, error) {
	t.Helper()
	offer := h.Offer
	if byValue {
		offer = h.OfferByValue
	}
	link, tx, err := offer(t.Context(), "kim", config, grant, grant == credential.GrantPreAuthorized)
	must(t, err)
	offered, err := h.wallet.ReadOffer(t.Context(), link)
	must(t, err)
	if grant == credential.GrantPreAuthorized {
		return h.wallet.Accept(t.Context(), offered, tx)
	}
	address, _, err := h.wallet.Begin(t.Context(), offered)
	must(t, err)
	return h.wallet.Finish(t.Context(), h.browse(t, address, ""))
}

// Every way through the public door: by either grant, by value and by reference,
// by scope and by details, one and many, in the clear and encrypted.
//
//clause:issuer 5.1.1, 6.2, 8.2: the hub's own configurations by authorization_details; then credential_identifier alone, else credential_configuration_id alone
func TestTheScriptedWalletTakesEveryWay(t *testing.T) {
	h := newHub(t)
	want := 0
	for _, grant := range []string{credential.GrantPreAuthorized, credential.GrantAuthorizationCode} {
		for name, way := range map[string]wallet.Issuance{
			"it gives one":                            {},
			"it gives several":                        {Copies: 5},
			"it gives by details":                     {ByDetails: true},
			"it gives encrypted":                      {Encrypt: true},
			"it gives several, by details, encrypted": {Copies: 10, ByDetails: true, Encrypt: true},
		} {
			for _, config := range []string{credential.ConfigResidentCard, credential.ConfigAgeCard} {
				t.Run(name+" of "+config+" by "+grant, func(t *testing.T) {
					h.with(way)
					cards, err := h.take(t, config, grant, len(name)%2 == 0)
					n := max(way.Copies, 1)
					want += n
					if err != nil || len(cards) != n || cards[0].Configuration != config {
						t.Fatalf("%d cards, %v", len(cards), err)
					}
					all, err := h.Issuer.Of(t.Context(), "kim")
					if err != nil || len(all) != want || all[0].Acceptance != "credential_accepted" || all[0].Config != config {
						t.Errorf("%d issued, %d wanted, %v: %+v", len(all), want, err, all[0])
					}
				})
			}
		}
	}
}

func TestTheScriptedWalletWaits(t *testing.T) {
	h := newHub(t)
	h.Deferred = []string{credential.ConfigResidentCard}
	for name, way := range map[string]wallet.Issuance{"it waits": {}, "it waits for several, encrypted": {Copies: 3, Encrypt: true, ByDetails: true}} {
		t.Run(name, func(t *testing.T) {
			h.with(way)
			before, err := h.Issuer.Of(t.Context(), "kim")
			must(t, err)
			_, err = h.take(t, credential.ConfigResidentCard, credential.GrantPreAuthorized, false)
			later, ok := errors.AsType[*wallet.Later](err)
			if !ok || later.Interval <= 0 {
				t.Fatal(err)
			}
			_, err = h.wallet.Collect(t.Context(), later)
			if again, ok := errors.AsType[*wallet.Later](err); !ok || again.TransactionID != later.TransactionID {
				t.Fatal(err)
			}
			must(t, h.Deferrals.Approve(t.Context(), later.TransactionID))
			cards, err := h.wallet.Collect(t.Context(), later)
			if err != nil || len(cards) != max(way.Copies, 1) {
				t.Fatalf("%d cards, %v", len(cards), err)
			}
			all, err := h.Issuer.Of(t.Context(), "kim")
			if err != nil || len(all) != len(before)+len(cards) || all[0].Acceptance != "credential_accepted" {
				t.Errorf("%d issued, %v", len(all), err)
			}
			_, err = h.wallet.Collect(t.Context(), later)
			if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Code != "invalid_transaction_id" {
				t.Errorf("once more: %v", err)
			}
		})
	}
	t.Run("it hears no", func(t *testing.T) {
		h.with(wallet.Issuance{})
		_, err := h.take(t, credential.ConfigResidentCard, credential.GrantAuthorizationCode, false)
		later, ok := errors.AsType[*wallet.Later](err)
		if !ok {
			t.Fatal(err)
		}
		must(t, h.Deferrals.Refuse(t.Context(), later.TransactionID, "identity"))
		_, err = h.wallet.Collect(t.Context(), later)
		if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Code != "credential_request_denied" {
			t.Errorf("%v", err)
		}
	})
	t.Run("it does not wait for what is not deferred", func(t *testing.T) {
		if _, err := h.take(t, credential.ConfigAgeCard, credential.GrantPreAuthorized, false); err != nil {
			t.Error(err)
		}
	})
}
