package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
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
