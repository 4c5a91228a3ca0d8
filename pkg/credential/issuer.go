package credential

import (
	"context"
	"crypto"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Key signs credentials and status lists: a P-256 signer and its chain, DER,
// leaf first, without the trust anchor.
type Key struct {
	Signer crypto.Signer
	KeyID  string
	Chain  [][]byte
}

// Salter gives the salt that closes a citizen's leaf of the log.
type Salter interface {
	Salt(ctx context.Context, citizen, label string) ([32]byte, error)
}

// Order is one credential to be issued.
type Order struct {
	ID      string // idempotency key; the same ID gives the same record
	Citizen string
	Config  string // credential configuration id
	VCT     string
	Claims  map[string]any // each selectively disclosable
	Holder  jose.JSONWebKey
	Device  string
	Expires time.Time
}

// Issuer issues and revokes. Its methods may be called concurrently.
type Issuer struct {
	URL   string // credential issuer identifier, `iss`
	Store Store
	Salts Salter
	Keys  func() Key // the issuer's present key
	Lists func() Key // the key of the status lists; nil: Keys
	Now   func() time.Time
}

// Issue signs a credential after its record and its leaf are durable.
func (i *Issuer) Issue(ctx context.Context, o Order) (string, Issued, error) {
	return "", Issued{}, ErrUnknown
}

// Of lists what was issued to a citizen, newest first.
func (i *Issuer) Of(ctx context.Context, citizen string) ([]Issued, error) { return nil, nil }

// Get one.
func (i *Issuer) Get(ctx context.Context, id string) (Issued, error) { return Issued{}, ErrUnknown }

// Revoke one credential, for good. Revoking twice is no error.
func (i *Issuer) Revoke(ctx context.Context, id string) error { return ErrUnknown }

// RevokeAll credentials of a citizen.
func (i *Issuer) RevokeAll(ctx context.Context, citizen string) error { return nil }

// StatusList is the signed Status List Token of a list, fresh.
func (i *Issuer) StatusList(ctx context.Context, list string) (string, error) {
	return "", ErrUnknown
}
