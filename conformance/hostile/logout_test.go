package hostile_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// logouts attack the end of logins (OpenID Connect RP-Initiated Logout 1.0, 2): the
// browser goes nowhere that is not registered, and nobody is logged out unasked.
func logouts() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			a := try(t, w)
			if me := as(t, w.kim.watcher, http.MethodGet, w.hub+"/me", "", ""); me.status != http.StatusOK {
				t.Errorf("the session ended: %d", me.status)
			}
			if to := a.header.Get("Location"); strings.Contains(to, "evil") && !strings.HasPrefix(to, "/") {
				t.Errorf("the browser is sent to %s", to)
			}
			return a
		}})
	}
	visit := func(name string, query func(t *testing.T, w *world) url.Values) {
		add(name, 400, "request", func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, http.MethodGet, w.hub+"/end_session?"+query(t, w).Encode(), "", "")
		})
	}
	of := func(pairs ...string) func(*testing.T, *world) url.Values {
		return func(*testing.T, *world) url.Values { return with(url.Values{}, pairs...) }
	}
	visit("it goes back to nobody's address", of("post_logout_redirect_uri", "https://evil.example/"))
	visit("it goes back to no address that is not registered", of("client_id", "driving-licence", "post_logout_redirect_uri", "https://evil.example/"))
	visit("it goes back to no script", of("client_id", "driving-licence", "post_logout_redirect_uri", "javascript:alert(1)"))
	visit("it goes back to no address of logins", func(_ *testing.T, w *world) url.Values {
		return url.Values{"client_id": {"driving-licence"}, "post_logout_redirect_uri": {w.asks.redirect}}
	})
	visit("it knows no client", of("client_id", mark))
	visit("it knows no client that no row can hold", of("client_id", "a\x00b"))
	visit("it refuses two addresses", func(*testing.T, *world) url.Values {
		return url.Values{"client_id": {"driving-licence"}, "post_logout_redirect_uri": {"a", "b"}}
	})
	visit("it refuses a state of 5000 characters", of("client_id", "driving-licence", "state", long(5000)))
	visit("it refuses a state with a line break", of("client_id", "driving-licence", "state", "a\r\nSet-Cookie: x=y"))
	visit("it refuses a hint that is none", of("id_token_hint", mark))
	visit("it refuses an access token for a hint", func(t *testing.T, w *world) url.Values {
		_, given := w.login(t, w.kim.Citizen)
		return url.Values{"id_token_hint": {given.Access}}
	})
	visit("it refuses a hint of another client", func(t *testing.T, w *world) url.Values {
		_, given := w.login(t, w.kim.Citizen)
		return url.Values{"id_token_hint": {given.ID}, "client_id": {"other-agency"}}
	})
	forged := func(name string, bends ...bend) {
		visit("it refuses a hint "+name, func(t *testing.T, w *world) url.Values {
			return url.Values{"id_token_hint": {jwt{
				head: map[string]any{"kid": "1", "typ": "JWT"}, claims: map[string]any{"iss": w.hub, "sub": "x", "aud": "driving-licence", "exp": in(60), "iat": now()}, key: w.asks.key,
			}.sign(t, bends...)}}
		})
	}
	forged("that a client signed")
	forged("that nobody signed", unsigned())
	forged("that brings its own key", func(j *jwt) { j.head["jwk"] = public(j.key); delete(j.head, "kid") })
	forged("by a secret", func(j *jwt) { symmetric(&j.key.PublicKey)(j) })
	visit("it refuses a hint with bent claims", func(t *testing.T, w *world) url.Values {
		_, given := w.login(t, w.kim.Citizen)
		parts := strings.Split(given.ID, ".")
		return url.Values{"id_token_hint": {parts[0] + "." + b64.EncodeToString([]byte(`{"iss":"`+w.hub+`","sub":"x","aud":"driving-licence"}`)) + "." + parts[2]}}
	})
	add("it asks before it logs out whom a client names alone", 200, "", func(t *testing.T, w *world) answer {
		return as(t, w.kim.watcher, http.MethodGet, w.hub+"/end_session?client_id=driving-licence", "", "")
	})
	add("it asks before it logs out by a hint of another session", 200, "", func(t *testing.T, w *world) answer {
		_, given := w.login(t, w.kim.Citizen)
		return as(t, w.kim.watcher, http.MethodGet, w.hub+"/end_session?id_token_hint="+given.ID, "", "")
	})
	add("it logs nobody out by another person's hint", 200, "", func(t *testing.T, w *world) answer {
		_, given := w.login(t, w.lee.Citizen)
		return as(t, w.kim.watcher, http.MethodGet, w.hub+"/end_session?id_token_hint="+given.ID, "", "")
	})
	add("it logs nobody out for another site", 403, "cross_origin", func(t *testing.T, w *world) answer {
		return as(t, w.kim.watcher, http.MethodPost, w.hub+"/logout", formType, "everywhere=1", "Sec-Fetch-Site", "cross-site")
	})
	add("it leads another site's form to the page that asks", 303, "", func(t *testing.T, w *world) answer {
		a := as(t, w.kim.watcher, http.MethodPost, w.hub+"/end_session", formType, "client_id=driving-licence&next=https%3A%2F%2Fevil.example", "Sec-Fetch-Site", "cross-site")
		if to := a.header.Get("Location"); to != "/end_session?client_id=driving-licence" {
			t.Errorf("it leads to %q", to)
		}
		return a
	})
	return list
}
