package catalogue

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jws"
)

// SnapshotType is the typ of a catalogue signed by the hub.
const SnapshotType = "mydata-catalogue+jwt"

// MaxSnapshot bounds a catalogue, signed or not: ten thousand data sets fit.
const MaxSnapshot = 16 << 20

// Parse reads an unsigned catalogue, as an operator writes it: strictly, so that
// a misspelt name is not lost.
func Parse(raw []byte) (Catalogue, error) {
	var c Catalogue
	if len(raw) > MaxSnapshot {
		return c, fmt.Errorf("catalogue: longer than %d bytes", MaxSnapshot)
	}
	if err := decode(raw, &c); err != nil {
		return Catalogue{}, fmt.Errorf("catalogue: %w", err)
	}
	return c, nil
}

// Sign makes the hub's signed snapshot (ES256, kid). What does not hold together
// is not signed.
func Sign(c Catalogue, signer crypto.Signer, kid string) (string, error) {
	if err := c.Validate(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return jws.Sign(jws.Protected{KeyID: kid, Type: SnapshotType}, payload, signer)
}

// Open checks a snapshot: the hub's signature, that it holds together, and each
// agency's own entry against the government CA, as of the entry's making.
func Open(compact string, hub jose.JSONWebKeySet, roots *x509.CertPool) (*Catalogue, error) {
	if len(compact) > MaxSnapshot {
		return nil, fmt.Errorf("catalogue: longer than %d bytes", MaxSnapshot)
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	header := object.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != SnapshotType {
		return nil, fmt.Errorf("catalogue: typ %v is not %s", header.ExtraHeaders[jose.HeaderType], SnapshotType)
	}
	keys := hub.Key(header.KeyID)
	if len(keys) != 1 {
		return nil, fmt.Errorf("catalogue: key %q is not one of the hub's in the trust folder (after a change of keys: idp trust rekey)", header.KeyID)
	}
	payload, err := object.Verify(keys[0].Key)
	if err != nil {
		return nil, fmt.Errorf("catalogue: the hub's signature is wrong")
	}
	var c Catalogue
	if err := decode(payload, &c); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	for _, a := range c.Agencies {
		if err := a.checkEntry(roots); err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
	}
	return &c, nil
}

// Peek reads a published catalogue without believing it: for a difference that
// is shown, never for a decision. Open checks.
func Peek(compact string) (*Catalogue, error) {
	if len(compact) > MaxSnapshot {
		return nil, fmt.Errorf("catalogue: longer than %d bytes", MaxSnapshot)
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	c, err := Parse(object.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, err
	}
	return &c, nil
}

func (a Agency) checkEntry(roots *x509.CertPool) error {
	if a.Entry == "" {
		return fmt.Errorf("agency %q has not signed its entry", a.ID)
	}
	at, err := Issued(a.Entry)
	if err != nil {
		return fmt.Errorf("agency %q: entry: %w", a.ID, err)
	}
	entry, err := OpenEntry(a.Entry, roots, at)
	if err != nil {
		return fmt.Errorf("agency %q: %w", a.ID, err)
	}
	return entry.matches(a)
}
