package oauth

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
)

// errNotHere answers the library where this server goes its own way: codes,
// tokens and clients are not the library's to read or write.
var errNotHere = errors.New("oauth: not done by the library")

// storage is what the library may ask: keys, and the subject of an id_token, which
// is the client's.
type storage struct {
	s      *Server
	client registry.Client
}

var (
	_ op.Storage                   = storage{}
	_ op.CanSetUserinfoFromRequest = storage{}
)

// SigningKey signs id_tokens.
func (st storage) SigningKey(context.Context) (op.SigningKey, error) {
	return st.s.loginKey(st.client)
}

// SignatureAlgorithms are those of id_tokens: RS256 where there is a key for it.
func (st storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	if signer, _ := st.s.Keys.IDTokenSigner(st.s.now()); signer == nil {
		return []jose.SignatureAlgorithm{jose.ES256}, nil
	}
	return []jose.SignatureAlgorithm{jose.ES256, jose.RS256}, nil
}

// KeySet is what /jwks publishes.
func (st storage) KeySet(context.Context) ([]op.Key, error) {
	var out []op.Key
	for _, key := range st.s.Keys.JWKSAt(st.s.now()).Keys {
		out = append(out, publicKey{key})
	}
	return out, nil
}

// SetUserinfoFromRequest sets sub, which the library would otherwise blank.
func (st storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	info.Subject = r.GetSubject()
	if l, ok := r.(login); ok {
		for name, value := range l.more {
			info.AppendClaims(name, value)
		}
	}
	return nil
}

// SetUserinfoFromScopes adds nothing: personal claims come from userinfo alone.
func (st storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// Health is asked at the service's own endpoint.
func (st storage) Health(context.Context) error { return nil }

func (st storage) CreateAuthRequest(context.Context, *oidc.AuthRequest, string) (op.AuthRequest, error) {
	return nil, errNotHere
}

func (st storage) AuthRequestByID(context.Context, string) (op.AuthRequest, error) {
	return nil, errNotHere
}

func (st storage) AuthRequestByCode(context.Context, string) (op.AuthRequest, error) {
	return nil, errNotHere
}

func (st storage) SaveAuthCode(context.Context, string, string) error { return errNotHere }

func (st storage) DeleteAuthRequest(context.Context, string) error { return errNotHere }

func (st storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return "", time.Time{}, errNotHere
}

func (st storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNotHere
}

func (st storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errNotHere
}

func (st storage) TerminateSession(context.Context, string, string) error { return errNotHere }

func (st storage) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return oidc.ErrServerError().WithParent(errNotHere)
}

func (st storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", errNotHere
}

func (st storage) GetClientByClientID(context.Context, string) (op.Client, error) {
	return nil, errNotHere
}

func (st storage) AuthorizeClientIDSecret(context.Context, string, string) error { return errNotHere }

func (st storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errNotHere
}

func (st storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNotHere
}

func (st storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, errNotHere
}

func (st storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotHere
}

func (st storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotHere
}

// signingKey signs by one algorithm.
type signingKey struct {
	alg jose.SignatureAlgorithm
	kid string
	key crypto.Signer
}

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return k.alg }
func (k signingKey) Key() any                                    { return cryptosigner.Opaque(k.key) }
func (k signingKey) ID() string                                  { return k.kid }

type publicKey struct{ jwk jose.JSONWebKey }

func (k publicKey) ID() string { return k.jwk.KeyID }
func (k publicKey) Algorithm() jose.SignatureAlgorithm {
	return jose.SignatureAlgorithm(k.jwk.Algorithm)
}
func (k publicKey) Use() string { return k.jwk.Use }
func (k publicKey) Key() any    { return k.jwk.Key }
