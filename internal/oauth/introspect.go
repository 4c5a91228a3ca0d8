package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/pkg/dpop"
)

// introspect is for who can authenticate (RFC 7662, 2.1): a public client's
// name alone is not enough.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	form, refusal := postForm(w, r)
	if c := credentialsOf(r, form); refusal == nil && c.ClientSecret == "" && c.ClientAssertion == "" {
		refusal = refuse("invalid_client", "client authentication is missing")
	}
	if refusal != nil {
		s.writeRefusal(w, r, refusal)
		return
	}
	s.toLibrary(w, r)
}

// Introspect tells about an access token (RFC 7662): its own client, and those
// registered to ask. Anybody else hears that there is no such token.
func (k *kit) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	client, refusal := k.s.authenticate(ctx, credentialsOf(&http.Request{Header: r.Header}, r.Form))
	if refusal != nil {
		return nil, k.s.kitError(ctx, refusal)
	}
	token, err := k.s.verify(ctx, r.Data.Token)
	var no *Refusal
	if errors.As(err, &no) && no.ours() {
		return nil, k.s.kitError(ctx, err)
	}
	if err != nil || !client.Introspect && token.ClientID != client.ID {
		return op.NewResponse(&oidc.IntrospectionResponse{Active: false}), nil //nolint:nilerr // RFC 7662, 2.2: no reason is told
	}
	return op.NewResponse(k.s.introspection(token)), nil
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
