package consent

import (
	"encoding/json"
)

// The typ values of the objects that agencies and the hub sign.
const (
	RequestJWT  = "mydata-request+jwt"
	CommitJWT   = "mydata-commit+jwt"
	PromiseJWT  = "mydata-promise+jwt"
	PromisesJWT = "mydata-promises+jwt" // one signature over a group of them
	ReceivedJWT = "mydata-received+jwt"
	RecordJWT   = "mydata-record+jwt"
)

// RequestClaims are the payload of the consumer's signed request.
type RequestClaims struct {
	Issuer       string       `json:"iss"` // the consumer's agency id
	Audience     string       `json:"aud"` // the hub's issuer
	IssuedAt     int64        `json:"iat"`
	Expires      int64        `json:"exp"`
	ID           string       `json:"jti"`
	Subject      string       `json:"subject"` // SubjectCommitment to the consumer's sub
	RecipientKey RecipientKey `json:"recipient_key"`
	Details      []Detail     `json:"authorization_details"`

	// Digest is DigestOf the JWS these claims were opened from.
	Digest string `json:"-"`
}

// Detail is the one element of authorization_details (RFC 9396, 2).
type Detail struct {
	Type         string           `json:"type"`
	Locations    []string         `json:"locations"` // the provider
	Actions      []string         `json:"actions"`   // derive or release
	DataTypes    []string         `json:"datatypes"` // one data set
	SchemaHash   string           `json:"schema_hash"`
	Claims       []RequestedClaim `json:"claims"`
	Purpose      string           `json:"purpose"`
	MaxUses      int              `json:"max_uses"`
	Validity     Duration         `json:"validity"`
	Retention    string           `json:"retention"`         // ISO 8601: P30D
	Storage      string           `json:"storage,omitempty"` // country code; the jurisdiction if absent
	Jurisdiction string           `json:"jurisdiction"`      // country code
	LegalBasis   LegalBasis       `json:"legal_basis"`
	Frequency    string           `json:"frequency,omitempty"`  // P30D: at most one use per that time
	DataRange    *DataRange       `json:"data_range,omitempty"` // of which period the records are
	Supersedes   GrantID          `json:"supersedes,omitempty"` // the grant that this one shall replace
	Bundle       *Bundle          `json:"bundle,omitempty"`     // what it is asked for together with
	Template     *TemplateRef     `json:"template,omitempty"`   // by which it is asked; some purposes demand one

	// later: refused when present
	Actor   string          `json:"actor,omitempty"`
	Mandate json.RawMessage `json:"mandate,omitempty"`
	Preview json.RawMessage `json:"preview,omitempty"`
}

// TemplateRef names a template of the catalogue.
type TemplateRef struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// RequestedClaim is one claim asked for.
type RequestedClaim struct {
	Name     string `json:"name"`
	Optional bool   `json:"optional,omitempty"`
}

// Duration is how long a grant shall last.
type Duration struct {
	Seconds int64 `json:"seconds"`
}

// CommitClaims are the payload of the provider's commit to one use.
type CommitClaims struct {
	Issuer     string  `json:"iss"` // the provider's agency id
	Audience   string  `json:"aud"`
	IssuedAt   int64   `json:"iat"`
	GrantID    GrantID `json:"grant_id"`
	Use        int     `json:"use"`
	Terms      string  `json:"terms"`
	Ciphertext string  `json:"ciphertext"`
	Plaintext  string  `json:"plaintext"`
	Nonce      string  `json:"nonce"`
}

// PromiseClaims are the payload of the hub's yes: the event will be in the log
// by the deadline.
type PromiseClaims struct {
	Issuer   string  `json:"iss"`
	Audience string  `json:"aud"` // the provider
	IssuedAt int64   `json:"iat"`
	GrantID  GrantID `json:"grant_id"`
	Use      int     `json:"use"`
	Commit   string  `json:"commit"` // DigestOf the commit JWS
	Nonce    string  `json:"nonce"`  // the commit's
	Leaf     string  `json:"leaf"`   // base64url RFC 6962 leaf hash
	Deadline int64   `json:"deadline"`
}

// ReceivedClaims are the payload of the consumer's countersignature.
type ReceivedClaims struct {
	Issuer   string  `json:"iss"` // the consumer's agency id
	Audience string  `json:"aud"`
	IssuedAt int64   `json:"iat"`
	GrantID  GrantID `json:"grant_id"`
	Use      int     `json:"use"`
	Commit   string  `json:"commit"` // DigestOf the commit JWS
}

// RecordClaims are the payload of the hub's countersignature over record state.
type RecordClaims struct {
	Issuer   string  `json:"iss"`
	IssuedAt int64   `json:"iat"`
	GrantID  GrantID `json:"grant_id"`
	State    State   `json:"state"`
	Seq      int64   `json:"seq"`
	Terms    string  `json:"terms"`
	Events   string  `json:"events"`            // EventsDigest
	Receipt  string  `json:"receipt,omitempty"` // base64url SHA-256 of the receipt it closes
}
