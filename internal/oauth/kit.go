package oauth

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// kit is zitadel/oidc's server with everything that decides overridden. The
// endpoints it does not decide safely (authorize, callback, userinfo) are
// never routed to it.
type kit struct {
	*op.LegacyServer
	s *Server
}

// newKit wires the library: no CORS (it would reflect any origin, with
// credentials), and the issuer we are configured with.
func newKit(s *Server) (*kit, http.Handler, error) {
	options := []op.Option{op.WithCORSOptions(nil)}
	if s.Development {
		options = append(options, op.WithAllowInsecure())
	}
	config := &op.Config{
		CodeMethodS256: true, AuthMethodPrivateKeyJWT: true, GrantTypeRefreshToken: true,
		SupportedUILocales: []language.Tag{language.Korean, language.English},
	}
	copy(config.CryptoKey[:], s.Keys.Secret("oidc-kit"))
	provider, err := op.NewProvider(config, storage{s: s}, op.StaticIssuer(s.Issuer), options...)
	if err != nil {
		return nil, nil, err
	}
	endpoints := op.Endpoints{
		Authorization: op.NewEndpoint("authorize"), Token: op.NewEndpoint("token"),
		Introspection: op.NewEndpoint("introspect"), Userinfo: op.NewEndpoint("userinfo"),
		Revocation: op.NewEndpoint("revoke"), JwksURI: op.NewEndpoint("jwks"),
	}
	k := &kit{LegacyServer: op.NewLegacyServer(provider, endpoints), s: s}
	issuer := op.NewIssuerInterceptor(provider.IssuerFromRequest)
	handler := op.RegisterServer(k, endpoints,
		op.WithServerCORSOptions(nil), op.WithHTTPMiddleware(issuer.Handler))
	return k, handler, nil
}

// VerifyAuthRequest is not routed; the library's own knows no PAR and ignores request_uri.
func (k *kit) VerifyAuthRequest(context.Context, *op.Request[oidc.AuthRequest]) (*op.ClientRequest[oidc.AuthRequest], error) {
	return nil, oidc.ErrRequestNotSupported()
}

// Authorize is not routed; the library's own binds nothing to the browser.
func (k *kit) Authorize(context.Context, *op.ClientRequest[oidc.AuthRequest]) (*op.Redirect, error) {
	return nil, oidc.ErrRequestNotSupported()
}

// UserInfo is not routed; the library's own knows no DPoP.
func (k *kit) UserInfo(context.Context, *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	return nil, oidc.ErrRequestNotSupported()
}

// JWTProfile refuses the jwt-bearer grant, which the library cannot switch off.
func (k *kit) JWTProfile(context.Context, *op.Request[oidc.JWTProfileGrantRequest]) (*op.Response, error) {
	return nil, oidc.ErrUnsupportedGrantType()
}

// VerifyClient authenticates at the token and revocation endpoints.
func (k *kit) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	client, refusal := k.s.authenticate(ctx, credentialsOf(&http.Request{Header: r.Header}, r.Form))
	if refusal != nil {
		return nil, k.s.kitError(ctx, refusal)
	}
	return kitClient{client}, nil
}

// CodeExchange is the authorization_code grant.
func (k *kit) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	client := r.Client.(kitClient).Client
	response, err := ofClient(ctx, k.s, client, func() (*tokenResponse, error) {
		return k.s.redeem(bare(ctx, r.Request), client, r.Data, wanted(r.Request))
	})
	if err != nil {
		return nil, k.s.kitError(ctx, err)
	}
	return op.NewResponse(response), nil
}

// RefreshToken is the refresh_token grant.
func (k *kit) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	client := r.Client.(kitClient).Client
	response, err := ofClient(ctx, k.s, client, func() (*tokenResponse, error) {
		return k.s.refresh(bare(ctx, r.Request), client, r.Data, wanted(r.Request))
	})
	if err != nil {
		return nil, k.s.kitError(ctx, err)
	}
	return op.NewResponse(response), nil
}

// wanted is the authorization_details of a token request (RFC 9396, 6).
func wanted[T any](r *op.Request[T]) json.RawMessage {
	return json.RawMessage(r.Form.Get("authorization_details"))
}

// bare is the request as a DPoP check reads it.
func bare[T any](ctx context.Context, r *op.Request[T]) *http.Request {
	return (&http.Request{Method: r.Method, Header: r.Header, URL: r.URL}).WithContext(ctx)
}
