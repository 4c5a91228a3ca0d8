package pages_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// unvisited are routes of which these tests see refusals alone: programs prove
// themselves there in every message (conformance/hostile), or no ledger is at hand
// (conformance/anchor).
var unvisited = map[string][]string{
	stage.IDP: {
		"GET /userinfo", "GET /register/{client}", "GET /log/proof", "GET /anchors/latest", "GET /anchors/{size}",
		"POST /me/erasure/options", "POST /me/erasure/finish", // what may go is years old: internal/idp/dashboard.TestErasure
		"GET /receipt/worker.js", "GET /receipt/checker.wasm", "GET /receipt/offline.html", // built in or not: internal/idp/offline
		"POST /me/lost",            // it ends what the other tests need: internal/idp/dashboard.TestLostPhone
		"POST /me/notices/confirm", // takes the code of a mail: internal/notify has a post office
	},
	stage.Verifier: {
		"GET /open/{key}", "POST /open/{key}", // a relying party orders them: internal/verifier.TestOrderedPage
		"GET /number/{id}", "POST /result/{id}/number", // for a wallet on another device: internal/verifier.TestNumber
		"GET /result/{id}/record", // a download: internal/verifier.TestRecord
	},
	stage.Wallet: {"POST /collect"}, // of what waits for an operator: conformance/tour
}

// testVisits opens what the other tests had no reason to open, and holds the
// eyes to have seen every route of every service.
func (w *world) testVisits(t *testing.T) {
	ctx := t.Context()
	for _, address := range []string{
		w.hub + "/healthz", w.hub + "/readyz", w.hub + "/jwks", w.hub + "/hub-keys", w.hub + "/catalogue", w.hub + "/catalogue/1", w.hub + "/catalogue/1/officers",
		w.hub + "/openapi.json", w.hub + "/agencies", w.hub + "/statistics", w.hub + "/statistics.json", w.hub + "/statistics.csv", w.hub + "/log/checkpoint", w.hub + "/log/tile/0/000.p/1",
		w.hub + "/schemas/terms.schema.json",
		w.hub + "/.well-known/openid-configuration", w.hub + "/.well-known/oauth-authorization-server", w.hub + "/.well-known/did.json",
		w.hub + "/types/age-card/1", w.hub + "/types/logo.png",
		w.hub + openid4vci.WellKnown, w.hub + "/assets/mydata.css", w.hub + "/assets/webauthn.js", w.hub + "/assets/icon.svg", w.hub + "/status",
		w.hub + "/receipt", w.hub + "/receipt/page.json", w.hub + "/assets/receipt.js", w.hub + "/assets/paper.css",
		w.hub + "/end_session?client_id=demo-wallet", w.hub + "/me/erasure", w.hub + "/me/notices", w.hub + "/me/notices/worker.js", w.hub + "/assets/notices.js",
		w.verifier + "/healthz", w.verifier + "/readyz", w.verifier + "/assets/verifier.js", w.insurer + "/healthz", w.insurer + "/static/agency.css",
		w.licence + "/healthz", w.licence + "/static/icon.svg", w.wallet + "/healthz", w.wallet + "/assets/wallet.css",
	} {
		if p := get(t, w.kim, address); p.Status != http.StatusOK {
			t.Errorf("%s: %d", address, p.Status)
		}
	}
	if p := as(t, w.kim, http.MethodGet, w.statusList(t), "", "", "Accept", "application/statuslist+jwt"); p.Status != http.StatusOK {
		t.Errorf("the status list: %d", p.Status)
	}
	for _, path := range []string{"/login", "/enrol"} { // without JavaScript
		if p := as(t, w.stranger("nobody"), http.MethodPost, w.hub+path, formType, "", "Sec-Fetch-Site", "same-origin"); p.Status != http.StatusOK {
			t.Errorf("%s: %d", path, p.Status)
		}
	}
	if p := as(t, w.kim, http.MethodPost, w.hub+"/me/notices", formType, "channel=&lang=ko", "Sec-Fetch-Site", "same-origin"); p.Status != http.StatusSeeOther {
		t.Errorf("choosing no messages: %d", p.Status)
	}
	for _, address := range []string{w.hub + "/nowhere", w.verifier + "/nowhere", w.insurer + "/nowhere", w.licence + "/nowhere", w.wallet + "/nowhere"} {
		p := get(t, w.kim, address)
		if p.Status != http.StatusNotFound || !strings.Contains(string(p.Body), `href="/"`) {
			t.Errorf("%s: %d, and no way on", address, p.Status)
		}
	}
	page, err := w.kim.BeginProof(ctx, w.verifier)
	must(t, err)
	link, err := url.Parse(citizen.ProofLink(page))
	must(t, err)
	get(t, w.kim, link.Query().Get("request_uri"))
	w.visitTurns(t)
	w.visitDenials(t)
	w.visitCallback(t)
	w.visitOffer(t)
	w.visitDocument(t)
	w.visitDevice(t)
	w.visitConsent(t)
	must(t, w.kim.AddPasskey(ctx))
	must(t, w.kim.RemovePasskey(ctx, citizen.ID(w.kim.Phone.Keys[0])))
	for _, service := range services {
		for _, route := range routes(t, service) {
			post, isPost := strings.CutPrefix(route, "POST ")
			if isPost && slices.Contains(machines[service], post) || slices.Contains(unvisited[service], route) {
				continue
			}
			if !w.eyes.seen[w.URL(service)+" "+route] {
				t.Errorf("nobody looked at %s of %s", route, service)
			}
		}
	}
}

