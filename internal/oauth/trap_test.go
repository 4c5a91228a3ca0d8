package oauth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// The traps of the OpenID library, each shut: a test a trap.

//clause:as RFC 7636: S256 alone; plain and none refused
func TestPKCE(t *testing.T) {
	h := newHub(t)
	clients := map[string]*client{"public": h.wallet(), "confidential": h.add("agency", nil)}
	for kind, c := range clients {
		for _, e := range []struct {
			name   string
			change func(url.Values)
		}{
			{"it refuses a " + kind + " client without a challenge", func(f url.Values) { f.Del("code_challenge") }},
			{"it refuses a " + kind + " client without a method", func(f url.Values) { f.Del("code_challenge_method") }},
			{"it refuses a " + kind + " client with plain", func(f url.Values) { f.Set("code_challenge_method", "plain") }},
			{"it refuses a " + kind + " client whose challenge is no hash", func(f url.Values) { f.Set("code_challenge", "short") }},
		} {
			t.Run(e.name, func(t *testing.T) {
				form := c.authorization("openid resident_card")
				e.change(form)
				refused(t, c.push(form), http.StatusBadRequest, "invalid_request", "code_challenge")
			})
		}
		for _, e := range []struct {
			name     string
			verifier string
		}{
			{"it refuses a " + kind + " client that omits the verifier", ""},
			{"it refuses a " + kind + " client with a wrong verifier", strings.Repeat("a", 43)},
			{"it refuses a " + kind + " client with a verifier too short", "a"},
		} {
			t.Run(e.name, func(t *testing.T) {
				a := c.redeem(c.code("openid resident_card"), func(f url.Values) { f.Set("code_verifier", e.verifier) })
				refused(t, a, http.StatusBadRequest, "invalid_grant", "code_verifier")
			})
		}
	}
}

//clause:as RFC 6749, 3.2 and 5.1: POST bodies alone, no parameter twice, no-store, no reflected CORS
func TestTokenEndpoint(t *testing.T) {
	h := newHub(t)
	website := h.website()
	basic := func(r *http.Request) { r.SetBasicAuth(website.id, website.secret) }
	t.Run("it answers no GET, least of all with a secret in the URL", func(t *testing.T) {
		query := website.redemption("x")
		query.Set("client_id", website.id)
		query.Set("client_secret", website.secret)
		if a := website.visit("/token?" + query.Encode()); a.status != http.StatusMethodNotAllowed {
			t.Errorf("answered %d", a.status)
		}
	})
	t.Run("it takes no parameter from the URL", func(t *testing.T) {
		a := h.post("/token?grant_type=authorization_code", website.redemption("x"), basic)
		refused(t, a, http.StatusBadRequest, "invalid_request", "body")
	})
	t.Run("it takes no secret from the body", func(t *testing.T) {
		form := website.redemption("x")
		form.Set("client_id", website.id)
		form.Set("client_secret", website.secret)
		refused(t, h.post("/token", form), http.StatusUnauthorized, "invalid_client", "Basic")
	})
	t.Run("it takes forms alone", func(t *testing.T) {
		a := h.post("/token", website.redemption("x"), basic, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })
		refused(t, a, http.StatusBadRequest, "invalid_request", "content type")
	})
	t.Run("it refuses a parameter given twice", func(t *testing.T) {
		form := website.redemption("x")
		form.Add("code", "y")
		refused(t, h.post("/token", form, basic), http.StatusBadRequest, "invalid_request", "twice")
	})
	t.Run("it refuses a parameter too long", func(t *testing.T) {
		form := website.redemption(strings.Repeat("x", 3000))
		refused(t, h.post("/token", form, basic), http.StatusBadRequest, "invalid_request", "too long")
	})
	t.Run("it refuses a body too long", func(t *testing.T) {
		form := website.redemption("x")
		for _, name := range []string{"request", "authorization_details", "client_assertion"} {
			form.Set(name, strings.Repeat("x", 30<<10)) // each short enough
		}
		refused(t, h.post("/token", form, basic), http.StatusBadRequest, "invalid_request", "too long")
	})
	for _, grant := range []string{
		"urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials", "password", "implicit",
		"urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:device_code",
	} {
		t.Run("it refuses the grant "+grant, func(t *testing.T) {
			form := url.Values{"grant_type": {grant}, "assertion": {"x"}, "subject_token": {"x"}, "device_code": {"x"}}
			refused(t, h.post("/token", form, basic), http.StatusBadRequest, "unsupported_grant_type", "")
		})
	}
	t.Run("it refuses no grant at all", func(t *testing.T) {
		refused(t, h.post("/token", url.Values{}, basic), http.StatusBadRequest, "invalid_request", "grant_type")
	})
	t.Run("it refuses a grant the client did not register", func(t *testing.T) {
		only := h.add("only", map[string]any{"grant_types": []string{registry.GrantRefresh}, "redirect_uris": nil})
		refused(t, only.redeem("x"), http.StatusBadRequest, "unauthorized_client", "")
	})
	t.Run("it keeps every answer out of caches", func(t *testing.T) {
		good := website.redeem(website.open(website.authorization("openid")).Get("code"))
		for _, a := range []answer{good, h.post("/token", url.Values{}), website.push(url.Values{}), website.visit("/authorize")} {
			if a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s: Cache-Control is %q", a.status, a.text, a.header.Get("Cache-Control"))
			}
		}
	})
	t.Run("it reflects no origin", func(t *testing.T) {
		origin := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
		for _, path := range []string{"/token", "/introspect", "/revoke", "/par"} {
			a := h.post(path, website.redemption("x"), basic, origin)
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s", path, name)
				}
			}
		}
	})
	t.Run("it answers a wrong secret with 401 and a challenge", func(t *testing.T) {
		a := h.post("/token", website.redemption("x"), func(r *http.Request) { r.SetBasicAuth(website.id, "wrong") })
		refused(t, a, http.StatusUnauthorized, "invalid_client", "")
		if a.header.Get("WWW-Authenticate") == "" {
			t.Error("no challenge")
		}
	})
	t.Run("it answers an unknown client as it does a wrong secret", func(t *testing.T) {
		wrong := h.post("/token", website.redemption("x"), func(r *http.Request) { r.SetBasicAuth(website.id, "wrong") })
		unknown := h.post("/token", website.redemption("x"), func(r *http.Request) { r.SetBasicAuth("nobody", "wrong") })
		if wrong.text != unknown.text || wrong.status != unknown.status {
			t.Errorf("%s and %s", wrong.text, unknown.text)
		}
	})
	t.Run("it answers no client at all with 401", func(t *testing.T) {
		refused(t, h.post("/token", website.redemption("x")), http.StatusUnauthorized, "invalid_client", "missing")
	})
	t.Run("it refuses a public client's name for a confidential one", func(t *testing.T) {
		form := website.redemption("x")
		form.Set("client_id", website.id)
		refused(t, h.post("/token", form), http.StatusUnauthorized, "invalid_client", "")
	})
}

