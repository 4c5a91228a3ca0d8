package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/jws"
)

// Header is the HTTP field that carries a proof (RFC 9449, 4.1).
const Header = "DPoP"

// NonceHeader is the HTTP field in which a server hands out a nonce (RFC 9449, 8).
const NonceHeader = "DPoP-Nonce"

// typ is the media type of a proof (RFC 9449, 4.2).
const typ = "dpop+jwt"

// claims are a proof's payload (RFC 9449, 4.2).
type claims struct {
	ID       string `json:"jti"`
	Method   string `json:"htm"`
	Target   string `json:"htu"`
	IssuedAt int64  `json:"iat"`
	Token    string `json:"ath,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
}

// Maker signs proofs with one key.
type Maker struct {
	signer jose.Signer
	jkt    string
	// Now is the clock of iat; time.Now when nil.
	Now func() time.Time
}

// NewMaker takes a P-256 key; any crypto.Signer will do.
func NewMaker(key crypto.Signer) (*Maker, error) {
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("dpop: the key is not on P-256")
	}
	jwk := jose.JSONWebKey{Key: public}
	jkt, err := Thumbprint(jwk)
	if err != nil {
		return nil, err
	}
	options := (&jose.SignerOptions{}).WithType(typ).WithHeader("jwk", jwk)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(key)}, options)
	if err != nil {
		return nil, fmt.Errorf("dpop: %w", err)
	}
	return &Maker{signer: signer, jkt: jkt}, nil
}

// JKT is the key's thumbprint, as in cnf.jkt and dpop_jkt (RFC 9449, 6 and 10).
func (m *Maker) JKT() string { return m.jkt }

// Proof makes one proof for one request. accessToken and nonce are empty where
// there is none; target may have a query, which is left out of htu.
func (m *Maker) Proof(method, target, accessToken, nonce string) (string, error) {
	htu, err := normal(target)
	if err != nil {
		return "", err
	}
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	c := claims{ID: rand.Text(), Method: method, Target: htu, IssuedAt: now().Unix(), Nonce: nonce}
	if accessToken != "" {
		c.Token = TokenHash(accessToken)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("dpop: %w", err)
	}
	signed, err := m.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("dpop: sign: %w", err)
	}
	return signed.CompactSerialize()
}

// TokenHash is the ath of an access token (RFC 9449, 4.2).
func TokenHash(accessToken string) string {
	sum := jws.Sum(accessToken)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Thumbprint is the jkt of a key: its RFC 7638 SHA-256 thumbprint.
func Thumbprint(key jose.JSONWebKey) (string, error) {
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("dpop: thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// normal is htu's form: scheme and host in lower case, no default port, no
// query, no fragment (RFC 9449, 4.3, ninth check, with RFC 3986, 6.2.2 and 6.2.3).
func normal(target string) (string, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", errors.New("dpop: htu is not an absolute URL")
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", errors.New("dpop: htu is not an http URL")
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, nil
}
