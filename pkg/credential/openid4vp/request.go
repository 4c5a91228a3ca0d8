package openid4vp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
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
	// SchemeHAIP is another that a wallet takes (HAIP 1.0, 5.1).
	SchemeHAIP = "haip-vp://"

	responseType = "vp_token"
)

// Response modes (sections 8.2 and 8.3.1).
const (
	DirectPost    = "direct_post"
	DirectPostJWT = "direct_post.jwt"
)

// Request is what a verifier remembers of one request. Nonce, State and Key are
// fresh; Key is private and must not be written anywhere.
type Request struct {
	ClientID    string
	ResponseURI string
	Nonce       string
	State       string
	Query       Query
	// Key decrypts the answer; the zero Key asks for one in plain text, in
	// response mode direct_post.
	Key          jose.JSONWebKey
	Transactions []Transaction
	VerifierInfo []VerifierInfo
	// Audience is the wallet's issuer where it was discovered (section 5.8); ""
	// is the static one.
	Audience  string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// VerifierInfo is what a third party says of the verifier (section 5.11): passed
// on as it is. A wallet here shows none of it, as it can check none of it.
type VerifierInfo struct {
	Format      string          `json:"format"`
	Data        json.RawMessage `json:"data"`
	Credentials []string        `json:"credential_ids,omitempty"`
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

// Plain asks for an answer that is not encrypted (section 8.2; not HAIP).
func (r Request) Plain() Request {
	r.Key = jose.JSONWebKey{}
	return r
}

// Mode is the response mode.
func (r Request) Mode() string {
	if r.Key.Key == nil {
		return DirectPost
	}
	return DirectPostJWT
}

// random is 32 bytes as base64url: URL-safe ASCII, as a nonce must be.
func random() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// requestClaims is the payload of a request object, or the parameters of a
// request without one.
type requestClaims struct {
	Iss             string          `json:"iss,omitempty"`
	Aud             any             `json:"aud,omitempty"`
	Iat             int64           `json:"iat,omitempty"`
	Exp             int64           `json:"exp,omitempty"`
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
	ClientMetadata  *clientMetadata `json:"client_metadata,omitempty"`
	TransactionData json.RawMessage `json:"transaction_data,omitempty"`
	VerifierInfo    json.RawMessage `json:"verifier_info,omitempty"`
	ExpectedOrigins json.RawMessage `json:"expected_origins,omitempty"`
	Request         json.RawMessage `json:"request,omitempty"`
	RequestURI      json.RawMessage `json:"request_uri,omitempty"`
}

type clientMetadata struct {
	JWKS      *keySet            `json:"jwks,omitempty"`
	EncValues []string           `json:"encrypted_response_enc_values_supported,omitempty"`
	Formats   map[string]formats `json:"vp_formats_supported"`
}

// formats are the algorithms of SD-JWT VC (B.3.4); members of other formats are
// ignored.
type formats struct {
	SDJWT []string `json:"sd-jwt_alg_values,omitempty"`
	KBJWT []string `json:"kb-jwt_alg_values,omitempty"`
}

// with tells whether both signatures can be had with ES256.
func (f formats) with() bool {
	for _, list := range [][]string{f.SDJWT, f.KBJWT} {
		if list != nil && !slices.Contains(list, string(jose.ES256)) {
			return false
		}
	}
	return true
}

func spoken() map[string]formats {
	return map[string]formats{FormatSDJWT: {SDJWT: []string{string(jose.ES256)}, KBJWT: []string{string(jose.ES256)}}}
}

// parameters are the request in its own words.
func (r Request) parameters() (requestClaims, error) {
	query, err := json.Marshal(r.Query)
	if err != nil {
		return requestClaims{}, err
	}
	c := requestClaims{
		ClientID: r.ClientID, ResponseType: responseType, ResponseMode: r.Mode(), ResponseURI: r.ResponseURI,
		Nonce: r.Nonce, State: r.State, DCQLQuery: query, ClientMetadata: &clientMetadata{Formats: spoken()},
	}
	if r.Mode() == DirectPostJWT {
		c.ClientMetadata.JWKS = setOf(r.Key.Public())
		c.ClientMetadata.EncValues = []string{string(jose.A256GCM), string(jose.A128GCM)}
	}
	if len(r.Transactions) > 0 {
		if c.TransactionData, err = json.Marshal(encoded(r.Transactions)); err != nil {
			return requestClaims{}, err
		}
	}
	if len(r.VerifierInfo) > 0 {
		if c.VerifierInfo, err = json.Marshal(&r.VerifierInfo); err != nil {
			return requestClaims{}, err
		}
	}
	return c, nil
}

// Sign makes the request object of a verifier that is known by its certificate.
func (r Request) Sign(key crypto.Signer, chain [][]byte, walletNonce string) (string, error) {
	return r.Object(Identity{ClientID: r.ClientID, Key: key, Chain: chain}, Caller{Nonce: walletNonce})
}

// Object makes the request object (RFC 9101, HAIP 1.0, 5.1) for a wallet: its
// nonce is echoed, and where its metadata names a key, the object is encrypted
// to it. ErrWallet: that wallet could not answer.
func (r Request) Object(by Identity, caller Caller) (string, error) {
	if by.ClientID != r.ClientID || by.Key == nil {
		return "", fmt.Errorf("%w: this request is another's, or cannot be signed", ErrIdentity)
	}
	if err := by.Check(); err != nil {
		return "", err
	}
	if err := caller.Metadata.can(r); err != nil {
		return "", err
	}
	claims, err := r.parameters()
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	claims.Aud, claims.Iat, claims.Exp, claims.WalletNonce = Audience, r.IssuedAt.Unix(), r.ExpiresAt.Unix(), caller.Nonce
	if r.Audience != "" {
		claims.Aud = r.Audience
	}
	body, err := json.Marshal(&claims) // by address: this RawMessage marshals so alone
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	object, err := by.sign(body)
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	return caller.Metadata.seal(object)
}
