package oauth_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
)

// What the OpenID library does when it is left alone, each by its name, and shut.
//
//clause:as what the OpenID library does when left alone, each by its name
func TestLibraryTraps(t *testing.T) {
	h := newHub(t)
	agency, wallet, website := h.add("agency", nil), h.wallet(), h.website()
	basic := func(r *http.Request) { r.SetBasicAuth(website.id, website.secret) }
	for name, shut := range map[string]func(t *testing.T){
		"it gives a public client nothing without PKCE": func(t *testing.T) {
			form := wallet.authorization("resident_card")
			form.Del("code_challenge")
			form.Del("code_challenge_method")
			refused(t, wallet.push(form), http.StatusBadRequest, "invalid_request", "code_challenge")
		},
		"it gives a confidential client nothing without its code_verifier": func(t *testing.T) {
			refused(t, agency.redeem(agency.code("openid"), func(f url.Values) { f.Del("code_verifier") }), http.StatusBadRequest, "invalid_grant", "code_verifier")
		},
		"it takes no secret from the URL": func(t *testing.T) {
			query := website.redemption(website.open(website.authorization("openid")).Get("code"))
			query.Set("client_id", website.id)
			query.Set("client_secret", website.secret)
			if a := website.visit("/token?" + query.Encode()); a.status != http.StatusMethodNotAllowed || a.str("access_token") != "" {
				t.Errorf("%d %s", a.status, a.text)
			}
			refused(t, h.post("/token?"+query.Encode(), url.Values{}), http.StatusBadRequest, "invalid_request", "body")
		},
		"it lets nobody keep tokens in a cache": func(t *testing.T) {
			a := website.redeem(website.open(website.authorization("openid")).Get("code"))
			if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %v", a.status, a.header)
			}
		},
		"it reflects no origin, asked beforehand or not": func(t *testing.T) {
			for _, path := range []string{"/token", "/par", "/introspect", "/revoke", "/userinfo", "/authorize", "/jwks", "/.well-known/openid-configuration"} {
				for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost} {
					r, err := http.NewRequest(method, h.url+path, nil)
					check(t, err)
					r.Header.Set("Origin", "https://evil.example")
					r.Header.Set("Access-Control-Request-Method", method)
					for name, value := range h.do(newBrowser(), r).header {
						if strings.HasPrefix(name, "Access-Control-") {
							t.Errorf("%s %s: %s: %s", method, path, name, value)
						}
					}
				}
			}
		},
		"it ignores no request_uri": func(t *testing.T) {
			form := website.authorization("openid")
			form.Set("request_uri", "https://client.example/request.jwt")
			if a := website.visit("/authorize?" + form.Encode()); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
				t.Errorf("%d, to %s", a.status, a.header.Get("Location"))
			}
		},
		"it makes no id_token without openid": func(t *testing.T) {
			if a := agency.redeem(agency.code("offline_access")); a.status != http.StatusOK || a.str("id_token") != "" {
				t.Errorf("%d %s", a.status, a.text)
			}
		},
		"it redeems one code once, for many at once": func(t *testing.T) {
			code := website.open(website.authorization("openid")).Get("code")
			var group sync.WaitGroup
			answers := make([]answer, 8)
			for n := range answers {
				group.Go(func() { answers[n] = website.redeem(code) })
			}
			group.Wait()
			given := 0
			for _, a := range answers {
				if a.status == http.StatusOK {
					given++
				}
			}
			if given != 1 {
				t.Errorf("%d answers gave tokens", given)
			}
		},
		"it ends a login in no other browser": func(t *testing.T) {
			h.deny = func(_ *http.Request, id string) {
				if a := (&client{h: h, browser: newBrowser()}).visit("/authorize/callback?id=" + id); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
					t.Errorf("%d, to %s", a.status, a.header.Get("Location"))
				}
			}
			defer func() { h.deny = nil }()
			website.open(website.authorization("openid"))
		},
		"it takes a client assertion once": func(t *testing.T) {
			assertion := sign(t, agency.key, "", "k1", agency.assertionClaims())
			h.asserted(agency.redemption("x"), assertion)
			refused(t, h.asserted(agency.redemption("x"), assertion), http.StatusUnauthorized, "invalid_client", "used before")
		},
		"it answers a wrong secret with 401": func(t *testing.T) {
			a := h.post("/token", website.redemption("x"), func(r *http.Request) { r.SetBasicAuth(website.id, "wrong") })
			refused(t, a, http.StatusUnauthorized, "invalid_client", "")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%v", a.header)
			}
		},
		"it has no jwt-bearer grant": func(t *testing.T) {
			form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "scope": {"openid"},
				"assertion": {sign(t, agency.key, "", "k1", agency.assertionClaims())}}
			refused(t, h.post("/token", form), http.StatusBadRequest, "unsupported_grant_type", "")
		},
		"it types an access token at+jwt": func(t *testing.T) {
			a := agency.redeem(agency.code("openid"))
			signed, err := jose.ParseSignedCompact(a.str("access_token"), []jose.SignatureAlgorithm{jose.ES256})
			check(t, err)
			if typ := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; typ != "at+jwt" {
				t.Errorf("%v", typ)
			}
		},
		"it leaves no sub empty": func(t *testing.T) {
			a := website.redeem(website.open(website.authorization("openid")).Get("code"))
			for _, jwt := range []struct{ name, typ string }{{"id_token", "JWT"}, {"access_token", "at+jwt"}} {
				if sub, _ := h.claims(a.str(jwt.name), jwt.typ)["sub"].(string); len(sub) != 43 {
					t.Errorf("%s: %q", jwt.name, sub)
				}
			}
		},
		"it unescapes no redirect URI before comparing": func(t *testing.T) {
			form := website.authorization("openid")
			form.Set("redirect_uri", "https://client.example/%63b?keep=1")
			if a := website.visit("/authorize?" + form.Encode()); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
				t.Errorf("%d, to %s", a.status, a.header.Get("Location"))
			}
		},
		"it knows grants that the library does not": func(t *testing.T) {
			form := url.Values{"grant_type": {registry.GrantPreAuthorized}, "pre-authorized_code": {"nobody's"}}
			refused(t, h.post("/token", form), http.StatusBadRequest, "invalid_grant", "pre-authorized_code")
			refused(t, h.post("/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {"x"}}, basic),
				http.StatusBadRequest, "unsupported_grant_type", "")
		},
	} {
		t.Run(name, shut)
	}
}

