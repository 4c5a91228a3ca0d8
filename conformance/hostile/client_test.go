package hostile_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertion authenticates a party's client (RFC 7523).
func (p party) assertion(t testing.TB, w *world, bends ...bend) string {
	return jwt{
		head:   map[string]any{"kid": p.kid, "typ": "JWT"},
		claims: map[string]any{"iss": p.client, "sub": p.client, "aud": w.hub, "jti": text(), "iat": now(), "exp": in(60)},
		key:    p.key,
	}.sign(t, bends...)
}

// object is a party's request object (RFC 9101), for a login unless bent.
func (p party) object(t testing.TB, w *world, verifier string, bends ...bend) string {
	return jwt{
		head: map[string]any{"kid": p.kid, "typ": "oauth-authz-req+jwt"},
		claims: map[string]any{
			"iss": p.client, "aud": w.hub, "iat": now(), "nbf": now(), "exp": in(60), "client_id": p.client,
			"response_type": "code", "redirect_uri": p.redirect, "scope": "openid", "state": text(), "nonce": text(),
			"code_challenge": challenge(verifier), "code_challenge_method": "S256",
		},
		key: p.key,
	}.sign(t, bends...)
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return b64.EncodeToString(sum[:])
}

// authenticated adds the client's assertion to a form.
func (p party) authenticated(t testing.TB, w *world, form url.Values) url.Values {
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", p.assertion(t, w))
	return form
}

// newVerifier is a PKCE verifier (RFC 7636, 4.1).
func newVerifier() string { return text() + text() }

// pushed is a party's PAR with a request object.
func (p party) pushed(t testing.TB, w *world, object string, headers ...string) answer {
	return postForm(t, w.hub+"/par", p.authenticated(t, w, url.Values{"request": {object}}), headers...)
}

type par struct {
	RequestURI string `json:"request_uri"`
}

func (w *world) authorizeURL(client, requestURI string) string {
	return w.hub + "/authorize?" + url.Values{"client_id": {client}, "request_uri": {requestURI}}.Encode()
}

// A session of a client: a code in hand, not redeemed.
type session struct {
	party
	verifier, code string
	dpop           *ecdsa.PrivateKey
}

// coded walks a request through the citizen's pages to its code.
func (p party) coded(t testing.TB, w *world, c *citizen.Citizen, bends ...bend) session {
	t.Helper()
	s := session{party: p, verifier: newVerifier(), dpop: newKey(t)}
	uri := into[par](t, p.pushed(t, w, p.object(t, w, s.verifier, bends...))).RequestURI
	back, err := c.Authorize(t.Context(), w.authorizeURL(p.client, uri))
	if err != nil {
		t.Fatal(err)
	}
	if s.code = back.Query().Get("code"); s.code == "" {
		t.Fatalf("no code: %s", back)
	}
	return s
}

// form redeems the code.
func (s session) form(t testing.TB, w *world) url.Values {
	return s.authenticated(t, w, url.Values{
		"grant_type": {"authorization_code"}, "code": {s.code}, "redirect_uri": {s.redirect}, "code_verifier": {s.verifier},
	})
}

// proof is a DPoP proof (RFC 9449, 4.2).
func proof(t testing.TB, key *ecdsa.PrivateKey, method, address, token string, bends ...bend) string {
	j := jwt{
		head:   map[string]any{"typ": "dpop+jwt", "jwk": public(key)},
		claims: map[string]any{"jti": text(), "htm": method, "htu": address, "iat": now()},
		key:    key,
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		j.claims["ath"] = b64.EncodeToString(sum[:])
	}
	return j.sign(t, bends...)
}

// redeem posts a form to the token endpoint with a proof by key.
func (w *world) redeem(t testing.TB, key *ecdsa.PrivateKey, form url.Values) answer {
	return postForm(t, w.hub+"/token", form, "DPoP", proof(t, key, http.MethodPost, w.hub+"/token", ""))
}

// tokens are a token response.
type tokenResponse struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Details []struct {
		Grant string         `json:"grant_id"`
		Use   int            `json:"use"`
		Terms map[string]any `json:"terms"`
	} `json:"authorization_details"`
}

func (s session) redeemed(t testing.TB, w *world) tokenResponse {
	t.Helper()
	return into[tokenResponse](t, w.redeem(t, s.dpop, s.form(t, w)))
}

// login is a token of the licence office's client for a person at the hub itself.
func (w *world) login(t testing.TB, c *citizen.Citizen) (session, tokenResponse) {
	t.Helper()
	s := w.asks.coded(t, w, c)
	return s, s.redeemed(t, w)
}

// bearer is the headers of a resource request with a bound token.
func bearer(t testing.TB, key *ecdsa.PrivateKey, method, address, token string, bends ...bend) []string {
	return []string{"Authorization", "DPoP " + token, "DPoP", proof(t, key, method, address, token, bends...)}
}

// walletPAR is what the demo wallet's public client pushes.
func (w *world) walletPAR(verifier string) url.Values {
	return url.Values{
		"client_id": {"demo-wallet"}, "response_type": {"code"}, "redirect_uri": {w.wallet + "/callback"},
		"scope": {"resident_card"}, "state": {text()}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
}

// with changes a form: pairs of name and value; a value of "-" takes it away.
func with(form url.Values, pairs ...string) url.Values {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			form.Del(pairs[i])
		} else {
			form.Set(pairs[i], pairs[i+1])
		}
	}
	return form
}

func long(n int) string { return strings.Repeat("a", n) }

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}
