package openid4vci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// clockSkew is how far in the future an iat may lie.
const clockSkew = 10 * time.Second

// verify checks one proof up to its nonce, which it hands back. The header is
// read here before go-jose sees it, so that each refusal has its own name.
func (p ProofPolicy) verify(proof string) (key jose.JSONWebKey, nonce string, err error) {
	if len(proof) > MaxMessage {
		return key, "", refuse(InvalidProof, "jwt", "longer than %d bytes", MaxMessage)
	}
	if key, err = p.holderKey(proof); err != nil {
		return key, "", err
	}
	jws, err := jose.ParseSignedCompact(proof, p.algorithms())
	if err != nil {
		return jose.JSONWebKey{}, "", refuse(InvalidProof, "jwt", "not a compact JWS")
	}
	payload, err := jws.Verify(key.Key)
	if err != nil {
		return jose.JSONWebKey{}, "", refuse(InvalidProof, "signature", "not made with the key in the header")
	}
	nonce, err = p.claims(payload)
	return key, nonce, err
}

func (p ProofPolicy) algorithms() []jose.SignatureAlgorithm {
	if len(p.Algorithms) == 0 {
		return []jose.SignatureAlgorithm{jose.ES256}
	}
	return p.Algorithms
}

// holderKey reads the JOSE header (appendix F.1): typ, and exactly one of
// kid, jwk and x5c.
func (p ProofPolicy) holderKey(proof string) (jose.JSONWebKey, error) {
	var none jose.JSONWebKey
	encoded, _, _ := strings.Cut(proof, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return none, refuse(InvalidProof, "header", "not base64url")
	}
	var header struct {
		Alg jose.SignatureAlgorithm `json:"alg"`
		Typ string                  `json:"typ"`
		Kid *string                 `json:"kid"`
		JWK json.RawMessage         `json:"jwk"`
		X5C []string                `json:"x5c"`
	}
	if err := decode(raw, &header); err != nil {
		return none, refuse(InvalidProof, "header", "%v", err)
	}
	if header.Typ != ProofTyp {
		return none, refuse(InvalidProof, "typ", "must be %s", ProofTyp)
	}
	if !slices.Contains(p.algorithms(), header.Alg) {
		return none, refuse(InvalidProof, "alg", "must be one of %v", p.algorithms())
	}
	given := 0
	for _, present := range []bool{header.Kid != nil, header.JWK != nil, header.X5C != nil} {
		if present {
			given++
		}
	}
	if given != 1 {
		return none, refuse(InvalidProof, "key", "exactly one of kid, jwk and x5c is needed")
	}
	switch {
	case header.JWK != nil:
		return embeddedKey(header.JWK)
	case header.X5C != nil:
		return p.chainKey(header.X5C)
	default:
		return p.namedKey(*header.Kid)
	}
}

// embeddedKey takes the key of jwk, which must not hold a private key
// (appendix F.4) and must be of the one curve of ES256.
func embeddedKey(jwk json.RawMessage) (jose.JSONWebKey, error) {
	var members map[string]json.RawMessage
	var key jose.JSONWebKey
	unread := errors.Join(json.Unmarshal(jwk, &members), key.UnmarshalJSON(jwk))
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if _, ok := members[private]; ok {
			return jose.JSONWebKey{}, refuse(InvalidProof, "private key", "jwk must hold the public half alone")
		}
	}
	if unread != nil {
		return jose.JSONWebKey{}, refuse(InvalidProof, "key", "jwk is not a key")
	}
	return publicKey(key.Key)
}

func (p ProofPolicy) namedKey(kid string) (jose.JSONWebKey, error) {
	if p.KeyByID == nil {
		return jose.JSONWebKey{}, refuse(InvalidProof, "key", "this issuer takes keys as jwk, not as kid")
	}
	key, err := p.KeyByID(kid)
	if err != nil {
		return jose.JSONWebKey{}, refuse(InvalidProof, "key", "kid names no known key")
	}
	return publicKey(key.Key)
}

func (p ProofPolicy) chainKey(x5c []string) (jose.JSONWebKey, error) {
	if p.Chain == nil {
		return jose.JSONWebKey{}, refuse(InvalidProof, "key", "this issuer takes keys as jwk, not as x5c")
	}
	var chain []*x509.Certificate
	for _, text := range x5c {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return jose.JSONWebKey{}, refuse(InvalidProof, "key", "x5c is not base64")
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return jose.JSONWebKey{}, refuse(InvalidProof, "key", "x5c holds no certificate")
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 || p.Chain(chain) != nil {
		return jose.JSONWebKey{}, refuse(InvalidProof, "key", "x5c leads to no trusted root")
	}
	return publicKey(chain[0].PublicKey)
}

// publicKey answers with a bare public JWK: what a wallet put beside the key
// (kid, alg, use) does not travel into a credential.
func publicKey(key any) (jose.JSONWebKey, error) {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return jose.JSONWebKey{}, refuse(InvalidProof, "key", "not a public P-256 key")
	}
	return jose.JSONWebKey{Key: public}, nil
}

// claims checks aud, iat and iss, and hands back the nonce (appendix F.1).
func (p ProofPolicy) claims(payload []byte) (string, error) {
	var c struct {
		Iss   *string  `json:"iss"`
		Aud   any      `json:"aud"`
		Iat   *float64 `json:"iat"` // a NumericDate may have a fraction
		Nonce string   `json:"nonce"`
	}
	if err := decode(payload, &c); err != nil {
		return "", refuse(InvalidProof, "claims", "%v", err)
	}
	if aud, ok := c.Aud.(string); !ok || aud != p.Issuer || aud == "" {
		return "", refuse(InvalidProof, "aud", "must be the Credential Issuer Identifier, one string")
	}
	// F.1 wants wallets to leave iss out with anonymous access. Some do not, and
	// nothing is then believed of it.
	if c.Iss != nil && p.ClientID != "" && *c.Iss != p.ClientID {
		return "", refuse(InvalidProof, "iss", "is not the client_id of the access token")
	}
	if c.Iat == nil || math.Abs(*c.Iat) > 1<<40 {
		return "", refuse(InvalidProof, "iat", "must be a time in seconds")
	}
	now, maxAge := time.Now, p.MaxAge
	if p.Now != nil {
		now = p.Now
	}
	if maxAge == 0 {
		maxAge = 5 * time.Minute
	}
	if age := now().Sub(time.Unix(int64(*c.Iat), 0)); age < -clockSkew || age > maxAge {
		return "", refuse(InvalidProof, "iat", "too old or in the future")
	}
	if c.Nonce == "" {
		return "", refuse(InvalidNonce, "nonce", "missing; fetch one from the nonce endpoint")
	}
	return c.Nonce, nil
}
