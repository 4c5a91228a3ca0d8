package hostile_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// resources attack what access tokens open (RFC 9068, 4; RFC 9449, 7.1; RFC 6750, 3).
func resources() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	with := func(name string, status int, code string, headers func(t *testing.T, w *world, s session, given tokenResponse) []string) {
		add(name, status, code, func(t *testing.T, w *world) answer {
			s, given := w.login(t, w.kim.Citizen)
			return get(t, w.hub+"/userinfo", headers(t, w, s, given)...)
		})
	}
	forged := func(name string, forge func(t *testing.T, w *world, token string, claims map[string]any) string) {
		with(name, 401, "invalid_token", func(t *testing.T, w *world, s session, given tokenResponse) []string {
			claims := map[string]any{}
			decode(t, given.Access, &claims)
			return bearer(t, s.dpop, "GET", w.hub+"/userinfo", forge(t, w, given.Access, claims))
		})
	}
	add("it refuses nobody", 401, "", func(t *testing.T, w *world) answer { return get(t, w.hub+"/userinfo") })
	add("it refuses a token in the address", 401, "", func(t *testing.T, w *world) answer {
		_, given := w.login(t, w.kim.Citizen)
		return get(t, w.hub+"/userinfo?access_token="+url.QueryEscape(given.Access))
	})
	add("it refuses a token in the body", 401, "", func(t *testing.T, w *world) answer {
		_, given := w.login(t, w.kim.Citizen)
		return postForm(t, w.hub+"/userinfo", url.Values{"access_token": {given.Access}})
	})
	with("it refuses a bound token as a bearer's", 401, "invalid_token", func(_ *testing.T, _ *world, _ session, given tokenResponse) []string {
		return []string{"Authorization", "Bearer " + given.Access}
	})
	with("it refuses two Authorization fields", 400, "invalid_request", func(t *testing.T, w *world, s session, given tokenResponse) []string {
		return append(bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access), "Authorization", "Bearer x")
	})
	with("it refuses an Authorization field of another scheme", 400, "invalid_request", func(_ *testing.T, w *world, _ session, _ tokenResponse) []string {
		return []string{"Authorization", basic(w.issuer.ID, w.issuer.Secret)}
	})
	with("it refuses an Authorization field without token", 400, "invalid_request", func(*testing.T, *world, session, tokenResponse) []string {
		return []string{"Authorization", "DPoP "}
	})
	with("it refuses an id_token", 401, "invalid_token", func(t *testing.T, w *world, s session, given tokenResponse) []string {
		return bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.ID)
	})
	forged("it refuses a token that is none", func(*testing.T, *world, string, map[string]any) string { return "x.y.z" })
	forged("it refuses a token with other claims", func(t *testing.T, _ *world, token string, claims map[string]any) string {
		parts := strings.Split(token, ".")
		claims["scope"] = "openid resident_card"
		return parts[0] + "." + b64.EncodeToString(encode(t, claims)) + "." + parts[2]
	})
	forged("it refuses an unsigned token", func(t *testing.T, w *world, _ string, claims map[string]any) string {
		return jwt{head: map[string]any{"typ": "at+jwt"}, claims: claims}.sign(t, unsigned())
	})
	forged("it refuses a token by an agency's key", func(t *testing.T, w *world, _ string, claims map[string]any) string {
		return jwt{head: map[string]any{"typ": "at+jwt", "jwk": public(w.asks.key)}, claims: claims, key: w.asks.key}.sign(t)
	})
	forged("it refuses a token signed with the hub's public key as a secret", func(t *testing.T, w *world, _ string, claims map[string]any) string {
		return jwt{head: map[string]any{"typ": "at+jwt"}, claims: claims}.sign(t, symmetric(&w.asks.key.PublicKey))
	})
	forged("it refuses a token that leads to its own keys", func(t *testing.T, w *world, _ string, claims map[string]any) string {
		return jwt{head: map[string]any{"typ": "at+jwt", "jku": w.licence + "/keys", "x5u": w.licence + "/x"}, claims: claims, key: w.asks.key}.sign(t)
	})
	forged("it refuses half a token", func(_ *testing.T, _ *world, token string, _ map[string]any) string { return token[:len(token)/2] })
	forged("it refuses a token that was revoked", func(t *testing.T, w *world, token string, _ map[string]any) string {
		if a := postForm(t, w.hub+"/revoke", w.asks.authenticated(t, w, url.Values{"token": {token}})); a.status != http.StatusOK {
			t.Fatalf("revoke: %d %s", a.status, a.body)
		}
		return token
	})
	add("it refuses userinfo to a wallet's token", 403, "insufficient_scope", func(t *testing.T, w *world) answer {
		key := newKey(t)
		given := into[tokenResponse](t, w.redeem(t, key, w.offer(t, w.kim).form()))
		return get(t, w.hub+"/userinfo", bearer(t, key, "GET", w.hub+"/userinfo", given.Access)...)
	})
	add("it refuses a card to a login's token", 403, "insufficient_scope", func(t *testing.T, w *world) answer {
		s, given := w.login(t, w.kim.Citizen)
		return postJSON(t, w.hub+"/credential", `{"credential_configuration_id":"resident_card_sd_jwt"}`, bearer(t, s.dpop, "POST", w.hub+"/credential", given.Access)...)
	})
	add("it refuses a card to nobody", 401, "", func(t *testing.T, w *world) answer { return postJSON(t, w.hub+"/credential", "{}") })
	add("it refuses a notification of nobody", 401, "", func(t *testing.T, w *world) answer { return postJSON(t, w.hub+"/notification", "{}") })
	return list
}
