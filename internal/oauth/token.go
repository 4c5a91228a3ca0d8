package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
)

// The lives of refresh tokens: one bound to a key may live longer than one
// whose only protection is rotation.
const (
	boundLife   = 180 * 24 * time.Hour
	rotatedLife = 30 * 24 * time.Hour
)

// tokenResponse is RFC 6749, 5.1 with RFC 9396, 7.
type tokenResponse struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    int64           `json:"expires_in"`
	RefreshToken string          `json:"refresh_token,omitempty"`
	IDToken      string          `json:"id_token,omitempty"`
	Scope        string          `json:"scope,omitempty"`
	Details      json.RawMessage `json:"authorization_details,omitempty"`
}

// redeem exchanges a code (RFC 6749, 4.1.3). The code is used up by the same
// write that keeps what it gave.
func (s *Server) redeem(r *http.Request, c registry.Client, data *oidc.AccessTokenRequest, wanted json.RawMessage) (*tokenResponse, error) {
	ctx := r.Context()
	code, err := s.Store.Code(ctx, hash("code", data.Code))
	if errors.Is(err, ErrGone) {
		return nil, refuse("invalid_grant", "code: unknown or expired")
	}
	if err != nil {
		return nil, err
	}
	if code.Used {
		return nil, s.reused(ctx, code.Grant, "code")
	}
	if err := s.checkCode(code, c, data); err != nil {
		return nil, err
	}
	if err := sameInstance(ctx, code.Instance, "code"); err != nil {
		return nil, err
	}
	jkt, err := s.possession(r, c, code.JKT)
	if err != nil {
		return nil, err
	}
	g := Grant{
		ID: code.Grant, Client: c.ID, Citizen: code.Citizen, Scopes: code.Scopes, Refs: code.Refs,
		JKT: jkt, AuthTime: code.AuthTime, AMR: code.AMR, ACR: code.ACR, Wanted: code.Wanted, Expires: s.now().Add(boundLife), Instance: instanceOf(ctx),
	}
	if g.Subject, err = s.Accounts.Pairwise(ctx, g.Citizen, c.Sector()); err != nil || g.Subject == "" {
		return nil, fmt.Errorf("oauth: no subject for the citizen: %w", err)
	}
	s.within(&g, c, code.Session)
	response, tokens, err := s.grant(ctx, c, g, g.Scopes, jkt, wanted)
	if err != nil {
		return nil, err
	}
	if s.refreshes(c, g) {
		tokens.Refresh, response.RefreshToken = s.newRefresh(c, g)
	}
	if response.IDToken, err = s.idToken(ctx, c, g, code.Nonce, response.AccessToken); err != nil {
		return nil, err
	}
	err = s.Store.Redeem(ctx, code.Hash, g, tokens)
	if errors.Is(err, ErrUsed) {
		return nil, s.reused(ctx, code.Grant, "code")
	}
	if err != nil {
		return nil, err
	}
	return response, nil
}

// checkCode compares a redemption with the request that led to the code.
func (s *Server) checkCode(code Code, c registry.Client, data *oidc.AccessTokenRequest) error {
	if code.ClientID != c.ID {
		return refuse("invalid_grant", "code: of another client")
	}
	if !lives(s.now(), code.Expires, codeLife) {
		return refuse("invalid_grant", "code: unknown or expired")
	}
	if data.RedirectURI != code.RedirectURI {
		return refuse("invalid_grant", "redirect_uri: not that of the request")
	}
	challenge := &oidc.CodeChallenge{Challenge: code.CodeChallenge, Method: oidc.CodeChallengeMethodS256}
	// RFC 7636, 4.1: 43 to 128 characters. The library would let some clients
	// pass without any.
	if n := len(data.CodeVerifier); n < 43 || n > 128 || op.AuthorizeCodeChallenge(data.CodeVerifier, challenge) != nil {
		return refuse("invalid_grant", "code_verifier: not that of the request")
	}
	return nil
}

// possession checks the DPoP proof and returns the key's thumbprint; "" where
// no proof was sent and none is needed.
func (s *Server) possession(r *http.Request, c registry.Client, jkt string) (string, error) {
	s.leave(r.Context(), c)
	if len(r.Header.Values(dpop.Header)) == 0 && !c.DPoP && jkt == "" {
		return "", nil
	}
	proof, err := prove(r, s.clientPolicy(c, "/token", jkt, ""))
	return proof.JKT, err
}

// reused ends what a stolen code or refresh token gave (RFC 9700, 2.1.1 and 4.14.2).
func (s *Server) reused(ctx context.Context, grant, what string) error {
	if err := s.Store.RevokeGrant(ctx, grant); err != nil {
		return err
	}
	return refuse("invalid_grant", what+": used before; what it gave is revoked")
}

// grant decides over and mints an access token.
func (s *Server) grant(ctx context.Context, c registry.Client, g Grant, scopes []string, jkt string, wanted json.RawMessage) (*tokenResponse, Tokens, error) {
	a, err := s.authorized(ctx, c, g, wanted)
	if err != nil {
		return nil, Tokens{}, err
	}
	token, row, err := s.mint(g, scopes, jkt, a)
	if err != nil {
		return nil, Tokens{}, err
	}
	response := &tokenResponse{
		AccessToken: token, TokenType: oidc.BearerToken, ExpiresIn: int64(a.TTL.Seconds()),
		Scope: strings.Join(scopes, " "), Details: a.Details,
	}
	if jkt != "" {
		response.TokenType = dpop.Header
	}
	return response, Tokens{Access: row}, nil
}

// authorized asks the owners of the grant's details, at every token anew.
func (s *Server) authorized(ctx context.Context, c registry.Client, g Grant, wanted json.RawMessage) (Authorized, error) {
	a := Authorized{Audience: s.Issuer, TTL: accessLife}
	if len(g.Refs) == 0 && len(wanted) > 0 {
		return a, refuse("invalid_authorization_details", "none was asked for here")
	}
	for kind := range g.Refs { // one: elementsOf
		detail := s.detail(kind)
		if detail == nil {
			return a, fmt.Errorf("oauth: nobody owns the detail type %s", kind)
		}
		ref, err := selected(detail, References(g.Refs, kind), wanted)
		if err != nil {
			return a, err
		}
		if a, err = detail.Authorize(ctx, c, g.Citizen, ref); err != nil {
			return a, err
		}
		if a.Audience == "" || a.TTL <= 0 || a.TTL > maxAccessLife {
			return a, fmt.Errorf("oauth: %s gave no audience or a wrong life", kind)
		}
	}
	return a, nil
}

// refreshes says whether a grant comes with a refresh token. A wallet renews its
// credentials by one (HAIP 1.0, 4.4).
func (s *Server) refreshes(c registry.Client, g Grant) bool {
	return c.MayGrant(registry.GrantRefresh) && s.stepped(g.Refs) == nil &&
		(len(g.Refs) > 0 || c.AuthMethod == registry.AuthAttestation || slices.Contains(g.Scopes, oidc.ScopeOfflineAccess))
}

// rotates says whether a refresh token is replaced at each use: not where it
// can only be used with a key of the client's (FAPI 2.0, 5.3.2.1).
func rotates(c registry.Client, g Grant) bool {
	return g.JKT == "" && !c.High() && c.AuthMethod != registry.AuthPrivateKeyJWT
}

func (s *Server) newRefresh(c registry.Client, g Grant) (*RefreshToken, string) {
	life := boundLife
	if rotates(c, g) {
		life = rotatedLife
	}
	token := secret()
	return &RefreshToken{Hash: hash("refresh", token), Expires: s.now().Add(life)}, token
}
