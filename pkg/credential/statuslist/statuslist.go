package statuslist

import "errors"

const (
	// Draft is the number of draft-ietf-oauth-status-list followed here.
	Draft = 21
	// Type is the `typ` of a Status List Token as a JWT (draft, 5.1).
	Type = "statuslist+jwt"
	// MediaType is its content type (draft, 8.2).
	MediaType = "application/statuslist+jwt"
	// MediaTypeCWT is the content type, and the type header (16), of a Status
	// List Token as a CWT (draft, 5.2, 8.2).
	MediaTypeCWT = "application/statuslist+cwt"
	// MaxList bounds a decompressed list, in bytes: 16 million statuses of two
	// bits.
	MaxList = 4 << 20
	// MaxToken bounds a token, in bytes: a list that cannot be compressed, in
	// base64url, twice.
	MaxToken = 8 << 20
)

// Sentinels callers branch on.
var (
	ErrMalformed   = errors.New("malformed status list")
	ErrOutOfRange  = errors.New("index beyond the status list")
	ErrExpired     = errors.New("status list expired")
	ErrUntrusted   = errors.New("status list not trusted")
	ErrUnavailable = errors.New("status list unavailable")
	// ErrRollback: a list was served that is older than one seen before.
	ErrRollback = errors.New("status list older than one seen before")
	// ErrNoHistory: whoever serves the list does not say how it was then.
	ErrNoHistory = errors.New("status list of that time not to be had")
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