// A rotated family ends whole when one of it is used twice at once: whoever won the
// race, thief or owner, wins nothing (RFC 9700, 4.14.2).
//
//clause:as RFC 9700, 4.14.2: rotation, a race ends the family
func TestRotationRace(t *testing.T) {
	h := newHub(t)
	website := h.website()
	first := website.redeem(website.open(website.authorization("openid offline_access")).Get("code"))
	jar, _ := cookiejar.New(nil)
	thief := *website
	thief.browser = &http.Client{Jar: jar}
	var group sync.WaitGroup
	answers := make([]answer, 8)
	for n := range answers {
		who := []*client{website, &thief}[n%2]
		group.Go(func() { answers[n] = who.refresh(first.str("refresh_token")) })
	}
	group.Wait()
	var won []answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			won = append(won, a)
			continue
		}
		if a.status != http.StatusBadRequest || a.str("error") != "invalid_grant" {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
	if len(won) > 1 {
		t.Errorf("%d answers gave tokens", len(won))
	}
	for _, a := range won {
		refused(t, website.refresh(a.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "revoked")
		refused(t, website.use("/resource", a.str("access_token")), http.StatusUnauthorized, "invalid_token", "revoked")
	}
	refused(t, website.use("/resource", first.str("access_token")), http.StatusUnauthorized, "invalid_token", "revoked")
}

// A refresh token bound to the client's key stays as it is, for a public client too,
// and many uses at once are no theft (RFC 9449, 5; FAPI 2.0, 5.3.2.1).
//
//clause:as RFC 9449, 5: refresh tokens bound to the key, of public clients too
func TestBoundRefreshIsNotRotated(t *testing.T) {
	h := newHub(t)
	for name, c := range map[string]*client{"public": h.wallet(), "fapi2": h.high("bank", nil), "haip": h.high("phone", map[string]any{"profile": "haip"})} {
		t.Run("it keeps the refresh token of a "+name+" client, used by many at once", func(t *testing.T) {
			first := c.redeem(c.code("offline_access resident_card"))
			var group sync.WaitGroup
			answers := make([]answer, 4)
			for n := range answers {
				group.Go(func() { answers[n] = c.refresh(first.str("refresh_token")) })
			}
			group.Wait()
			for _, a := range answers {
				if a.status != http.StatusOK || a.str("refresh_token") != "" {
					t.Errorf("%d %s", a.status, a.text)
				}
			}
		})
		t.Run("it gives a "+name+" client's refresh token to no other key", func(t *testing.T) {
			first := c.redeem(c.code("offline_access resident_card"))
			thief := *c
			thief.dpop = h.maker()
			refused(t, thief.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_dpop_proof", "jkt")
			if a := c.refresh(first.str("refresh_token")); a.status != http.StatusOK {
				t.Errorf("then the owner: %d %s", a.status, a.text)
			}
		})
	}
}
