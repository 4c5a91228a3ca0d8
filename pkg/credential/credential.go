package credential

import (
	"errors"
	"time"
)

const (
	// VCTResidentCard is the type of the resident card.
	VCTResidentCard = "urn:mydata:resident-card:1"
	// ConfigResidentCard is its credential configuration (OpenID4VCI 1.0, 12.2.4).
	ConfigResidentCard = "resident_card_sd_jwt"
	// ScopeResidentCard is its OAuth scope.
	ScopeResidentCard = "resident_card"
	// ConfigAgeCard is the configuration of the proof of age, which says nothing
	// else; its type is a URL of the issuer's.
	ConfigAgeCard = "age_card_sd_jwt"
	// ScopeAgeCard is its OAuth scope.
	ScopeAgeCard = "age_card"
	// LeafDomain separates the leaves of issuance and revocation.
	LeafDomain = "issuance"
	// StatementStatusList is the kind of the public statement on a status list.
	StatementStatusList = "status-list"
)

// Sentinels callers branch on.
var (
	ErrUnknown  = errors.New("no such credential")
	ErrConfig   = errors.New("no such credential configuration")
	ErrConflict = errors.New("changed meanwhile")
)

// Issued is a credential that was issued.
type Issued struct {
	ID         string    `json:"id"`
	Citizen    string    `json:"-"`
	VCT        string    `json:"vct"`
	Config     string    `json:"config"`
	IssuedAt   time.Time `json:"issued_at"`
	Expires    time.Time `json:"expires_at"`
	Status     Status    `json:"status"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	Device     string    `json:"device,omitempty"` // the wallet, if it named itself: see DeviceIn
	List       string    `json:"-"`                // the status list's id
	Index      int       `json:"-"`
	Holder     string    `json:"-"`                    // RFC 7638 thumbprint of the holder's key
	Acceptance string    `json:"acceptance,omitempty"` // what the wallet notified
	// SuspendedAt while it is suspended; Reason why it is that or revoked, one of
	// Reasons.
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
	Reason      string    `json:"reason,omitempty"`
	// Basis names the state of the register that the claims are of; "" when that
	// was not kept.
	Basis string `json:"-"`
}

// Status of an issued credential.
type Status string

// The statuses.
const (
	Valid     Status = "valid"
	Revoked   Status = "revoked"
	Suspended Status = "suspended"
)
