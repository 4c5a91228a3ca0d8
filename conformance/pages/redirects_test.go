package pages_test

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// elsewhere are addresses that somebody could take for a path of ours.
var elsewhere = []string{
	"https://evil.example/", "//evil.example/", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example",
	"javascript:alert(1)", "data:text/html,x", "/me/..//evil.example", "/me/../../evil.example", "/me\r\nSet-Cookie: evil=1",
	"/me/%2e%2e//evil.example", "/me@evil.example", "/me.evil.example", "http:evil.example", "/me/\\..\\..\\evil.example", "/me/./x", "/me/%",
}

// testRedirects tries every parameter that leads somewhere. The eyes refuse each
// answer that leads, or links, out of the deployment.
func (w *world) testRedirects(t *testing.T) {
	t.Run("next", w.testNext)
	t.Run("it goes to registered addresses alone", func(t *testing.T) {
		for _, to := range elsewhere {
			for _, client := range []string{"demo-wallet", "driving-licence", wildWallet, "nobody"} {
				q := url.Values{"client_id": {client}, "redirect_uri": {to}, "response_type": {"code"}, "state": {"x"}}
				if p := get(t, w.kim, w.hub+"/authorize?"+q.Encode()); p.Status != http.StatusBadRequest || p.Header.Get("Location") != "" {
					t.Errorf("%q: %d %s", to, p.Status, p.Header.Get("Location"))
				}
			}
		}
	})
	t.Run("it goes to its own start after a logout", func(t *testing.T) {
		for _, address := range []string{w.hub, w.licence} {
			c := w.browser()
			must(t, c.Login(t.Context()))
			for _, name := range []string{"post_logout_redirect_uri", "next", "redirect_uri", "return_to", "url"} {
				p := as(t, c, http.MethodPost, address+"/logout?"+name+"=https://evil.example/", formType, name+"=https://evil.example/", "Sec-Fetch-Site", "same-origin")
				if p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/" {
					t.Errorf("%d %s", p.Status, p.Header.Get("Location"))
				}
			}
		}
	})
	t.Run("it opens offers and requests on its own pages", func(t *testing.T) {
		for _, to := range elsewhere {
			for _, name := range []string{"offer", "request"} {
				p := get(t, w.kim, w.wallet+"/?"+url.Values{name: {to}}.Encode())
				if p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/"+name+"?link=") {
					t.Errorf("%q: %d %s", to, p.Status, p.Header.Get("Location"))
				}
				if p := get(t, w.kim, w.wallet+"/"+name+"?"+url.Values{"link": {to}}.Encode()); p.Status != http.StatusBadRequest {
					t.Errorf("%q: %d", to, p.Status)
				}
			}
			get(t, w.kim, w.wallet+"/open?"+url.Values{"link": {to}}.Encode())
		}
	})
	t.Run("switch", w.testSwitch)
	t.Run("wallet", w.testLedAway)
}

func (w *world) testNext(t *testing.T) {
	for _, next := range elsewhere {
		p := mustOpen(t, w.stranger("nobody"), w.hub+"/login?"+url.Values{"next": {next}}.Encode())
		form, ok := p.Form("/login")
		if !ok || form.DoneURL.RawQuery != "" {
			t.Errorf("the page keeps %q: %v", next, form.DoneURL)
		}
	}
	for i, next := range []string{elsewhere[1], elsewhere[3], elsewhere[8]} {
		c := w.browser()
		if to := w.loginTo(t, c, next); to != "/me" {
			t.Errorf("%d: the login leads to %q", i, to)
		}
	}
	if to := w.loginTo(t, w.browser(), "/me/history"); to != "/me/history" {
		t.Errorf("one's own page: the login leads to %q", to)
	}
}

// loginTo is where a finished login says to go.
func (w *world) loginTo(t *testing.T, c *citizen.Citizen, next string) string {
	var options json.RawMessage
	must(t, c.Post(t.Context(), w.hub+"/login/options", struct{}{}, &options))
	credential, err := c.Phone.Get(options)
	must(t, err)
	var out struct{ Next string }
	must(t, c.Post(t.Context(), w.hub+"/login/finish?"+url.Values{"next": {next}}.Encode(), map[string]json.RawMessage{"credential": credential}, &out))
	return out.Next
}

