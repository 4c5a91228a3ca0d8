package hostile_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
)

// dashboards attack one's own pages: what is another's is not there.
func dashboards() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	post := func(t *testing.T, w *world, path, body string) answer {
		return as(t, w.kim.watcher, http.MethodPost, w.hub+path, jsonType, body)
	}
	// ids of other citizens, of nobody, of no row
	ids := func(what string, lees func(t *testing.T, w *world) string) map[string]func(*testing.T, *world) string {
		is := func(id string) func(*testing.T, *world) string { return func(*testing.T, *world) string { return id } }
		return map[string]func(*testing.T, *world) string{
			"another citizen's " + what: lees, "no " + what: is(long(43)), "a " + what + " that no row can hold": is("a%00b"),
			"a " + what + " that is not UTF-8": is("%FF%FE"), "a " + what + " of 5000 characters": is(long(5000)), "a " + what + " with a script in it": is("%22%3E%3Chostile-mark%3E"),
		}
	}
	grant := func(_ *testing.T, w *world) string { return w.lee.grant }
	card := func(t *testing.T, w *world) string {
		all, err := w.lee.watcher.Credentials(t.Context())
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		return all[0].ID
	}
	key := func(_ *testing.T, w *world) string { return citizen.ID(w.lee.Phone.Keys[0]) }
	for name, id := range ids("consent", grant) {
		add("it withdraws not "+name, 404, "not_found", func(t *testing.T, w *world) answer {
			return post(t, w, "/me/consents/"+id(t, w)+"/withdraw", "{}")
		})
		add("it gives no receipt of "+name, 404, "not_found", func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, "GET", w.hub+"/me/receipts/"+id(t, w), "", "")
		})
	}
	for name, id := range ids("credential", card) {
		add("it revokes not "+name, 404, "not_found", func(t *testing.T, w *world) answer {
			return post(t, w, "/me/credentials/"+id(t, w)+"/revoke", "{}")
		})
	}
	for name, id := range ids("passkey", key) {
		add("it removes not "+name, 404, "not_found", func(t *testing.T, w *world) answer {
			return post(t, w, "/me/passkeys/remove/"+id(t, w)+"/options", "{}")
		})
	}
	add("it shows no page to withdraw another citizen's consent", 404, "not_found", func(t *testing.T, w *world) answer {
		return as(t, w.kim.watcher, "GET", w.hub+"/me/consents/"+w.lee.grant+"/withdraw", "", "")
	})
	add("it shows no page to withdraw what was withdrawn", 409, "over", func(t *testing.T, w *world) answer {
		return as(t, w.kim.watcher, "GET", w.hub+"/me/consents/"+w.kim.ended+"/withdraw", "", "")
	})
	add("it removes not the last passkey", 409, "last_passkey", func(t *testing.T, w *world) answer {
		return post(t, w, "/me/passkeys/remove/"+citizen.ID(w.kim.Phone.Keys[0])+"/options", "{}")
	})
	add("it confirms no change that is not there", 400, "ceremony", func(t *testing.T, w *world) answer {
		return post(t, w, "/me/passkeys/confirm/"+long(22)+"/options", "{}")
	})
	add("it confirms no change that no row can hold", 400, "ceremony", func(t *testing.T, w *world) answer {
		return post(t, w, "/me/passkeys/confirm/a%00b/options", "{}")
	})
	add("it confirms no change of another citizen", 400, "ceremony", func(t *testing.T, w *world) answer {
		return post(t, w, "/me/passkeys/confirm/"+w.waiting(t, w.lee)+"/options", "{}")
	})
	add("it takes no login for the signature of a change", 400, "ceremony", func(t *testing.T, w *world) answer {
		a := says(t, w, w.kim.watcher, options(t, w.kim.watcher, w.hub+"/login/options", "{}"))
		return post(t, w, "/me/passkeys/change", a.body(t))
	})
	for _, b := range bentAssertions {
		add("it refuses "+b.name+" for a change", 400, "assertion", func(t *testing.T, w *world) answer {
			asked := options(t, w.kim.watcher, w.hub+"/me/passkeys/confirm/"+w.waiting(t, w.kim)+"/options", "{}")
			a := says(t, w, w.kim.watcher, asked)
			a.key = w.kim.Phone.Keys[0]
			b.bend(t, w, a)
			return post(t, w, "/me/passkeys/change", a.body(t))
		})
	}
	add("it refuses another citizen's passkey for a change", 400, "assertion", func(t *testing.T, w *world) answer {
		asked := options(t, w.kim.watcher, w.hub+"/me/passkeys/confirm/"+w.waiting(t, w.kim)+"/options", "{}")
		return post(t, w, "/me/passkeys/change", says(t, w, w.lee.watcher, asked).body(t))
	})
	add("it refuses the new passkey's word for itself", 400, "assertion", func(t *testing.T, w *world) answer {
		asked := options(t, w.kim.watcher, w.hub+"/me/passkeys/confirm/"+w.waiting(t, w.kim)+"/options", "{}")
		return post(t, w, "/me/passkeys/change", says(t, w, w.kim.watcher, asked).body(t)) // the newest is the new one
	})
	for name, body := range badBodies {
		add("it refuses "+name+" for a change", 400, "bad_request", func(t *testing.T, w *world) answer {
			return post(t, w, "/me/passkeys/change", body)
		})
	}
	return append(list, strangersAtHome()...)
}

