package oauth_test

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

//clause:as RFC 9207: `iss` in success and error
//clause:as RFC 9396: a type registered by its owner
//clause:as OpenID Connect Core: prompt, max_age, no id_token without openid, pairwise sub by agency
//clause:issuer 5.1.2, HAIP 1.0: a scope for each configuration, of this one type alone; unknown ones ignored
func TestCodeFlow(t *testing.T) {
	h := newHub(t)
	agency, wallet, website := h.add("agency", nil), h.wallet(), h.website()

	t.Run("it takes an agency from PAR to a bound token and an id_token", func(t *testing.T) {
		a := agency.redeem(agency.code("openid offline_access"))
		if a.status != http.StatusOK || a.str("token_type") != "DPoP" {
			t.Fatalf("%d %s", a.status, a.text)
		}
		claims := h.claims(a.str("access_token"), "at+jwt")
		sub, _ := pairwise{}.Pairwise(t.Context(), "ada", "urn:agency:agency")
		want := map[string]any{"iss": h.url, "aud": h.url, "sub": sub, "client_id": "agency", "scope": "openid offline_access"}
		for name, value := range want {
			if claims[name] != value {
				t.Errorf("%s is %v, want %v", name, claims[name], value)
			}
		}
		if cnf, _ := claims["cnf"].(map[string]any); cnf["jkt"] != agency.dpop.JKT() {
			t.Error("the token is not bound to the key")
		}
		id := h.claims(a.str("id_token"), "JWT")
		if id["sub"] != sub || id["nonce"] != "no" || id["aud"].([]any)[0] != "agency" || id["at_hash"] == "" || id["auth_time"] == nil {
			t.Errorf("id_token %v", id)
		}
		if got := agency.use("/resource", a.str("access_token")); got.status != http.StatusOK || got.str("Citizen") != "ada" {
			t.Errorf("resource: %d %s", got.status, got.text)
		}
		if got := agency.use("/userinfo", a.str("access_token")); got.str("sub") != sub {
			t.Errorf("userinfo: %d %s", got.status, got.text)
		}
	})
	t.Run("it takes a wallet to a credential's scope, without an id_token", func(t *testing.T) {
		a := wallet.redeem(wallet.code("resident_card unknown_scope"))
		if a.status != http.StatusOK || a.str("scope") != "resident_card" || a.str("id_token") != "" || a.str("refresh_token") != "" {
			t.Fatalf("%d %s", a.status, a.text)
		}
		refused(t, wallet.use("/userinfo", a.str("access_token")), http.StatusForbidden, "insufficient_scope", "openid")
	})
	t.Run("it takes an ordinary website without PAR to a bearer token", func(t *testing.T) {
		back := website.open(website.authorization("openid"))
		a := website.redeem(back.Get("code"))
		if a.status != http.StatusOK || a.str("token_type") != "Bearer" {
			t.Fatalf("%d %s", a.status, a.text)
		}
		if got := website.use("/resource", a.str("access_token")); got.status != http.StatusOK {
			t.Errorf("resource: %d %s", got.status, got.text)
		}
	})
	t.Run("it gives clients of two agencies two subjects, and two of one agency one", func(t *testing.T) {
		sub := func(c *client) any {
			return h.claims(c.redeem(c.code("openid")).str("access_token"), "at+jwt")["sub"]
		}
		sister := h.add("sister", map[string]any{"agency": "urn:agency:agency"})
		stranger := h.add("stranger", nil)
		if sub(agency) != sub(sister) || sub(agency) == sub(stranger) {
			t.Error("the sector is not the agency")
		}
	})
	t.Run("it says iss and state in success and error, and keeps the redirect's query", func(t *testing.T) {
		for _, prompt := range []string{"", "none"} {
			form := website.authorization("openid")
			form.Set("prompt", prompt)
			back := website.open(form)
			if back.Get("iss") != h.url || back.Get("state") != "st" || back.Get("keep") != "1" {
				t.Errorf("prompt %q: %v", prompt, back)
			}
		}
	})
	t.Run("it hands out a code of 60 seconds", func(t *testing.T) {
		code := agency.code("openid")
		h.pass(61 * time.Second)
		refused(t, agency.redeem(code), http.StatusBadRequest, "invalid_grant", "code")
	})
	t.Run("it asks the owner of the details, and puts its claims into the token", func(t *testing.T) {
		a := agency.redeem(agency.code("", withDetails))
		claims := h.claims(a.str("access_token"), "at+jwt")
		if claims["aud"] != "urn:provider" || claims["grant_id"] != "grant-1" || a.body["expires_in"] != 60.0 {
			t.Errorf("%v %s", claims, a.text)
		}
		details, _ := a.body["authorization_details"].([]any)
		if len(details) != 1 || a.str("refresh_token") == "" {
			t.Errorf("%s", a.text)
		}
		refused(t, agency.use("/resource", a.str("access_token")), http.StatusUnauthorized, "invalid_token", "aud")
	})
}

