package hostile_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
)

// sites attack the agencies' own pages and the demo wallet: a person reads the
// answers, so the status alone is asked for.
func sites() []attempt {
	return append(append(licences(), wallets()...), insurers()...)
}

func licences() []attempt {
	var list []attempt
	add := func(name string, status int, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, try: try})
	}
	for name, query := range map[string]string{
		"with nothing": "", "with a code of nobody's": "?code=x&state=y", "with an error": "?error=access_denied&state=y", "with a script": "?error=" + url.QueryEscape(mark) + "&error_description=" + url.QueryEscape(mark),
		"with a NUL": "?code=%00&state=%00", "with a state twice": "?state=a&state=b&code=c", "with 5000 letters": "?code=" + long(5000) + "&state=x",
	} {
		add("it takes no callback "+name+" without a session", 409, func(t *testing.T, w *world) answer {
			return get(t, w.licence+"/callback"+query, "Accept", "text/html")
		})
		add("it takes no callback "+name+" in a session that waits for one", 409, func(t *testing.T, w *world) answer {
			c := citizen.New(w.hub, "burglar")
			as(t, c, http.MethodPost, w.licence+"/renew", formType, "")
			return as(t, c, http.MethodGet, w.licence+"/callback"+query, "", "", "Accept", "text/html")
		})
	}
	add("it takes no code of another session", 409, func(t *testing.T, w *world) answer { // login CSRF
		victim := citizen.New(w.hub, "victim")
		as(t, victim, http.MethodPost, w.licence+"/renew", formType, "")
		as(t, w.kim.watcher, http.MethodPost, w.licence+"/logout", formType, "")
		begun := as(t, w.kim.watcher, http.MethodPost, w.licence+"/renew", formType, "")
		back, err := w.kim.watcher.Authorize(t.Context(), begun.header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		w.settle(t)
		return as(t, victim, http.MethodGet, back.String(), "", "", "Accept", "text/html")
	})
	for name, grant := range map[string]func(w *world) string{
		"another citizen's renewal": func(w *world) string { return w.lee.grant }, "no renewal": func(*world) string { return long(43) },
		"a renewal with a NUL": func(*world) string { return "a%00b" }, "a renewal of 5000 letters": func(*world) string { return long(5000) }, "a renewal with dots": func(*world) string { return "..%2F..%2Fetc" },
	} {
		add("it shows not "+name, 404, func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, http.MethodGet, w.licence+"/renewal/"+grant(w), "", "", "Accept", "text/html")
		})
		add("it gives no receipt of "+name, 404, func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, http.MethodGet, w.licence+"/renewal/"+grant(w)+"/receipt", "", "", "Accept", "text/html")
		})
		add("it uses not "+name, 404, func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, http.MethodPost, w.licence+"/renewal/"+grant(w)+"/again", formType, "", "Accept", "text/html")
		})
	}
	for _, path := range []string{"/renew", "/logout", "/renewal/x/again"} {
		add("it refuses "+path+" from another site", 403, func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, http.MethodPost, w.licence+path, formType, "", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
		})
		add("it knows no GET at "+path, 404, func(t *testing.T, w *world) answer { return get(t, w.licence+path) })
	}
	add("it knows no path of the licence office's", 404, func(t *testing.T, w *world) answer {
		return get(t, w.licence+"/static/%2e%2e/main.go", "Accept", "text/html")
	})
	add("it shows a renewal to no forged session", 404, func(t *testing.T, w *world) answer {
		return get(t, w.licence+"/renewal/"+w.kim.grant, "Cookie", "mydata_licence="+long(26), "Accept", "text/html")
	})
	return list
}

