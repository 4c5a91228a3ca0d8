package statuslist

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"time"
)

const (
	// Draft is the number of draft-ietf-oauth-status-list followed here.
	Draft = 21
	// Type is the `typ` of a Status List Token as a JWT (draft, 5.1).
	Type = "statuslist+jwt"
	// MediaType is its content type (draft, 8.1).
	MediaType = "application/statuslist+jwt"
	// MaxList bounds a decompressed list, in bytes: 8 million one-bit statuses.
	MaxList = 1 << 20
	// MaxToken bounds a token, in bytes.
	MaxToken = 2 << 20
)

// Sentinels callers branch on.
var (
	ErrMalformed   = errors.New("malformed status list")
	ErrOutOfRange  = errors.New("index beyond the status list")
	ErrExpired     = errors.New("status list expired")
	ErrUntrusted   = errors.New("status list not trusted")
	ErrUnavailable = errors.New("status list unavailable")
)

// Status of a referenced token (draft, 7.1).
type Status uint8

// The registered statuses.
const (
	Valid     Status = 0
	Invalid   Status = 1
	Suspended Status = 2
)

// Reference is where a credential's status stands (draft, 6.2).
type Reference struct {
	URI   string
	Index int
}

// Token is what a Status List Token says.
type Token struct {
	URI      string // sub
	IssuedAt time.Time
	Expires  time.Time     // zero: none
	TTL      time.Duration // zero: none
	List     *List
}

// Key signs a Status List Token. The signer holds a P-256 key.
type Key struct {
	Signer crypto.Signer
	KeyID  string
	X5C    [][]byte // DER, leaf first, without the trust anchor
}

// Trust decides whether the holder of a certificate chain (DER, leaf first)
// may speak about the status asked for, and returns its key. It is asked at
// every look-up, also when the list is in the cache.
type Trust func(chain [][]byte) (crypto.PublicKey, error)

// Client fetches, verifies and caches lists. The zero value works.
type Client struct {
	HTTP *http.Client // NewHTTPClient; nil: one that refuses loop-back
	Now  func() time.Time
}

// Status of a reference. Any error means: unknown, and not to be taken as valid.
func (c *Client) Status(ctx context.Context, ref Reference, trust Trust) (Status, error) {
	return 0, ErrUnavailable
}
