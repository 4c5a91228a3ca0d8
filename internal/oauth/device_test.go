package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
)

// deviceHub has a page /device in its thinnest form: a code begins, a POST says yes
// or no.
func deviceHub(t testing.TB, change ...func(*oauth.Config)) *hub {
	return newHub(t, append(change, func(c *oauth.Config) { c.Devices = true })...)
}

// devicePages are those of internal/idp/device without words.
func (h *hub) devicePages(mux *http.ServeMux) {
	refuse := func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusForbidden) }
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, r *http.Request) {
		next, err := h.oauth.BeginDevice(w, r, r.FormValue("code"))
		if err != nil {
			refuse(w, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})
	mux.HandleFunc("/device/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if h.says == "no" {
			to, err := h.oauth.Deny(r.Context(), r, id)
			if err != nil {
				refuse(w, err)
				return
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		next, err := h.done(r, id, oauth.StepDevice)
		if err != nil {
			refuse(w, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})
	mux.HandleFunc("/device/done", func(http.ResponseWriter, *http.Request) {})
}

// kiosk registers one that may ask.
func (h *hub) kiosk(change ...map[string]any) *client {
	metadata := map[string]any{
		"redirect_uris": nil, "grant_types": []string{registry.GrantDevice}, "place#en": "City Hall, counter 3",
		"require_pushed_authorization_requests": nil, "scope": "openid resident_card offline_access profile",
	}
	for _, m := range change {
		for name, value := range m {
			metadata[name] = value
		}
	}
	return h.add("kiosk", metadata)
}

func (c *client) ask(change url.Values) answer {
	form := url.Values{"scope": {"openid"}}
	for name, values := range change {
		form[name] = values
	}
	return c.h.post("/device_authorization", form, c.auth(form))
}

func (c *client) poll(code string) answer {
	form := url.Values{"grant_type": {registry.GrantDevice}, "device_code": {code}}
	authenticate := c.auth(form)
	if c.dpop == nil {
		return c.h.post("/token", form, authenticate)
	}
	return c.h.post("/token", form, authenticate, c.proof("/token", ""))
}

// enter is a citizen with a phone of their own.
func (h *hub) enter(code string) answer {
	r, err := http.NewRequest(http.MethodPost, h.url+"/device?"+url.Values{"code": {code}}.Encode(), nil)
	check(h.t, err)
	return h.do(newBrowser(), r)
}

//clause:as RFC 8628, 3.1 to 3.5: device authorization, polling, `authorization_pending`, `slow_down` (five seconds more), `expired_token`, `access_denied`; a code once, atomically
//clause:as RFC 8628, 5.1, 5.4, 6.1: user codes, their tries bounded; the page that names device and place and warns; no link that carries a code
func TestDeviceFlow(t *testing.T) {
	h := deviceHub(t)
	kiosk := h.kiosk()
	asked := kiosk.ask(nil)
	code, user := asked.str("device_code"), asked.str("user_code")
	t.Run("it gives a device its codes, where to answer, and how often to ask", func(t *testing.T) {
		if asked.status != http.StatusOK || asked.header.Get("Cache-Control") != "no-store" || len(code) < 43 ||
			asked.str("verification_uri") != h.url+"/device" || asked.body["expires_in"] != 600.0 || asked.body["interval"] != 5.0 {
			t.Errorf("%d %s", asked.status, asked.text)
		}
	})
	t.Run("it makes user codes of letters that no one takes for another", func(t *testing.T) {
		seen := map[string]bool{}
		for range 50 {
			user := kiosk.ask(nil).str("user_code")
			if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(user) || seen[user] {
				t.Fatalf("the code %q", user)
			}
			seen[user] = true
		}
	})
	t.Run("it sends no link that carries the code", func(t *testing.T) {
		if asked.body["verification_uri_complete"] != nil {
			t.Error(asked.text)
		}
	})
	t.Run("it tells a device that waits to wait on", func(t *testing.T) {
		refused(t, kiosk.poll(code), http.StatusBadRequest, "authorization_pending", "the citizen has not answered")
	})
	t.Run("it tells a device that asks too soon to slow down, and means it", func(t *testing.T) {
		h.pass(4 * time.Second)
		refused(t, kiosk.poll(code), http.StatusBadRequest, "slow_down", "the citizen has not answered")
		h.pass(9 * time.Second) // the pause is ten seconds now
		refused(t, kiosk.poll(code), http.StatusBadRequest, "slow_down", "the citizen has not answered")
		h.pass(15 * time.Second)
		refused(t, kiosk.poll(code), http.StatusBadRequest, "authorization_pending", "the citizen has not answered")
	})
	t.Run("it has the citizen log in anew, also who is logged in", func(t *testing.T) {
		h.session = "somebody who left the browser open"
		defer func() { h.session = "" }()
		if a := h.enter(" " + user[:4] + "." + user[5:]); a.url.Path != oauth.DeviceDone || a.url.RawQuery != "said=yes" {
			t.Fatalf("%d at %s: %s", a.status, a.url, a.text)
		}
	})
	t.Run("it does not take a second answer", func(t *testing.T) {
		if a := h.enter(user); a.status != http.StatusForbidden {
			t.Errorf("%d at %s", a.status, a.url)
		}
	})
	var given answer
	t.Run("it gives a device what the citizen agreed to, to nobody else and without refresh token", func(t *testing.T) {
		other := h.add("other", map[string]any{"redirect_uris": nil, "grant_types": []string{registry.GrantDevice}, "place": "Elsewhere", "require_pushed_authorization_requests": nil})
		refused(t, other.poll(code), http.StatusBadRequest, "invalid_grant", "device_code: of another client")
		given = kiosk.poll(code)
		if given.status != http.StatusOK || given.str("token_type") != "DPoP" || given.str("refresh_token") != "" || given.str("scope") != "openid" {
			t.Fatalf("%d %s", given.status, given.text)
		}
		claims := h.claims(given.str("id_token"), "JWT")
		sub, _ := pairwise{}.Pairwise(context.Background(), "ada", "urn:agency:kiosk")
		if claims["sub"] != sub || claims["aud"] == nil || claims["auth_time"] == nil {
			t.Errorf("the id_token says %v", claims)
		}
		if a := kiosk.use("/userinfo", given.str("access_token")); a.status != http.StatusOK || a.str("sub") != sub {
			t.Errorf("userinfo: %d %s", a.status, a.text)
		}
	})
	t.Run("it ends what a code gave that comes twice", func(t *testing.T) {
		refused(t, kiosk.poll(code), http.StatusBadRequest, "invalid_grant", "device_code: used before; what it gave is revoked")
		if a := kiosk.use("/userinfo", given.str("access_token")); a.status != http.StatusUnauthorized {
			t.Errorf("the token lives: %d", a.status)
		}
	})
	t.Run("it tells a device that the citizen said no", func(t *testing.T) {
		h.says = "no"
		defer func() { h.says = "" }()
		asked := kiosk.ask(nil)
		if a := h.enter(asked.str("user_code")); a.url.RawQuery != "said=no" {
			t.Fatalf("%d at %s", a.status, a.url)
		}
		refused(t, kiosk.poll(asked.str("device_code")), http.StatusBadRequest, "access_denied", "the person said no")
	})
	t.Run("it forgets codes that nobody answered in time", func(t *testing.T) {
		asked := kiosk.ask(nil)
		h.pass(10 * time.Minute)
		refused(t, kiosk.poll(asked.str("device_code")), http.StatusBadRequest, "expired_token", "device_code: expired; ask anew when somebody wants to")
		if a := h.enter(asked.str("user_code")); a.status != http.StatusForbidden {
			t.Errorf("answered: %d at %s", a.status, a.url)
		}
	})
	t.Run("it says in discovery what it does", func(t *testing.T) {
		d := kiosk.visit("/.well-known/openid-configuration")
		if d.str("device_authorization_endpoint") != h.url+"/device_authorization" || !contains(d.text, registry.GrantDevice) {
			t.Error(d.text)
		}
		if d := newHub(t).wallet().visit("/.well-known/openid-configuration"); contains(d.text, "device_") {
			t.Error("a server without the page says that it has it")
		}
	})
}

// TestDeviceHostile: each is refused by its code, and nothing comes of it.
//
//clause:as RFC 8628, 3.1 to 3.5: device authorization, polling, `authorization_pending`, `slow_down` (five seconds more), `expired_token`, `access_denied`; a code once, atomically
//clause:as RFC 8628, 5.1, 5.4, 6.1: user codes, their tries bounded; the page that names device and place and warns; no link that carries a code
func TestDeviceHostile(t *testing.T) {
	h := deviceHub(t)
	kiosk := h.kiosk()
	website := h.website()
	for _, c := range []struct {
		name       string
		ask        func() answer
		code, text string
		status     int
	}{
		{"a client that is not registered for it", func() answer { return website.ask(nil) }, "unauthorized_client", "this client may not use the device grant", 400},
		{"nobody", func() answer { return h.post("/device_authorization", url.Values{"scope": {"openid"}}) }, "invalid_client", "client authentication is missing", 401},
		{"a name without its key", func() answer {
			return h.post("/device_authorization", url.Values{"scope": {"openid"}, "client_id": {"kiosk"}})
		}, "invalid_client", "this client must authenticate by private_key_jwt", 401},
		{"consent details", func() answer {
			return kiosk.ask(url.Values{"authorization_details": {`[{"type":"` + transferType + `"}]`}})
		},
			"invalid_request", "authorization_details cannot be asked for by a device", 400},
		{"a request object", func() answer { return kiosk.ask(url.Values{"request": {"x"}}) }, "invalid_request", "request cannot be asked for by a device", 400},
		{"a credential", func() answer { return kiosk.ask(url.Values{"scope": {"openid resident_card"}}) }, "invalid_scope", "a device gets neither credentials nor refresh tokens", 400},
		{"offline access", func() answer { return kiosk.ask(url.Values{"scope": {"openid offline_access"}}) }, "invalid_scope", "a device gets neither credentials nor refresh tokens", 400},
		{"no scope of its own", func() answer { return kiosk.ask(url.Values{"scope": {"admin"}}) }, "invalid_scope", "nothing is asked for that this client may have", 400},
		{"a scope given twice", func() answer { return kiosk.ask(url.Values{"scope": {"openid", "openid"}}) }, "invalid_request", "a parameter was given twice", 400},
		{"a poll with a code that nobody has", func() answer { return kiosk.poll("guess") }, "invalid_grant", "device_code: unknown", 400},
		{"a poll without a code", func() answer { return kiosk.poll("") }, "invalid_request", "device_code is missing", 400},
		{"a poll of a client that is not registered for it", func() answer { return website.poll("guess") }, "unauthorized_client", "this client may not use the device grant", 400},
		{"a poll by nobody", func() answer {
			return h.post("/token", url.Values{"grant_type": {registry.GrantDevice}, "device_code": {"guess"}})
		}, "invalid_client", "client authentication is missing", 401},
	} {
		t.Run("it refuses "+c.name, func(t *testing.T) { refused(t, c.ask(), c.status, c.code, c.text) })
	}
	for _, typed := range []string{"", "BCDF", "BCDF-GHJKL", "AEIO-AEIO", "BCDF_GHJK", "ÄBCD-FGHJ", "1234-5678"} {
		t.Run("it takes for no code: "+typed, func(t *testing.T) {
			if a := h.enter(typed); a.status != http.StatusForbidden || !contains(a.text, oauth.ErrUserCode.Error()) {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	t.Run("it gives an approved code once, to one of many polls at once", func(t *testing.T) {
		asked := kiosk.ask(nil)
		h.enter(asked.str("user_code"))
		var group sync.WaitGroup
		var mu sync.Mutex
		given := 0
		for range 8 {
			group.Go(func() {
				if kiosk.poll(asked.str("device_code")).status == http.StatusOK {
					mu.Lock()
					defer mu.Unlock()
					given++
				}
			})
		}
		group.Wait()
		if given > 1 {
			t.Errorf("%d got tokens", given)
		}
	})
	t.Run("it takes an answer from the browser that began alone, and after the page alone", func(t *testing.T) {
		h.deny = func(r *http.Request, id string) {
			if a := kiosk.visit("/device/" + id); a.status != http.StatusForbidden {
				t.Errorf("another browser: %d", a.status)
			}
			if a := kiosk.visit("/authorize/callback?id=" + id); a.status != http.StatusBadRequest {
				t.Errorf("another browser: %d", a.status)
			}
		}
		defer func() { h.deny = nil }()
		asked := kiosk.ask(nil)
		if a := h.enter(asked.str("user_code")); a.url.RawQuery != "said=yes" {
			t.Errorf("%d at %s", a.status, a.url)
		}
	})
	t.Run("it bounds the guesses of an address, and charges nothing for right codes", func(t *testing.T) {
		l := &counting{most: map[string]int{"user_code": 3}}
		h := deviceHub(t, func(c *oauth.Config) { c.Limits = l })
		kiosk := h.kiosk()
		for range 5 {
			if a := h.enter(kiosk.ask(nil).str("user_code")); a.url.RawQuery != "said=yes" {
				t.Fatalf("%d %s", a.status, a.text)
			}
		}
		for range 3 {
			h.enter("BCDF-GHJK")
		}
		l.most["par"] = l.taken["par"] + 1 // of the device's own requests
		if a := h.enter(kiosk.ask(nil).str("user_code")); a.url.Path == oauth.DeviceDone {
			t.Error("the guesser goes on")
		}
		refused(t, kiosk.ask(nil), http.StatusTooManyRequests, "slow_down", "too many requests")
	})
	t.Run("it charges a device for polls that come too soon, and for no other", func(t *testing.T) {
		m := &meter{taken: map[string]int{}}
		h := deviceHub(t, func(c *oauth.Config) { c.Limits = m })
		kiosk := h.kiosk()
		code := kiosk.ask(nil).str("device_code")
		for range 3 {
			refused(t, kiosk.poll(code), http.StatusBadRequest, "authorization_pending", "")
			h.pass(time.Minute)
		}
		if m.spent("client", "kiosk") != 0 || m.spent("oauth", "") != 0 {
			t.Errorf("it does as it was told: %v", m.taken)
		}
		refused(t, kiosk.poll(code), http.StatusBadRequest, "authorization_pending", "")
		for range 3 {
			refused(t, kiosk.poll(code), http.StatusBadRequest, "slow_down", "")
		}
		if m.spent("client", "kiosk") != 3 || m.spent("oauth", "") != 3 {
			t.Errorf("it asked three times too soon: %v", m.taken)
		}
	})
	t.Run("it takes one answer of two people who typed the same code", func(t *testing.T) {
		asked := kiosk.ask(nil)
		var second answer
		h.deny = func(*http.Request, string) {
			h.deny = nil
			second = h.enter(asked.str("user_code"))
		}
		first := h.enter(asked.str("user_code"))
		if second.url.RawQuery != "said=yes" || first.status != http.StatusBadRequest {
			t.Errorf("%d at %s, then %d at %s", second.status, second.url, first.status, first.url)
		}
	})
}

// counting is a Limits of so much for each budget.
type counting struct {
	mu    sync.Mutex
	most  map[string]int
	taken map[string]int
}

func (l *counting) Take(_ context.Context, budget, _ string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == nil {
		l.taken = map[string]int{}
	}
	if most, ok := l.most[budget]; ok && l.taken[budget] >= most {
		return spent{}
	}
	l.taken[budget]++
	return nil
}

func (l *counting) Return(_ context.Context, budget, _ string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken[budget]--
}

type spent struct{}

func (spent) Error() string             { return "used up" }
func (spent) RetryAfter() time.Duration { return time.Second }

// A code is for the instance of the client that asked by it (attestation draft, 10.3).
func TestDeviceOfAnInstance(t *testing.T) {
	h, _, one, _ := attestedHub(t, func(c *oauth.Config) { c.Devices = true })
	h.add(foreign, map[string]any{"agency": nil, "token_endpoint_auth_method": "attest_jwt_client_auth", "jwks": nil, "place": "Gate",
		"scope": "openid", "redirect_uris": nil, "grant_types": []string{registry.GrantDevice}})
	asks, thief := h.phone(one), h.phone(one)
	asked := h.post("/device_authorization", url.Values{"scope": {"openid"}}, asks.attest("/device_authorization"))
	if asked.status != http.StatusOK {
		t.Fatalf("%d %s", asked.status, asked.text)
	}
	form := url.Values{"grant_type": {registry.GrantDevice}, "device_code": {asked.str("device_code")}}
	refused(t, h.post("/token", form, thief.attest("/token")), http.StatusBadRequest, "invalid_grant", "of another instance")
	refused(t, h.post("/token", form, asks.attest("/token")), http.StatusBadRequest, "authorization_pending", "")
}
