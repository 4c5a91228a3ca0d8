package transfer

import (
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Detail is the one element of an access token's authorization_details (RFC
// 9396, 9.1): the right to one numbered release of one grant.
type Detail struct {
	Type     string `json:"type"` // consent.TransferType
	GrantID  string `json:"grant_id"`
	Terms    string `json:"terms"` // base64url SHA-256 of the canonical terms
	Use      int    `json:"use"`
	Consumer string `json:"consumer"` // agency id
}

// TokenClaims are the claims of the access token (RFC 9068, 2.2) that a
// consumer sends to a provider.
type TokenClaims struct {
	Issuer       string           `json:"iss"`
	Subject      string           `json:"sub"` // pairwise at the consumer
	Audience     jwt.Audience     `json:"aud"` // the provider, alone
	ClientID     string           `json:"client_id"`
	IssuedAt     *jwt.NumericDate `json:"iat"`
	Expiry       *jwt.NumericDate `json:"exp"`
	ID           string           `json:"jti"`
	Confirmation Confirmation     `json:"cnf"`
	Details      []Detail         `json:"authorization_details"`
	Sealed       string           `json:"mydata_sealed"`
}

// Confirmation binds a token to the key of the DPoP proof (RFC 9449, 6.1).
type Confirmation struct {
	JKT string `json:"jkt"`
}

// Claims are the claims that are the ledger's to decide; the authorization
// server adds the rest of TokenClaims.
func Claims(d Detail, sealed string) map[string]any {
	return map[string]any{"authorization_details": []Detail{d}, "mydata_sealed": sealed}
}

// Sealed is the part of the access token that only the provider can read.
type Sealed struct {
	Subject     string           `json:"sub"` // pairwise at the provider
	ResidentID  string           `json:"resident_id,omitempty"`
	OrderSalts  []approval.Bytes `json:"order_salts,omitempty"` // with ResidentID: open the officers' orders of the history
	SubjectSalt string           `json:"subject_salt"`          // base64url; opens the provider's commitment in the terms
	Approval    consent.Approval `json:"approval"`
}

// Seal encrypts s to the provider's key of the catalogue, as a compact JWE
// (RFC 7516) with ECDH-ES and A256GCM.
func Seal(s Sealed, key jose.JSONWebKey) (string, error) { return seal(s, key) }

// Open decrypts what Seal made. A key is the private half of the one in the
// catalogue: a jose.JSONWebKey, or a jose.OpaqueKeyDecrypter for an HSM.
func Open(jwe string, key any) (Sealed, error) { return open(jwe, key) }
