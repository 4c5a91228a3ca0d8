package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

func TestTheOtherSideCannotNow(t *testing.T) {
	p := newPocket(t, wallettest.NewIssuer(t))
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		defer busy.Close()
		link := "openid-credential-offer://?" + url.Values{"credential_offer_uri": {busy.URL + "/offer"}}.Encode()
		res, err := p.browser.Get(p.url + "/?lang=ko&offer=" + url.QueryEscape(link))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var page strings.Builder
		_ = res.Write(&page)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(page.String(), "잠시 후") {
			t.Errorf("%d: %s", status, page.String())
		}
	}
}

// TestSignedIsNamed asks for a name of all that may be signed here: the page shows
// nothing of a transaction by its code.
func TestSignedIsNamed(t *testing.T) {
	known := loadTexts(files)["ko"]
	for _, kind := range openid4vp.Transactions() {
		names := []string{kind.Name}
		for _, m := range kind.Members {
			names = append(names, m.Name)
		}
		for _, name := range names {
			if known["signed."+name] == "" {
				t.Errorf("%s has no text", name)
			}
		}
	}
}

func TestNothingWaitsHere(t *testing.T) {
	p := newPocket(t, wallettest.NewIssuer(t))
	if status, page := p.post(t, "/collect", url.Values{"id": {"nosuch"}}); status != http.StatusBadRequest || !strings.Contains(page, "deferred") {
		t.Errorf("%d: %s", status, page)
	}
}