//clause:as RFC 6749, 4.1: codes 60 s, once, atomically; reuse revokes
func TestCode(t *testing.T) {
	h := newHub(t)
	agency, other := h.add("agency", nil), h.add("other", nil)
	t.Run("it gives one answer to many at once, and revokes what it gave", func(t *testing.T) {
		code := agency.code("openid offline_access")
		var group sync.WaitGroup
		answers := make([]answer, 6)
		for n := range answers {
			group.Go(func() { answers[n] = agency.redeem(code) })
		}
		group.Wait()
		var won []answer
		for _, a := range answers {
			if a.status == http.StatusOK {
				won = append(won, a)
			} else {
				refused(t, a, http.StatusBadRequest, "invalid_grant", "used before")
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d answers gave tokens", len(won))
		}
		refused(t, agency.use("/resource", won[0].str("access_token")), http.StatusUnauthorized, "invalid_token", "revoked")
		refused(t, agency.refresh(won[0].str("refresh_token")), http.StatusBadRequest, "invalid_grant", "revoked")
	})
	t.Run("it revokes what a code gave when it is used again later", func(t *testing.T) {
		code := agency.code("openid")
		first := agency.redeem(code)
		h.pass(2 * time.Minute)
		refused(t, agency.redeem(code), http.StatusBadRequest, "invalid_grant", "used before")
		refused(t, agency.use("/resource", first.str("access_token")), http.StatusUnauthorized, "invalid_token", "revoked")
	})
	t.Run("it gives nothing to another client", func(t *testing.T) {
		refused(t, other.redeem(agency.code("openid"), func(f url.Values) { f.Set("code_verifier", agency.verifier) }),
			http.StatusBadRequest, "invalid_grant", "another client")
	})
	t.Run("it gives nothing for another redirect_uri", func(t *testing.T) {
		refused(t, agency.redeem(agency.code("openid"), func(f url.Values) { f.Set("redirect_uri", redirect+"2") }),
			http.StatusBadRequest, "invalid_grant", "redirect_uri")
	})
	t.Run("it gives nothing for a code it never made", func(t *testing.T) {
		refused(t, agency.redeem("x"), http.StatusBadRequest, "invalid_grant", "unknown")
	})
	t.Run("it makes no id_token without openid", func(t *testing.T) {
		if a := agency.redeem(agency.code("offline_access")); a.status != http.StatusOK || a.str("id_token") != "" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}

//clause:as RFC 6749, 3.1.2: redirect URIs byte for byte
func TestRedirectURI(t *testing.T) {
	h := newHub(t)
	website := h.website()
	for _, c := range []struct{ name, uri string }{
		{"it sends nobody to an unregistered address", "https://evil.example/cb"},
		{"it sends nobody to an escaped form of a registered one", "https%3A%2F%2Fclient.example%2Fcb%3Fkeep%3D1"},
		{"it sends nobody to a path that unescapes to a registered one", "https://client.example/%63b?keep=1"},
		{"it sends nobody to a registered one with more at its end", redirect + "&x=1"},
		{"it sends nobody to a registered one in capitals", "https://CLIENT.example/cb?keep=1"},
		{"it sends nobody anywhere without one", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := website.authorization("openid")
			form.Set("redirect_uri", c.uri)
			a := website.visit("/authorize?" + form.Encode())
			if a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
				t.Errorf("answered %d %s", a.status, a.header.Get("Location"))
			}
			refused(t, website.push(form), http.StatusBadRequest, "invalid_request", "redirect_uri")
		})
	}
	t.Run("it sends nobody anywhere for an unknown client", func(t *testing.T) {
		form := website.authorization("openid")
		form.Set("client_id", "nobody")
		if a := website.visit("/authorize?" + form.Encode()); a.status != http.StatusBadRequest {
			t.Errorf("answered %d", a.status)
		}
	})
}

func TestAuthorizeRefusals(t *testing.T) {
	h := newHub(t)
	website := h.website()
	for _, c := range []struct {
		name   string
		change func(url.Values)
		want   string
	}{
		{"it refuses the implicit flow", func(f url.Values) { f.Set("response_type", "token") }, "unsupported_response_type"},
		{"it refuses the hybrid flow", func(f url.Values) { f.Set("response_type", "code id_token") }, "unsupported_response_type"},
		{"it refuses the fragment", func(f url.Values) { f.Set("response_mode", "fragment") }, "invalid_request"},
		{"it refuses a request object that was not pushed", func(f url.Values) { f.Set("request", "x") }, "request_not_supported"},
		{"it refuses details that were not pushed", withDetails, "invalid_request"},
		{"it refuses to give nothing", func(f url.Values) { f.Set("scope", "unknown") }, "invalid_scope"},
		{"it refuses a dpop_jkt that is no hash", func(f url.Values) { f.Set("dpop_jkt", "x") }, "invalid_request"},
		{"it refuses plain PKCE", func(f url.Values) { f.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"it refuses a negative max_age", func(f url.Values) { f.Set("max_age", "-1") }, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			form := website.authorization("openid")
			c.change(form)
			if back := website.open(form); back.Get("error") != c.want || back.Get("iss") != h.url || back.Get("code") != "" {
				t.Errorf("%v", back)
			}
		})
	}
	t.Run("it refuses a parameter given twice, on a page", func(t *testing.T) {
		form := website.authorization("openid")
		form.Add("state", "2")
		if a := website.visit("/authorize?" + form.Encode()); a.status != http.StatusBadRequest {
			t.Errorf("answered %d", a.status)
		}
	})
	t.Run("it refuses an unpushed request of a client that must push", func(t *testing.T) {
		agency := h.add("agency", nil)
		if back := agency.open(agency.authorization("openid")); back.Get("error") != "invalid_request" {
			t.Errorf("%v", back)
		}
	})
}

//clause:as RFC 8414 and OpenID discovery
func TestDiscovery(t *testing.T) {
	h := newHub(t)
	website := h.website()
	openid := website.visit("/.well-known/openid-configuration")
	t.Run("it says the same in both places", func(t *testing.T) {
		if other := website.visit("/.well-known/oauth-authorization-server"); openid.status != http.StatusOK || strings.TrimSpace(other.text) != strings.TrimSpace(openid.text) {
			t.Errorf("%s\n%s", openid.text, other.text)
		}
	})
	for name, want := range map[string]any{
		"issuer": h.url, "pushed_authorization_request_endpoint": h.url + "/par", "token_endpoint": h.url + "/token",
		"authorization_response_iss_parameter_supported": true, "request_uri_parameter_supported": false,
		"pre-authorized_grant_anonymous_access_supported": true, "jwks_uri": h.url + "/jwks",
	} {
		t.Run("it says "+name, func(t *testing.T) {
			if openid.body[name] != want {
				t.Errorf("%v, want %v", openid.body[name], want)
			}
		})
	}
	t.Run("it promises nothing that it refuses", func(t *testing.T) {
		for _, word := range []string{"implicit", "jwt-bearer", "id_token token", "client_secret_post", "plain", "token-exchange"} {
			if strings.Contains(openid.text, word) {
				t.Errorf("%s is advertised: %s", word, openid.text)
			}
		}
	})
	t.Run("it says RS256 of client assertions alone, where it has no key for it", func(t *testing.T) {
		for name, value := range openid.body {
			text, _ := json.Marshal(value)
			if strings.Contains(string(text), "RS256") && !strings.HasSuffix(name, "_endpoint_auth_signing_alg_values_supported") {
				t.Errorf("%s: %s", name, text)
			}
		}
	})
	t.Run("it publishes public keys alone", func(t *testing.T) {
		a := website.visit("/jwks")
		if keys, _ := a.body["keys"].([]any); len(keys) != 2 || strings.Contains(a.text, `"d"`) {
			t.Errorf("%s", a.text)
		}
	})
}
