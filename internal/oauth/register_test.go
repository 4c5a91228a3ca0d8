package oauth_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
)

func registering(t *testing.T) *hub {
	return newHub(t, func(c *oauth.Config) { c.Registrar = c.Clients.(*registry.Registry) })
}

func (h *hub) initial(uses int64) string {
	h.t.Helper()
	token, _, err := h.registry.NewInitial(h.t.Context(), registry.InitialOrder{Uses: uses, Life: time.Hour, Scopes: []string{"openid", "offline_access"}})
	check(h.t, err)
	return token
}

// send is one request with a JSON body.
func (h *hub) send(method, path, token, body string, change ...func(*http.Request)) answer {
	h.t.Helper()
	r, err := http.NewRequest(method, h.url+path, bytes.NewBufferString(body))
	check(h.t, err)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, f := range change {
		f(r)
	}
	return h.do(http.DefaultClient, r)
}

// TestStrangers: nobody is introduced to a client that registered itself by a
// session alone.
//
//clause:as OpenID Connect Core 1.0, 3.1.2.4: a client that registered itself gets nobody without a page that names it
func TestStrangers(t *testing.T) {
	h := registering(t)
	h.aged = time.Hour
	site := h.send(http.MethodPost, "/register", h.initial(1), selfMade)
	stranger := &client{h: h, id: site.str("client_id"), secret: site.str("client_secret"), verifier: strings.Repeat("v", 43), browser: newBrowser()}
	known := h.plain("known")
	for _, c := range []struct {
		name, session, prompt string
		client                *client
		fail                  string
		asked                 bool
	}{
		{"it asks who is logged in", "ada", "", stranger, "", true},
		{"it does not ask again who just logged in on the page that names it", "", "", stranger, "", false},
		{"it says so where no page is wanted", "ada", "none", stranger, "consent_required", false},
		{"it does not ask for a client that the operator knows", "ada", "", known, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.session, h.consents, h.strange = c.session, 0, ""
			ask := c.client.authorization("openid")
			if c.prompt != "" {
				ask.Set("prompt", c.prompt)
			}
			back := c.client.open(ask)
			if back.Get("error") != c.fail || (back.Get("code") == "") != (c.fail != "") {
				t.Fatal(back)
			}
			if host := mustRequest(t, redirect).URL.Host; (h.consents > 0) != c.asked || c.asked && h.strange != host {
				t.Errorf("the page was shown %d times and named %q", h.consents, h.strange)
			}
		})
	}
}

const selfMade = `{"redirect_uris":["` + redirect + `"],"client_name":"Site","client_name#ko":"사이트","scope":"openid resident_card","contacts":["a@b.example"],
	"grant_types":["authorization_code","refresh_token"]}`

