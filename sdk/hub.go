package sdk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/jws"
)

const (
	assertionType  = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	requestLife    = 5 * time.Minute // of a request object and of a data request
	metadataFresh  = time.Hour
	maxClockSkew   = 10 * time.Second
	maxIDTokenAge  = 10 * time.Minute
	requestTypeJAR = "oauth-authz-req+jwt"
)

// hub is the authorization server as a client sees it.
type hub struct {
	net         *network
	trust       Trust
	client      string
	redirectURI string
	key         crypto.Signer
	kid         string
	now         func() time.Time

	mu      sync.Mutex
	meta    metadata
	fetched time.Time
}

// metadata is RFC 8414, as far as it is used.
type metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	PAR           string `json:"pushed_authorization_request_endpoint"`
}

func (h *hub) metadata(ctx context.Context) (metadata, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.meta.Issuer != "" && h.now().Sub(h.fetched).Abs() < metadataFresh {
		return h.meta, nil
	}
	u, err := url.Parse(h.trust.Issuer)
	if err != nil {
		return metadata{}, err
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	a, err := h.net.do(ctx, http.MethodGet, u.Scheme+"://"+u.Host+"/.well-known/oauth-authorization-server"+path, nil, nil)
	if err != nil {
		return metadata{}, err
	}
	var m metadata
	if a.status != http.StatusOK {
		return m, fmt.Errorf("%w: metadata: status %d", ErrUnavailable, a.status)
	}
	if err := json.Unmarshal(a.body, &m); err != nil {
		return m, fmt.Errorf("metadata: %w", err)
	}
	// RFC 8414, 3.3: "The issuer value returned MUST be identical".
	if m.Issuer != h.trust.Issuer {
		return m, refusal("refused", "metadata", "hub", "the issuer is %q, not the one of the trust folder", m.Issuer)
	}
	for _, address := range []string{m.Authorization, m.Token, m.PAR} {
		if err := h.net.allowed(address); err != nil {
			return m, fmt.Errorf("metadata: %w", err)
		}
	}
	h.meta, h.fetched = m, h.now()
	return m, nil
}

// sign makes a compact JWS with the client's key.
func (h *hub) sign(typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return jws.Sign(jws.Protected{KeyID: h.kid, Type: typ}, payload, h.key)
}

// assertion authenticates the client (RFC 7523, 3; FAPI 2.0: aud is the issuer).
func (h *hub) assertion() (string, error) {
	now := h.now()
	return h.sign("JWT", map[string]any{
		"iss": h.client, "sub": h.client, "aud": h.trust.Issuer, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
}

// post sends a form with the client's authentication, and a proof where there
// is a key; it takes a nonce from the answer once (RFC 9449, 8).
func (h *hub) post(ctx context.Context, address string, form url.Values, proofs *dpop.Maker) (answer, error) {
	nonce := ""
	for try := 0; ; try++ {
		assertion, err := h.assertion()
		if err != nil {
			return answer{}, fmt.Errorf("sign client assertion: %w", err)
		}
		form.Set("client_id", h.client)
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
		if proofs != nil {
			proof, err := proofs.Proof(http.MethodPost, address, "", nonce)
			if err != nil {
				return answer{}, err
			}
			header[dpop.Header] = []string{proof} // DPoP, not the canonical Dpop: either is the same field
		}
		a, err := h.net.do(ctx, http.MethodPost, address, header, []byte(form.Encode()))
		if err != nil || a.status < 400 {
			return a, err
		}
		if nonce = a.header.Get(dpop.NonceHeader); try == 0 && nonce != "" && oauthErrorOf(a).Code == "use_dpop_nonce" {
			continue
		}
		if err := a.unavailable(); err != nil {
			return a, err
		}
		return a, oauthErrorOf(a).error("hub", a.status)
	}
}

func oauthErrorOf(a answer) oauthError {
	var o oauthError
	if json.Unmarshal(a.body, &o) != nil || o.Code == "" {
		o = oauthError{Code: "refused", Description: "the hub's refusal cannot be read"}
	}
	return o
}

// authorization is what an authorization request is begun with, and kept until
// the browser comes back.
type authorization struct {
	Verifier string `json:"verifier"` // RFC 7636
	Nonce    string `json:"nonce"`    // OpenID Connect Core 1.0, 3.1.2.1
	Key      []byte `json:"key"`      // DPoP key, PKCS #8
}

func newAuthorization() (authorization, *dpop.Maker, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authorization{}, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return authorization{}, nil, err
	}
	maker, err := dpop.NewMaker(key)
	return authorization{Verifier: rand.Text() + rand.Text(), Nonce: rand.Text(), Key: der}, maker, err
}

func (a authorization) proofs(now func() time.Time) (*dpop.Maker, error) {
	key, err := x509.ParsePKCS8PrivateKey(a.Key)
	if err != nil {
		return nil, fmt.Errorf("key of proofs: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("key of proofs: it cannot sign")
	}
	maker, err := dpop.NewMaker(signer)
	if err == nil {
		maker.Now = now
	}
	return maker, err
}

// push sends a signed request object to PAR (RFC 9126, RFC 9101) and answers
// where the browser goes next.
func (h *hub) push(ctx context.Context, state string, a authorization, jkt string, more map[string]any) (string, error) {
	meta, err := h.metadata(ctx)
	if err != nil {
		return "", err
	}
	now, challenge := h.now(), sha256.Sum256([]byte(a.Verifier))
	claims := map[string]any{
		"iss": h.client, "aud": h.trust.Issuer, "client_id": h.client, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(requestLife).Unix(),
		"response_type": "code", "redirect_uri": h.redirectURI, "scope": "openid",
		"state": state, "nonce": a.Nonce, "dpop_jkt": jkt,
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	}
	for name, value := range more {
		claims[name] = value
	}
	object, err := h.sign(requestTypeJAR, claims)
	if err != nil {
		return "", fmt.Errorf("sign request object: %w", err)
	}
	res, err := h.post(ctx, meta.PAR, url.Values{"request": {object}}, nil)
	if err != nil {
		return "", err
	}
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	if json.Unmarshal(res.body, &pushed) != nil || pushed.RequestURI == "" || res.status != http.StatusCreated {
		return "", refusal("refused", "pushed request", "hub", "the answer has no request_uri")
	}
	next, err := url.Parse(meta.Authorization)
	if err != nil {
		return "", err
	}
	query := next.Query()
	query.Set("client_id", h.client)
	query.Set("request_uri", pushed.RequestURI)
	next.RawQuery = query.Encode()
	return next.String(), nil
}

// code checks what the browser brought back: state, iss (RFC 9207, 2.4), and
// then the code or the error.
func (h *hub) code(state string, query url.Values) (string, error) {
	one := func(name string) string {
		if len(query[name]) != 1 {
			return ""
		}
		return query.Get(name)
	}
	if state == "" || !equal(one("state"), state) {
		return "", refusal("refused", "state", "consumer", "this answer belongs to another browser or was used before")
	}
	if one("iss") != h.trust.Issuer {
		return "", refusal("refused", "iss", "consumer", "this answer is not the hub's")
	}
	if query.Has("error") {
		return "", oauthError{Code: one("error"), Description: one("error_description")}.error("hub", 0)
	}
	if one("code") == "" {
		return "", refusal("refused", "code", "hub", "the answer has neither code nor error")
	}
	return one("code"), nil
}

// tokens is a token response (RFC 6749, 5.1; RFC 9396, 7).
type tokens struct {
	Access  string          `json:"access_token"`
	Type    string          `json:"token_type"`
	Refresh string          `json:"refresh_token"`
	ID      string          `json:"id_token"`
	Details json.RawMessage `json:"authorization_details"`
}

// token asks for tokens bound to the key of proofs.
func (h *hub) token(ctx context.Context, form url.Values, proofs *dpop.Maker) (tokens, error) {
	var t tokens
	meta, err := h.metadata(ctx)
	if err != nil {
		return t, err
	}
	a, err := h.post(ctx, meta.Token, form, proofs)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(a.body, &t); err != nil || t.Access == "" {
		return t, refusal("refused", "token response", "hub", "it has no access token")
	}
	if !strings.EqualFold(t.Type, "DPoP") {
		return t, refusal("refused", "token response", "hub", "the token is bound to no key")
	}
	return t, nil
}

func (h *hub) redeem(ctx context.Context, code string, a authorization, proofs *dpop.Maker) (tokens, error) {
	return h.token(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {h.redirectURI}, "code_verifier": {a.Verifier},
	}, proofs)
}

// Identity is who logged in: a pseudonym that this agency alone sees.
type Identity struct {
	Sub      string
	AuthTime time.Time
	ACR      string
	AMR      []string
}

// identity checks an id_token (OpenID Connect Core 1.0, 3.1.3.7) with the keys
// of the trust folder.
func (h *hub) identity(idToken, nonce string) (Identity, error) {
	refuse := func(cause string) (Identity, error) {
		return Identity{}, refusal("refused", "id_token", "hub", "%s", cause)
	}
	object, err := jose.ParseSignedCompact(idToken, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return refuse("it is not a JWT signed by ES256")
	}
	header := object.Signatures[0].Protected
	if typ, ok := header.ExtraHeaders[jose.HeaderType].(string); ok && !strings.EqualFold(typ, "JWT") {
		return refuse("its typ is not JWT")
	}
	keys := h.trust.HubKeys.Key(header.KeyID)
	if len(keys) != 1 {
		return refuse("its key is not one of the hub's in the trust folder (after a change of keys: idp trust rekey)")
	}
	payload, err := object.Verify(keys[0].Key)
	if err != nil {
		return refuse("its signature is wrong")
	}
	var c struct {
		Issuer   string           `json:"iss"`
		Subject  string           `json:"sub"`
		Audience jwt.Audience     `json:"aud"`
		Expiry   *jwt.NumericDate `json:"exp"`
		Issued   *jwt.NumericDate `json:"iat"`
		AuthTime *jwt.NumericDate `json:"auth_time"`
		Nonce    string           `json:"nonce"`
		ACR      string           `json:"acr"`
		AMR      []string         `json:"amr"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return refuse("its claims cannot be read")
	}
	now := h.now()
	switch {
	case c.Issuer != h.trust.Issuer:
		return refuse("it is by another issuer")
	case len(c.Audience) != 1 || c.Audience[0] != h.client:
		return refuse("it is for another client")
	case c.Subject == "" || c.Expiry == nil || c.Issued == nil:
		return refuse("it lacks sub, exp or iat")
	case !c.Expiry.Time().After(now):
		return refuse("it has expired")
	case c.Issued.Time().After(now.Add(maxClockSkew)) || c.Issued.Time().Before(now.Add(-maxIDTokenAge)):
		return refuse("it was not issued just now")
	case nonce == "" || !equal(c.Nonce, nonce):
		return refuse("it belongs to another login")
	}
	who := Identity{Sub: c.Subject, ACR: c.ACR, AMR: c.AMR}
	if c.AuthTime != nil {
		who.AuthTime = c.AuthTime.Time()
	}
	return who, nil
}
