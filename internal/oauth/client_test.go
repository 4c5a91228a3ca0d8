package oauth_test

import (
	"crypto"
	"net/http"
	"net/url"
	"testing"
	"time"
)

//clause:as RFC 7523: private_key_jwt, one audience, jti once
func TestClientAssertion(t *testing.T) {
	h := newHub(t)
	agency, website := h.add("agency", nil), h.website()
	stranger := newKey(t)
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		why    string
	}{
		{"it refuses another iss", func(m map[string]any) { m["iss"] = "website" }, "not registered for private_key_jwt"},
		{"it refuses an unknown iss", func(m map[string]any) { m["iss"] = "nobody" }, "unknown client"},
		{"it refuses another sub", func(m map[string]any) { m["sub"] = "website" }, "iss and sub"},
		{"it refuses the token endpoint as aud", func(m map[string]any) { m["aud"] = h.url + "/token" }, "aud must be"},
		{"it refuses aud as an array", func(m map[string]any) { m["aud"] = []string{h.url} }, "one string"},
		{"it refuses no aud", func(m map[string]any) { delete(m, "aud") }, "aud must be"},
		{"it refuses no exp", func(m map[string]any) { delete(m, "exp") }, "exp is missing"},
		{"it refuses an old one", func(m map[string]any) { m["exp"] = h.now().Unix() }, "expired"},
		{"it refuses one that lives too long", func(m map[string]any) { m["exp"] = h.now().Add(time.Hour).Unix() }, "10 minutes"},
		{"it refuses one 61 seconds from the future", func(m map[string]any) { m["iat"] = h.now().Add(61 * time.Second).Unix() }, "future"},
		{"it refuses one not yet good", func(m map[string]any) { m["nbf"] = h.now().Add(61 * time.Second).Unix() }, "future"},
		{"it refuses no jti", func(m map[string]any) { delete(m, "jti") }, "jti"},
		{"it refuses claims in other letters", func(m map[string]any) { m["AUD"] = m["aud"]; delete(m, "aud") }, "aud must be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims := agency.assertionClaims()
			c.change(claims)
			refused(t, h.asserted(agency.redemption("x"), sign(t, agency.key, "", "k1", claims)),
				http.StatusUnauthorized, "invalid_client", c.why)
		})
	}
	t.Run("it accepts one 10 seconds from the future", func(t *testing.T) {
		claims := agency.assertionClaims()
		claims["iat"] = h.now().Add(10 * time.Second).Unix()
		refused(t, h.asserted(agency.redemption("x"), sign(t, agency.key, "", "k1", claims)),
			http.StatusBadRequest, "invalid_grant", "code")
	})
	t.Run("it refuses a key that is not registered", func(t *testing.T) {
		refused(t, h.asserted(agency.redemption("x"), sign(t, stranger, "", "k1", agency.assertionClaims())),
			http.StatusUnauthorized, "invalid_client", "signature")
	})
	t.Run("it refuses a kid that is not registered", func(t *testing.T) {
		refused(t, h.asserted(agency.redemption("x"), sign(t, agency.key, "", "k2", agency.assertionClaims())),
			http.StatusUnauthorized, "invalid_client", "kid")
	})
	t.Run("it refuses a JSON key given twice", func(t *testing.T) {
		claims := `{"iss":"agency","iss":"agency","sub":"agency"}`
		refused(t, h.asserted(agency.redemption("x"), sign(t, agency.key, "", "k1", claims)),
			http.StatusUnauthorized, "invalid_client", "")
	})
	t.Run("it refuses what is no JWT", func(t *testing.T) {
		refused(t, h.asserted(agency.redemption("x"), "x"), http.StatusUnauthorized, "invalid_client", "")
	})
	t.Run("it refuses another kind of assertion", func(t *testing.T) {
		form := agency.redemption("x")
		agency.auth(form)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
		a := h.post("/token", form)
		if a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it refuses an assertion used before, at any endpoint", func(t *testing.T) {
		assertion := sign(t, agency.key, "", "k1", agency.assertionClaims())
		h.asserted(agency.redemption("x"), assertion)
		refused(t, h.asserted(agency.redemption("x"), assertion), http.StatusUnauthorized, "invalid_client", "used before")
		form := agency.authorization("openid")
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
		refused(t, h.post("/par", form), http.StatusUnauthorized, "invalid_client", "used before")
	})
	t.Run("it refuses client_id of another beside an assertion", func(t *testing.T) {
		form := agency.redemption("x")
		form.Set("client_id", "website")
		refused(t, h.asserted(form, sign(t, agency.key, "", "k1", agency.assertionClaims())),
			http.StatusUnauthorized, "invalid_client", "iss")
	})
	t.Run("it refuses two methods at once", func(t *testing.T) {
		form := agency.authorization("openid")
		agency.auth(form)
		a := h.post("/par", form, func(r *http.Request) { r.SetBasicAuth("agency", "x") })
		refused(t, a, http.StatusUnauthorized, "invalid_client", "")
	})
	t.Run("it refuses no authentication of a client that has a key", func(t *testing.T) {
		form := agency.authorization("openid")
		refused(t, h.post("/par", form), http.StatusUnauthorized, "invalid_client", "private_key_jwt")
	})
	t.Run("it refuses a secret of a public client", func(t *testing.T) {
		wallet := h.wallet()
		a := h.post("/par", wallet.authorization("resident_card"), func(r *http.Request) { r.SetBasicAuth(wallet.id, "x") })
		refused(t, a, http.StatusUnauthorized, "invalid_client", "public")
	})
	t.Run("it lets a name and secret be form-encoded within Basic", func(t *testing.T) {
		odd := h.add("odd+name%", map[string]any{
			"token_endpoint_auth_method": "client_secret_basic", "jwks": nil, "dpop_bound_access_tokens": false,
		})
		if a := odd.push(odd.authorization("openid")); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	_ = website
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// asserted posts to the token endpoint under an assertion.
func (h *hub) asserted(form url.Values, assertion string) answer {
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return h.post("/token", form)
}

// object is the payload of a good request object.
func (c *client) object(scope string) map[string]any {
	claims := map[string]any{"iss": c.id, "aud": c.h.url, "iat": c.h.now().Unix(), "exp": c.h.now().Add(5 * time.Minute).Unix()}
	for name, values := range c.authorization(scope) {
		claims[name] = values[0]
	}
	return claims
}

func (c *client) pushObject(key crypto.Signer, typ string, claims any) answer {
	c.h.t.Helper()
	return c.push(url.Values{"request": {sign(c.h.t, key, typ, "k1", claims)}})
}

//clause:as RFC 9101: signed request objects, their typ, audience, life
func TestRequestObject(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", map[string]any{"require_signed_request_object": true})
	const typ = "oauth-authz-req+jwt"
	t.Run("it takes a signed one all the way, and shows it to the details' owner", func(t *testing.T) {
		claims := agency.object("openid")
		claims["authorization_details"] = []any{map[string]any{"type": transferType}}
		claims["mydata_subject"] = "opening"
		pushed := agency.pushObject(agency.key, typ, claims)
		back := agency.open(url.Values{"client_id": {"agency"}, "request_uri": {pushed.str("request_uri")}})
		if a := agency.redeem(back.Get("code")); a.status != http.StatusOK || back.Get("state") != "st" {
			t.Errorf("%d %s", a.status, a.text)
		}
		if s := string(h.detail.object); !contains(s, `"mydata_subject":"opening"`) {
			t.Errorf("the owner saw %s", s)
		}
	})
	t.Run("it takes aud as the only one of an array", func(t *testing.T) {
		claims := agency.object("openid")
		claims["aud"] = []string{h.url}
		if a := agency.pushObject(agency.key, typ, claims); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it lets no parameter outside of it count", func(t *testing.T) {
		form := url.Values{"request": {sign(t, agency.key, typ, "k1", agency.object("openid"))}, "state": {"evil"}, "scope": {"resident_card"}}
		pushed := agency.push(form)
		back := agency.open(url.Values{"client_id": {"agency"}, "request_uri": {pushed.str("request_uri")}, "state": {"evil"}})
		if back.Get("state") != "st" {
			t.Errorf("%v", back)
		}
	})
	for _, c := range []struct {
		name   string
		typ    string
		key    crypto.Signer
		change func(map[string]any)
		code   string
		why    string
	}{
		{"it refuses another typ", "JWT", nil, nil, "invalid_request_object", "typ"},
		{"it refuses no typ", "", nil, nil, "invalid_request_object", "typ"},
		{"it refuses another's signature", typ, newKey(t), nil, "invalid_request_object", "signature"},
		{"it refuses another iss", typ, nil, func(m map[string]any) { m["iss"] = "x" }, "invalid_request_object", "iss"},
		{"it refuses another client_id", typ, nil, func(m map[string]any) { m["client_id"] = "x" }, "invalid_request_object", "client_id"},
		{"it refuses another aud", typ, nil, func(m map[string]any) { m["aud"] = "x" }, "invalid_request_object", "aud"},
		{"it refuses a second aud", typ, nil, func(m map[string]any) { m["aud"] = []string{h.url, "x"} }, "invalid_request_object", "aud"},
		{"it refuses no exp", typ, nil, func(m map[string]any) { delete(m, "exp") }, "invalid_request_object", "missing"},
		{"it refuses an old one", typ, nil, func(m map[string]any) { m["exp"] = h.now().Unix() }, "invalid_request_object", "expired"},
		{"it refuses one that lives too long", typ, nil, func(m map[string]any) { m["exp"] = h.now().Add(2 * time.Hour).Unix() }, "invalid_request_object", "hour"},
		{"it refuses one from the future", typ, nil, func(m map[string]any) { m["nbf"] = h.now().Add(2 * time.Minute).Unix() }, "invalid_request_object", "future"},
		{"it refuses one inside another", typ, nil, func(m map[string]any) { m["request"] = "x" }, "invalid_request_object", "another"},
		{"it refuses a control character in a claim", typ, nil, func(m map[string]any) { m["state"] = "a\x00b" }, "invalid_request", "no text"},
		{"it refuses a wrong type of claim", typ, nil, func(m map[string]any) { m["state"] = 7 }, "invalid_request_object", "claims"},
		{"it refuses an unregistered redirect_uri", typ, nil, func(m map[string]any) { m["redirect_uri"] = "https://evil.example" }, "invalid_request", "redirect_uri"},
		{"it refuses plain PKCE", typ, nil, func(m map[string]any) { m["code_challenge_method"] = "plain" }, "invalid_request", "code_challenge"},
		{"it refuses details that are no array", typ, nil, func(m map[string]any) { m["authorization_details"] = "x" }, "invalid_authorization_details", "array"},
		{"it refuses details of two types", typ, nil, func(m map[string]any) {
			m["authorization_details"] = []any{map[string]any{"type": transferType}, map[string]any{"type": "x"}}
		}, "invalid_authorization_details", "several types"},
		{"it refuses no detail", typ, nil, func(m map[string]any) { m["authorization_details"] = []any{} }, "invalid_authorization_details", "no element"},
		{"it refuses too many details", typ, nil, func(m map[string]any) {
			var many []any
			for range 17 {
				many = append(many, map[string]any{"type": transferType})
			}
			m["authorization_details"] = many
		}, "invalid_authorization_details", "too many"},
		{"it refuses a detail of no type", typ, nil, func(m map[string]any) { m["authorization_details"] = []any{map[string]any{}} }, "invalid_authorization_details", "type"},
		{"it refuses a detail of an unknown type", typ, nil, func(m map[string]any) { m["authorization_details"] = []any{map[string]any{"type": "x"}} }, "invalid_authorization_details", "unknown"},
		{"it refuses what the owner refuses, in the owner's words", typ, nil, func(m map[string]any) {
			m["authorization_details"] = []any{map[string]any{"type": transferType, "bad": "yes"}}
		}, "invalid_authorization_details", "purpose: not in the catalogue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims, key := agency.object("openid"), agency.key
			if c.change != nil {
				c.change(claims)
			}
			if c.key != nil {
				key = c.key
			}
			refused(t, agency.pushObject(key, c.typ, claims), http.StatusBadRequest, c.code, c.why)
		})
	}
	t.Run("it refuses plain parameters of a client that must sign", func(t *testing.T) {
		refused(t, agency.push(agency.authorization("openid")), http.StatusBadRequest, "invalid_request", "sign")
	})
	t.Run("it refuses client_id of another beside it", func(t *testing.T) {
		form := url.Values{"request": {sign(t, agency.key, typ, "k1", agency.object("openid"))}, "client_id": {"x"}}
		if a := agency.push(form); a.status < 400 || a.status > 499 {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it refuses one of a client without keys", func(t *testing.T) {
		wallet := h.wallet()
		refused(t, wallet.push(url.Values{"request": {"a.b.c"}}), http.StatusBadRequest, "invalid_request_object", "key")
	})
	t.Run("it refuses a key given twice", func(t *testing.T) {
		a := agency.pushObject(agency.key, typ, `{"iss":"agency","client_id":"agency","client_id":"agency"}`)
		refused(t, a, http.StatusBadRequest, "invalid_request_object", "claims")
	})
}

//clause:as RFC 9126: pushed requests, once, under 600 s; unpushed refused where registered so
func TestPushed(t *testing.T) {
	h := newHub(t)
	agency, other := h.add("agency", nil), h.add("other", nil)
	uri := func() string { return agency.push(agency.authorization("openid")).str("request_uri") }
	at := func(c *client, id, uri string) answer {
		return c.visit("/authorize?" + url.Values{"client_id": {id}, "request_uri": {uri}}.Encode())
	}
	t.Run("it lives less than 600 seconds", func(t *testing.T) {
		a := agency.push(agency.authorization("openid"))
		if seconds, _ := a.body["expires_in"].(float64); a.status != http.StatusCreated || seconds <= 0 || seconds >= 600 {
			t.Errorf("%d %s", a.status, a.text)
		}
		h.pass(91 * time.Second)
		if b := at(agency, "agency", a.str("request_uri")); b.status != http.StatusBadRequest {
			t.Errorf("%d", b.status)
		}
	})
	t.Run("it is good once", func(t *testing.T) {
		u := uri()
		if a := at(agency, "agency", u); a.status != http.StatusSeeOther {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := at(agency, "agency", u); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it is good for its client alone, and stays so", func(t *testing.T) {
		u := uri()
		if a := at(other, "other", u); a.status != http.StatusBadRequest {
			t.Errorf("%d", a.status)
		}
		if a := at(agency, "agency", u); a.status != http.StatusSeeOther {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("it is not ignored when it is unknown", func(t *testing.T) {
		for _, u := range []string{"urn:ietf:params:oauth:request_uri:x", "https://evil.example/object", ""} {
			website := h.add("site"+u[:min(3, len(u))], map[string]any{"require_pushed_authorization_requests": false})
			query := website.authorization("openid")
			query.Set("request_uri", u)
			if a := website.visit("/authorize?" + query.Encode()); a.status != http.StatusBadRequest {
				t.Errorf("%q: %d %s", u, a.status, a.header.Get("Location"))
			}
		}
	})
	t.Run("it cannot itself be pushed", func(t *testing.T) {
		form := agency.authorization("openid")
		form.Set("request_uri", "x")
		refused(t, agency.push(form), http.StatusBadRequest, "invalid_request", "request_uri")
	})
	t.Run("it is not taken from a client without the code flow", func(t *testing.T) {
		issuing := h.add("issuing", map[string]any{"grant_types": []string{"urn:ietf:params:oauth:grant-type:pre-authorized_code"}})
		refused(t, issuing.push(issuing.authorization("openid")), http.StatusBadRequest, "unauthorized_client", "")
	})
	t.Run("it is not taken in another client's name", func(t *testing.T) {
		form := agency.authorization("openid")
		form.Set("client_id", "other")
		refused(t, agency.push(form), http.StatusUnauthorized, "invalid_client", "iss")
	})
	t.Run("it names the client itself", func(t *testing.T) {
		form := agency.authorization("openid")
		form.Del("client_id")
		if a := agency.push(form); a.status != http.StatusCreated {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}
