package oauth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// registerHub knows a person's claims, by scope.
func registerHub(t testing.TB) *hub {
	return newHub(t, func(c *oauth.Config) {
		c.ClaimScopes = map[string]string{"name": "profile", "birthdate": "profile", "email": "email"}
		c.UserInfo = func(_ context.Context, _ string, scopes []string) (map[string]any, error) {
			out := map[string]any{}
			for _, scope := range scopes {
				switch scope {
				case "profile":
					out["name"], out["birthdate"], out["sub"] = "Ada", "1990-01-01", "mallory"
				case "email":
					out["email"] = "ada@example.org"
				}
			}
			return out, nil
		}
	})
}

func (h *hub) plain(id string, change ...map[string]any) *client {
	metadata := map[string]any{
		"agency": nil, "token_endpoint_auth_method": "client_secret_basic", "jwks": nil, "dpop_bound_access_tokens": false,
		"require_pushed_authorization_requests": false, "scope": "openid profile",
	}
	for _, m := range change {
		for name, value := range m {
			metadata[name] = value
		}
	}
	return h.add(id, metadata)
}

// asking is a request for openid with more.
func (c *client) asking(more url.Values) url.Values {
	form := c.authorization("openid")
	for name, values := range more {
		form[name] = values
	}
	return form
}

//clause:as OpenID Connect Core 1.0, 2 and 3.1.2.1: `acr_values`, `max_age`, `auth_time`, `amr`; step-up with a fresh passkey; Error Code unmet_authentication_requirements 1.0
//clause:as 5.5: `claims` for userinfo and id_token, essential acr, `sub` by value, unknown ignored
func TestStepUp(t *testing.T) {
	const essential = `{"id_token":{"acr":{"essential":true,"values":["%s"]}}}`
	insist := func(acr string) url.Values { return url.Values{"claims": {strings.Replace(essential, "%s", acr, 1)}} }
	for _, c := range []struct {
		name    string
		ask     url.Values
		session string        // who is logged in already
		acr     string        // told
		auth    time.Duration // of auth_time, before now
		fail    string
	}{
		{"it tells of a passkey where nothing is asked", nil, "ada", oauth.ACRPasskey, time.Hour, ""},
		{"it asks for a fresh passkey", url.Values{"acr_values": {oauth.ACRFresh}}, "ada", oauth.ACRFresh, 0, ""},
		{"it asks for a fresh passkey that is insisted on", insist(oauth.ACRFresh), "ada", oauth.ACRFresh, 0, ""},
		{"it takes the first class that it knows", url.Values{"acr_values": {"urn:other " + oauth.ACRDevice + " " + oauth.ACRFresh}}, "ada", oauth.ACRDevice, time.Hour, ""},
		{"it ignores classes that nobody knows", url.Values{"acr_values": {"urn:other"}}, "ada", oauth.ACRPasskey, time.Hour, ""},
		{"it tells who insists on what is not known here", insist("urn:other"), "ada", "", 0, "unmet_authentication_requirements"},
		{"it tells who insists, and wants no page", url.Values{"prompt": {"none"}, "claims": insist(oauth.ACRFresh)["claims"]}, "ada", "", 0, "login_required"},
		{"it has max_age hold beside it", url.Values{"acr_values": {oauth.ACRPasskey}, "max_age": {"60"}}, "ada", oauth.ACRPasskey, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t)
			h.session, h.aged = c.session, time.Hour
			one := h.plain("one")
			back := one.open(one.asking(c.ask))
			if back.Get("error") != c.fail {
				t.Fatal(back)
			}
			if c.fail != "" {
				return
			}
			id := h.claims(one.redeem(back.Get("code")).str("id_token"), "JWT")
			at := time.Unix(int64(id["auth_time"].(float64)), 0)
			if id["acr"] != c.acr || h.now().Sub(at) != c.auth || id["amr"] == nil {
				t.Errorf("acr %v, auth_time %s ago", id["acr"], h.now().Sub(at))
			}
		})
	}
	t.Run("it tells who insists on a key of one device, when another was used", func(t *testing.T) {
		h := newHub(t)
		h.synced = true
		one := h.plain("one")
		if back := one.open(one.asking(insist(oauth.ACRDevice))); back.Get("error") != "unmet_authentication_requirements" || back.Get("code") != "" {
			t.Error(back)
		}
		h.synced = false
		if back := one.open(one.asking(insist(oauth.ACRDevice))); back.Get("code") == "" {
			t.Error(back)
		}
	})
	t.Run("it says which classes there are", func(t *testing.T) {
		d := newHub(t).plain("one").visit("/.well-known/openid-configuration")
		if !contains(d.text, oauth.ACRFresh) || d.body["claims_parameter_supported"] != true || !contains(d.text, "select_account") {
			t.Error(d.text)
		}
	})
}

