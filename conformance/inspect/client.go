package inspect

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/conformance/report"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Client is a confidential client that is registered for a run: by
// private_key_jwt, with pushed requests and DPoP, for the code flow.
type Client struct {
	ID          string          `json:"client_id"`
	RedirectURI string          `json:"redirect_uri"`
	Scope       string          `json:"scope"`
	Key         jose.JSONWebKey `json:"key"` // private, on P-256
}

// ReadClient reads a client from a JSON file.
func ReadClient(path string) (*Client, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c Client
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	private, ok := c.Key.Key.(*ecdsa.PrivateKey)
	if c.ID == "" || c.RedirectURI == "" || !ok || private.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s: client_id, redirect_uri, scope, and key, a private JWK on P-256", path)
	}
	return &c, nil
}

// bend is one thing that is wrong with a client assertion or a proof.
type bend struct {
	claims map[string]any // set, or deleted where nil
	header map[string]any
	alg    string // instead of ES256
	key    any    // instead of its own
}

// sign makes a JWS, also one that no library would make.
func sign(key *ecdsa.PrivateKey, header, claims map[string]any, b bend) (string, error) {
	for name, value := range b.claims {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	for name, value := range b.header {
		if header[name] = value; value == nil {
			delete(header, name)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	if b.alg == "none" {
		header["alg"] = "none"
		head, err := json.Marshal(header)
		return base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(payload) + ".", err
	}
	signing := jose.SigningKey{Algorithm: jose.ES256, Key: key}
	if b.key != nil {
		signing.Key = b.key
	}
	if b.alg != "" {
		signing.Algorithm = jose.SignatureAlgorithm(b.alg)
	}
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(signing, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// assertion authenticates the client (RFC 7523, FAPI 2.0, 5.3.3).
func (p *probe) assertion(b bend) (string, error) {
	c := p.Client
	now := p.Now()
	return sign(c.Key.Key.(*ecdsa.PrivateKey), map[string]any{"kid": c.Key.KeyID}, map[string]any{
		"iss": c.ID, "sub": c.ID, "aud": p.server.Issuer, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}, b)
}

// authenticated adds the client's assertion to a form.
func (p *probe) authenticated(form url.Values, b bend) (url.Values, error) {
	if p.Client == nil {
		return nil, report.Skip("needs a registered client (--client)")
	}
	a, err := p.assertion(b)
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", a)
	return form, err
}

// request is a good one of the client's, with changes; "" takes one away.
func (p *probe) request(changes ...string) url.Values {
	v := asking("client_id", p.Client.ID, "redirect_uri", p.Client.RedirectURI, "scope", p.Client.Scope)
	for pair := range slices.Chunk(changes, 2) {
		if v.Set(pair[0], pair[1]); pair[1] == "" {
			v.Del(pair[0])
		}
	}
	return v
}

// push pushes a request; b bends the assertion.
func (p *probe) push(ctx context.Context, form func() url.Values, b bend) (answer, error) {
	if p.Client == nil {
		return answer{}, report.Skip("needs a registered client (--client)")
	}
	full, err := p.authenticated(form(), b)
	if err != nil {
		return answer{}, err
	}
	return p.send(ctx, post(p.server.PAR, full))
}

// pushed is a case: a pushed request that is changed is refused.
func pushed(name, clause string, changes ...string) trial {
	return trial{partClient, name, clause, func(ctx context.Context, p *probe) error {
		a, err := p.push(ctx, func() url.Values { return p.request(changes...) }, bend{})
		if err != nil {
			return err
		}
		return a.refusedBy("400 invalid_request")
	}}
}

// asserted is a case: a client assertion that is bent is refused.
func asserted(name, clause string, b func(p *probe) bend) trial {
	return trial{partClient, name, clause, func(ctx context.Context, p *probe) error {
		if p.Client == nil {
			return report.Skip("needs a registered client (--client)")
		}
		a, err := p.push(ctx, func() url.Values { return p.request() }, b(p))
		if err != nil {
			return err
		}
		return a.refusedBy("401 invalid_client", "400 invalid_client")
	}}
}

func claim(name string, value func(p *probe) any) func(p *probe) bend {
	return func(p *probe) bend { return bend{claims: map[string]any{name: value(p)}} }
}

func fixed(value any) func(*probe) any { return func(*probe) any { return value } }

func later(d time.Duration) func(*probe) any {
	return func(p *probe) any { return p.Now().Add(d).Unix() }
}

func strangers(*probe) bend {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("inspect: " + err.Error()) // the system has no randomness
	}
	return bend{key: key}
}

var clientCases = []trial{
	{partClient, "takes a pushed request of its client, for less than ten minutes", "RFC 9126, 2.2; FAPI 2.0, 5.3.2.2", func(ctx context.Context, p *probe) error {
		_, err := p.handle(ctx)
		return err
	}},
	{partClient, "opens a pushed request once", "RFC 9126, 4; FAPI 2.0, 5.3.2.2", func(ctx context.Context, p *probe) error {
		handle, err := p.handle(ctx)
		if err != nil {
			return err
		}
		address := p.server.Authorize + "?" + values("client_id", p.Client.ID, "request_uri", handle).Encode()
		first, err := p.send(ctx, get(address))
		if err != nil {
			return err
		}
		if first.status >= 400 {
			return fmt.Errorf("the first time it answers %d", first.status)
		}
		again, err := p.send(ctx, get(address))
		if err != nil {
			return err
		}
		return again.refusedBy("4xx")
	}},
	{partClient, "refuses what was not pushed", "RFC 9126, 5; FAPI 2.0, 5.3.2.2", func(ctx context.Context, p *probe) error {
		if p.Client == nil {
			return report.Skip("needs a registered client (--client)")
		}
		a, err := p.send(ctx, get(p.server.Authorize+"?"+p.request().Encode()))
		if err != nil {
			return err
		}
		if to, err := url.Parse(a.header.Get("Location")); err == nil && to.Query().Get("error") != "" {
			return nil
		}
		return a.refusedBy("4xx")
	}},
	pushed("wants PKCE", "RFC 9700, 2.1.1; FAPI 2.0, 5.3.2.2", "code_challenge", "", "code_challenge_method", ""),
	pushed("takes no plain PKCE", "RFC 7636, 4.4.1; FAPI 2.0, 5.3.2.2", "code_challenge_method", "plain"),
	pushed("takes no method of PKCE to be plain when none is named", "RFC 7636, 4.3", "code_challenge_method", ""),
	pushed("takes no challenge that is too short", "RFC 7636, 4.2", "code_challenge", "short"),
	pushed("takes no redirect URI that is not registered", "RFC 6749, 3.1.2.3; RFC 9700, 4.1.3", "redirect_uri", "https://evil.example/callback"),
	{partClient, "compares redirect URIs byte for byte", "RFC 9700, 2.1", func(ctx context.Context, p *probe) error {
		for _, more := range []string{"/", "?x=1", "/../callback", "%2f"} {
			a, err := p.push(ctx, func() url.Values { return p.request("redirect_uri", p.Client.RedirectURI+more) }, bend{})
			if err != nil {
				return err
			}
			if err := a.refusedBy("400 invalid_request"); err != nil {
				return fmt.Errorf("with %q behind it: %w", more, err)
			}
		}
		return nil
	}},
	pushed("takes no request_uri within a pushed request", "RFC 9126, 2.1", "request_uri", "urn:ietf:params:oauth:request_uri:x"),
	{partClient, "gives no token by the front channel", "FAPI 2.0, 5.3.2.2", func(ctx context.Context, p *probe) error {
		a, err := p.push(ctx, func() url.Values { return p.request("response_type", "code id_token") }, bend{})
		if err != nil {
			return err
		}
		return a.refusedBy("400 unsupported_response_type", "400 invalid_request", "400 unauthorized_client")
	}},
	{partClient, "takes no parameter twice", "RFC 6749, 3.1", func(ctx context.Context, p *probe) error {
		a, err := p.push(ctx, func() url.Values { v := p.request(); v.Add("state", "another"); return v }, bend{})
		if err != nil {
			return err
		}
		return a.refusedBy("400 invalid_request")
	}},
	{partClient, "takes a client assertion once", "RFC 7523, 3; FAPI 2.0, 5.3.2.1", func(ctx context.Context, p *probe) error {
		if p.Client == nil {
			return report.Skip("needs a registered client (--client)")
		}
		form, err := p.authenticated(p.request(), bend{})
		if err != nil {
			return err
		}
		if a, err := p.send(ctx, post(p.server.PAR, form)); err != nil || a.status != http.StatusCreated {
			return fmt.Errorf("the first time it answers %d %s: %w", a.status, a.code(), err)
		}
		a, err := p.send(ctx, post(p.server.PAR, form))
		if err != nil {
			return err
		}
		return a.refusedBy("401 invalid_client", "400 invalid_client")
	}},
	asserted("takes no assertion for the token endpoint's address", "FAPI 2.0, 5.3.2.1", claim("aud", func(p *probe) any { return p.server.Token })),
	asserted("takes no list of audiences", "FAPI 2.0, 5.3.2.1", claim("aud", func(p *probe) any { return []string{p.server.Issuer} })),
	asserted("takes no assertion that has expired", "RFC 7523, 3", claim("exp", later(-time.Minute))),
	asserted("takes no assertion that never expires", "RFC 7523, 3", claim("exp", fixed(nil))),
	asserted("takes no assertion of the future", "FAPI 2.0, 5.3.2.1", claim("nbf", later(5*time.Minute))),
	asserted("takes no assertion without jti", "OpenID Connect Core 1.0, 9", claim("jti", fixed(nil))),
	asserted("takes no assertion about another", "RFC 7523, 3", claim("sub", fixed(nobody))),
	asserted("takes no unsigned assertion", "RFC 8725, 3.1", func(*probe) bend { return bend{alg: "none"} }),
	asserted("takes no assertion signed by a stranger", "RFC 7523, 3", strangers),
	asserted("takes no key from the assertion's own header", "RFC 8725, 3.8", func(p *probe) bend {
		b := strangers(p)
		b.header = map[string]any{"jwk": jose.JSONWebKey{Key: b.key.(*ecdsa.PrivateKey).Public()}}
		return b
	}),
	asserted("takes no public key for a secret", "RFC 8725, 2.1", func(p *probe) bend {
		public, _ := json.Marshal(p.Client.Key.Public()) // it was read as one
		return bend{alg: "HS256", key: public}
	}),
	{partClient, "finds a code that it did not make invalid, with a good proof", "RFC 6749, 5.2", func(ctx context.Context, p *probe) error {
		return p.prove(ctx, p.server.Token, forged, nil, "400 invalid_grant")
	}},
	proven("takes no proof for another method", "RFC 9449, 4.3", map[string]any{"htm": "GET"}, nil, ""),
	proven("takes no proof for another address", "RFC 9449, 4.3", map[string]any{"htu": "https://evil.example/token"}, nil, ""),
	proven("takes no old proof", "RFC 9449, 4.3 and 11.1", map[string]any{"iat": 1}, nil, ""),
	proven("takes no proof without jti", "RFC 9449, 4.2", map[string]any{"jti": nil}, nil, ""),
	proven("takes no proof of another type", "RFC 9449, 4.2", nil, map[string]any{"typ": "JWT"}, ""),
	proven("takes no unsigned proof", "RFC 9449, 4.2", nil, nil, "none"),
	{partClient, "finds a foreign token inactive", "RFC 7662, 2.2", func(ctx context.Context, p *probe) error {
		if p.server.Introspection == "" || p.Client == nil {
			return report.Skip("needs introspection and a registered client (--client)")
		}
		form, err := p.authenticated(values("token", "forged"), bend{})
		if err != nil {
			return err
		}
		a, err := p.send(ctx, post(p.server.Introspection, form))
		if err != nil {
			return err
		}
		v, err := a.object()
		if a.status == http.StatusForbidden || a.status == http.StatusUnauthorized || a.code() != "" { // this client may not introspect
			return nil
		}
		if err != nil || v["active"] != false || len(v) != 1 {
			return fmt.Errorf("it answers %v, %w", v, err)
		}
		return nil
	}},
	{partClient, "revokes a foreign token without a word", "RFC 7009, 2.2", func(ctx context.Context, p *probe) error {
		if p.server.Revocation == "" {
			return report.Skip("the metadata names no revocation endpoint")
		}
		form, err := p.authenticated(values("token", "forged"), bend{})
		if err != nil {
			return err
		}
		a, err := p.send(ctx, post(p.server.Revocation, form))
		if err != nil {
			return err
		}
		return a.refusedBy("200") // it is no refusal at all
	}},
}

// handle pushes a good request.
func (p *probe) handle(ctx context.Context) (string, error) {
	a, err := p.push(ctx, func() url.Values { return p.request() }, bend{})
	if err != nil {
		return "", err
	}
	var got struct {
		URI     string `json:"request_uri"`
		Expires int    `json:"expires_in"`
	}
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusCreated {
		return "", fmt.Errorf("it answers %d %s: %w", a.status, a.code(), err)
	}
	if got.URI == "" || got.Expires <= 0 || got.Expires >= 600 {
		return "", fmt.Errorf("request_uri %q for %d seconds", got.URI, got.Expires)
	}
	return got.URI, nil
}
