package catalogue

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
)

// EntryType is the typ of what an agency says of itself.
const EntryType = "mydata-agency+jwt"

// Entry is what an agency says of itself. JWKS holds its encryption key.
type Entry struct {
	Issuer   string             `json:"iss"`
	IssuedAt int64              `json:"iat"`
	Name     Text               `json:"name"`
	Contact  string             `json:"contact"`
	Release  string             `json:"release,omitempty"`
	Signals  string             `json:"signals,omitempty"` // takes security event tokens (RFC 8935)
	JWKS     jose.JSONWebKeySet `json:"jwks"`
	// CredentialIssuer is the identifier under which it issues Documents
	// (OpenID4VCI 1.0, 12.2.1): wallets ask the hub for tokens by it.
	CredentialIssuer string     `json:"credential_issuer,omitempty"`
	Documents        []Document `json:"documents,omitempty"`
	// Certificates are those it signs with, base64 DER, at most two: this and, while
	// it rotates, the next.
	Certificates []string `json:"certificates,omitempty"`
}

// SignEntry is made by the agency itself.
func SignEntry(e Entry, key crypto.Signer, chain [][]byte) (string, error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	return SignAs(EntryType, payload, key, chain)
}

// OpenEntry checks an agency's own entry; the signer must be the agency.
func OpenEntry(compact string, roots *x509.CertPool, at time.Time) (Entry, error) {
	agency, payload, err := OpenSigned(compact, EntryType, roots, at)
	if err != nil {
		return Entry{}, fmt.Errorf("agency entry: %w", err)
	}
	var e Entry
	if err := decode(payload, &e); err != nil {
		return Entry{}, fmt.Errorf("agency entry: %w", err)
	}
	if e.Issuer != agency {
		return Entry{}, fmt.Errorf("agency entry: %q signed for %q", agency, e.Issuer)
	}
	if err := e.checkListed(compact, roots, at); err != nil {
		return Entry{}, fmt.Errorf("agency entry: %w", err)
	}
	return e, nil
}

// Apply takes over what the agency says of itself: the operator's tool builds a
// catalogue with it.
func (e Entry) Apply(a Agency, compact string) (Agency, error) {
	if e.Issuer != a.ID {
		return Agency{}, fmt.Errorf("agency entry: of %q, not of %q", e.Issuer, a.ID)
	}
	a.Name, a.Contact, a.Release, a.Signals, a.Entry = e.Name, e.Contact, e.Release, e.Signals, compact
	a.CredentialIssuer, a.Documents = e.CredentialIssuer, e.Documents
	a.EncryptionKey = nil
	for i := range e.JWKS.Keys {
		if e.JWKS.Keys[i].Use == "enc" {
			a.EncryptionKey = &e.JWKS.Keys[i]
		}
	}
	return a, nil
}

// matches refuses an agency whose copied texts are not its own.
func (e Entry) matches(a Agency) error {
	own, err := e.Apply(a, a.Entry)
	if err != nil {
		return err
	}
	said, err := json.Marshal(own)
	if err != nil {
		return err
	}
	listed, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if !bytes.Equal(said, listed) {
		return fmt.Errorf("agency %q: the listing differs from what it signed", a.ID)
	}
	return nil
}

// decode reads JSON so that nothing is lost.
func decode(data []byte, into any) error { return jcs.Decode(data, into) }