//clause:as callback bound to the browser
func TestSteps(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", nil)
	begin := func(t *testing.T, scope string, change ...func(url.Values)) string {
		t.Helper()
		form := agency.authorization(scope)
		for _, f := range change {
			f(form)
		}
		r, err := http.NewRequest(http.MethodGet, h.url+"/authorize?"+url.Values{
			"client_id": {"agency"}, "request_uri": {agency.push(form).str("request_uri")}}.Encode(), nil)
		check(t, err)
		still := *agency.browser
		still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		a := h.do(&still, r)
		target, err := url.Parse(a.header.Get("Location"))
		check(t, err)
		if target.Path != "/login" {
			t.Fatalf("begins at %s", target)
		}
		return target.Query().Get("request")
	}
	request := func(c *client) *http.Request {
		r, err := http.NewRequest(http.MethodGet, h.url, nil)
		check(t, err)
		u, _ := url.Parse(h.url)
		for _, cookie := range c.browser.Jar.Cookies(u) {
			r.AddCookie(cookie)
		}
		return r
	}
	next := func(t *testing.T, id string) string {
		t.Helper()
		to, err := h.oauth.Next(t.Context(), id)
		check(t, err)
		return to
	}
	done := func(t *testing.T, r *http.Request, id, step string) {
		t.Helper()
		to, err := h.done(r, id, step)
		check(t, err)
		if to != next(t, id) {
			t.Errorf("it leads to %s, and then to %s", to, next(t, id))
		}
	}
	t.Run("it leads over login, approval, issuance to the callback", func(t *testing.T) {
		id := begin(t, "resident_card", withDetails)
		r := request(agency)
		check(t, h.oauth.Authenticated(t.Context(), r, id, "ada", h.now(), nil))
		var path []string
		for range 3 {
			to := next(t, id)
			path = append(path, to)
			switch to {
			case "/approval/" + id:
				done(t, r, id, "approval")
			case "/issuance/" + id:
				done(t, r, id, "issuance")
			}
		}
		if want := []string{"/approval/" + id, "/issuance/" + id, "/authorize/callback?id=" + id}; !slices.Equal(path, want) {
			t.Errorf("path %v, want %v", path, want)
		}
		i, err := h.oauth.Interaction(t.Context(), r, id)
		check(t, err)
		if i.Citizen != "ada" || i.Client.ID != "agency" || i.Refs[transferType] != "grant-1" {
			t.Errorf("%+v", i)
		}
	})
	t.Run("it gives no code before every step was passed", func(t *testing.T) {
		id := begin(t, "", withDetails)
		check(t, h.oauth.Authenticated(t.Context(), request(agency), id, "ada", h.now(), nil))
		still := *agency.browser
		still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		r, err := http.NewRequest(http.MethodGet, h.url+"/authorize/callback?id="+id, nil)
		check(t, err)
		if a := h.do(&still, r); a.header.Get("Location") != "/approval/"+id {
			t.Errorf("sent to %s", a.header.Get("Location"))
		}
	})
	t.Run("it forgets an approval when another person logs in", func(t *testing.T) {
		id := begin(t, "", withDetails)
		r := request(agency)
		check(t, h.oauth.Authenticated(t.Context(), r, id, "ada", h.now(), nil))
		done(t, r, id, "approval")
		check(t, h.oauth.Authenticated(t.Context(), r, id, "bob", h.now(), nil))
		if to := next(t, id); to != "/approval/"+id {
			t.Errorf("next is %s", to)
		}
	})
	for name, by := range map[string]string{
		"it passes a step though another tab was first":                "ada",
		"it passes none for who comes in the place of the one who did": "bob",
	} {
		t.Run(name, func(t *testing.T) {
			defer h.leaves("ada")
			id := begin(t, "resident_card")
			r := request(agency)
			check(t, h.oauth.Authenticated(t.Context(), r, id, "ada", h.now(), nil))
			in, err := h.oauth.Interaction(t.Context(), r, id)
			check(t, err)
			h.leaves(by)
			check(t, h.oauth.Authenticated(t.Context(), r, id, by, h.now(), nil))
			to, err := h.oauth.Done(t.Context(), r, in, "issuance")
			if by == "ada" && (err != nil || to != "/authorize/callback?id="+id) || by == "bob" && !errors.Is(err, oauth.ErrNobody) {
				t.Errorf("next is %s, %v", to, err)
			}
		})
	}
	for name, who := range map[string]string{
		"it goes no step for a person who logged out":        "",
		"it goes no step for a person whose place was taken": "bob",
	} {
		t.Run(name, func(t *testing.T) {
			defer h.leaves("ada")
			id := begin(t, "resident_card")
			r := request(agency)
			check(t, h.oauth.Authenticated(t.Context(), r, id, "ada", h.now(), nil))
			h.leaves(who)
			if _, err := h.done(r, id, "issuance"); !errors.Is(err, oauth.ErrNobody) {
				t.Errorf("a step: %v", err)
			}
			if to := next(t, id); to != "/login?request="+id {
				t.Errorf("next is %s", to)
			}
		})
		t.Run(name+", nor gives a code", func(t *testing.T) {
			defer h.leaves("ada")
			id := begin(t, "openid")
			check(t, h.oauth.Authenticated(t.Context(), request(agency), id, "ada", h.now(), nil))
			h.leaves(who)
			still := *agency.browser
			still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			r, err := http.NewRequest(http.MethodGet, h.url+"/authorize/callback?id="+id, nil)
			check(t, err)
			if a := h.do(&still, r); a.header.Get("Location") != "/login?request="+id {
				t.Errorf("sent to %s", a.header.Get("Location"))
			}
		})
	}
	t.Run("it gives no card on a login that grew old before its page", func(t *testing.T) {
		for _, c := range []struct {
			scope string
			left  time.Duration
			to    string
		}{
			{"resident_card", 4 * time.Minute, "/authorize/callback"},
			{"resident_card", 6 * time.Minute, "/login"},
			{"openid", 20 * time.Minute, "/authorize/callback"},
		} {
			id := begin(t, c.scope)
			r := request(agency)
			check(t, h.oauth.Authenticated(t.Context(), r, id, "ada", h.now(), nil))
			h.pass(c.left)
			in, err := h.oauth.Interaction(t.Context(), r, id)
			check(t, err)
			if in.Citizen != "" {
				_, err := h.oauth.Done(t.Context(), r, in, oauth.StepIssuance)
				check(t, err)
			}
			if to := next(t, id); !strings.HasPrefix(to, c.to+"?") {
				t.Errorf("%s after %s: next is %s", c.scope, c.left, to)
			}
		}
	})
	t.Run("it takes no step before somebody logged in", func(t *testing.T) {
		if _, err := h.done(request(agency), begin(t, "openid"), "approval"); err == nil {
			t.Error("done")
		}
	})
	t.Run("it answers no other browser", func(t *testing.T) {
		id := begin(t, "openid")
		stranger := &client{h: h, browser: newBrowser()}
		r := request(stranger)
		if _, err := h.oauth.Interaction(t.Context(), r, id); err == nil {
			t.Error("showed the interaction")
		}
		if err := h.oauth.Authenticated(t.Context(), r, id, "mallory", h.now(), nil); err == nil {
			t.Error("took a login")
		}
		if _, err := h.oauth.Deny(t.Context(), r, id); err == nil {
			t.Error("took a denial")
		}
		check(t, h.oauth.Authenticated(t.Context(), request(agency), id, "ada", h.now(), nil))
		if a := stranger.visit("/authorize/callback?id=" + id); a.status != http.StatusBadRequest {
			t.Errorf("the callback answered %d %s", a.status, a.header.Get("Location"))
		}
	})
	t.Run("it sends a denial back with iss and state, once", func(t *testing.T) {
		id := begin(t, "openid")
		r := request(agency)
		to, err := h.oauth.Deny(t.Context(), r, id)
		check(t, err)
		u, _ := url.Parse(to)
		if q := u.Query(); q.Get("error") != "access_denied" || q.Get("iss") != h.url || q.Get("state") != "st" {
			t.Errorf("%s", to)
		}
		if _, err := h.oauth.Deny(t.Context(), r, id); err == nil {
			t.Error("denied twice")
		}
	})
	for name, form := range map[string]url.Values{
		"it takes no login from before, for prompt=login":          {"prompt": {"login"}},
		"it takes no login from before, for prompt=select_account": {"prompt": {"select_account"}},
		"it takes no login older than max_age":                     {"max_age": {"60"}},
		"it takes a login made for the request, for max_age=0":     {"max_age": {"0"}},
	} {
		t.Run(name, func(t *testing.T) {
			id := begin(t, "openid", func(f url.Values) { maps.Copy(f, form) })
			r := request(agency)
			err := h.oauth.Authenticated(t.Context(), r, id, "ada", h.now().Add(-2*time.Minute), nil)
			if !errors.Is(err, oauth.ErrStale) {
				t.Errorf("%v", err)
			}
			now := h.now()
			h.pass(time.Millisecond) // until it is noted
			check(t, h.oauth.Authenticated(t.Context(), r, id, "ada", now, nil))
		})
	}
	t.Run("it gives one code for one interaction", func(t *testing.T) {
		id := begin(t, "openid")
		check(t, h.oauth.Authenticated(t.Context(), request(agency), id, "ada", h.now(), nil))
		first := agency.visit("/authorize/callback?id=" + id)
		second := agency.visit("/authorize/callback?id=" + id)
		if first.status != http.StatusSeeOther || second.status != http.StatusBadRequest {
			t.Errorf("answered %d, then %d", first.status, second.status)
		}
	})
	t.Run("it ends after half an hour", func(t *testing.T) {
		id := begin(t, "openid")
		h.pass(31 * time.Minute)
		if _, err := h.oauth.Next(t.Context(), id); err == nil {
			t.Error("goes on")
		}
	})
}

