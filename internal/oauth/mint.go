package oauth

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// accessType is the typ of an access token (RFC 9068, 2.1).
const accessType = "at+jwt"

// accessLife is how long an access token of the hub itself is good: within the
// five minutes that an unbound one may be (OpenID4VCI 1.0, 13.3).
const accessLife = 5 * time.Minute

// maxAccessLife bounds what a DetailType may ask for.
const maxAccessLife = time.Hour

// reserved are the claims that a DetailType may not set.
var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "cnf", "scope"}

// tokenKey signs tokens: the key whose time it is.
func (s *Server) tokenKey() signingKey {
	signer, kid := s.Keys.TokenSigner(s.now())
	return signingKey{alg: jose.ES256, kid: kid, key: signer}
}

// signer signs JWTs of a type through crypto.Signer. What was made once is kept:
// keys are few.
func (s *Server) signer(typ jose.ContentType, key signingKey) (jose.Signer, error) {
	name := string(typ) + " " + key.kid
	if made, ok := s.signers.Load(name); ok {
		return made.(jose.Signer), nil
	}
	options := (&jose.SignerOptions{}).WithType(typ).WithHeader("kid", key.kid)
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: key.alg, Key: cryptosigner.Opaque(key.key)}, options)
	if err != nil {
		return nil, fmt.Errorf("oauth: %s: %w", typ, err)
	}
	s.signers.Store(name, made)
	return made, nil
}

// signed is a JWT of a type.
func (s *Server) signed(typ jose.ContentType, key signingKey, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("oauth: %s: %w", typ, err)
	}
	signer, err := s.signer(typ, key)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("oauth: sign %s: %w", typ, err)
	}
	return signed.CompactSerialize()
}

// mint makes an access token (RFC 9068, 2.2; cnf by RFC 9449, 6.1) and its row.
func (s *Server) mint(g Grant, scopes []string, jkt string, a Authorized) (string, AccessToken, error) {
	now := s.now()
	row := AccessToken{JTI: secret(), Scopes: scopes, Audience: a.Audience, JKT: jkt, Expires: now.Add(a.TTL)}
	claims := map[string]any{}
	for name, value := range a.Claims {
		claims[name] = value
	}
	for _, name := range reserved {
		if _, taken := claims[name]; taken {
			return "", row, fmt.Errorf("oauth: a detail type set the claim %s", name)
		}
	}
	claims["iss"], claims["sub"], claims["aud"] = s.Issuer, g.Subject, a.Audience
	claims["iat"], claims["exp"], claims["jti"] = now.Unix(), row.Expires.Unix(), row.JTI
	if g.Client != "" {
		claims["client_id"] = g.Client
	}
	if len(scopes) > 0 {
		claims["scope"] = strings.Join(scopes, " ")
	}
	if jkt != "" {
		claims["cnf"] = map[string]string{"jkt": jkt}
	}
	token, err := s.signed(accessType, s.tokenKey(), claims)
	return token, row, err
}