//clause:as 5.5: `claims` for userinfo and id_token, essential acr, `sub` by value, unknown ignored
func TestClaimsParameter(t *testing.T) {
	h := registerHub(t)
	one := h.plain("one")
	get := func(t *testing.T, claims string) (id, info map[string]any) {
		t.Helper()
		a := one.redeem(one.open(one.asking(url.Values{"claims": {claims}})).Get("code"))
		return h.claims(a.str("id_token"), "JWT"), one.use("/userinfo", a.str("access_token")).body
	}
	t.Run("it gives in userinfo and id_token what was asked for there alone", func(t *testing.T) {
		id, info := get(t, `{"userinfo":{"name":null},"id_token":{"birthdate":{"essential":true},"auth_time":{"essential":true}}}`)
		if info["name"] != "Ada" || info["birthdate"] != nil || id["birthdate"] != "1990-01-01" || id["name"] != nil || id["auth_time"] == nil {
			t.Errorf("%v, %v", id, info)
		}
	})
	t.Run("it ignores what is not known and what is not the client's to ask", func(t *testing.T) {
		id, info := get(t, `{"userinfo":{"email":{"essential":true},"shoe_size":null},"id_token":{"email":null},"other":{"x":null}}`)
		if info["email"] != nil || id["email"] != nil || len(info) != 1 {
			t.Errorf("%v, %v", id, info)
		}
	})
	t.Run("it lets nobody's claims stand for the subject", func(t *testing.T) {
		id, info := get(t, `{"userinfo":{"name":null,"sub":null},"id_token":{"name":null}}`)
		if id["sub"] == "mallory" || info["sub"] != id["sub"] {
			t.Errorf("%v, %v", id, info)
		}
	})
	t.Run("it takes them in a request object too", func(t *testing.T) {
		agency := h.add("agency", map[string]any{"scope": "openid profile"})
		claims := map[string]any{"iss": "agency", "aud": h.url, "exp": h.now().Add(time.Minute).Unix(), "claims": json.RawMessage(`{"id_token":{"name":null}}`)}
		for name, values := range agency.authorization("openid") {
			claims[name] = values[0]
		}
		pushed := agency.push(url.Values{"request": {sign(t, agency.key, "oauth-authz-req+jwt", "k1", claims)}})
		if pushed.status != http.StatusCreated {
			t.Fatal(pushed.text)
		}
		back := agency.open(url.Values{"client_id": {"agency"}, "request_uri": {pushed.str("request_uri")}})
		if id := h.claims(agency.redeem(back.Get("code")).str("id_token"), "JWT"); id["name"] != "Ada" {
			t.Error(id)
		}
		bad := agency.authorization("openid")
		bad.Set("claims", "[]")
		refused(t, agency.push(bad), http.StatusBadRequest, "invalid_request", "claims: not the JSON")
	})
	for name, claims := range map[string]string{
		"no JSON": `{`, "an array": `[]`, "a text": `"x"`, "a number for a member": `{"id_token":1}`, "a claim that is a text": `{"id_token":{"acr":"x"}}`,
		"a member twice": `{"id_token":{},"id_token":{}}`, "null": `null`, "two subjects": `{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`,
		"too many": `{"id_token":{` + many(65) + `}}`, "what is too long": `{"id_token":{"` + strings.Repeat("x", 3000) + `":null}}`,
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			a := one.visit("/authorize?" + one.asking(url.Values{"claims": {claims}}).Encode())
			if at, _ := url.Parse(a.header.Get("Location")); a.status == http.StatusBadRequest || at.Query().Get("error") == "invalid_request" && at.Query().Get("code") == "" {
				return
			}
			t.Errorf("%d %s", a.status, a.header.Get("Location"))
		})
	}
}

func many(n int) string {
	var names []string
	for i := range n {
		names = append(names, `"c`+string(rune('a'+i%26))+string(rune('a'+i/26))+`":null`)
	}
	return strings.Join(names, ",")
}

