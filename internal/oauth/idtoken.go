package oauth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
)

// idToken has the library make an id_token (OpenID Connect Core 1.0, 2), and
// only where openid was asked for: the library makes one regardless.
func (s *Server) idToken(ctx context.Context, c registry.Client, g Grant, nonce, accessToken string) (string, error) {
	if !slices.Contains(g.Scopes, oidc.ScopeOpenID) {
		return "", nil
	}
	ctx = op.ContextWithIssuer(ctx, s.Issuer)
	more, err := s.wantedOf(ctx, g.Citizen, g.Wanted.IDToken)
	if err != nil {
		return "", err
	}
	if sid := s.sid(g.Session, c); sid != "" {
		more["sid"] = sid
	}
	return op.CreateIDToken(ctx, s.Issuer, login{g, nonce, more}, idTokenLife, accessToken, "", storage{s, c}, kitClient{c})
}

// loginKey is the key by which a client hears of logins and their ends: the one of
// the algorithm that it registered (OpenID Connect Core 1.0, 3.1.3.7; Back-Channel
// Logout 1.0, 2.6), ES256 where it registered none.
func (s *Server) loginKey(c registry.Client) (signingKey, error) {
	if c.SignedBy() != string(jose.RS256) {
		return s.tokenKey(), nil
	}
	signer, kid := s.Keys.IDTokenSigner(s.now())
	if signer == nil {
		return signingKey{}, fmt.Errorf("oauth: client %q is registered for RS256, and there is no key for it: idp keygen makes one", c.ID)
	}
	return signingKey{alg: jose.RS256, kid: kid, key: signer}, nil
}

// login is a grant as the library's op.AuthRequest: the type from which it
// takes the nonce.
type login struct {
	g     Grant
	nonce string
	more  map[string]any // claims beside those that the library knows
}

var _ op.AuthRequest = login{}

func (l login) GetID() string                         { return l.g.ID }
func (l login) GetACR() string                        { return l.g.ACR }
func (l login) GetAMR() []string                      { return l.g.AMR }
func (l login) GetAudience() []string                 { return []string{l.g.Client} }
func (l login) GetAuthTime() time.Time                { return l.g.AuthTime }
func (l login) GetClientID() string                   { return l.g.Client }
func (l login) GetCodeChallenge() *oidc.CodeChallenge { return nil }
func (l login) GetNonce() string                      { return l.nonce }
func (l login) GetRedirectURI() string                { return "" }
func (l login) GetResponseType() oidc.ResponseType    { return oidc.ResponseTypeCode }
func (l login) GetResponseMode() oidc.ResponseMode    { return "" }
func (l login) GetScopes() []string                   { return l.g.Scopes }
func (l login) GetState() string                      { return "" }
func (l login) GetSubject() string                    { return l.g.Subject }
func (l login) Done() bool                            { return true }
