package oauth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
)

// client is a relying party, an agency or a wallet: PAR, PKCE, DPoP.
type client struct {
	h        *hub
	id       string
	secret   string
	key      crypto.Signer // registered
	dpop     *dpop.Maker
	verifier string
	browser  *http.Client
}

const redirect = "https://client.example/cb?keep=1"

// add registers a client by metadata: an agency's by default.
func (h *hub) add(id string, change map[string]any) *client {
	h.t.Helper()
	key := newKey(h.t)
	metadata := map[string]any{
		"client_id": id, "agency": "urn:agency:" + id, "redirect_uris": []string{redirect},
		"token_endpoint_auth_method": "private_key_jwt", "scope": "openid offline_access resident_card",
		"grant_types":              []string{registry.GrantCode, registry.GrantRefresh, registry.GrantPreAuthorized},
		"jwks":                     jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Use: "sig"}}},
		"dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
	}
	maps.Copy(metadata, change)
	maps.DeleteFunc(metadata, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(metadata)
	check(h.t, err)
	_, secret, err := h.registry.AddClient(context.Background(), text)
	check(h.t, err)
	c := &client{h: h, id: id, secret: secret, verifier: base64.RawURLEncoding.EncodeToString(random(32)), browser: newBrowser()}
	if metadata["token_endpoint_auth_method"] == "private_key_jwt" {
		c.key = key
	}
	if metadata["dpop_bound_access_tokens"] == true {
		c.dpop = h.maker()
	}
	return c
}

// wallet registers a public client.
func (h *hub) wallet() *client {
	return h.add("demo-wallet", map[string]any{"agency": nil, "token_endpoint_auth_method": "none", "jwks": nil})
}

// website registers an ordinary relying party with a secret.
func (h *hub) website() *client {
	return h.add("website", map[string]any{
		"agency": nil, "token_endpoint_auth_method": "client_secret_basic", "jwks": nil,
		"dpop_bound_access_tokens": false, "require_pushed_authorization_requests": false,
	})
}

func (h *hub) maker() *dpop.Maker {
	m, err := dpop.NewMaker(newKey(h.t))
	check(h.t, err)
	m.Now = h.now
	return m
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

func newBrowser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), "https://") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// sign makes a JWS of claims.
func sign(t testing.TB, key crypto.Signer, typ, kid string, claims any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(key)}, options)
	check(t, err)
	var payload []byte
	if text, ok := claims.(string); ok {
		payload = []byte(text)
	} else {
		payload, err = json.Marshal(claims)
		check(t, err)
	}
	signed, err := signer.Sign(payload)
	check(t, err)
	compact, err := signed.CompactSerialize()
	check(t, err)
	return compact
}

func (c *client) assertionClaims() map[string]any {
	return map[string]any{
		"iss": c.id, "sub": c.id, "aud": c.h.url, "jti": base64.RawURLEncoding.EncodeToString(random(16)),
		"iat": c.h.now().Unix(), "exp": c.h.now().Add(time.Minute).Unix(),
	}
}

// auth adds the client's authentication to a request.
func (c *client) auth(form url.Values) func(*http.Request) {
	switch {
	case c.key != nil:
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", sign(c.h.t, c.key, "", "k1", c.assertionClaims()))
	case c.secret != "":
		return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(c.secret)) }
	default:
		form.Set("client_id", c.id)
	}
	return func(*http.Request) {}
}