// RFC 7591, 3: a client registers itself and logs a citizen in.
//
//clause:as RFC 7591: registration by an initial access token, its errors, what strangers may not have
//clause:as RFC 7592: read, replace, end, by its own token
func TestRegister(t *testing.T) {
	h := registering(t)
	a := h.send(http.MethodPost, "/register", h.initial(1), selfMade)
	if a.status != http.StatusCreated || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.text)
	}
	t.Run("it answers what is registered, and no more", func(t *testing.T) {
		for name, want := range map[string]any{
			"client_name": "Site", "client_name#ko": "사이트", "scope": "openid", "token_endpoint_auth_method": "client_secret_basic", "client_secret_expires_at": 0.0,
			"subject_type": "pairwise", "id_token_signed_response_alg": "ES256", "client_id_issued_at": float64(h.now().Unix()),
			"registration_client_uri": h.url + "/register/" + a.str("client_id"), "contacts": nil,
		} {
			if a.body[name] != want {
				t.Errorf("%s is %v, want %v", name, a.body[name], want)
			}
		}
		if len(a.str("client_secret")) < 43 || len(a.str("registration_access_token")) < 43 {
			t.Errorf("%s", a.text)
		}
	})
	self := &client{h: h, id: a.str("client_id"), secret: a.str("client_secret"), verifier: strings.Repeat("v", 43), browser: newBrowser()}
	var token string
	t.Run("it logs a citizen in", func(t *testing.T) {
		given := self.redeem(self.open(self.authorization("openid")).Get("code"))
		if given.status != http.StatusOK || given.str("id_token") == "" {
			t.Fatalf("%d %s", given.status, given.text)
		}
		token = given.str("access_token")
		if use := self.use("/resource", token); use.status != http.StatusOK {
			t.Errorf("%d %s", use.status, use.text)
		}
	})
	t.Run("it may not ask about others' tokens", func(t *testing.T) {
		agency := h.add("agency", nil)
		theirs := agency.redeem(agency.code("openid")).str("access_token")
		form := map[string][]string{"token": {theirs}}
		if a := h.post("/introspect", form, self.auth(form)); a.body["active"] != false {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it gets no scope that its token had not", func(t *testing.T) {
		if back := self.open(self.authorization("resident_card")); back.Get("error") != "invalid_scope" {
			t.Errorf("%v", back)
		}
	})
	path, manager := "/register/"+self.id, a.str("registration_access_token")
	t.Run("it reads its registration (RFC 7592, 2.1), without the secret", func(t *testing.T) {
		b := h.send(http.MethodGet, path, manager, "")
		if b.status != http.StatusOK || b.str("client_id") != self.id || b.str("client_secret") != "" || b.str("registration_access_token") != manager || b.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s", b.status, b.text)
		}
	})
	t.Run("it changes its registration (RFC 7592, 2.2)", func(t *testing.T) {
		b := h.send(http.MethodPut, path, manager, `{"client_id":"`+self.id+`","redirect_uris":["`+redirect+`"],"client_name":"New"}`)
		if b.status != http.StatusOK || b.str("client_name") != "New" || b.body["client_name#ko"] != nil {
			t.Errorf("%d %s", b.status, b.text)
		}
		if back := self.open(self.authorization("openid")); back.Get("code") == "" {
			t.Errorf("%v", back)
		}
	})
	t.Run("it ends its registration, and its tokens with it (RFC 7592, 2.3)", func(t *testing.T) {
		if b := h.send(http.MethodDelete, path, manager, ""); b.status != http.StatusNoContent || b.text != "" {
			t.Fatalf("%d %s", b.status, b.text)
		}
		refused(t, self.use("/resource", token), http.StatusUnauthorized, "invalid_token", "no longer registered")
		form := self.redemption("x")
		refused(t, h.post("/token", form, self.auth(form)), http.StatusUnauthorized, "invalid_client", "unknown client")
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			refused(t, h.send(method, path, manager, ""), http.StatusUnauthorized, "invalid_token", "no such client")
		}
	})
}

// A person is on the way through the pages when a client ends its registration, or
// takes back the address that she was to be led to: nobody is led there any more.
func TestRegistrationEndsUnderWay(t *testing.T) {
	elsewhere := strings.Replace(redirect, "client.example", "elsewhere.example", 1)
	for name, change := range map[string]func(h *hub, path, id, token string) answer{
		"it leads nobody to a client that is no more": func(h *hub, path, _, token string) answer {
			return h.send(http.MethodDelete, path, token, "")
		},
		"it leads nobody to an address that was taken back": func(h *hub, path, id, token string) answer {
			return h.send(http.MethodPut, path, token, `{"client_id":"`+id+`","redirect_uris":["`+elsewhere+`"]}`)
		},
	} {
		for _, at := range []string{"/authorize", "/login", "/authorize/callback"} {
			t.Run(name+", on the way to "+at, func(t *testing.T) {
				h := registering(t)
				a := h.send(http.MethodPost, "/register", h.initial(1), selfMade)
				self := &client{h: h, id: a.str("client_id"), secret: a.str("client_secret"), verifier: strings.Repeat("v", 43), browser: newBrowser()}
				arrives := func(path string) {
					if path != at {
						return
					}
					if b := change(h, "/register/"+self.id, self.id, a.str("registration_access_token")); b.status >= 300 {
						t.Fatal(b.text)
					}
				}
				self.browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
					if r.URL.Host != mustRequest(t, h.url).URL.Host {
						return http.ErrUseLastResponse
					}
					arrives(r.URL.Path)
					return nil
				}
				form := self.authorization("openid")
				if at == "/authorize" { // which is answered there and then
					form.Set("prompt", "none")
				}
				uri := self.push(form).str("request_uri")
				arrives("/authorize")
				back := self.visit("/authorize?" + url.Values{"client_id": {self.id}, "request_uri": {uri}}.Encode())
				if back.status < 400 || back.status >= 500 || back.header.Get("Location") != "" {
					t.Errorf("%d to %s: %s", back.status, back.header.Get("Location"), back.text)
				}
			})
		}
	}
}

