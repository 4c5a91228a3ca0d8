package hostile_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
)

// authorizations attack the authorization endpoint and its callback (RFC 6749,
// 3.1; RFC 9126, 4; RFC 9207). What cannot go back to a client is a page: 400.
func authorizations() []attempt {
	var list []attempt
	visit := func(name string, status int, code string, query func(t *testing.T, w *world) url.Values) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			return as(t, w.kim.Citizen, http.MethodGet, w.hub+"/authorize?"+query(t, w).Encode(), "", "")
		}})
	}
	of := func(pairs ...string) func(*testing.T, *world) url.Values {
		return func(*testing.T, *world) url.Values { return with(url.Values{}, pairs...) }
	}
	wallet := func(pairs ...string) func(*testing.T, *world) url.Values {
		return func(_ *testing.T, w *world) url.Values { return with(w.walletPAR(newVerifier()), pairs...) }
	}
	const page = "bad_request"
	visit("it refuses nobody", 400, page, of())
	visit("it refuses an unknown client", 400, page, of("client_id", mark))
	visit("it refuses a client that no row can hold", 400, page, of("client_id", "a\x00b"))
	visit("it refuses a request_uri that was never pushed", 400, page, of("client_id", "demo-wallet", "request_uri", "urn:ietf:params:oauth:request_uri:"+long(43)))
	visit("it refuses a request_uri of the web", 400, page, of("client_id", "demo-wallet", "request_uri", "https://evil.example/object"))
	visit("it refuses a request_uri of a file", 400, page, of("client_id", "demo-wallet", "request_uri", "file:///etc/passwd"))
	visit("it refuses a request_uri of nothing", 400, page, of("client_id", "demo-wallet", "request_uri", ""))
	visit("it refuses a request_uri of 10000 characters", 400, page, of("client_id", "demo-wallet", "request_uri", long(10000)))
	visit("it refuses another client's request_uri", 400, page, func(t *testing.T, w *world) url.Values {
		return url.Values{"client_id": {"demo-wallet"}, "request_uri": {into[par](t, w.asks.pushed(t, w, w.asks.object(t, w, newVerifier()))).RequestURI}}
	})
	visit("it refuses a request_uri twice", 400, page, func(t *testing.T, w *world) url.Values {
		uri := into[par](t, w.asks.pushed(t, w, w.asks.object(t, w, newVerifier()))).RequestURI
		if a := get(t, w.authorizeURL(w.asks.client, uri)); a.status != http.StatusSeeOther {
			t.Fatalf("the first time: %d", a.status)
		}
		return url.Values{"client_id": {w.asks.client}, "request_uri": {uri}}
	})
	visit("it refuses two request_uris", 400, page, func(t *testing.T, w *world) url.Values {
		uri := into[par](t, w.asks.pushed(t, w, w.asks.object(t, w, newVerifier()))).RequestURI
		return url.Values{"client_id": {w.asks.client}, "request_uri": {uri, uri}}
	})
	visit("it refuses two clients", 400, page, func(t *testing.T, w *world) url.Values {
		form := w.walletPAR(newVerifier())
		form.Add("client_id", w.asks.client)
		return form
	})
	visit("it refuses to go to a foreign redirect_uri", 400, page, wallet("redirect_uri", "https://evil.example/"))
	visit("it refuses to go to a script", 400, page, wallet("redirect_uri", "javascript:alert(1)"))
	visit("it refuses to go nowhere", 400, page, wallet("redirect_uri", "-"))
	visit("it refuses to go below the registered redirect_uri", 400, page, func(_ *testing.T, w *world) url.Values {
		return with(w.walletPAR(newVerifier()), "redirect_uri", w.wallet+"/callback/../x")
	})
	visit("it refuses a foreign redirect_uri beside another error", 400, page, wallet("redirect_uri", "https://evil.example/", "response_type", "token"))
	visit("it tells a client that must push", 303, "invalid_request", wallet())
	visit("it tells a client that a request object must be pushed", 303, "request_not_supported", wallet("request", "e30.e30."))
	visit("it tells a client whose max_age is no number", 303, "invalid_request", wallet("max_age", "x"))
	visit("it tells a client of a silent login that nobody is logged in", 303, "login_required", func(t *testing.T, w *world) url.Values {
		w.kim.Forget()
		uri := into[par](t, w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), claim("prompt", "none")))).RequestURI
		return url.Values{"client_id": {w.asks.client}, "request_uri": {uri}}
	})
	visit("it tells a wallet that a silent issuance needs a page", 303, "consent_required", func(t *testing.T, w *world) url.Values {
		if err := w.kim.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		uri := into[par](t, postForm(t, w.hub+"/par", with(w.walletPAR(newVerifier()), "prompt", "none"))).RequestURI
		return url.Values{"client_id": {"demo-wallet"}, "request_uri": {uri}}
	})
	return append(list, callbacks()...)
}

