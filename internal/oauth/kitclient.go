package oauth

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
)

// idTokenLife is how long an id_token is good: it only reports a login.
const idTokenLife = 5 * time.Minute

// kitClient is a registered client as the library sees it. What it says is what
// the registration says; the library decides nothing by it but the grant type.
type kitClient struct{ registry.Client }

var _ op.Client = kitClient{}

// GetID is the client_id.
func (c kitClient) GetID() string { return c.ID }

// RedirectURIs are the registered ones.
func (c kitClient) RedirectURIs() []string { return c.Client.RedirectURIs }

// PostLogoutRedirectURIs are the registered ones.
func (c kitClient) PostLogoutRedirectURIs() []string { return c.Client.PostLogoutRedirectURIs }

// ApplicationType is web for who can keep a secret.
func (c kitClient) ApplicationType() op.ApplicationType {
	if c.Client.AuthMethod == registry.AuthNone {
		return op.ApplicationTypeUserAgent
	}
	return op.ApplicationTypeWeb
}

// AuthMethod is the registered one.
func (c kitClient) AuthMethod() oidc.AuthMethod { return oidc.AuthMethod(c.Client.AuthMethod) }

// ResponseTypes: code alone.
func (c kitClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

// GrantTypes are the registered ones.
func (c kitClient) GrantTypes() []oidc.GrantType {
	var out []oidc.GrantType
	for _, grant := range c.Client.GrantTypes {
		out = append(out, oidc.GrantType(grant))
	}
	return out
}

// LoginURL is not asked for: the dispatcher is Next.
func (c kitClient) LoginURL(id string) string { return "/login?request=" + id }

// AccessTokenType is JWT; they are minted by this package.
func (c kitClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// IDTokenLifetime is short.
func (c kitClient) IDTokenLifetime() time.Duration { return idTokenLife }

// DevMode would loosen redirect checks.
func (c kitClient) DevMode() bool { return false }

// RestrictAdditionalIdTokenScopes: an id_token carries no scope's claims.
func (c kitClient) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// RestrictAdditionalAccessTokenScopes is not asked for.
func (c kitClient) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

// IsScopeAllowed is by registration.
func (c kitClient) IsScopeAllowed(scope string) bool { return slices.Contains(c.Scopes, scope) }

// IDTokenUserinfoClaimsAssertion: personal claims come from userinfo alone.
func (c kitClient) IDTokenUserinfoClaimsAssertion() bool { return false }

// ClockSkew: times are said as they are.
func (c kitClient) ClockSkew() time.Duration { return 0 }
