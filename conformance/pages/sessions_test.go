package pages_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
)

const (
	hubSession     = "mydata_idp_session"
	hubBrowser     = "mydata_idp_authorization"
	licenceSession = "mydata_licence"
	// planted is a cookie that an attacker knows, of the shape of the hub's own.
	planted = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

func cookie(c *citizen.Citizen, address, name string) string {
	for _, each := range c.Cookies(address) {
		if each.Name == name {
			return each.Value
		}
	}
	return ""
}

func plant(c *citizen.Citizen, address, name, value string) {
	c.SetCookie(address, &http.Cookie{Name: name, Value: value, Path: "/"})
}

// opens tells whether a cookie opens a page to whoever bears it.
func (w *world) opens(t testing.TB, address, name, value string) bool {
	t.Helper()
	p := get(t, w.stranger("thief"), address, "Cookie", name+"="+value)
	return p.Status == http.StatusOK && (address != w.licence+"/" || bytes.Contains(p.Body, []byte(`action="/logout"`)))
}

// browser is another one of kim's, with the same phone.
func (w *world) browser() *citizen.Citizen {
	c := w.stranger("resident-01")
	c.Phone = w.kim.Phone
	return c
}

func (w *world) testSessions(t *testing.T) {
	me := w.hub + "/me"
	t.Run("it begins no session that was planted before a login", func(t *testing.T) {
		c := w.browser()
		plant(c, w.hub, hubSession, planted)
		must(t, c.Login(t.Context()))
		if now := cookie(c, w.hub, hubSession); now == planted || !w.opens(t, me, hubSession, now) || w.opens(t, me, hubSession, planted) {
			t.Error("the planted session is the citizen's")
		}
	})
	t.Run("it begins no session that was planted before an enrolment", func(t *testing.T) {
		letter, err := w.Letter(t.Context(), "resident-03", false)
		must(t, err)
		c := w.stranger("resident-03")
		plant(c, w.hub, hubSession, planted)
		must(t, c.Enrol(t.Context(), letter.URL))
		if now := cookie(c, w.hub, hubSession); now == planted || !w.opens(t, me, hubSession, now) || w.opens(t, me, hubSession, planted) {
			t.Error("the planted session is the citizen's")
		}
	})
	t.Run("it ends the session that a login follows", func(t *testing.T) {
		c := w.browser()
		must(t, c.Login(t.Context()))
		before := cookie(c, w.hub, hubSession)
		again(t, c, w.hub)
		if after := cookie(c, w.hub, hubSession); after == before || w.opens(t, me, hubSession, before) || !w.opens(t, me, hubSession, after) {
			t.Error("the old session lives")
		}
	})
	t.Run("it ends a session for good", func(t *testing.T) {
		c := w.browser()
		must(t, c.Login(t.Context()))
		stolen := cookie(c, w.hub, hubSession)
		must(t, c.Logout(t.Context()))
		if cookie(c, w.hub, hubSession) != "" || w.opens(t, me, hubSession, stolen) {
			t.Error("the session lives after the logout")
		}
	})
	t.Run("it takes none of two sessions", func(t *testing.T) {
		c := w.browser()
		must(t, c.Login(t.Context()))
		own := cookie(c, w.hub, hubSession)
		if w.opens(t, me, hubSession, own+"; "+hubSession+"="+planted) || w.opens(t, me, hubSession, planted+"; "+hubSession+"="+own) {
			t.Error("it chose one of them")
		}
	})
	t.Run("agency", w.testAgencySession)
	t.Run("browser", w.testOtherBrowsers)
}

func mustOpen(t testing.TB, c *citizen.Citizen, address string) citizen.Page {
	t.Helper()
	p, err := c.Open(t.Context(), address)
	must(t, err)
	return p
}

// again logs in although the browser is signed in, as the login page of an
// authorization request would have it.
func again(t testing.TB, c *citizen.Citizen, hub string) {
	t.Helper()
	var options json.RawMessage
	must(t, c.Post(t.Context(), hub+"/login/options", struct{}{}, &options))
	credential, err := c.Phone.Get(options)
	must(t, err)
	must(t, c.Post(t.Context(), hub+"/login/finish", map[string]json.RawMessage{"credential": credential}, nil))
}

// testAgencySession follows the cookie of the licence site through a renewal: a
// new one at every step, and none of the old ones is the citizen's.
func (w *world) testAgencySession(t *testing.T) {
	ctx, c := t.Context(), w.browser()
	plant(c, w.licence, licenceSession, planted)
	old := []string{planted}
	c.Seen = func(method string, p citizen.Page) {
		w.eyes.see(method, p)
		for _, set := range (&http.Response{Header: p.Header}).Cookies() {
			if set.Name == licenceSession {
				old = append(old, set.Value)
			}
		}
	}
	page, err := c.Ask(ctx, w.licence)
	must(t, err)
	_, err = c.Approve(ctx, page)
	must(t, err)
	if len(old) != 4 { // planted, begun, logged in, granted
		t.Fatalf("%d sessions", len(old))
	}
	for _, value := range old[:3] {
		if w.opens(t, w.licence+"/", licenceSession, value) {
			t.Error("an older cookie is the citizen's")
		}
	}
	now := cookie(c, w.licence, licenceSession)
	if now != old[3] || !w.opens(t, w.licence+"/", licenceSession, now) {
		t.Error("the citizen is not signed in")
	}
	if p := as(t, c, http.MethodPost, w.licence+"/logout", formType, "", "Sec-Fetch-Site", "same-origin"); p.Status != http.StatusSeeOther {
		t.Errorf("logout: %d", p.Status)
	}
	if w.opens(t, w.licence+"/", licenceSession, now) {
		t.Error("the session lives after the logout")
	}
}

// testOtherBrowsers: what one browser began, no other may go on with.
func (w *world) testOtherBrowsers(t *testing.T) {
	ctx := t.Context()
	t.Run("it gives a browser a secret of its own, whatever was planted", func(t *testing.T) {
		c := w.stranger("victim")
		plant(c, w.hub, hubBrowser, "evil")
		mustOpen(t, c, w.asked(t, "demo-wallet"))
		if now := cookie(c, w.hub, hubBrowser); len(now) != len(planted) {
			t.Errorf("the browser is known by %q", now)
		}
	})
	t.Run("it takes none of two secrets of a browser", func(t *testing.T) {
		c := w.stranger("victim")
		p := mustOpen(t, c, w.asked(t, "demo-wallet"))
		own := cookie(c, w.hub, hubBrowser)
		for _, both := range []string{own + "; " + hubBrowser + "=" + planted, planted + "; " + hubBrowser + "=" + own} {
			if q := get(t, w.stranger("thief"), p.URL.String(), "Cookie", hubBrowser+"="+both); q.Status == http.StatusOK {
				t.Error("it chose one of them")
			}
		}
	})
	t.Run("it shows a result to the browser that asked alone", func(t *testing.T) {
		c, other := w.stranger("asker"), w.stranger("other")
		p, err := c.BeginProof(ctx, w.verifier)
		must(t, err)
		for address, status := range map[string]int{p.URL.String(): http.StatusNotFound, p.URL.String() + "?response_code=" + planted: http.StatusForbidden} {
			if q := get(t, other, address); q.Status != status {
				t.Errorf("%s: %d", address, q.Status)
			}
		}
	})
	t.Run("it takes a callback at the wallet from the browser that left alone", func(t *testing.T) {
		c := w.stranger("victim")
		if q := get(t, c, w.wallet+"/callback?code=x&state=x&iss="+w.hub); q.Status != http.StatusBadRequest {
			t.Errorf("%d", q.Status)
		}
		if q := get(t, c, w.wallet+"/callback?code=x"); q.Status != http.StatusBadRequest {
			t.Errorf("%d", q.Status)
		}
	})
	t.Run("it takes a callback at the agency from the browser that left alone", func(t *testing.T) {
		c := w.stranger("victim")
		q := get(t, c, w.licence+"/callback?code=x&state=x&iss="+w.hub)
		if q.Status != http.StatusConflict || strings.Contains(q.Header.Get("Set-Cookie"), licenceSession+"=") {
			t.Errorf("%d %v", q.Status, q.Header)
		}
	})
}