// statusList is where a verifier learns whether kim's card lives.
func (w *world) statusList(t *testing.T) string {
	claims, err := wallet.Claims(w.phone.Store().List()[0])
	must(t, err)
	body, err := json.Marshal(claims["status"])
	must(t, err)
	var status struct {
		List struct{ URI string } `json:"status_list"`
	}
	must(t, json.Unmarshal(body, &status))
	return status.List.URI
}

// visitDenials says no at the login and at the issuance.
func (w *world) visitDenials(t *testing.T) {
	for _, c := range []*citizen.Citizen{w.stranger("nobody"), w.kim} {
		form, ok := mustOpen(t, c, w.asked(t, "demo-wallet")).Form("/deny")
		if !ok {
			t.Fatal("no way to deny")
		}
		if p := w.press(t, c, form); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), w.wallet+"/callback?") {
			t.Errorf("%d %s", p.Status, p.Header.Get("Location"))
		}
	}
}

// visitCallback has the demo wallet take a card by login, in the browser that
// left for it alone.
func (w *world) visitCallback(t *testing.T) {
	form := w.offered(t, w.kim, openid4vci.Offer{CredentialIssuer: w.hub, CredentialConfigurationIDs: []string{"resident_card_sd_jwt"},
		Grants: &openid4vci.Grants{AuthorizationCode: &openid4vci.AuthorizationCodeGrant{}}})
	left := w.press(t, w.kim, form)
	back, err := w.kim.Authorize(t.Context(), left.Header.Get("Location"))
	must(t, err)
	for _, other := range []*citizen.Citizen{w.stranger("nobody"), w.browser()} {
		if p := get(t, other, back.String()); p.Status != http.StatusBadRequest {
			t.Errorf("in another browser: %d %s", p.Status, p.Header.Get("Location"))
		}
	}
	if p := mustOpen(t, w.kim, back.String()); p.URL.Query().Get("new") == "" {
		t.Errorf("came to %s", p.URL)
	}
}

// visitDocument has a wallet ask for an agency's own document, and says no and yes
// on the page that names both.
func (w *world) visitDocument(t *testing.T) {
	ctx := t.Context()
	must(t, w.Start(stage.Extract))
	must(t, w.Wait(ctx, stage.Extract))
	link, err := openid4vci.Offer{CredentialIssuer: w.URL(stage.Extract) + "/documents", CredentialConfigurationIDs: []string{"resident-extract"},
		Grants: &openid4vci.Grants{AuthorizationCode: &openid4vci.AuthorizationCodeGrant{}}}.URI()
	must(t, err)
	begin := func() string {
		offered, err := w.phone.ReadOffer(ctx, link)
		must(t, err)
		address, _, err := w.phone.Begin(ctx, offered)
		must(t, err)
		return address
	}
	back, err := w.kim.Authorize(ctx, begin())
	must(t, err)
	if cards, err := w.phone.Finish(ctx, back.Query()); err != nil || len(cards) != 1 {
		t.Errorf("%d documents, %v", len(cards), err)
	}
	page := mustOpen(t, w.kim, begin()) // the login is young
	form, ok := page.Form("/deny")
	if !ok || !strings.HasPrefix(page.URL.Path, "/document/") {
		t.Fatalf("no way to deny at %s", page.URL.Path)
	}
	if p := w.press(t, w.kim, form); !strings.Contains(p.Header.Get("Location"), "error=access_denied") {
		t.Errorf("%d %s", p.Status, p.Header.Get("Location"))
	}
}

// visitOffer reads an offer by its address, as a wallet does.
func (w *world) visitOffer(t *testing.T) {
	link, _, err := w.kim.Offer(t.Context())
	must(t, err)
	to, err := url.Parse(link)
	must(t, err)
	if p := get(t, w.kim, to.Query().Get("credential_offer_uri")); p.Status != http.StatusOK {
		t.Errorf("%d", p.Status)
	}
	if p := get(t, w.kim, w.wallet+"/open?"+url.Values{"link": {link}}.Encode()); p.Status != http.StatusSeeOther {
		t.Errorf("%d", p.Status)
	}
	proof := get(t, w.kim, w.hub+"/log/proof?leaf="+base64.RawURLEncoding.EncodeToString(make([]byte, 32)))
	if proof.Status/100 != 4 {
		t.Errorf("%d", proof.Status)
	}
}