// begun is an authorization request that waits for the wallet's leave in kim's
// browser, and the page's interaction id.
func (w *world) begun(t *testing.T) string {
	t.Helper()
	for range 2 {
		uri := into[par](t, postForm(t, w.hub+"/par", w.walletPAR(newVerifier()))).RequestURI
		page, err := w.kim.Open(t.Context(), w.authorizeURL("demo-wallet", uri))
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := strings.CutPrefix(page.URL.Path, "/issuance/"); ok {
			return id
		}
		w.kim.Forget() // the login is not of just now
		if err := w.kim.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("nobody asks for the leave to issue")
	return ""
}

// callbacks attack an interaction under way.
func callbacks() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	finish := func(t *testing.T, w *world, c *citizen.Citizen, id string) answer {
		return as(t, c, http.MethodGet, w.hub+"/authorize/callback?"+url.Values{"id": {id}}.Encode(), "", "")
	}
	add("it refuses the callback of no interaction", 400, "bad_request", func(t *testing.T, w *world) answer { return finish(t, w, w.kim.Citizen, long(43)) })
	add("it refuses the callback of an interaction that no row can hold", 400, "bad_request", func(t *testing.T, w *world) answer { return finish(t, w, w.kim.Citizen, "a\x00b") })
	add("it refuses the callback without id", 400, "bad_request", func(t *testing.T, w *world) answer { return finish(t, w, w.kim.Citizen, "") })
	add("it refuses the callback in another's browser", 400, "bad_request", func(t *testing.T, w *world) answer { return finish(t, w, w.lee.Citizen, w.begun(t)) })
	add("it gives no code before the leave to issue", 303, "", func(t *testing.T, w *world) answer { // back to the page
		a := finish(t, w, w.kim.Citizen, w.begun(t))
		if to := a.header.Get("Location"); len(to) < 10 || to[:10] != "/issuance/" {
			t.Errorf("it leads to %s", to)
		}
		return a
	})
	add("it refuses the leave to issue in another's browser", 403, "other_browser", func(t *testing.T, w *world) answer {
		return as(t, w.lee.Citizen, http.MethodPost, w.hub+"/issuance/"+w.begun(t), formType, "")
	})
	add("it refuses the page of issuance in another's browser", 403, "other_browser", func(t *testing.T, w *world) answer {
		return as(t, w.lee.Citizen, http.MethodGet, w.hub+"/issuance/"+w.begun(t), "", "")
	})
	add("it refuses the leave to issue from another site", 403, "cross_origin", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/issuance/"+w.begun(t), formType, "", "Sec-Fetch-Site", "cross-site")
	})
	add("it refuses the leave to issue to nobody", 404, "gone", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/issuance/"+long(43), formType, "")
	})
	add("it refuses the leave to issue of what no row can hold", 404, "gone", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/issuance/a%00b", formType, "")
	})
	add("it refuses a denial in another's browser", 403, "other_browser", func(t *testing.T, w *world) answer {
		return as(t, w.lee.Citizen, http.MethodPost, w.hub+"/issuance/"+w.begun(t)+"/deny", formType, "")
	})
	add("it refuses the leave to issue after a denial", 404, "gone", func(t *testing.T, w *world) answer {
		id := w.begun(t)
		as(t, w.kim.Citizen, http.MethodPost, w.hub+"/issuance/"+id+"/deny", formType, "")
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/issuance/"+id, formType, "")
	})
	add("it refuses a second code", 400, "bad_request", func(t *testing.T, w *world) answer {
		id := w.begun(t)
		as(t, w.kim.Citizen, http.MethodPost, w.hub+"/issuance/"+id, formType, "")
		if a := finish(t, w, w.kim.Citizen, id); a.status != http.StatusSeeOther {
			t.Fatalf("the first: %d", a.status)
		}
		return finish(t, w, w.kim.Citizen, id)
	})
	add("it shows no login for an interaction of another browser", 400, "interaction", func(t *testing.T, w *world) answer {
		return as(t, w.lee.Citizen, http.MethodGet, w.hub+"/login?request="+w.begun(t), "", "")
	})
	add("it shows no login for no interaction", 400, "interaction", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodGet, w.hub+"/login?request=a%00b", "", "")
	})
	add("it denies no login of another browser", 400, "interaction", func(t *testing.T, w *world) answer {
		return as(t, w.lee.Citizen, http.MethodPost, w.hub+"/login/deny?request="+w.begun(t), formType, "")
	})
	return list
}
