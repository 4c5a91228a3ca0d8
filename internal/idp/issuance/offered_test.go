package issuance_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// redeem shows a pre-authorized code at the token endpoint, as nobody but its holder
// may; it carries no proof, so that what is refused is refused for what it says.
func (h *hub) redeem(t *testing.T, form url.Values) (status int, body map[string]any) {
	t.Helper()
	form.Set("grant_type", openid4vci.PreAuthorizedGrantType)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/token", strings.NewReader(form.Encode()))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	must(t, err)
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatalf("%d %s", response.StatusCode, raw)
	}
	return response.StatusCode, body
}

// preAuthorized offers a card and answers code and transaction code.
func (h *hub) preAuthorized(t *testing.T, config string, txCode bool) (offer openid4vci.Offer, code, tx string) {
	t.Helper()
	link, tx, err := h.OfferByValue(t.Context(), "kim", config, credential.GrantPreAuthorized, txCode)
	must(t, err)
	offer, _, err = openid4vci.ParseOfferURI(link)
	must(t, err)
	return offer, offer.Grants.PreAuthorizedCode.PreAuthorizedCode, tx
}

//clause:issuer 6.1.1: authorization_details with a pre-authorized code; no more than was offered; what is wrong with them costs no code
func TestPreAuthorizedDetails(t *testing.T) {
	h := newHub(t)
	asked := func(config, location string) string {
		return `[{"type":"openid_credential","credential_configuration_id":"` + config + `","locations":["` + location + `"]}]`
	}
	_, code, tx := h.preAuthorized(t, credential.ConfigResidentCard, true)
	for _, c := range []struct{ name, details, tx, code string }{
		{"it refuses details that are no JSON", "x", tx, "invalid_authorization_details"},
		{"it refuses no details in details", "[]", tx, "invalid_authorization_details"},
		{"it refuses details of another type", `[{"type":"other"}]`, tx, "invalid_authorization_details"},
		{"it refuses details of two types", `[{"type":"openid_credential"},{"type":"other"}]`, tx, "invalid_authorization_details"},
		{"it refuses a configuration that is unknown", asked("other", h.url), tx, "invalid_authorization_details"},
		{"it refuses an issuer that is unknown", asked(credential.ConfigResidentCard, "https://elsewhere.example"), tx, "invalid_authorization_details"},
		{"it refuses details without an issuer", `[{"type":"openid_credential","credential_configuration_id":"resident_card_sd_jwt"}]`, tx, "invalid_authorization_details"},
		{"it refuses a wrong transaction code", asked(credential.ConfigResidentCard, h.url), other(tx), "invalid_grant"},
		{"it refuses no transaction code", asked(credential.ConfigResidentCard, h.url), "", "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := url.Values{"pre-authorized_code": {code}, "authorization_details": {c.details}}
			if c.tx != "" {
				form.Set("tx_code", c.tx)
			}
			if status, body := h.redeem(t, form); status != 400 || body["error"] != c.code {
				t.Errorf("%d %v", status, body)
			}
		})
	}
	t.Run("it takes the code after all this, and names the dataset", func(t *testing.T) {
		status, body := h.redeem(t, url.Values{"pre-authorized_code": {code}, "tx_code": {tx}, "authorization_details": {asked(credential.ConfigResidentCard, h.url)}})
		details, _ := body["authorization_details"].([]any)
		if status != 200 || len(details) != 1 || details[0].(map[string]any)["credential_identifiers"].([]any)[0] == "" {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("it names nothing where nothing was asked for so", func(t *testing.T) {
		_, code, _ := h.preAuthorized(t, credential.ConfigAgeCard, false)
		if status, body := h.redeem(t, url.Values{"pre-authorized_code": {code}}); status != 200 || body["authorization_details"] != nil || body["scope"] != credential.ScopeAgeCard {
			t.Errorf("%d %v", status, body)
		}
	})
	t.Run("it gives no more than was offered", func(t *testing.T) {
		_, code, _ := h.preAuthorized(t, credential.ConfigAgeCard, false)
		if status, body := h.redeem(t, url.Values{"pre-authorized_code": {code}, "authorization_details": {asked(credential.ConfigResidentCard, h.url)}}); status != 400 || body["error"] != "invalid_authorization_details" || body["access_token"] != nil {
			t.Errorf("%d %v", status, body)
		}
	})
}

// An offer can be read until it is redeemed: by the phone and by a preview, before
// and after a wrong transaction code.
//
//clause:issuer 4.1.3: an offer is read any number of times until it is redeemed; codes end with their offer
func TestOffersAreReadAgain(t *testing.T) {
	h := newHub(t)
	link, tx, err := h.Offer(t.Context(), "kim", credential.ConfigAgeCard, credential.GrantPreAuthorized, true)
	must(t, err)
	var offered wallet.Offered
	for range 20 {
		offered, err = h.wallet.ReadOffer(t.Context(), link)
		must(t, err)
		if len(offered.Configurations) != 1 || offered.Configurations[0].Scope != credential.ScopeAgeCard {
			t.Fatalf("%+v", offered.Offer)
		}
	}
	if _, err := h.wallet.Accept(t.Context(), offered, other(tx)); err == nil {
		t.Error("a wrong transaction code was taken")
	}
	offered, err = h.wallet.ReadOffer(t.Context(), link)
	must(t, err)
	if cards, err := h.wallet.Accept(t.Context(), offered, tx); err != nil || len(cards) != 1 {
		t.Errorf("%v", err)
	}
	if _, err := h.wallet.ReadOffer(t.Context(), link); err == nil {
		t.Error("what was redeemed is still offered")
	}
}

// Whatever issuer_state says, the card is of who logs in.
//
//clause:issuer 5.1.3: issuer_state is believed in nothing
func TestIssuerStateIsNotBelieved(t *testing.T) {
	h := newHub(t)
	link, _, err := h.Offer(t.Context(), "lee", credential.ConfigAgeCard, credential.GrantAuthorizationCode, false)
	must(t, err)
	offered, err := h.wallet.ReadOffer(t.Context(), link)
	must(t, err)
	if g := offered.Offer.Grants; g == nil || g.AuthorizationCode == nil {
		t.Fatalf("%+v", offered.Offer)
	}
	for _, state := range []string{"", "lee", link, strings.Repeat("x", 500), `{"citizen":"lee"}`} {
		offered.Offer.Grants.AuthorizationCode.IssuerState = state
		address, _, err := h.wallet.Begin(t.Context(), offered)
		must(t, err)
		if _, err := h.wallet.Finish(t.Context(), h.browse(t, address, "")); err != nil {
			t.Errorf("%.20q: %v", state, err)
		}
	}
	mine, err := h.Issuer.Of(t.Context(), "kim")
	theirs, err2 := h.Issuer.Of(t.Context(), "lee")
	if err != nil || err2 != nil || len(mine) != 5 || len(theirs) != 0 {
		t.Errorf("%d of kim, %d of lee, %v %v", len(mine), len(theirs), err, err2)
	}
}

// A pre-authorized code lives as long as its offer.
//
//clause:issuer 4.1.3: an offer is read any number of times until it is redeemed; codes end with their offer
func TestCodesAreShort(t *testing.T) {
	h := newHub(t)
	_, code, _ := h.preAuthorized(t, credential.ConfigAgeCard, false)
	h.Offers.Now = func() time.Time { return time.Now().Add(credential.OfferLife) }
	if status, body := h.redeem(t, url.Values{"pre-authorized_code": {code}}); status != 400 || body["error"] != "invalid_grant" {
		t.Errorf("%d %v", status, body)
	}
}