// wallets: the demo wallet is asked to open whatever is on a QR code.
func wallets() []attempt {
	var list []attempt
	add := func(name string, status int, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, try: try})
	}
	for name, link := range map[string]string{
		"nothing": "", "a page": "https://evil.example/", "a script": "javascript:alert(1)", "an offer of nothing": "openid-credential-offer://", "an offer that is no JSON": "openid-credential-offer://?credential_offer=%7B",
		"an offer twice": "openid-credential-offer://?credential_offer=%7B%7D&credential_offer_uri=https%3A%2F%2Fevil.example", "an offer from a file": "openid-credential-offer://?credential_offer_uri=file%3A%2F%2F%2Fetc%2Fpasswd",
		"an offer without TLS from elsewhere": "openid-credential-offer://?credential_offer_uri=http%3A%2F%2Fevil.example%2F", "an offer from where nobody listens": "openid-credential-offer://?credential_offer_uri=http%3A%2F%2Flocalhost%3A9%2F",
		"an offer with a script": "openid-credential-offer://?credential_offer=" + url.QueryEscape(`{"credential_issuer":"`+mark+`"}`),
	} {
		add("it opens no offer: "+name, 400, func(t *testing.T, w *world) answer {
			return get(t, w.wallet+"/offer?"+url.Values{"link": {link}}.Encode(), "Accept", "text/html")
		})
	}
	for name, link := range map[string]string{
		"nothing": "", "a page": "https://evil.example/", "a request without address": "openid4vp://?client_id=x", "a request by value": "openid4vp://?client_id=x&request=e30.e30.", "a request from a file": "openid4vp://?client_id=x&request_uri=file%3A%2F%2F%2Fetc%2Fpasswd",
		"a request without TLS from elsewhere": "openid4vp://?client_id=x509_hash%3Ax&request_uri=http%3A%2F%2Fevil.example%2F", "a request from where nobody listens": "openid4vp://?client_id=x509_hash%3Ax&request_uri=http%3A%2F%2Flocalhost%3A9%2F",
	} {
		add("it opens no request: "+name, 400, func(t *testing.T, w *world) answer {
			return get(t, w.wallet+"/request?"+url.Values{"link": {link}}.Encode(), "Accept", "text/html")
		})
	}
	add("it opens no link that is neither", 400, func(t *testing.T, w *world) answer {
		return get(t, w.wallet+"/open?"+url.Values{"link": {mark}}.Encode(), "Accept", "text/html")
	})
	for _, path := range []string{"/accept", "/answer"} {
		for _, id := range []string{"", "x", "a\x00b", mark} {
			add("it does nothing at "+path+" for "+url.QueryEscape(id), 400, func(t *testing.T, w *world) answer {
				return postForm(t, w.wallet+path, url.Values{"id": {id}, "decision": {"share"}}, "Accept", "text/html")
			})
		}
		add("it does nothing at "+path+" for another site", 403, func(t *testing.T, w *world) answer {
			return postForm(t, w.wallet+path, url.Values{"id": {"x"}}, "Sec-Fetch-Site", "cross-site")
		})
	}
	add("it takes no callback that it did not begin", 400, func(t *testing.T, w *world) answer {
		return get(t, w.wallet+"/callback?code=x&state=y", "Accept", "text/html")
	})
	add("it takes no callback with a forged state", 400, func(t *testing.T, w *world) answer {
		return get(t, w.wallet+"/callback?code=x&state=y&iss=z", "Accept", "text/html", "Cookie", "mydata_wallet_state=y")
	})
	for _, id := range []string{"x", "a%00b", "..%2F..%2Fetc%2Fpasswd", long(3000)} {
		add("it has no card "+id[:min(len(id), 20)], 404, func(t *testing.T, w *world) answer { return get(t, w.wallet+"/cards/"+id, "Accept", "text/html") })
		add("it deletes no card "+id[:min(len(id), 20)], 404, func(t *testing.T, w *world) answer {
			return postForm(t, w.wallet+"/cards/"+id+"/delete", url.Values{}, "Accept", "text/html")
		})
	}
	add("it answers to no other name", 421, func(t *testing.T, w *world) answer { // DNS rebinding
		return raw(t, w.Addr("wallet"), "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
	})
	return list
}

func insurers() []attempt {
	var list []attempt
	for path, status := range map[string]int{"/nowhere": 404, "/release/x": 404, "/static/%2e%2e%2fmain.go": 404, "/checkups.csv": 404, "/journal": 404} {
		list = append(list, attempt{name: "it knows no path " + path + " of the insurer's", status: status, try: func(t *testing.T, w *world) answer {
			return get(t, w.insurer+path, "Accept", "text/html")
		}})
	}
	return append(list, attempt{name: "it knows no POST at the insurer's page", status: 404, try: func(t *testing.T, w *world) answer {
		return postForm(t, w.insurer+"/", url.Values{})
	}})
}
