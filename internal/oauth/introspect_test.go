package oauth_test

import (
	"net/http"
	"net/url"
	"testing"
)

//clause:as RFC 9701: signed introspection by `Accept` or registration; typ, `iss`, `aud`, `iat`, no `sub` or `exp` of its own
func TestSignedIntrospection(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", nil)
	token := agency.redeem(agency.code("openid")).str("access_token")
	asks := func(c *client, token, accept string) answer {
		form := url.Values{"token": {token}}
		return h.post("/introspect", form, c.auth(form), func(r *http.Request) {
			if accept != "" {
				r.Header.Set("Accept", accept)
			}
		})
	}
	const jwt, media = "token-introspection+jwt", "application/token-introspection+jwt"
	inner := func(t *testing.T, a answer, aud string) map[string]any {
		t.Helper()
		if a.status != http.StatusOK || a.header.Get("Content-Type") != media || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", a.status, a.header, a.text)
		}
		c := h.claims(a.text, jwt)
		if c["iss"] != h.url || c["aud"] != aud || c["iat"] == nil || c["sub"] != nil || c["exp"] != nil || len(c) != 4 {
			t.Errorf("%v", c)
		}
		said, _ := c["token_introspection"].(map[string]any)
		return said
	}
	for _, accept := range []string{media, "application/json;q=0.5, " + media + ";q=0.9", "Application/Token-Introspection+JWT"} {
		t.Run("it signs for who accepts "+accept, func(t *testing.T) {
			said := inner(t, asks(agency, token, accept), "agency")
			cnf, _ := said["cnf"].(map[string]any)
			if said["active"] != true || said["client_id"] != "agency" || said["sub"] == nil || said["exp"] == nil || cnf["jkt"] == nil {
				t.Errorf("%v", said)
			}
		})
	}
	for _, accept := range []string{"", "*/*", "application/json", media + ";q=0", "application/jwt", ";;,"} {
		t.Run("it answers plainly who accepts "+accept, func(t *testing.T) {
			if a := asks(agency, token, accept); a.body["active"] != true || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	t.Run("it signs for who registered so, whatever it accepts", func(t *testing.T) {
		reader := h.add("reader", map[string]any{"roles": []string{"introspect"}, "introspection_signed_response_alg": "ES256"})
		if said := inner(t, asks(reader, token, "application/json"), "reader"); said["active"] != true {
			t.Errorf("%v", said)
		}
	})
	t.Run("it signs of a token that is not the client's, and of none, that there is none, and no more", func(t *testing.T) {
		other := h.add("other", nil)
		for _, raw := range []string{token, "guess"} {
			if said := inner(t, asks(other, raw, media), "other"); said["active"] != false || len(said) != 1 {
				t.Errorf("%v", said)
			}
		}
	})
	t.Run("it takes a signed answer for no access token", func(t *testing.T) {
		signed := asks(agency, token, media).text
		if a := agency.use("/userinfo", signed); a.status != http.StatusUnauthorized {
			t.Errorf("%d", a.status)
		}
		if a := asks(agency, signed, ""); a.body["active"] != false {
			t.Error(a.text)
		}
	})
	t.Run("it refuses in plain who does not say who asks, or about what", func(t *testing.T) {
		a := h.post("/introspect", url.Values{"token": {token}}, func(r *http.Request) { r.Header.Set("Accept", media) })
		refused(t, a, http.StatusUnauthorized, "invalid_client", "client authentication is missing")
		refused(t, asks(agency, "", media), http.StatusBadRequest, "invalid_request", "token is missing")
	})
	t.Run("it says that it does", func(t *testing.T) {
		if d := agency.visit("/.well-known/oauth-authorization-server"); !contains(d.text, `"introspection_signing_alg_values_supported":["ES256"]`) {
			t.Error(d.text)
		}
	})
}
