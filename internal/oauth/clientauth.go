package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/jcs"
)

// The limits of a client assertion.
const (
	assertionLife = 10 * time.Minute // exp at most so far ahead
	maxJTI        = 256
)

// credentials are what a request says of who its client is.
type credentials struct {
	op.ClientCredentials
	basic bool // the secret came by HTTP Basic
}

// credentialsOf reads them from a request of ours; the kit reads its own.
func credentialsOf(r *http.Request, form url.Values) credentials {
	c := credentials{ClientCredentials: op.ClientCredentials{
		ClientID: form.Get("client_id"), ClientSecret: form.Get("client_secret"),
		ClientAssertion: form.Get("client_assertion"), ClientAssertionType: form.Get("client_assertion_type"),
	}}
	id, password, ok := r.BasicAuth()
	if !ok {
		return c
	}
	c.basic = true
	// RFC 6749, 2.3.1: both are form-encoded inside.
	name, errName := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(password)
	if errName != nil || errSecret != nil || c.ClientSecret != "" || c.ClientID != "" && c.ClientID != name {
		return credentials{basic: true}
	}
	c.ClientID, c.ClientSecret = name, secret
	return c
}

// authenticate says which client a request is from, by the one method the
// client is registered with (RFC 6749, 2.3).
func (s *Server) authenticate(ctx context.Context, c credentials) (registry.Client, *Refusal) {
	if p := presenceOf(ctx); p != nil && attested(p.request.Header) {
		if c.basic || c.ClientSecret != "" || c.ClientAssertion != "" || c.ClientAssertionType != "" {
			return registry.Client{}, refuse("invalid_client", "more than one client authentication method")
		}
		return s.authenticateByAttestation(ctx, p, c.ClientID)
	}
	if c.ClientAssertion != "" || c.ClientAssertionType != "" {
		if c.basic || c.ClientSecret != "" {
			return registry.Client{}, refuse("invalid_client", "more than one client authentication method")
		}
		return s.authenticateByKey(ctx, c)
	}
	if c.ClientID == "" {
		return registry.Client{}, refuse("invalid_client", "client authentication is missing")
	}
	client, refusal := s.client(ctx, c.ClientID)
	if refusal != nil {
		return registry.Client{}, refusal
	}
	switch client.AuthMethod {
	case registry.AuthNone:
		if c.basic || c.ClientSecret != "" {
			return registry.Client{}, refuse("invalid_client", "a public client has no secret")
		}
		return client, nil
	case registry.AuthSecretBasic:
		if !c.basic {
			return registry.Client{}, refuse("invalid_client", "the secret must come by HTTP Basic")
		}
		if !client.CheckSecret(c.ClientSecret) {
			return registry.Client{}, refuse("invalid_client", "unknown client or wrong secret")
		}
		return client, nil
	case registry.AuthAttestation:
		return registry.Client{}, refuse("invalid_client", "this client must authenticate by attestation")
	}
	return registry.Client{}, refuse("invalid_client", "this client must authenticate by private_key_jwt")
}

// client finds a client; an unknown one is refused as a wrong secret is.
func (s *Server) client(ctx context.Context, id string) (registry.Client, *Refusal) {
	client, err := s.Clients.Client(ctx, id)
	if errors.Is(err, registry.ErrUnknown) {
		return registry.Client{}, refuse("invalid_client", "unknown client or wrong secret")
	}
	if err != nil {
		return registry.Client{}, internal(err)
	}
	return client, nil
}

// assertion is the payload of private_key_jwt (RFC 7523, 3). Aud must be one
// string, the issuer (FAPI 2.0, 5.3.2.1): an array does not decode.
type assertion struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	Expires  int64  `json:"exp"`
	NotFrom  int64  `json:"nbf"`
	IssuedAt int64  `json:"iat"`
}

func (s *Server) authenticateByKey(ctx context.Context, c credentials) (registry.Client, *Refusal) {
	bad := func(why string) (registry.Client, *Refusal) {
		return registry.Client{}, refuse("invalid_client", "client_assertion: "+why)
	}
	if c.ClientAssertionType != oidc.ClientAssertionTypeJWTAssertion {
		return bad("client_assertion_type must be " + oidc.ClientAssertionTypeJWTAssertion)
	}
	id, err := unverifiedIssuer(c.ClientAssertion)
	if err != nil || c.ClientID != "" && c.ClientID != id {
		return bad("iss is not the client")
	}
	client, refusal := s.client(ctx, id)
	if refusal != nil {
		return registry.Client{}, refusal
	}
	if client.AuthMethod != registry.AuthPrivateKeyJWT {
		return bad("this client is not registered for private_key_jwt")
	}
	keyed, refusal := s.keyed(ctx, client, c.ClientAssertion)
	if refusal != nil {
		return registry.Client{}, refusal
	}
	payload, err := openAssertion(c.ClientAssertion, keyed)
	if err != nil {
		return bad(err.Error())
	}
	var a assertion
	if err := jcs.Unmarshal(payload, &a); err != nil {
		return bad("the claims cannot be read; aud must be one string")
	}
	if why := a.check(client.ID, s.Issuer, s.now()); why != "" {
		return bad(why)
	}
	return client, s.spendAssertion(ctx, client.ID, a)
}

// check returns why an assertion is not good, or "".
func (a assertion) check(client, issuer string, now time.Time) string {
	expires := time.Unix(a.Expires, 0)
	switch {
	case a.Issuer != client || a.Subject != client:
		return "iss and sub must be the client"
	case a.Audience != issuer:
		return "aud must be the issuer, " + issuer
	case a.Expires == 0:
		return "exp is missing"
	case !now.Before(expires):
		return "it has expired"
	case expires.Sub(now) > assertionLife:
		return "exp is more than 10 minutes ahead"
	case future(a.NotFrom, now) || future(a.IssuedAt, now):
		return "it is from the future"
	case a.ID == "" || len(a.ID) > maxJTI:
		return "jti is missing or too long"
	}
	return ""
}

// spendAssertion notes the jti, so that an assertion is good once (RFC 7523, 3).
func (s *Server) spendAssertion(ctx context.Context, client string, a assertion) *Refusal {
	err := s.Store.Once(ctx, "assertion", hash("assertion", client+"\x00"+a.ID), time.Unix(a.Expires, 0).Add(skew))
	if errors.Is(err, ErrUsed) {
		return refuse("invalid_client", "client_assertion: it was used before")
	}
	if err != nil {
		return internal(err)
	}
	return nil
}

// unverifiedIssuer finds whose key to verify a JWT by.
func unverifiedIssuer(compact string) (string, error) {
	payload, err := unverified(compact)
	if err != nil {
		return "", err
	}
	var a struct {
		Issuer string `json:"iss"`
	}
	err = jcs.Unmarshal(payload, &a)
	return a.Issuer, err
}
