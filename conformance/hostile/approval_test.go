package hostile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/pkg/consent"
)

// asked is a request that waits for kim's approval in a browser of kim's, whose
// session is older than the request.
func (w *world) asked(t *testing.T, c *citizen.Citizen) string {
	t.Helper()
	n := w.need(t, w.subject(t, w.kim))
	object := w.asks.object(t, w, newVerifier(), n.object(w.asks.signed(t, consent.RequestJWT, n.body))...)
	uri := into[par](t, w.asks.pushed(t, w, object)).RequestURI
	page, err := c.Open(t.Context(), w.authorizeURL(w.asks.client, uri))
	if err != nil {
		t.Fatal(err)
	}
	return w.hub + page.URL.Path
}

// approvals attack the page on which a citizen says yes. All cases but the last
// share one request, which stays undecided.
func approvals() []attempt {
	var list []attempt
	var address string
	add := func(name string, status int, code string, try func(t *testing.T, w *world, page string) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			if address == "" {
				address = w.asked(t, w.kim.watcher)
				w.settle(t)
			}
			return try(t, w, address)
		}})
	}
	post := func(t *testing.T, c *citizen.Citizen, address, body string) answer {
		return as(t, c, http.MethodPost, address, jsonType, body)
	}
	for _, action := range []string{"", "/options", "/finish", "/deny"} {
		method := map[bool]string{true: http.MethodGet, false: http.MethodPost}[action == ""]
		add("it refuses the page"+action+" in another citizen's browser", 403, "other_browser", func(t *testing.T, w *world, page string) answer {
			return as(t, w.lee.watcher, method, page+action, jsonType, "{}")
		})
		add("it refuses the page"+action+" in nobody's browser", 403, "other_browser", func(t *testing.T, w *world, page string) answer {
			return ask(t, method, page+action, "{}", "Content-Type", jsonType)
		})
		add("it knows no page"+action+" of no request", 404, "gone", func(t *testing.T, w *world, _ string) answer {
			return as(t, w.kim.watcher, method, w.hub+"/approval/"+long(43)+action, jsonType, "{}")
		})
		add("it knows no page"+action+" of a request that no row can hold", 404, "gone", func(t *testing.T, w *world, _ string) answer {
			return as(t, w.kim.watcher, method, w.hub+"/approval/a%00%FF"+action, jsonType, "{}")
		})
		if action != "" {
			add("it refuses the page"+action+" from another site", 403, "cross_origin", func(t *testing.T, w *world, page string) answer {
				return as(t, w.kim.watcher, method, page+action, jsonType, "{}", "Sec-Fetch-Site", "cross-site")
			})
		}
	}
	add("it refuses a claim that was not asked for", 400, "choice", func(t *testing.T, w *world, page string) answer {
		return post(t, w.kim.watcher, page+"/options", `{"claims":["blood_pressure"]}`)
	})
	add("it refuses a claim with a script for a name", 400, "choice", func(t *testing.T, w *world, page string) answer {
		return post(t, w.kim.watcher, page+"/options", string(encode(t, map[string]any{"claims": []string{mark}})))
	})
	add("it refuses claims that are a number", 400, "bad_request", func(t *testing.T, w *world, page string) answer {
		return post(t, w.kim.watcher, page+"/options", `{"claims":7}`)
	})
	for name, body := range badBodies {
		add("it refuses "+name+" on the page", 400, "bad_request", func(t *testing.T, w *world, page string) answer {
			return post(t, w.kim.watcher, page+"/finish", body)
		})
	}
	add("it refuses a form where JSON belongs on the page", 400, "bad_request", func(t *testing.T, w *world, page string) answer {
		return as(t, w.kim.watcher, http.MethodPost, page+"/finish", formType, "credential=x")
	})
	add("it refuses an approval before terms were shown", 409, "stale", func(t *testing.T, w *world, page string) answer {
		return post(t, w.kim.watcher, page+"/finish", says(t, w, w.kim.watcher, `{"challenge":"`+long(43)+`"}`).body(t))
	})
	for _, b := range bentAssertions {
		add("it refuses "+b.name+" on the page", 400, "signature", func(t *testing.T, w *world, page string) answer {
			a := says(t, w, w.kim.watcher, options(t, w.kim.watcher, page+"/options", `{"claims":[]}`))
			b.bend(t, w, a)
			return post(t, w.kim.watcher, page+"/finish", a.body(t))
		})
	}
	add("it refuses another citizen's passkey on the page", 400, "signature", func(t *testing.T, w *world, page string) answer {
		return post(t, w.kim.watcher, page+"/finish", says(t, w, w.lee.watcher, options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)).body(t))
	})
	add("it refuses a login's assertion on the page", 400, "signature", func(t *testing.T, w *world, page string) answer {
		options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)
		return post(t, w.kim.watcher, page+"/finish", says(t, w, w.kim.watcher, options(t, w.kim.watcher, w.hub+"/login/options", "{}")).body(t))
	})
	add("it refuses the signature of an older choice", 400, "signature", func(t *testing.T, w *world, page string) answer {
		older := says(t, w, w.kim.watcher, options(t, w.kim.watcher, page+"/options", `{"claims":["checked_on"]}`)).body(t)
		options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)
		return post(t, w.kim.watcher, page+"/finish", older)
	})
	return append(append(list, tampered()...), otherPeople()...)
}

