package sdjwt

import (
	"crypto"
	"errors"
	"time"
)

const (
	// Draft is the number of draft-ietf-oauth-sd-jwt-vc followed here.
	Draft = 24
	// Type is the media type and `typ` of an SD-JWT VC (draft, 2.2.1).
	Type = "dc+sd-jwt"
	// KeyBindingType is the `typ` of a key binding JWT (RFC 9901, 4.3).
	KeyBindingType = "kb+jwt"
	// HashAlgorithm is the one `_sd_alg` (RFC 9901, 4.1.1).
	HashAlgorithm = "sha-256"
)

// Limits on what comes from outside.
const (
	MaxBytes       = 256 << 10
	MaxDisclosures = 512
	MaxDepth       = 16
)

// Sentinels callers branch on. Everything Parse refuses is ErrMalformed.
var (
	ErrMalformed  = errors.New("malformed SD-JWT")
	ErrSignature  = errors.New("signature does not verify")
	ErrKeyBinding = errors.New("key binding refused")
	ErrNoSuchPath = errors.New("no such claim")
)

// Header is the JOSE header of the issuer-signed JWT.
type Header struct {
	Algorithm string
	Type      string
	KeyID     string
	X5C       [][]byte // DER, leaf first
}

// Hidden marks a value, an object's property or an array's element, as
// selectively disclosable in the claims given to Issue.
type Hidden struct{ Value any }

// Key signs. The signer holds a P-256 key. A signature names its key by KeyID or,
// where there is one, by X5C alone.
type Key struct {
	Signer crypto.Signer
	KeyID  string
	X5C    [][]byte // DER, leaf first, without the trust anchor
}

// KeyBinding is what a key binding JWT says (RFC 9901, 4.3), and, given to
// VerifyKeyBinding, what it has to say.
type KeyBinding struct {
	Audience string
	Nonce    string
	IssuedAt time.Time // in VerifyKeyBinding: the present time, to which iat has to be near
	// TransactionDataHashes, base64url, as OpenID4VP 1.0, B.3.3.1.
	TransactionDataHashes    []string
	TransactionDataHashesAlg string
}

// Path is a claims path pointer (OpenID4VP 1.0, 7): strings name properties,
// non-negative ints index arrays, nil means every element of an array.
type Path []any
