package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/govmydata/mydata/internal/registry"
)

// refresh gives a further access token (RFC 6749, 6). The owner of the grant's
// details is asked again, so that a withdrawn consent ends here.
func (s *Server) refresh(r *http.Request, c registry.Client, data *oidc.RefreshTokenRequest, wanted json.RawMessage) (*tokenResponse, error) {
	ctx := r.Context()
	row, g, err := s.Store.Refresh(ctx, hash("refresh", data.RefreshToken))
	if errors.Is(err, ErrGone) {
		return nil, refuse("invalid_grant", "refresh_token: unknown or expired")
	}
	if err != nil {
		return nil, err
	}
	if err := s.checkRefresh(row, g, c); err != nil {
		return nil, err
	}
	if err := sameInstance(ctx, g.Instance, "refresh_token"); err != nil {
		return nil, err
	}
	if row.Used {
		return nil, s.reused(ctx, g.ID, "refresh_token")
	}
	jkt, err := s.possession(r, c, g.JKT)
	if err != nil {
		return nil, err
	}
	scopes, err := narrowed(g.Scopes, data.Scopes)
	if err != nil {
		return nil, err
	}
	response, tokens, err := s.grant(ctx, c, g, scopes, jkt, wanted)
	if err != nil {
		return nil, err
	}
	if rotates(c, g) {
		tokens.Refresh, response.RefreshToken = s.newRefresh(c, g)
		err = s.Store.Rotate(ctx, row.Hash, g.ID, tokens)
	} else {
		err = s.Store.PutTokens(ctx, g.ID, tokens)
	}
	switch {
	case errors.Is(err, ErrUsed):
		return nil, s.reused(ctx, g.ID, "refresh_token")
	case errors.Is(err, ErrGone):
		return nil, refuse("invalid_grant", "revoked: the grant has ended")
	case err != nil:
		return nil, err
	}
	return response, nil
}

func (s *Server) checkRefresh(row RefreshToken, g Grant, c registry.Client) error {
	switch {
	case g.Client != c.ID:
		return refuse("invalid_grant", "refresh_token: of another client")
	case g.Revoked:
		return refuse("invalid_grant", "revoked: the grant has ended")
	case !s.now().Before(row.Expires):
		return refuse("invalid_grant", "refresh_token: unknown or expired")
	}
	return nil
}

// narrowed are the scopes of one token: those asked for, if they were given.
func narrowed(given, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return given, nil
	}
	for _, scope := range asked {
		if !slices.Contains(given, scope) {
			return nil, refuse("invalid_scope", "more than was given")
		}
	}
	return asked, nil
}
