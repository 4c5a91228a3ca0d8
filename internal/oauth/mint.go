package oauth

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/govmydata/mydata/internal/keys"
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

// newSigner signs access tokens through crypto.Signer.
func newSigner(ring *keys.Ring) (jose.Signer, error) {
	key, kid, _ := ring.Signer(keys.Token)
	options := (&jose.SignerOptions{}).WithType(accessType).WithHeader("kid", kid)
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(key)}, options)
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
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", row, fmt.Errorf("oauth: access token: %w", err)
	}
	signed, err := s.signer.Sign(payload)
	if err != nil {
		return "", row, fmt.Errorf("oauth: sign access token: %w", err)
	}
	token, err := signed.CompactSerialize()
	return token, row, err
}
