package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/oauth"
)

// A request_uri is taken whole: what is behind its prefix is not one.
func TestPushedIsNamedWhole(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", nil)
	uri := agency.push(agency.authorization("openid")).str("request_uri")
	bare := uri[strings.LastIndex(uri, ":")+1:]
	if a := agency.visit("/authorize?" + url.Values{"client_id": {"agency"}, "request_uri": {bare}}.Encode()); a.status != http.StatusBadRequest {
		t.Errorf("%q: %d, to %s", bare, a.status, a.header.Get("Location"))
	}
	if back := agency.open(url.Values{"client_id": {"agency"}, "request_uri": {uri}}); back.Get("code") == "" {
		t.Errorf("then the whole: %v", back)
	}
}

// Each machine's endpoint refuses what it cannot read, and who does not say who
// it is, by the rule's own words.
func TestEndpointsRefuse(t *testing.T) {
	h := newHub(t)
	agency, website := h.add("agency", map[string]any{"require_signed_request_object": true}), h.website()
	many := url.Values{"grant_type": {"authorization_code"}}
	for i := range 64 {
		many.Set(fmt.Sprint("p", i), "x")
	}
	signed := func(change func(map[string]any)) url.Values {
		claims := map[string]any{"iss": "agency", "aud": h.url, "exp": h.now().Unix() + 60}
		for name, values := range agency.authorization("openid") {
			claims[name] = values[0]
		}
		change(claims)
		return url.Values{"client_id": {"agency"}, "request": {sign(t, agency.key, "oauth-authz-req+jwt", "k1", claims)}}
	}
	saml := agency.authorization("openid")
	agency.auth(saml)
	saml.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
	cases := []struct {
		name   string
		a      answer
		status int
		code   string
		why    string
	}{
		{"it takes a signed request", agency.push(signed(func(map[string]any) {})), http.StatusCreated, "", ""},
		{"it refuses a long text within a request object", agency.push(signed(func(m map[string]any) { m["state"] = strings.Repeat("x", 2049) })),
			http.StatusBadRequest, "invalid_request", "too long"},
		{"it refuses a request object that is no JWT", agency.push(url.Values{"client_id": {"agency"}, "request": {"x"}}),
			http.StatusBadRequest, "invalid_request_object", "not a JWT"},
		{"it refuses too many parameters", h.post("/token", many), http.StatusBadRequest, "invalid_request", "too many"},
		{"it refuses a push of nobody", h.post("/par", website.authorization("openid"), func(r *http.Request) { r.SetBasicAuth("", "x") }),
			http.StatusUnauthorized, "invalid_client", "authentication is missing"},
		{"it refuses another kind of assertion", h.post("/par", saml), http.StatusUnauthorized, "invalid_client", "client_assertion_type"},
		{"it refuses a wrong secret that asks about a token", h.post("/introspect", url.Values{"token": {"x"}},
			func(r *http.Request) { r.SetBasicAuth("website", "wrong") }), http.StatusUnauthorized, "invalid_client", "wrong secret"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refused(t, c.a, c.status, c.code, c.why) })
	}
}

// A browser's request that breaks off begins nothing, and the operator hears of
// what a client is told by redirect.
func TestAuthorizeSaysNo(t *testing.T) {
	var heard []string
	h := newHub(t, func(c *oauth.Config) {
		c.Refused = func(_ context.Context, check string) { heard = append(heard, check) }
	})
	website := h.website()
	form := website.authorization("openid")
	if a := website.visit("/authorize?" + form.Encode() + "&x=%zz"); a.status != http.StatusBadRequest {
		t.Errorf("%d, to %s", a.status, a.header.Get("Location"))
	}
	form.Set("prompt", "none")
	if back := website.open(form); back.Get("error") != "login_required" || !slices.Equal(heard, []string{"invalid_request", "login_required"}) {
		t.Errorf("%v, heard %v", back, heard)
	}
}

