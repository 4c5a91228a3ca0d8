package speed_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/dpop"
)

// client is a relying party that is registered for FAPI 2.0.
type client struct {
	w        *world
	hub      string
	assert   jose.Signer
	maker    *dpop.Maker
	verifier string
	http     *http.Client
}

const (
	clientID = "swift"
	callback = "https://client.example/callback"
)

// registered gives each person a client of the one that the operator registers.
func registered(w *world) {
	b := w.b
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "sig", Algorithm: string(jose.ES256), Use: "sig"}
	file := filepath.Join(b.TempDir(), "client.json")
	must(b, os.WriteFile(file, encoded(map[string]any{
		"client_id": clientID, "redirect_uris": []string{callback}, "grant_types": []string{"authorization_code"},
		"token_endpoint_auth_method": "private_key_jwt", "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}},
		"scope": "openid", "dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
	}), 0o600))
	_, err = w.Command(b.Context(), "idp", "client", "add", "--json", "--data", w.Data(), "--metadata", file)
	must(b, err)
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "sig")
	for i := range w.people {
		c := &client{w: w, hub: w.URL(stage.IDP), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}}
		c.assert, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
		must(b, err)
		bound, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(b, err)
		c.maker, err = dpop.NewMaker(bound)
		must(b, err)
		w.people[i].client = c
	}
}

// push answers the address that the browser opens.
func (c *client) push() string {
	c.verifier = rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(c.verifier))
	var pushed struct {
		URI string `json:"request_uri"`
	}
	c.post("/par", url.Values{
		"response_type": {"code"}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {rand.Text()}, "nonce": {rand.Text()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}, &pushed)
	return c.hub + "/authorize?" + url.Values{"client_id": {clientID}, "request_uri": {pushed.URI}}.Encode()
}

func (c *client) redeem(back url.Values) {
	var tokens struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	c.post("/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}, "code_verifier": {c.verifier},
	}, &tokens)
	if tokens.Access == "" || tokens.ID == "" {
		c.w.b.Fatal("a token is missing")
	}
}

// post sends a form with a fresh assertion and a fresh proof.
func (c *client) post(path string, form url.Values, out any) {
	b, now := c.w.b, time.Now()
	signed, err := c.assert.Sign(encoded(map[string]any{
		"iss": clientID, "sub": clientID, "aud": c.hub, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}))
	must(b, err)
	assertion, err := signed.CompactSerialize()
	must(b, err)
	form.Set("client_assertion", assertion)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_id", clientID)
	proof, err := c.maker.Proof(http.MethodPost, c.hub+path, "", "")
	must(b, err)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, c.hub+path, strings.NewReader(form.Encode()))
	must(b, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(dpop.Header, proof)
	res, err := c.http.Do(r)
	must(b, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(b, err)
	if res.StatusCode > 299 {
		b.Fatalf("%s: %d %s", path, res.StatusCode, body)
	}
	must(b, json.Unmarshal(body, out))
}