//clause:as OpenID Connect Core: prompt, max_age, no id_token without openid, pairwise sub by agency
//clause:as 3.1.2.1, 3.1.2.6: `prompt` none, login, consent, select_account; login_required, consent_required
func TestSingleSignOn(t *testing.T) {
	for _, c := range []struct {
		name    string
		session string
		aged    time.Duration
		form    url.Values
		code    bool
		want    string // error
	}{
		{"it uses a session silently", "ada", time.Hour, url.Values{"prompt": {"none"}}, true, ""},
		{"it says login_required when there is none", "", 0, url.Values{"prompt": {"none"}}, false, "login_required"},
		{"it says login_required when it is too old", "ada", time.Hour, url.Values{"prompt": {"none"}, "max_age": {"60"}}, false, "login_required"},
		{"it uses one that is young enough", "ada", time.Minute, url.Values{"prompt": {"none"}, "max_age": {"120"}}, true, ""},
		{"it says consent_required when a page must ask", "ada", 0, url.Values{"prompt": {"none"}, "scope": {"resident_card"}}, false, "consent_required"},
		{"it gives no card on the strength of a browser that was left open", "ada", 6 * time.Minute, url.Values{"prompt": {"none"}, "scope": {"resident_card"}}, false, "login_required"},
		{"it refuses none with company", "ada", 0, url.Values{"prompt": {"none login"}}, false, "invalid_request"},
		{"it refuses an unknown prompt", "ada", 0, url.Values{"prompt": {"dance"}}, false, "invalid_request"},
		{"it refuses a max_age that is no number", "ada", 0, url.Values{"max_age": {"x"}}, false, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t)
			h.session, h.aged = c.session, c.aged
			website := h.website()
			form := website.authorization("openid")
			for name, values := range c.form {
				form[name] = values
			}
			back := website.open(form)
			if back.Get("error") != c.want || (back.Get("code") != "") != c.code {
				t.Errorf("%v", back)
			}
		})
	}
	t.Run("it makes a person log in anew for prompt=login", func(t *testing.T) {
		h := newHub(t)
		h.session, h.citizen = "ada", "bob"
		website := h.website()
		form := website.authorization("openid")
		form.Set("prompt", "login")
		a := website.redeem(website.open(form).Get("code"))
		sub, _ := pairwise{}.Pairwise(t.Context(), "bob", "website")
		if h.claims(a.str("id_token"), "JWT")["sub"] != sub {
			t.Error("took the session")
		}
	})
}
