package oauth

import (
	"maps"
	"net/http"
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// userinfo answers a token with the scope openid (OpenID Connect Core 1.0, 5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	token := TokenFrom(r.Context())
	if !slices.Contains(token.Scopes, oidc.ScopeOpenID) {
		s.challenge(w, r, refuse("insufficient_scope", "scope: openid"))
		return
	}
	claims := map[string]any{}
	if s.UserInfo != nil {
		more, err := s.UserInfo(r.Context(), token.Citizen, token.Scopes)
		if err != nil {
			s.challenge(w, r, internal(err))
			return
		}
		maps.Copy(claims, more)
	}
	more, err := s.wantedOf(r.Context(), token.Citizen, token.wanted)
	if err != nil {
		s.challenge(w, r, internal(err))
		return
	}
	maps.Copy(claims, more)
	claims["sub"] = token.Subject
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, claims)
}
