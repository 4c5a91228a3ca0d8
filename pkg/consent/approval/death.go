package approval

import (
	"crypto"

	"github.com/go-jose/go-jose/v4"
)

// DeathType is the typ of an officers' order that reports a death. It is no
// order to erase: what was agreed stays for those who have to prove it.
const DeathType = "mydata-death+jwt"

// Death is what two officers sign so that nothing more is done in a dead
// person's name. It names the person by a salted commitment only (OrderSubject).
type Death struct {
	Subject  string `json:"sub"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// SignDeath is one officer's signature (ES256) over an order that reports a
// death.
func SignDeath(o Death, officer crypto.Signer) (string, error) {
	return signOrder(o, DeathType, officer)
}

// VerifyDeath checks that two different officers signed one and the same order.
// Its times are the caller's to judge.
func VerifyDeath(orders []string, officers []jose.JSONWebKey) (Death, error) {
	if len(orders) != 2 {
		return Death{}, refuse(CheckOfficers, "%d orders instead of two", len(orders))
	}
	return bothSigned[Death](orders[0], orders[1], DeathType, officers)
}

// PeekDeath reads an order without checking who signed it: what another officer
// is asked to sign too.
func PeekDeath(compact string) (Death, error) {
	var o Death
	if len(compact) > maxOrder {
		return o, refuse(CheckOfficers, "an order of %d bytes", len(compact))
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return o, refuse(CheckOfficers, "order: %v", err)
	}
	if object.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != DeathType {
		return o, refuse(CheckOfficers, "it is no order that reports a death")
	}
	if err := decode(object.UnsafePayloadWithoutVerification(), &o); err != nil {
		return o, refuse(CheckOfficers, "order: %v", err)
	}
	return o, nil
}