// Profiles can be registered for, and not contradicted.
func TestRegisterAProfile(t *testing.T) {
	h := registering(t)
	key := newKey(t)
	keys, err := json.Marshal(map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "kid": "k1",
		"x": text(string(key.X.FillBytes(make([]byte, 32)))), "y": text(string(key.Y.FillBytes(make([]byte, 32))))}}})
	check(t, err)
	body := func(more string) string {
		return `{"profile":"fapi2","token_endpoint_auth_method":"private_key_jwt","jwks":` + string(keys) + `,"redirect_uris":["` + redirect + `"],"grant_types":["authorization_code","refresh_token"]` + more + `}`
	}
	token := h.initial(1)
	refused(t, h.send(http.MethodPost, "/register", token, body(`,"dpop_bound_access_tokens":false`)), http.StatusBadRequest, registry.CodeMetadata, "dpop_bound_access_tokens: false contradicts")
	a := h.send(http.MethodPost, "/register", token, body(""))
	if a.status != http.StatusCreated || a.str("profile") != "fapi2" || a.body["require_pushed_authorization_requests"] != true || a.body["dpop_bound_access_tokens"] != true || a.str("client_secret") != "" {
		t.Fatalf("%d %s", a.status, a.text)
	}
	self := &client{h: h, id: a.str("client_id"), key: key, dpop: h.maker(), verifier: strings.Repeat("v", 43), browser: newBrowser()}
	if given := self.redeem(self.code("openid")); given.status != http.StatusOK || given.str("token_type") != "DPoP" {
		t.Errorf("%d %s", given.status, given.text)
	}
}