// otherPeople answer what kim was asked.
func otherPeople() []attempt {
	return []attempt{
		{name: "it refuses the approval of another person than was asked", status: 403, code: "foreign", try: func(t *testing.T, w *world) answer {
			// lee logs in where kim's request was opened
			c := citizen.New(w.hub, "lee at kim's machine")
			c.Phone = w.lee.Phone
			if err := c.Login(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := w.need(t, w.subject(t, w.kim))
			object := w.asks.object(t, w, newVerifier(), n.object(w.asks.signed(t, consent.RequestJWT, n.body))...)
			uri := into[par](t, w.asks.pushed(t, w, object)).RequestURI
			w.settle(t)
			a := as(t, c, http.MethodGet, w.authorizeURL(w.asks.client, uri), "", "")
			return as(t, c, http.MethodGet, w.hub+a.header.Get("Location"), "", "")
		}},
		{name: "it gives no code for an approval that nobody made", status: 303, code: "", try: func(t *testing.T, w *world) answer {
			page := w.asked(t, w.kim.watcher)
			w.settle(t)
			id := page[strings.LastIndexByte(page, '/')+1:]
			a := as(t, w.kim.watcher, http.MethodGet, w.hub+"/authorize/callback?id="+id, "", "")
			if to := a.header.Get("Location"); to != "/approval/"+id {
				t.Errorf("it leads to %s", to)
			}
			return a
		}},
		{name: "it refuses an approval after a denial", status: 404, code: "gone", try: func(t *testing.T, w *world) answer {
			page := w.asked(t, w.kim.watcher)
			signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)).body(t)
			as(t, w.kim.watcher, http.MethodPost, page+"/deny", formType, "")
			w.settle(t)
			return as(t, w.kim.watcher, http.MethodPost, page+"/finish", jsonType, signed)
		}},
		{name: "it refuses a denial after an approval", status: 404, code: "gone", try: func(t *testing.T, w *world) answer {
			page := w.asked(t, w.kim.watcher)
			signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)).body(t)
			next := into[struct{ Next string }](t, as(t, w.kim.watcher, http.MethodPost, page+"/finish", jsonType, signed)).Next
			as(t, w.kim.watcher, http.MethodGet, w.hub+next, "", "") // to the client: the interaction is over
			w.settle(t)
			return as(t, w.kim.watcher, http.MethodPost, page+"/deny", formType, "")
		}},
	}
}
