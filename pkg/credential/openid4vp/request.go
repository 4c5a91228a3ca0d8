package openid4vp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// RequestTyp is the JOSE typ of a request object (section 5).
	RequestTyp = "oauth-authz-req+jwt"
	// RequestMediaType is its content type.
	RequestMediaType = "application/oauth-authz-req+jwt"
	// Audience is the static aud of a request object (section 5.8).
	Audience = "https://self-issued.me/v2"
	// Scheme starts a request handed to a wallet (section 13.1.2).
	Scheme = "openid4vp://"

	responseType = "vp_token"
	responseMode = "direct_post.jwt"
	prefixX509   = "x509_hash:"
)

// Request is what a verifier remembers of one request. Nonce, State and Key are
// fresh; Key is private and must not be written anywhere.
type Request struct {
	ClientID    string
	ResponseURI string
	Nonce       string
	State       string
	Query       Query
	Key         jose.JSONWebKey
	IssuedAt    time.Time
	ExpiresAt   time.Time
}

// ClientID is the client identifier of the holder of a certificate: prefix
// x509_hash and the SHA-256 of the leaf (section 5.9.3).
func ClientID(leaf []byte) string {
	sum := sha256.Sum256(leaf)
	return prefixX509 + base64.RawURLEncoding.EncodeToString(sum[:])
}

// NewRequest makes a request with 256 random bits each of nonce and state and
// with an encryption key of its own.
func NewRequest(clientID, responseURI string, q Query, now time.Time, life time.Duration) (Request, error) {
	if err := q.check(); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrQuery, err)
	}
	for _, c := range q.Credentials {
		if err := c.checkable(); err != nil {
			return Request{}, fmt.Errorf("%w: %w", ErrQuery, err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Request{}, fmt.Errorf("response key: %w", err)
	}
	return Request{
		ClientID: clientID, ResponseURI: responseURI, Query: q,
		Nonce: random(), State: random(),
		Key:      jose.JSONWebKey{Key: key, KeyID: random(), Algorithm: string(jose.ECDH_ES), Use: "enc"},
		IssuedAt: now, ExpiresAt: now.Add(life),
	}, nil
}

// random is 32 bytes as base64url: URL-safe ASCII, as a nonce must be.
func random() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// URI hands the request over by reference. The wallet may fetch it by POST
// (section 5.10).
func (r Request) URI(requestURI string) string {
	q := url.Values{"client_id": {r.ClientID}, "request_uri": {requestURI}, "request_uri_method": {"post"}}
	return Scheme + "?" + q.Encode()
}

// requestClaims is the payload of a request object.
type requestClaims struct {
	Iss             string          `json:"iss,omitempty"`
	Aud             any             `json:"aud"`
	Iat             int64           `json:"iat"`
	Exp             int64           `json:"exp"`
	ClientID        string          `json:"client_id"`
	ResponseType    string          `json:"response_type"`
	ResponseMode    string          `json:"response_mode"`
	ResponseURI     string          `json:"response_uri"`
	RedirectURI     string          `json:"redirect_uri,omitempty"`
	Scope           string          `json:"scope,omitempty"`
	Nonce           string          `json:"nonce"`
	State           string          `json:"state,omitempty"`
	WalletNonce     string          `json:"wallet_nonce,omitempty"`
	DCQLQuery       json.RawMessage `json:"dcql_query"`
	ClientMetadata  clientMetadata  `json:"client_metadata"`
	TransactionData json.RawMessage `json:"transaction_data,omitempty"`
	ExpectedOrigins json.RawMessage `json:"expected_origins,omitempty"`
}

type clientMetadata struct {
	JWKS      jose.JSONWebKeySet `json:"jwks"`
	EncValues []string           `json:"encrypted_response_enc_values_supported,omitempty"`
	Formats   map[string]any     `json:"vp_formats_supported"`
}

// Sign makes the request object (RFC 9101, HAIP 1.0, 5.1). chain is the
// verifier's, leaf first, without the trust anchor; walletNonce is echoed.
func (r Request) Sign(key crypto.Signer, chain [][]byte, walletNonce string) (string, error) {
	if len(chain) == 0 || ClientID(chain[0]) != r.ClientID {
		return "", errors.New("sign request: the certificate is not that of client_id")
	}
	query, err := json.Marshal(r.Query)
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	claims := requestClaims{
		Aud: Audience, Iat: r.IssuedAt.Unix(), Exp: r.ExpiresAt.Unix(),
		ClientID: r.ClientID, ResponseType: responseType, ResponseMode: responseMode, ResponseURI: r.ResponseURI,
		Nonce: r.Nonce, State: r.State, WalletNonce: walletNonce, DCQLQuery: query,
		ClientMetadata: clientMetadata{
			JWKS:      jose.JSONWebKeySet{Keys: []jose.JSONWebKey{r.Key.Public()}},
			EncValues: []string{string(jose.A256GCM), string(jose.A128GCM)},
			Formats: map[string]any{FormatSDJWT: map[string]any{
				"sd-jwt_alg_values": []string{"ES256"}, "kb-jwt_alg_values": []string{"ES256"},
			}},
		},
	}
	x5c := make([]string, len(chain))
	for i, der := range chain {
		x5c[i] = base64.StdEncoding.EncodeToString(der)
	}
	options := (&jose.SignerOptions{}).WithType(RequestTyp).WithHeader("x5c", x5c)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(key)}, options)
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	body, err := json.Marshal(&claims) // by address: this RawMessage marshals so alone
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	return jws.CompactSerialize()
}
