package pages_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// testNames shows every wild text on every page where it appears, in both
// languages: the eyes hold the pages to their rules, this test holds the walk to
// have shown each text.
func (w *world) testNames(t *testing.T) {
	for _, lang := range []string{"ko", "en"} {
		w.kim.Lang = lang
		w.visitDashboard(t)
		w.visitAgencies(t)
		w.visitAuthorization(t, lang)
		w.visitWallet(t)
	}
	w.kim.Lang = "ko"
	for _, mark := range w.named {
		if !w.eyes.marks[mark] {
			t.Errorf("no page showed %s: where does it appear?", mark)
		}
	}
	t.Run("it prints a letter that is text", w.testLetter)
	t.Run("it lets nobody enter a name that hides or turns around", w.testEntry)
}

func (w *world) visitDashboard(t *testing.T) {
	for _, path := range []string{
		"/", "/me", "/me?enrolled", "/me?revoked", "/me/consents", "/me/consents?withdrawn", "/me/history", "/me/passkeys", "/me/passkeys?changed",
		"/me/passkeys/add", "/me/passkeys/remove/" + url.PathEscape(citizen.ID(w.kim.Phone.Keys[0])), "/me/credentials/" + w.card + "/revoke", "/me/lost",
		"/me/consents/" + w.grant + "/withdraw", "/me/receipts/" + w.grant, "/me/receipts/" + w.grant + "/print", "/receipt", "/notices/" + w.grant, "/logout", "/enrol",
	} {
		if p := get(t, w.kim, w.hub+path); p.Status != http.StatusOK {
			t.Errorf("%s: %d", path, p.Status)
		}
	}
	offer := as(t, w.kim, http.MethodPost, w.hub+"/me/credentials/offer", formType, "", "Sec-Fetch-Site", "same-origin")
	if offer.Status != http.StatusOK {
		t.Errorf("offer: %d", offer.Status)
	}
}

func (w *world) visitAgencies(t *testing.T) {
	for _, address := range []string{
		w.insurer + "/", w.licence + "/", w.licence + "/renewal/" + w.grant, w.licence + "/renewal/" + w.grant + "/receipt",
	} {
		if p := get(t, w.kim, address); p.Status != http.StatusOK {
			t.Errorf("%s: %d", address, p.Status)
		}
	}
}

// visitAuthorization: login asked by the client with the wild name, its
// issuance, and an approval.
func (w *world) visitAuthorization(t *testing.T, lang string) {
	nobody := w.stranger("nobody")
	nobody.Lang = lang
	if p, err := nobody.Open(t.Context(), w.asked(t, wildWallet)); err != nil || p.URL.Path != "/login" {
		t.Errorf("login: %v", err)
	}
	must(t, w.kim.Logout(t.Context())) // a card needs a login of just now
	must(t, w.kim.Login(t.Context()))
	if p, err := w.kim.Open(t.Context(), w.asked(t, wildWallet)); err != nil || !strings.HasPrefix(p.URL.Path, "/issuance/") {
		t.Errorf("issuance: %v", err)
	}
	page, err := w.kim.Ask(t.Context(), w.licence)
	must(t, err)
	if _, err := w.kim.Deny(t.Context(), page); !citizen.Refused(err, http.StatusConflict) {
		t.Errorf("denial: %v", err)
	}
}

// visitWallet takes a card with the demo wallet's own pages, shows it to the
// verifier, and removes it.
func (w *world) visitWallet(t *testing.T) {
	card := w.wallet + "/cards/" + w.take(t)
	if p := get(t, w.kim, card); p.Status != http.StatusOK {
		t.Errorf("card: %d", p.Status)
	}
	for _, ask := range []string{"address", "identity"} {
		w.present(t, ask)
	}
	if p := as(t, w.kim, http.MethodPost, card+"/delete", formType, "", "Sec-Fetch-Site", "same-origin"); p.Status != http.StatusSeeOther {
		t.Errorf("delete: %d", p.Status)
	}
	for _, path := range []string{"/open?link=x", "/cards/none", "/nowhere"} {
		get(t, w.kim, w.wallet+path)
	}
}

// take has the demo wallet take a card, whose id it answers.
func (w *world) take(t *testing.T) string {
	ctx := t.Context()
	link, txCode, err := w.kim.Offer(ctx)
	must(t, err)
	page := mustOpen(t, w.kim, w.wallet+"/?"+url.Values{"offer": {link}}.Encode())
	form, ok := page.Form("/accept")
	if !ok {
		t.Fatalf("the wallet shows no offer: %s", page.Body)
	}
	form.Fields.Set("tx_code", strings.ReplaceAll(txCode, " ", ""))
	page, err = w.kim.Submit(ctx, form)
	must(t, err)
	return page.URL.Query().Get("new")
}

// present answers one of the verifier's questions on the wallet's page.
func (w *world) present(t *testing.T, ask string) {
	ctx := t.Context()
	page, err := w.kim.Open(ctx, w.verifier+"/")
	must(t, err)
	form, ok := page.Form("/requests")
	if !ok {
		t.Fatal("the verifier asks nothing")
	}
	form.Fields.Set("ask", ask)
	page, err = w.kim.Submit(ctx, form)
	must(t, err)
	page, err = w.kim.Open(ctx, w.wallet+"/?"+url.Values{"request": {citizen.ProofLink(page)}}.Encode())
	must(t, err)
	form, ok = page.Form("/answer")
	if !ok {
		t.Fatalf("the wallet shows no request: %s", page.Body)
	}
	form.Fields.Set("decision", "share")
	page, err = w.kim.Submit(ctx, form)
	must(t, err)
	if !strings.HasPrefix(page.URL.Path, "/result/") || !strings.Contains(string(page.Body), "state-verified") {
		t.Errorf("came to %s: not verified", page.URL)
	}
}

// testEntry: an operator is told which text was refused. The register's is
// internal/account's to test, since the hub would not start.
func (w *world) testEntry(t *testing.T) {
	raw, err := os.ReadFile(w.Path("catalogue.json"))
	must(t, err)
	for _, hidden := range []string{"\u202e", "\u200b", "\u3164", "\n", "\x00"} {
		name := "가" + hidden + "나"
		out, err := w.add(t, map[string]any{"client_id": "hidden", "client_name#ko": name, "redirect_uris": []string{w.wallet + "/"}, "scope": "openid"})
		if err == nil || !strings.Contains(err.Error(), "client_name#ko") {
			t.Errorf("%+q as a client: %v %s", hidden, err, out)
		}
		var c catalogue.Catalogue
		must(t, json.Unmarshal(raw, &c))
		c.Version += 2000
		c.Purposes[0].Text["ko"] = name
		if err := w.publish(t, c); err == nil || !strings.Contains(err.Error(), "driving-licence-renewal") {
			t.Errorf("%+q in the catalogue: %v", hidden, err)
		}
	}
}

// testLetter: what the operator prints is a page too, from a file.
func (w *world) testLetter(t *testing.T) {
	u, err := url.Parse(w.hub + "/letter")
	must(t, err)
	for _, fault := range w.eyes.pageFaults(citizen.Page{URL: u, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: w.letter}) {
		if fault != "it has an element style" { // a letter stands alone
			t.Error(fault)
		}
	}
	for _, mark := range []string{"QnamekoZ", "QnamelatinZ", "QaddressZ"} {
		if !strings.Contains(string(w.letter), mark) {
			t.Errorf("the letter does not show %s", mark)
		}
	}
}