// testSwitch asks for addresses that no client library would send: the language
// switch and the clean-up of paths must not make them lead away.
func (w *world) testSwitch(t *testing.T) {
	for _, service := range services {
		for _, path := range []string{
			"//evil.example/%2e%2e", "//evil.example", "///evil.example/", "/%2Fevil.example", "/%5Cevil.example", `/\evil.example`,
			"//evil.example/..", "/.//evil.example", "/x/..//evil.example", "/%09/evil.example", "//me@evil.example/me",
			"http://evil.example/", "//evil.example/login", "//evil.example/healthz",
		} {
			p := raw(t, w.Addr(service), "GET "+path+"?lang=en&x=//evil.example HTTP/1.1\r\nHost: "+strings.TrimPrefix(w.URL(service), "http://")+"\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
			u, err := url.Parse(w.URL(service) + "/")
			must(t, err)
			p.URL = u
			if p.Status >= 500 {
				t.Errorf("%s %s: %d", service, path, p.Status)
			}
			if to := p.Header.Get("Location"); to != "" && !w.eyes.home(u, to) {
				t.Errorf("%s %s leads to %s", service, path, to)
			}
			if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") && p.Status/100 != 3 {
				for _, fault := range w.eyes.pageFaults(p) {
					t.Errorf("%s %s: %s", service, path, fault)
				}
			}
		}
	}
}

