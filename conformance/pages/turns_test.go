package pages_test

import (
	"net/http"
	"testing"

	words "github.com/govmydata/mydata/pkg/consent"
)

// visitTurns turns one consent every way a citizen can, each as a form and with
// no JavaScript, but for the passkey that "Not me" makes necessary.
func (w *world) visitTurns(t *testing.T) {
	ctx := t.Context()
	grant, err := w.kim.Renew(ctx, w.licence, "checked_on")
	must(t, err)
	consent, release := w.hub+"/me/consents/"+grant, w.hub+"/me/history/"+grant+"/3"
	press := func(address, to string) {
		t.Helper()
		p := as(t, w.kim, http.MethodPost, address, formType, "", "Sec-Fetch-Site", "same-origin")
		if p.Status != http.StatusSeeOther || w.hub+p.Header.Get("Location") != to {
			t.Errorf("%s: %d to %s", address, p.Status, p.Header.Get("Location"))
		}
		if p := get(t, w.kim, to); p.Status != http.StatusOK {
			t.Errorf("%s: %d", to, p.Status)
		}
	}
	state := func(want string) {
		t.Helper()
		if c, err := w.kim.Consent(ctx, grant); err != nil || c.State != want {
			t.Errorf("it is %s, %v, want %s", c.State, err, want)
		}
	}
	for _, address := range []string{w.hub + "/me/receipts/" + grant + "/record", w.hub + "/me/receipts/" + grant + "/details", release + "/not-me", release + "/wrong-data"} {
		if p := get(t, w.kim, address); p.Status != http.StatusOK {
			t.Errorf("%s: %d", address, p.Status)
		}
	}
	press(consent+"/pause", w.hub+"/me/consents?paused")
	state("paused")
	press(consent+"/resume", w.hub+"/me/consents?resumed")
	state("active")
	press(release+"/not-me", release+"/not-me?done")
	state("paused")
	press(consent+"/resume", consent+"/resume")
	state("paused")
	must(t, w.kim.Resume(ctx, grant))
	state("active")
	file, err := w.kim.SignWithdrawal(ctx, grant)
	must(t, err)
	state("withdrawn")
	for range 2 { // without the hub, and without anybody's login
		if p := as(t, w.stranger("kim at the counter"), http.MethodPost, w.insurer+"/release", words.WithdrawalType, string(file)); p.Status != http.StatusOK {
			t.Errorf("the provider: %d %s", p.Status, p.Body)
		}
	}

	_, err = w.kim.Ask(ctx, w.licence)
	must(t, err)
	all, err := w.kim.Consents(ctx)
	must(t, err)
	for _, c := range all {
		if c.State == "requested" {
			address := w.hub + "/me/consents/" + c.Grant + "/cancel"
			if p := get(t, w.kim, address); p.Status != http.StatusOK {
				t.Errorf("%s: %d", address, p.Status)
			}
			press(address, w.hub+"/me/consents?cancelled")
			if p := get(t, w.kim, w.hub+"/me/answers/"+c.Grant); p.Status != http.StatusOK && p.Status != http.StatusServiceUnavailable { // until the log is witnessed
				t.Errorf("proof of a cancelled request: %d", p.Status)
			}
			return
		}
	}
	t.Error("nothing waits for a decision")
}