// Hostile registrations: a precise code each, and nothing registered or used up.
//
//clause:as RFC 7591: registration by an initial access token, its errors, what strangers may not have
func TestRegisterRefuses(t *testing.T) {
	h := registering(t)
	token := h.initial(1)
	website := h.website()
	access := website.redeem(website.open(website.authorization("openid")).Get("code")).str("access_token")
	plain := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	for _, c := range []struct {
		name   string
		token  string
		body   string
		change []func(*http.Request)
		status int
		code   string
		why    string
	}{
		{"it refuses no token", "", selfMade, nil, http.StatusUnauthorized, "", ""},
		{"it refuses an unknown token", "nobody's", selfMade, nil, http.StatusUnauthorized, "invalid_token", "unknown"},
		{"it refuses a long token", strings.Repeat("x", 4096), selfMade, nil, http.StatusUnauthorized, "invalid_token", "Bearer"},
		{"it refuses a user's access token", access, selfMade, nil, http.StatusUnauthorized, "invalid_token", "unknown"},
		{"it refuses a client's secret", website.secret, selfMade, nil, http.StatusUnauthorized, "invalid_token", "unknown"},
		{"it refuses a token by Basic", "", selfMade, []func(*http.Request){func(r *http.Request) { r.SetBasicAuth("x", token) }}, http.StatusUnauthorized, "invalid_token", "Bearer"},
		{"it refuses two tokens", token, selfMade, []func(*http.Request){func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+token) }}, http.StatusUnauthorized, "invalid_token", "one Authorization"},
		{"it refuses a token in the URL", "", selfMade, []func(*http.Request){func(r *http.Request) { r.URL.RawQuery = "access_token=" + token }}, http.StatusUnauthorized, "", ""},
		{"it refuses a form", token, "client_name=x", []func(*http.Request){plain}, http.StatusBadRequest, registry.CodeMetadata, "content type"},
		{"it refuses too much", token, `{"x":"` + strings.Repeat("x", 33<<10) + `"}`, nil, http.StatusBadRequest, registry.CodeMetadata, "too long"},
		{"it refuses deep JSON", token, strings.Repeat(`{"a":`, 12000) + "1" + strings.Repeat("}", 12000), nil, http.StatusBadRequest, registry.CodeMetadata, ""},
		{"it refuses what is no UTF-8", token, "{\"client_name\":\"\xff\xfe\",\"redirect_uris\":[\"https://a.example/cb\"]}", nil, http.StatusBadRequest, registry.CodeMetadata, "not UTF-8"},
		{"it refuses what is no JSON", token, "{", nil, http.StatusBadRequest, registry.CodeMetadata, "not a JSON object"},
		{"it refuses an array", token, "[" + selfMade + "]", nil, http.StatusBadRequest, registry.CodeMetadata, "not a JSON object"},
		{"it refuses an agency", token, `{"agency":"urn:a"}`, nil, http.StatusBadRequest, registry.CodeMetadata, "agency"},
		{"it refuses a software statement", token, `{"software_statement":"a.b.c"}`, nil, http.StatusBadRequest, registry.CodeStatement, "software_statement"},
		{"it refuses an address of keys", token, `{"redirect_uris":["https://a.example/cb"],"jwks_uri":"http://169.254.169.254/"}`, nil, http.StatusBadRequest, registry.CodeMetadata, "jwks_uri"},
		{"it refuses a redirect without https", token, `{"redirect_uris":["http://a.example/cb"]}`, nil, http.StatusBadRequest, registry.CodeRedirect, "https"},
		{"it refuses a wildcard", token, `{"redirect_uris":["https://*.a.example/cb"]}`, nil, http.StatusBadRequest, registry.CodeRedirect, "wildcard"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := h.send(http.MethodPost, "/register", c.token, c.body, c.change...)
			refused(t, a, c.status, c.code, c.why)
			if (a.status == http.StatusUnauthorized) != strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%v", a.header)
			}
		})
	}
	first := h.send(http.MethodPost, "/register", token, selfMade)
	if first.status != http.StatusCreated {
		t.Fatalf("the token was used up: %d %s", first.status, first.text)
	}
	t.Run("it refuses a token that is used up", func(t *testing.T) {
		refused(t, h.send(http.MethodPost, "/register", token, selfMade), http.StatusUnauthorized, "invalid_token", "used up")
	})
	other := h.send(http.MethodPost, "/register", h.initial(1), selfMade)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		for name, path := range map[string]string{
			"another's client": "/register/" + first.str("client_id"), "the operator's client": "/register/website", "nobody": "/register/nobody", "a text that no row has": "/register/a%00b",
		} {
			t.Run("it lets no token "+method+" "+name, func(t *testing.T) {
				a := h.send(method, path, other.str("registration_access_token"), selfMade)
				refused(t, a, http.StatusUnauthorized, "invalid_token", "no such client")
			})
		}
		t.Run("it lets nobody "+method+" without a token", func(t *testing.T) {
			if a := h.send(method, "/register/"+first.str("client_id"), "", selfMade); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%d %v", a.status, a.header)
			}
		})
	}
	t.Run("it refuses a change in another's name", func(t *testing.T) {
		a := h.send(http.MethodPut, "/register/"+first.str("client_id"), first.str("registration_access_token"), `{"client_id":"website","redirect_uris":["https://a.example/"]}`)
		refused(t, a, http.StatusBadRequest, registry.CodeMetadata, "client_id")
	})
	t.Run("it refuses a change that is a form", func(t *testing.T) {
		refused(t, h.send(http.MethodPut, "/register/"+first.str("client_id"), first.str("registration_access_token"), "x=y", plain), http.StatusBadRequest, registry.CodeMetadata, "content type")
	})
	t.Run("it has no door where nobody may register", func(t *testing.T) {
		shut := newHub(t)
		if a := shut.send(http.MethodPost, "/register", "x", selfMade); a.status != http.StatusNotFound {
			t.Errorf("%d", a.status)
		}
		if a := shut.send(http.MethodGet, "/.well-known/openid-configuration", "", ""); a.body["registration_endpoint"] != nil {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("it says where", func(t *testing.T) {
		if a := h.send(http.MethodGet, "/.well-known/openid-configuration", "", ""); a.str("registration_endpoint") != h.url+"/register" {
			t.Errorf("%s", a.text)
		}
	})
}

// What was given to a client as it was is nothing to the client as it is now.
func TestTightenedRegistration(t *testing.T) {
	h := registering(t)
	asker := h.add("asker", map[string]any{"roles": []string{"introspect"}})
	active := func(token string) any {
		form := map[string][]string{"token": {token}}
		return h.post("/introspect", form, asker.auth(form)).body["active"]
	}
	begin := func() (*client, answer, string) {
		a := h.send(http.MethodPost, "/register", h.initial(1), selfMade)
		self := &client{h: h, id: a.str("client_id"), secret: a.str("client_secret"), verifier: strings.Repeat("v", 43), browser: newBrowser()}
		return self, a, self.redeem(self.open(self.authorization("openid")).Get("code")).str("access_token")
	}
	t.Run("it takes no bearer's token of a client whose tokens are bound now", func(t *testing.T) {
		self, a, token := begin()
		if use := self.use("/resource", token); use.status != http.StatusOK || active(token) != true {
			t.Fatalf("%d %s", use.status, use.text)
		}
		b := h.send(http.MethodPut, "/register/"+self.id, a.str("registration_access_token"), `{"client_id":"`+self.id+`","redirect_uris":["`+redirect+`"],"dpop_bound_access_tokens":true}`)
		if b.status != http.StatusOK {
			t.Fatalf("%d %s", b.status, b.text)
		}
		refused(t, self.use("/resource", token), http.StatusUnauthorized, "invalid_token", "bound to a key")
	})
	t.Run("it tells nobody that a token of a client that ended is good", func(t *testing.T) {
		self, a, token := begin()
		if active(token) != true {
			t.Fatal("it was not good before")
		}
		h.send(http.MethodDelete, "/register/"+self.id, a.str("registration_access_token"), "")
		if said := active(token); said != false {
			t.Errorf("%v", said)
		}
	})
}