// raw writes bytes to a port and reads the answer.
func raw(t testing.TB, address, text string) citizen.Page {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = conn.Write([]byte(text))
	must(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer res.Body.Close()
	body := make([]byte, 256<<10)
	n := 0
	for n < len(body) {
		k, err := res.Body.Read(body[n:])
		if n += k; err != nil {
			break
		}
	}
	return citizen.Page{Status: res.StatusCode, Header: res.Header, Body: body[:n]}
}

// testLedAway: where issuers and verifiers may send the wallet's user.
func (w *world) testLedAway(t *testing.T) {
	t.Run("it follows a verifier to web addresses alone", func(t *testing.T) {
		v := w.newVerifier(t, "Verifier (test)", "verifier.example")
		for _, to := range append([]string{"http://evil.example/", "https://a:b@evil.example/", "openid4vp://x", "ftp://evil.example/"}, elsewhere[1:]...) {
			if p := w.decline(t, w.kim, v.ask(t, w, to)); p.Status != http.StatusOK || p.Header.Get("Location") != "" {
				t.Errorf("%q: %d %s", to, p.Status, p.Header.Get("Location"))
			}
		}
		if p := w.decline(t, w.kim, v.ask(t, w, w.verifier+"/")); p.Status != http.StatusSeeOther || p.Header.Get("Location") != w.verifier+"/" {
			t.Errorf("a good one: %d %s", p.Status, p.Header.Get("Location"))
		}
	})
	t.Run("it follows an issuer to web addresses alone", func(t *testing.T) {
		for _, to := range []string{"http://evil.example/", "//evil.example/", "javascript:alert(1)", "data:text/html,x", "https://a@evil.example/", "/x", `\\evil.example`} {
			form := w.offered(t, w.kim, openid4vci.Offer{CredentialIssuer: w.issuer(t, to), CredentialConfigurationIDs: []string{"card"},
				Grants: &openid4vci.Grants{AuthorizationCode: &openid4vci.AuthorizationCodeGrant{}}})
			if p := w.press(t, w.kim, form); p.Status != http.StatusBadRequest || p.Header.Get("Location") != "" {
				t.Errorf("%q: %d %s", to, p.Status, p.Header.Get("Location"))
			}
		}
	})
}

func (w *world) decline(t *testing.T, c *citizen.Citizen, address string) citizen.Page {
	t.Helper()
	page := mustOpen(t, c, address)
	form, ok := page.Form("/answer")
	if !ok {
		t.Fatalf("the wallet shows no request: %s", page.Body)
	}
	form.Fields.Set("decision", "decline")
	return w.press(t, c, form)
}

// press sends a form and follows nothing.
func (w *world) press(t *testing.T, c *citizen.Citizen, form citizen.Form) citizen.Page {
	t.Helper()
	return as(t, c, http.MethodPost, form.Action.String(), formType, form.Fields.Encode(), "Sec-Fetch-Site", "same-origin")
}

// testHeaders puts line breaks into whatever might reach a header.
func (w *world) testHeaders(t *testing.T) {
	for _, breaks := range []string{"\r\n", "\n", "\r", "\u2028", "\x00", "\u560a\u560d"} {
		evil := "x" + breaks + "Set-Cookie: evil=1" + breaks + "X-Evil: 1" + breaks + breaks + "<script>alert(1)</script>"
		q := url.QueryEscape(evil)
		for _, address := range []string{
			w.hub + "/login?next=" + q, w.hub + "/login?request=" + q, w.hub + "/enrol?code=" + q, w.hub + "/?lang=" + q,
			w.hub + "/me/receipts/" + url.PathEscape(evil), w.hub + "/notices/" + url.PathEscape(evil), w.hub + "/approval/" + url.PathEscape(evil),
			w.hub + "/credential-offer/" + url.PathEscape(evil), w.hub + "/status/" + url.PathEscape(evil), w.hub + "/log/proof?leaf=" + q,
			w.hub + "/authorize?client_id=" + q, w.hub + "/authorize/callback?id=" + q,
			w.hub + "/authorize?client_id=driving-licence&redirect_uri=" + url.QueryEscape(w.licence+"/callback") + "&state=" + q,
			w.verifier + "/result/x?response_code=" + q, w.verifier + "/request/" + url.PathEscape(evil), w.verifier + "/?lang=" + q,
			w.licence + "/callback?error=" + q + "&error_description=" + q + "&state=" + q, w.licence + "/renewal/" + url.PathEscape(evil) + "/receipt",
			w.licence + "/?lang=" + q, w.insurer + "/?lang=" + q, w.wallet + "/?offer=" + q, w.wallet + "/?request=" + q, w.wallet + "/?lang=" + q,
			w.wallet + "/open?link=" + q, w.wallet + "/callback?state=" + q, w.wallet + "/cards/" + url.PathEscape(evil), w.wallet + "/?new=" + q,
		} {
			w.checkHeaders(t, get(t, w.kim, address))
		}
		for _, address := range []string{w.hub + "/token", w.hub + "/par", w.hub + "/introspect", w.verifier + "/response/x", w.verifier + "/requests", w.insurer + "/release"} {
			form := url.Values{"grant_type": {evil}, "client_id": {evil}, "state": {evil}, "error": {evil}, "ask": {evil}, "token": {evil}}
			w.checkHeaders(t, as(t, w.kim, http.MethodPost, address, formType, form.Encode(), "Sec-Fetch-Site", "same-origin"))
		}
	}
	for _, header := range []string{"Authorization", "DPoP", "Accept-Language", "Accept", "X-Correlation-Id", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL", "Referer"} {
		for _, address := range []string{w.hub + "/userinfo", w.hub + "/", w.hub + "/.well-known/openid-configuration", w.verifier + "/", w.licence + "/", w.insurer + "/release", w.wallet + "/"} {
			w.checkHeaders(t, as(t, w.stranger("nobody"), http.MethodGet, address, "", "", header, `DPoP x", error="y", X-Evil="<script>; //evil.example evil=1`))
		}
	}
}

func (w *world) checkHeaders(t *testing.T, p citizen.Page) {
	t.Helper()
	for name, values := range p.Header {
		text := strings.Join(values, " ")
		if strings.Contains(strings.ToLower(name), "evil") || strings.ContainsAny(text, "\r\n\x00") || strings.Contains(text, "<script") ||
			name == "Set-Cookie" && strings.Contains(text, "evil=") || name == "Www-Authenticate" && strings.Contains(text, "evil") {
			t.Errorf("%s (%d): %s: %s", p.URL, p.Status, name, text)
		}
	}
	if p.Status >= 500 {
		t.Errorf("%s: %d", p.URL, p.Status)
	}
	if strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") && !strings.HasPrefix(p.Header.Get("Content-Disposition"), `attachment; filename="mydata-receipt`) {
		t.Errorf("%s: %s", p.URL, p.Header.Get("Content-Disposition"))
	}
}