// authorization are the parameters of a plain request.
func (c *client) authorization(scope string) url.Values {
	sum := sha256.Sum256([]byte(c.verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {redirect}, "scope": {scope},
		"state": {"st"}, "nonce": {"no"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
}

// answer is what an endpoint said.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
	url    *url.URL // where it was
}

func (a answer) str(name string) string { s, _ := a.body[name].(string); return s }

// post sends a form.
func (h *hub) post(path string, form url.Values, change ...func(*http.Request)) answer {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodPost, h.url+path, strings.NewReader(form.Encode()))
	check(h.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, f := range change {
		f(r)
	}
	return h.do(http.DefaultClient, r)
}

func (h *hub) do(c *http.Client, r *http.Request) answer {
	h.t.Helper()
	response, err := c.Do(r)
	check(h.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(h.t, err)
	a := answer{status: response.StatusCode, header: response.Header, text: string(text), url: response.Request.URL}
	_ = json.Unmarshal(text, &a.body)
	return a
}

// push pushes a request and returns its request_uri.
func (c *client) push(form url.Values) answer {
	c.h.t.Helper()
	return c.h.post("/par", form, c.auth(form))
}

// open is the browser's way from the authorization endpoint back to the client.
func (c *client) open(query url.Values) url.Values {
	c.h.t.Helper()
	a := c.visit("/authorize?" + query.Encode())
	target, err := url.Parse(a.header.Get("Location"))
	check(c.h.t, err)
	if a.status != http.StatusSeeOther || target.Host != "client.example" {
		c.h.t.Fatalf("not sent back to the client: %d %s %s", a.status, target, a.text)
	}
	return target.Query()
}

func (c *client) visit(path string) answer {
	c.h.t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.h.url+path, nil)
	check(c.h.t, err)
	return c.h.do(c.browser, r)
}

// code walks from PAR to a code.
func (c *client) code(scope string, change ...func(url.Values)) string {
	c.h.t.Helper()
	form := c.authorization(scope)
	for _, f := range change {
		f(form)
	}
	pushed := c.push(form)
	if pushed.status != http.StatusCreated {
		c.h.t.Fatalf("PAR: %d %s", pushed.status, pushed.text)
	}
	back := c.open(url.Values{"client_id": {c.id}, "request_uri": {pushed.str("request_uri")}})
	if back.Get("code") == "" {
		c.h.t.Fatalf("no code: %v", back)
	}
	return back.Get("code")
}

func withDetails(form url.Values) {
	form.Set("authorization_details", `[{"type":"`+transferType+`"}]`)
}

// proof adds a DPoP proof.
func (c *client) proof(path, token string) func(*http.Request) {
	return func(r *http.Request) {
		if c.dpop == nil {
			return
		}
		proof, err := c.dpop.Proof(r.Method, c.h.url+path, token, "")
		check(c.h.t, err)
		r.Header.Set(dpop.Header, proof)
	}
}

func (c *client) redemption(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {c.verifier},
	}
}

// redeem exchanges a code.
func (c *client) redeem(code string, change ...func(url.Values)) answer {
	c.h.t.Helper()
	form := c.redemption(code)
	for _, f := range change {
		f(form)
	}
	return c.h.post("/token", form, c.auth(form), c.proof("/token", ""))
}

// refresh asks for a further token.
func (c *client) refresh(token string) answer {
	c.h.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return c.h.post("/token", form, c.auth(form), c.proof("/token", ""))
}

// use takes a token to a resource.
func (c *client) use(path, token string, change ...func(*http.Request)) answer {
	c.h.t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.h.url+path, nil)
	check(c.h.t, err)
	scheme := "Bearer "
	if c.dpop != nil {
		scheme = "DPoP "
	}
	r.Header.Set("Authorization", scheme+token)
	c.proof(path, token)(r)
	for _, f := range change {
		f(r)
	}
	return c.h.do(http.DefaultClient, r)
}

// claims reads a JWS that the hub signed.
func (h *hub) claims(compact, typ string) map[string]any {
	h.t.Helper()
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	check(h.t, err)
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ {
		h.t.Errorf("typ is %v, want %s", header.ExtraHeaders[jose.HeaderType], typ)
	}
	jwks := h.ring.JWKS()
	payload, err := signed.Verify(jwks.Key(header.KeyID)[0].Key)
	check(h.t, err)
	out := map[string]any{}
	check(h.t, json.Unmarshal(payload, &out))
	return out
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused wants an error of the protocol.
func refused(t *testing.T, a answer, status int, code, why string) {
	t.Helper()
	if a.status != status || a.str("error") != code || !strings.Contains(a.str("error_description"), why) {
		t.Errorf("answered %d %s; want %d %s …%s…", a.status, a.text, status, code, why)
	}
}

// record serves a request without a network.
func record(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// names is a UserInfo that tries too much.
func names(context.Context, string, []string) (map[string]any, error) {
	return map[string]any{"name": "Ada", "sub": "mallory"}, nil
}
