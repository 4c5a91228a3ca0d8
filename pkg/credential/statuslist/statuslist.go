package statuslist

import "errors"

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