// One field says who comes, in one of two ways.
func TestResourceRefusesOtherFields(t *testing.T) {
	h := newHub(t)
	website := h.website()
	token := website.redeem(website.open(website.authorization("openid")).Get("code")).str("access_token")
	for name, change := range map[string]func(*http.Request){
		"it refuses two fields":          func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+token) },
		"it refuses a password":          func(r *http.Request) { r.SetBasicAuth("ada", "x") },
		"it refuses a word alone":        func(r *http.Request) { r.Header.Set("Authorization", token) },
		"it refuses a scheme alone":      func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
		"it refuses a scheme it ignores": func(r *http.Request) { r.Header.Set("Authorization", "Token "+token) },
		"it refuses what is too long":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 32<<10+1)) },
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, website.use("/resource", token, change), http.StatusBadRequest, "invalid_request", "one Authorization field")
		})
	}
}

// What another tab, or another person's hand, ended meanwhile has ended.
func TestEndedMeanwhile(t *testing.T) {
	t.Run("it gives no token by a grant that ended while its owner was asked", func(t *testing.T) {
		for _, bound := range []bool{true, false} {
			h := newHub(t)
			c := h.add("agency", nil)
			if !bound {
				c = h.add("website", map[string]any{"token_endpoint_auth_method": "client_secret_basic", "jwks": nil, "dpop_bound_access_tokens": false})
			}
			first := c.redeem(c.code("", withDetails))
			h.detail.spoil = func(*oauth.Authorized) { check(t, h.oauth.RevokeCitizen(t.Context(), "ada")) }
			refused(t, c.refresh(first.str("refresh_token")), http.StatusBadRequest, "invalid_grant", "revoked")
		}
	})
	t.Run("it gives no token for details that nobody owns any more", func(t *testing.T) {
		h := newHub(t)
		agency := h.add("agency", nil)
		code := agency.code("", withDetails)
		h.oauth.Details = nil
		refused(t, agency.redeem(code), http.StatusInternalServerError, "server_error", "internal error")
	})
	t.Run("it gives no code for what another tab ended", func(t *testing.T) {
		h, f := faultyHub(t)
		website := h.website()
		f.err = oauth.ErrGone
		f.fail("FinishRequest", false)
		if a := website.visit("/authorize?" + website.authorization("openid").Encode()); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("%d, to %s", a.status, a.header.Get("Location"))
		}
	})
	t.Run("it does not say that it revoked what it could not", func(t *testing.T) {
		h, f := faultyHub(t)
		agency := h.add("agency", nil)
		code := agency.code("openid")
		agency.redeem(code)
		f.fail("RevokeGrant", false)
		refused(t, agency.redeem(code), http.StatusInternalServerError, "server_error", "internal error")
	})
	for name, err := range map[string]error{"it takes its own haste": context.DeadlineExceeded, "it takes its own end": context.Canceled} {
		t.Run(name+" for an outage", func(t *testing.T) {
			h, f := faultyHub(t)
			agency := h.add("agency", nil)
			f.err = err
			f.fail("PutPushed", false)
			outOf(t, agency.push(agency.authorization("openid")))
		})
	}
	t.Run("it denies nothing that another tab ended", func(t *testing.T) {
		h, f := faultyHub(t)
		agency := h.add("agency", nil)
		var denied, gone error
		h.deny = func(r *http.Request, id string) {
			f.err = oauth.ErrGone
			f.fail("FinishRequest", false)
			_, denied = h.oauth.Deny(r.Context(), r, id)
			_, gone = h.oauth.Next(r.Context(), "another")
		}
		query := url.Values{"client_id": {"agency"}, "request_uri": {agency.push(agency.authorization("openid")).str("request_uri")}}
		agency.visit("/authorize?" + query.Encode())
		if !errors.Is(denied, oauth.ErrNoInteraction) || !errors.Is(gone, oauth.ErrNoInteraction) {
			t.Errorf("denied: %v; next: %v", denied, gone)
		}
	})
}
