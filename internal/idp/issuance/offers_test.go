package issuance_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

//clause:issuer 4.1, 4.1.1: offers by value or reference, never both; pre-authorized code once; tx_code with a try budget
func TestOffers(t *testing.T) {
	w := newWorld(t)
	link, tx, err := w.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(tx) != 6 {
		t.Errorf("transaction code %q", tx)
	}
	_, reference, err := openid4vci.ParseOfferURI(link)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(reference, w.URL)
	a := w.do(t, "GET", path, "", "", "")
	offer, err := openid4vci.ParseOffer(a.body)
	if err != nil || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%v %v %s", err, a.header, a.body)
	}
	grant := offer.Grants.PreAuthorizedCode
	if offer.CredentialIssuer != w.URL || grant.TxCode == nil || grant.TxCode.Length != 6 || grant.TxCode.InputMode != "numeric" {
		t.Errorf("%s", a.body)
	}
	if _, err := w.Redeem(t.Context(), grant.PreAuthorizedCode, "", ""); !errors.Is(err, oauth.ErrTxCodeMissing) {
		t.Errorf("without tx_code: %v", err)
	}
	for range credential.TxCodeTries - 1 {
		if _, err := w.Redeem(t.Context(), grant.PreAuthorizedCode, other(tx), ""); !errors.Is(err, oauth.ErrTxCode) {
			t.Errorf("wrong tx_code: %v", err)
		}
	}
	redeemed, err := w.Redeem(t.Context(), grant.PreAuthorizedCode, tx, "")
	if err != nil || redeemed.Citizen != "kim" || !slices.Equal(redeemed.Scopes, []string{credential.ScopeResidentCard}) {
		t.Fatalf("a wrong code must not burn the offer: %+v, %v", redeemed, err)
	}
	if _, err := w.Redeem(t.Context(), grant.PreAuthorizedCode, tx, ""); !errors.Is(err, oauth.ErrInvalidCode) {
		t.Errorf("a second time: %v", err)
	}
	if a := w.do(t, "GET", path, "", "", ""); a.status != 404 {
		t.Errorf("a used offer is still shown: %d", a.status)
	}
}

func other(tx string) string {
	if tx == "000000" {
		return "111111"
	}
	return "000000"
}

//clause:issuer 4.1, 4.1.1: offers by value or reference, never both; pre-authorized code once; tx_code with a try budget
func TestOffersRefuse(t *testing.T) {
	w := newWorld(t)
	make := func(grant string, tx bool) (openid4vci.Offer, string) {
		link, code, err := w.OfferByValue(t.Context(), "kim", credential.ConfigResidentCard, grant, tx)
		if err != nil {
			t.Fatal(err)
		}
		offer, _, err := openid4vci.ParseOfferURI(link)
		if err != nil {
			t.Fatal(err)
		}
		return offer, code
	}
	offer, tx := make(credential.GrantPreAuthorized, true)
	code := offer.Grants.PreAuthorizedCode.PreAuthorizedCode
	for range credential.TxCodeTries {
		_, _ = w.Redeem(t.Context(), code, other(tx), "")
	}
	if _, err := w.Redeem(t.Context(), code, tx, ""); !errors.Is(err, oauth.ErrInvalidCode) {
		t.Errorf("it ends after %d wrong codes: %v", credential.TxCodeTries, err)
	}
	offer, _ = make(credential.GrantPreAuthorized, false)
	code = offer.Grants.PreAuthorizedCode.PreAuthorizedCode
	if _, err := w.Redeem(t.Context(), code, "123456", ""); !errors.Is(err, oauth.ErrTxCodeUnexpected) {
		t.Errorf("it refuses a tx_code that was not asked for: %v", err)
	}
	forged := code[:len(code)-3] + "AAA"
	if _, err := w.Redeem(t.Context(), forged, "", ""); !errors.Is(err, oauth.ErrInvalidCode) {
		t.Errorf("it refuses a code that it did not make: %v", err)
	}
	if err := w.Offers.End(t.Context(), "kim"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Redeem(t.Context(), code, "", ""); !errors.Is(err, oauth.ErrInvalidCode) {
		t.Errorf("it refuses what was offered before a phone was lost: %v", err)
	}
	offer, _ = make(credential.GrantPreAuthorized, false)
	code = offer.Grants.PreAuthorizedCode.PreAuthorizedCode
	w.now = w.now.Add(credential.OfferLife)
	if _, err := w.Redeem(t.Context(), code, "", ""); !errors.Is(err, oauth.ErrInvalidCode) {
		t.Errorf("it refuses an old offer: %v", err)
	}
	gone, _, err := w.Offers.Make(t.Context(), "kim", "gone", credential.GrantPreAuthorized, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Redeem(t.Context(), w.Offers.Code(gone), "", ""); !errors.Is(err, oauth.ErrInvalidCode) {
		t.Errorf("it redeems an offer of what is no longer given: %v", err)
	}
	byCode, _ := make(credential.GrantAuthorizationCode, false)
	link, _, err := w.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantAuthorizationCode, false)
	if err != nil {
		t.Fatal(err)
	}
	id := link[strings.LastIndex(link, "%2F")+3:]
	if _, err := w.Redeem(t.Context(), w.Offers.Code(credential.Offer{ID: id}), "", ""); !errors.Is(err, oauth.ErrInvalidCode) {
		t.Errorf("it redeems an offer that wants a login: %v", err)
	}
	if byCode.Grants.AuthorizationCode == nil || byCode.Grants.PreAuthorizedCode != nil || byCode.Grants.AuthorizationCode.IssuerState != "" {
		t.Errorf("%+v", byCode.Grants)
	}
	if _, _, err := w.Offer(t.Context(), "kim", "other", credential.GrantPreAuthorized, false); err == nil {
		t.Error("it offers what it does not issue")
	}
	if _, _, err := w.Offer(t.Context(), "kim", credential.ConfigResidentCard, "implicit", false); err == nil {
		t.Error("it offers by a grant that is none")
	}
	if _, _, err := w.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantAuthorizationCode, true); err == nil {
		t.Error("it asks for a tx_code where none can be shown")
	}
}
