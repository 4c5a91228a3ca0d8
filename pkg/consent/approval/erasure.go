package approval

import (
	"crypto"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// ErasureType is the typ of an officers' order to erase a person.
const ErasureType = "mydata-erasure+jwt"

// Why officers order that a person is erased.
const (
	ErasureDeath   = "death"
	ErasureCourt   = "court"
	ErasureRequest = "request" // the person's own, for all at once
)

// Erasures answers the reasons, a closed list.
func Erasures() []string { return []string{ErasureDeath, ErasureCourt, ErasureRequest} }

// Erasure is what two officers sign so that everything about a person is erased.
// It names the person by a salted commitment only (OrderSubject): the order may
// be kept after the erasure.
type Erasure struct {
	Subject  string `json:"sub"`
	Reason   string `json:"reason"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// SignErasure is one officer's signature (ES256) over an order to erase.
func SignErasure(o Erasure, officer crypto.Signer) (string, error) {
	return signOrder(o, ErasureType, officer)
}

// VerifyErasure checks that two different officers signed one and the same
// order to erase, for one of the reasons. Its times are the caller's to judge.
func VerifyErasure(orders []string, officers []jose.JSONWebKey) (Erasure, error) {
	if len(orders) != 2 {
		return Erasure{}, refuse(CheckOfficers, "%d orders instead of two", len(orders))
	}
	o, err := bothSigned[Erasure](orders[0], orders[1], ErasureType, officers)
	if err == nil && !slices.Contains(Erasures(), o.Reason) {
		return Erasure{}, refuse(CheckOfficers, "the reason %q is not on the list", o.Reason)
	}
	return o, err
}

// PeekErasure reads an order without checking who signed it: what another
// officer is asked to sign too.
func PeekErasure(compact string) (Erasure, error) {
	var o Erasure
	if len(compact) > maxOrder {
		return o, refuse(CheckOfficers, "an order of %d bytes", len(compact))
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return o, refuse(CheckOfficers, "order: %v", err)
	}
	if object.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != ErasureType {
		return o, refuse(CheckOfficers, "it is no order to erase")
	}
	if err := decode(object.UnsafePayloadWithoutVerification(), &o); err != nil {
		return o, refuse(CheckOfficers, "order: %v", err)
	}
	if !slices.Contains(Erasures(), o.Reason) {
		return o, refuse(CheckOfficers, "the reason %q is not on the list", o.Reason)
	}
	return o, nil
}
