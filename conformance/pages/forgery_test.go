package pages_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
)

// machines are routes for programs: what they do is authenticated by the message
// itself. No cookie means anything to them, which this test shows.
var machines = map[string][]string{
	stage.IDP: {
		"/par", "/challenge", "/token", "/introspect", "/revoke", "/userinfo", "/device_authorization", "/nonce", "/credential", "/credential-deferred", "/notification",
		"/agency/commits", "/agency/received", "/agency/cancellations", "/agency/deletions", "/agency/receipts/{grant}", "/agency/signals", "/agency/ready", "/anchors",
		"/register",
		"/end_session", // leads to the page of the same address, which asks
		"/authorize",   // begins a request, as a link to it does (OpenID Connect Core 1.0, 3.1.2.1)
	},
	stage.Verifier: {"/request/{handle}", "/response/{handle}"},
}

// origins is what a browser tells of a request that another site made.
func (w *world) origins() [][]string {
	return [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"}, // another port of this host, another name below it
		{"Sec-Fetch-Site", "cross-site", "Origin", w.hub},
		{"Origin", "https://evil.example"}, // a browser without Sec-Fetch-Site
		{"Origin", "http://localhost:9"},
		{"Origin", "null"}, // a sandboxed frame, a data: address
	}
}

// filled puts a value in the place of each wildcard.
func filled(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = "x"
		}
	}
	return strings.Join(parts, "/")
}

// testForgery: every route that may change something, from every other origin,
// as a form and as JSON, with the cookies of somebody who is signed in.
func (w *world) testForgery(t *testing.T) {
	count := 0
	for _, service := range services {
		for _, route := range posts(t, service) {
			address := w.URL(service) + filled(route)
			if slices.Contains(machines[service], route) {
				t.Run("it takes no cookie at "+service+" "+route, func(t *testing.T) {
					with := as(t, w.kim, http.MethodPost, address, formType, "", "Sec-Fetch-Site", "cross-site")
					without := as(t, w.stranger("nobody"), http.MethodPost, address, formType, "")
					if with.Status != without.Status || with.Status == http.StatusForbidden || code(with) != code(without) {
						t.Errorf("%d %s with cookies, %d %s without", with.Status, code(with), without.Status, code(without))
					}
				})
				continue
			}
			t.Run("it refuses other origins at "+service+" "+route, func(t *testing.T) {
				for _, origin := range w.origins() {
					for _, kind := range []string{formType, jsonType, "text/plain"} {
						count++
						if p := as(t, w.kim, http.MethodPost, address, kind, "", origin...); p.Status != http.StatusForbidden || p.Header.Get("Set-Cookie") != "" {
							t.Errorf("%v %s: %d %v", origin, kind, p.Status, p.Header)
						}
					}
				}
			})
		}
	}
	figure.Hold(t, "forged-requests", count, "requests of other origins to routes that change something, each refused")
	t.Run("changes", w.testNothingForged)
}

func code(p citizen.Page) string {
	var body struct{ Code, Error string }
	_ = json.Unmarshal(p.Body, &body) // a page has none
	return body.Code + body.Error
}

// testNothingForged sends what would change something, first from another site
// and then from the page itself: the first changes nothing, the second does.
func (w *world) testNothingForged(t *testing.T) {
	ctx := t.Context()
	grant, err := w.kim.Renew(ctx, w.licence)
	must(t, err)
	_, err = w.kim.ReceiveByLogin(ctx, w.phone)
	must(t, err)
	all, err := w.kim.Credentials(ctx)
	must(t, err)
	another := all[slices.IndexFunc(all, func(c citizen.Credential) bool { return c.ID != w.card && c.Status == "valid" })]
	for _, c := range []struct {
		name, address, body string
		done                func() bool
	}{
		{"a second use", w.licence + "/renewal/" + grant + "/again", "", func() bool {
			one, err := w.kim.Consent(ctx, grant)
			must(t, err)
			return one.Uses > 1
		}},
		{"a withdrawal", w.hub + "/me/consents/" + w.grant + "/withdraw", "", func() bool {
			one, err := w.kim.Consent(ctx, w.grant)
			must(t, err)
			return one.State != "active"
		}},
		{"a revocation", w.hub + "/me/credentials/" + w.card + "/revoke", "", func() bool {
			all, err := w.kim.Credentials(ctx)
			must(t, err)
			return slices.ContainsFunc(all, func(c citizen.Credential) bool { return c.ID == w.card && c.Status != "valid" })
		}},
		{"a lost phone", w.hub + "/me/lost", "device=", func() bool {
			all, err := w.kim.Credentials(ctx)
			must(t, err)
			return slices.ContainsFunc(all, func(c citizen.Credential) bool { return c.ID == another.ID && c.Status != "valid" })
		}},
		{"a logout at the agency", w.licence + "/logout", "", func() bool {
			return !bytes.Contains(get(t, w.kim, w.licence+"/").Body, []byte(`action="/logout"`))
		}},
		{"a logout", w.hub + "/logout", "", func() bool {
			return get(t, w.kim, w.hub+"/me").Status != http.StatusOK
		}},
	} {
		t.Run("it lets another site forge no "+c.name[2:], func(t *testing.T) {
			for _, origin := range w.origins() {
				as(t, w.kim, http.MethodPost, c.address, formType, c.body, origin...)
			}
			if c.done() {
				t.Error("another site did it")
			}
			if p := as(t, w.kim, http.MethodPost, c.address, formType, c.body, "Sec-Fetch-Site", "same-origin"); p.Status != http.StatusSeeOther || !c.done() {
				t.Errorf("the page itself: %d", p.Status)
			}
		})
	}
	must(t, w.kim.Login(ctx))
	t.Run("it lets another site log nobody in", w.testForgedLogin)
}

// testForgedLogin: an attacker has an answer of his own passkey and lets a
// victim's browser post it, so that the victim works in the attacker's account.
func (w *world) testForgedLogin(t *testing.T) {
	victim := w.stranger("victim")
	var options json.RawMessage
	must(t, victim.Post(t.Context(), w.hub+"/login/options", struct{}{}, &options))
	credential, err := w.kim.Phone.Get(options)
	must(t, err)
	body, err := json.Marshal(map[string]json.RawMessage{"credential": credential})
	must(t, err)
	for _, origin := range w.origins() {
		as(t, victim, http.MethodPost, w.hub+"/login/finish", jsonType, string(body), origin...)
	}
	if get(t, victim, w.hub+"/me").Status == http.StatusOK {
		t.Error("another site logged in")
	}
	p := as(t, victim, http.MethodPost, w.hub+"/login/finish", jsonType, string(body), "Sec-Fetch-Site", "same-origin")
	if p.Status != http.StatusOK || get(t, victim, w.hub+"/me").Status != http.StatusOK {
		t.Errorf("the page itself: %d", p.Status)
	}
}