//clause:as 3.1.2.1: `id_token_hint`, `login_hint` (not believed), `ui_locales`, `display` (ignored)
func TestWhoIsMeant(t *testing.T) {
	h := newHub(t)
	one, two := h.plain("one"), h.plain("two")
	h.session = "ada"
	first := one.redeem(one.open(one.authorization("openid")).Get("code")).str("id_token")
	theirs := two.redeem(two.open(two.authorization("openid")).Get("code")).str("id_token")
	sub := h.claims(first, "JWT")["sub"].(string)
	for _, c := range []struct {
		name          string
		session, came string // who is logged in, and who logs in
		ask           url.Values
		fail, why     string
	}{
		{"it lets on who is meant by a hint", "ada", "ada", url.Values{"id_token_hint": {first}}, "", ""},
		{"it lets on who is meant by a claim", "ada", "ada", url.Values{"claims": {`{"id_token":{"sub":{"value":"` + sub + `"}}}`}}, "", ""},
		{"it has who is meant log in where another is", "bob", "ada", url.Values{"id_token_hint": {first}}, "", ""},
		{"it tells when another logged in", "", "bob", url.Values{"id_token_hint": {first}}, "login_required", ""},
		{"it tells when another is there, and wants no page", "bob", "bob", url.Values{"id_token_hint": {first}, "prompt": {"none"}}, "login_required", ""},
		{"it refuses a hint of another client", "ada", "ada", url.Values{"id_token_hint": {theirs}}, "invalid_request", "of another client"},
		{"it refuses a hint that nobody signed", "ada", "ada", url.Values{"id_token_hint": {"x.y.z"}}, "invalid_request", "not an id_token"},
		{"it believes no login_hint", "ada", "ada", url.Values{"login_hint": {"bob"}}, "", ""},
		{"it says nothing of whom a login_hint names", "", "ada", url.Values{"login_hint": {"nobody@example.org"}, "prompt": {"none"}}, "login_required", ""},
		{"it ignores display", "ada", "ada", url.Values{"display": {"wap"}}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.session = c.session
			h.leaves(c.came)
			back := one.open(one.asking(c.ask))
			if c.fail == "invalid_request" && !contains(back.Get("error_description"), c.why) {
				t.Error(back)
			}
			if back.Get("error") != c.fail || (back.Get("code") == "") != (c.fail != "") {
				t.Fatal(back)
			}
			if c.fail == "" && h.claims(one.redeem(back.Get("code")).str("id_token"), "JWT")["sub"] != sub {
				t.Error("somebody else is logged in")
			}
		})
	}
}

//clause:as 3.1.2.1, 3.1.2.6: `prompt` none, login, consent, select_account; login_required, consent_required
//clause:as 3.1.2.1: `id_token_hint`, `login_hint` (not believed), `ui_locales`, `display` (ignored)
func TestPrompts(t *testing.T) {
	for _, c := range []struct {
		name, prompt, session string
		fail                  string
		fresh, asked          bool
	}{
		{"it shows no page on none", "none", "ada", "", false, false},
		{"it tells on none that nobody is logged in", "none", "", "login_required", false, false},
		{"it asks for a passkey on login", "login", "ada", "", true, false},
		{"it asks for a passkey on select_account, of whoever is chosen", "select_account", "ada", "", true, false},
		{"it asks on a page of its own on consent", "consent", "ada", "", false, true},
		{"it does both", "login consent", "ada", "", true, true},
		{"it refuses none beside another", "none login", "ada", "invalid_request", false, false},
		{"it refuses a word that nobody knows", "create", "ada", "invalid_request", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t)
			h.session, h.aged = c.session, time.Hour
			one := h.plain("one")
			back := one.open(one.asking(url.Values{"prompt": {c.prompt}}))
			if back.Get("error") != c.fail {
				t.Fatal(back)
			}
			if (h.consents > 0) != c.asked {
				t.Errorf("the page of consent was shown %d times", h.consents)
			}
			if c.fail != "" {
				return
			}
			at := h.claims(one.redeem(back.Get("code")).str("id_token"), "JWT")["auth_time"].(float64)
			if (h.now().Unix() == int64(at)) != c.fresh {
				t.Errorf("logged in %s ago", h.now().Sub(time.Unix(int64(at), 0)))
			}
		})
	}
	t.Run("it hands on which languages are preferred", func(t *testing.T) {
		var heard []string
		h := newHub(t, func(c *oauth.Config) {
			c.Prefer = func(_ http.ResponseWriter, _ *http.Request, locales []string) { heard = locales }
		})
		one := h.plain("one")
		one.open(one.asking(url.Values{"ui_locales": {"fr-CA en"}}))
		if strings.Join(heard, " ") != "fr-CA en" {
			t.Error(heard)
		}
	})
}

// FuzzClaims: whatever comes is refused or understood, and never answered by 5xx.
//
//clause:as 5.5: `claims` for userinfo and id_token, essential acr, `sub` by value, unknown ignored
func FuzzClaims(f *testing.F) {
	h := registerHub(f)
	one := h.plain("one")
	f.Add(`{"id_token":{"acr":{"essential":true,"values":["urn:mydata:acr:passkey"]}},"userinfo":{"name":null}}`)
	f.Add(`{"id_token":{"sub":{"value":1,"values":[{}]}}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, claims string) {
		w := record(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mux := http.NewServeMux()
			h.oauth.Mount(mux)
			mux.ServeHTTP(w, r)
		}), mustRequest(t, "/authorize?"+one.asking(url.Values{"claims": {claims}}).Encode()))
		if w.Code >= 500 {
			t.Errorf("%d", w.Code)
		}
	})
}

func mustRequest(t testing.TB, target string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, target, nil)
	check(t, err)
	return r
}