// waiting is a passkey that a person made and nobody has confirmed; the phone
// keeps it as its newest.
func (w *world) waiting(t *testing.T, p *person) string {
	t.Helper()
	p.Phone.Keys = p.Phone.Keys[:1]
	made, err := p.Phone.Create([]byte(options(t, p.watcher, w.hub+"/me/passkeys/add/options", "{}")))
	if err != nil {
		t.Fatal(err)
	}
	next := into[struct{ Next string }](t, as(t, p.watcher, "POST", w.hub+"/me/passkeys/add/finish", jsonType, `{"credential":`+string(made)+`}`)).Next
	t.Cleanup(func() { p.Phone.Keys = p.Phone.Keys[:1] })
	return next[strings.LastIndexByte(next, '/')+1:]
}

// strangersAtHome have no session, or a forged one, or come from another site.
func strangersAtHome() []attempt {
	var list []attempt
	for _, path := range []string{"/me", "/me/consents", "/me/history", "/me/passkeys", "/me/receipts/x", "/notices/x"} {
		code := map[bool]string{true: "nobody", false: "signed_out"}[path == "/notices/x"]
		list = append(list, attempt{name: "it shows not " + path + " to nobody", status: 401, code: code, try: func(t *testing.T, w *world) answer {
			return get(t, w.hub+path)
		}})
	}
	for _, cookie := range []string{"x", long(43), long(5000), "%00", "%FF", mark} {
		list = append(list, attempt{name: "it knows no session " + fmt.Sprintf("%.20q of %d characters", cookie, len(cookie)), status: 401, code: "signed_out", try: func(t *testing.T, w *world) answer {
			return get(t, w.hub+"/me", "Cookie", "mydata_idp_session="+cookie)
		}})
	}
	for _, path := range []string{"/me/credentials/offer", "/me/consents/x/withdraw", "/me/passkeys/change", "/logout", "/me/passkeys/add/options"} {
		list = append(list, attempt{name: "it refuses " + path + " from another site", status: 403, code: "cross_origin", try: func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, http.MethodPost, w.hub+path, formType, "", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
		}})
	}
	return append(list, attempt{name: "it shows another citizen's notice to nobody else", status: 403, code: "foreign", try: func(t *testing.T, w *world) answer {
		return as(t, w.kim.watcher, "GET", w.hub+"/notices/"+w.lee.grant, "", "")
	}}, attempt{name: "it knows no notice of no grant", status: 404, code: "gone", try: func(t *testing.T, w *world) answer {
		return as(t, w.kim.watcher, "GET", w.hub+"/notices/a%00b", "", "")
	}})
}
