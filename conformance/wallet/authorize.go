package wallet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// How long and how many authorizations wait for their callback.
const (
	pendingLife = 15 * time.Minute
	maxPending  = 256
)

// pending is an authorization whose callback has not come.
type pending struct {
	grant    *grant
	verifier string
	until    time.Time
}

// Begin pushes an authorization request (RFC 9126) for what was offered, by
// scope where the issuer has one and else by authorization_details, with PKCE S256 and the thumbprint of the DPoP key, and answers with the address to
// open in the browser, and the state by which Finish will know it again.
func (w *Wallet) Begin(ctx context.Context, o Offered) (address, state string, err error) {
	if w.config.ClientID == "" || w.config.RedirectURI == "" {
		return "", "", refuse("client", "this wallet has no client_id and redirect_uri")
	}
	if o.Server.PAREndpoint == "" || o.Server.AuthorizationEndpoint == "" {
		return "", "", refuse("par", "the authorization server has no pushed authorization requests")
	}
	if !slices.Contains(o.Server.CodeChallengeMethods, "S256") {
		return "", "", refuse("pkce", "the authorization server does not offer S256")
	}
	g, err := w.newGrant(ctx, o)
	if err != nil {
		return "", "", err
	}
	g.clientID = w.config.ClientID
	p := pending{grant: g, verifier: random(), until: w.config.Now().Add(pendingLife)}
	state = random()
	form, err := w.authorizationRequest(o, p, state)
	if err != nil {
		return "", "", err
	}
	requestURI, err := w.push(ctx, g, form)
	if err != nil {
		return "", "", err
	}
	if err := w.remember(state, p); err != nil {
		return "", "", err
	}
	u, err := url.Parse(o.Server.AuthorizationEndpoint)
	if err != nil {
		return "", "", refuse("par", "authorization_endpoint is not a web address")
	}
	q := u.Query()
	q.Set("client_id", w.config.ClientID)
	q.Set("request_uri", requestURI)
	u.RawQuery = q.Encode()
	return u.String(), state, w.allowed("authorization endpoint", u.String())
}

func (w *Wallet) authorizationRequest(o Offered, p pending, state string) (url.Values, error) {
	var scopes []string
	var others []Configuration
	for _, c := range o.Configurations {
		if c.Scope != "" && !w.config.Issuance.ByDetails {
			scopes = append(scopes, c.Scope)
			continue
		}
		others = append(others, c)
	}
	challenge := sha256.Sum256([]byte(p.verifier))
	form := url.Values{
		"response_type":         {"code"},
		"client_id":             {w.config.ClientID},
		"redirect_uri":          {w.config.RedirectURI},
		"state":                 {state},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
		"dpop_jkt":              {p.grant.maker.JKT()},
	}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	if err := setDetails(form, o.details(others)); err != nil {
		return nil, err
	}
	if g := o.Offer.Grants; g != nil && g.AuthorizationCode != nil && g.AuthorizationCode.IssuerState != "" {
		form.Set("issuer_state", g.AuthorizationCode.IssuerState)
	}
	return form, nil
}

// details ask for configurations by authorization_details.
func (o Offered) details(of []Configuration) []openid4vci.Detail {
	var details []openid4vci.Detail
	for _, c := range of {
		d := openid4vci.Detail{Type: openid4vci.DetailType, CredentialConfigurationID: c.ID}
		if len(o.Issuer.AuthorizationServers) > 0 { // section 5.1.1
			d.Locations = []string{o.Issuer.CredentialIssuer}
		}
		details = append(details, d)
	}
	return details
}

func setDetails(form url.Values, details []openid4vci.Detail) error {
	if len(details) == 0 {
		return nil
	}
	body, err := json.Marshal(details)
	if err == nil {
		form.Set("authorization_details", string(body))
	}
	return err
}

func (w *Wallet) push(ctx context.Context, g *grant, form url.Values) (string, error) {
	r, err := w.proven(ctx, g, call{
		what: "par", method: http.MethodPost, address: g.offered.Server.PAREndpoint,
		contentType: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
	})
	if err != nil {
		return "", err
	}
	if r.status != http.StatusCreated && r.status != http.StatusOK {
		return "", r.refused("par")
	}
	var answer struct {
		RequestURI string `json:"request_uri"`
	}
	if err := decode("par", r.body, &answer); err != nil {
		return "", err
	}
	if answer.RequestURI == "" {
		return "", refuse("par", "no request_uri")
	}
	return answer.RequestURI, nil
}

func (w *Wallet) remember(state string, p pending) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.config.Now()
	for key, other := range w.pending {
		if now.After(other.until) {
			delete(w.pending, key)
		}
	}
	if len(w.pending) >= maxPending {
		return refuse("busy", "too many authorizations wait for their callback")
	}
	w.pending[state] = p
	return nil
}

// take hands out a pending authorization once.
func (w *Wallet) take(state string) (pending, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.pending[state]
	delete(w.pending, state)
	if !ok || w.config.Now().After(p.until) {
		return pending{}, refuse("state", "no authorization waits for this callback")
	}
	return p, nil
}

// Finish takes the query of the callback: state, iss (RFC 9207), then the code,
// and fetches what was offered.
func (w *Wallet) Finish(ctx context.Context, callback url.Values) ([]Credential, error) {
	for name, values := range callback {
		if len(values) != 1 {
			return nil, refuse("callback", "%.40q is given more than once", name)
		}
	}
	p, err := w.take(callback.Get("state"))
	if err != nil {
		return nil, err
	}
	want := p.grant.offered.Server.Issuer
	if subtle.ConstantTimeCompare([]byte(callback.Get("iss")), []byte(want)) != 1 {
		return nil, refuse("iss", "the callback does not come from the authorization server that was asked")
	}
	if code := callback.Get("error"); code != "" {
		return nil, &Answer{Endpoint: "authorization", Status: http.StatusFound, Code: code, Description: callback.Get("error_description")}
	}
	if callback.Get("code") == "" {
		return nil, refuse("callback", "no code")
	}
	err = w.redeem(ctx, p.grant, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {callback.Get("code")},
		"redirect_uri":  {w.config.RedirectURI},
		"code_verifier": {p.verifier},
	})
	if err != nil {
		return nil, err
	}
	return w.fetchAll(ctx, p.grant)
}

// random is 32 bytes as base64url.
func random() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
