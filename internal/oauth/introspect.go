package oauth

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
)

// introspectionType is the typ and, after "application/", the media type of a
// signed answer (RFC 9701, 4 and 5).
const introspectionType = "token-introspection+jwt"

// introspect tells about an access token (RFC 7662) who can authenticate (2.1): a
// public client's name alone is not enough.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	form, refusal := postForm(w, r)
	c := credentialsOf(r, form)
	if refusal == nil && c.ClientSecret == "" && c.ClientAssertion == "" {
		refusal = refuse("invalid_client", "client authentication is missing")
	}
	var client registry.Client
	if refusal == nil {
		client, refusal = s.authenticate(r.Context(), c)
	}
	if refusal == nil && form.Get("token") == "" {
		refusal = refuse("invalid_request", "token is missing")
	}
	if refusal != nil {
		s.writeRefusal(w, r, refusal)
		return
	}
	answer, err := s.introspected(r.Context(), client, form.Get("token"))
	if err == nil && (client.IntrospectionSigned || acceptsSigned(r)) {
		err = s.writeSigned(w, client, answer)
	} else if err == nil {
		w.Header().Add("Vary", "Accept")
		writeJSON(w, http.StatusOK, answer)
	}
	if err != nil {
		s.writeRefusal(w, r, err)
	}
}

// acceptsSigned says whether a signed answer is asked for (RFC 9701, 4).
func acceptsSigned(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(field, ",") {
			kind, params, err := mime.ParseMediaType(part)
			if q, bad := strconv.ParseFloat(params["q"], 64); err == nil && kind == "application/"+introspectionType && (bad != nil || q > 0) {
				return true
			}
		}
	}
	return false
}

// writeSigned answers by a JWT for the one who asked. It has neither sub nor exp of
// its own, or it could be taken for an access token (RFC 9701, 5 and 8.1).
func (s *Server) writeSigned(w http.ResponseWriter, c registry.Client, answer *oidc.IntrospectionResponse) error {
	token, err := s.signed(introspectionType, s.tokenKey(), map[string]any{
		"iss": s.Issuer, "aud": c.ID, "iat": s.now().Unix(), "token_introspection": answer,
	})
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "Accept")
	w.Header().Set("Content-Type", "application/"+introspectionType)
	_, err = io.WriteString(w, token)
	return err
}

// Introspect is not routed; the library cannot sign its answer.
func (k *kit) Introspect(context.Context, *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	return nil, oidc.ErrRequestNotSupported()
}

// introspected is about a token, for its own client and those registered to ask.
// Anybody else hears that there is no such token.
func (s *Server) introspected(ctx context.Context, client registry.Client, raw string) (*oidc.IntrospectionResponse, error) {
	token, err := s.verify(ctx, raw)
	var no *Refusal
	if errors.As(err, &no) && no.ours() {
		return nil, err
	}
	if err != nil || !client.Introspect && token.ClientID != client.ID {
		return &oidc.IntrospectionResponse{Active: false}, nil //nolint:nilerr // RFC 7662, 2.2: no reason is told
	}
	return s.introspection(token), nil
}

func (s *Server) introspection(t Token) *oidc.IntrospectionResponse {
	out := &oidc.IntrospectionResponse{
		Active: true, Scope: t.Scopes, ClientID: t.ClientID, TokenType: oidc.BearerToken,
		Expiration: oidc.FromTime(t.Expires), IssuedAt: oidc.FromTime(t.IssuedAt),
		Subject: t.Subject, Audience: oidc.Audience{t.Audience}, Issuer: s.Issuer, JWTID: t.JTI,
	}
	if t.JKT != "" { // RFC 9449, 6.2
		out.TokenType = dpop.Header
		out.Claims = map[string]any{"cnf": map[string]string{"jkt": t.JKT}}
	}
	return out
}

// Revocation ends a token of the client that asks (RFC 7009): with a refresh
// token, the whole grant. What is not its own, or nothing at all, is no error.
func (k *kit) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	if err := k.s.revoke(ctx, r.Client.GetID(), r.Data.Token); err != nil {
		return nil, k.s.kitError(ctx, err)
	}
	return op.NewResponse(nil), nil
}

func (s *Server) revoke(ctx context.Context, client, token string) error {
	_, g, err := s.Store.Refresh(ctx, hash("refresh", token))
	switch {
	case err == nil && g.Client == client:
		return s.Store.RevokeGrant(ctx, g.ID)
	case err == nil:
		return nil
	case !errors.Is(err, ErrGone):
		return err
	}
	access, err := s.verify(ctx, token)
	var refusal *Refusal
	switch {
	case err == nil && access.ClientID == client:
		return s.Store.RevokeToken(ctx, access.JTI)
	case errors.As(err, &refusal) && refusal.ours():
		return err
	}
	return nil
}
