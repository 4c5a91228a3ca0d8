package approval

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
)

// LeafDomain is the domain tag of a passkey event's leaf in the log.
const LeafDomain = "passkey"

// What a passkey event does, and who may sign it.
const (
	OpAdd      = "add"
	OpRemove   = "remove"
	ByPasskey  = "passkey"
	ByOfficers = "officers"
)

// KeyEvent adds or removes one passkey. Seq counts from 1 within one person's
// history; At is in UTC and whole seconds; Key is public, with kid = RFC 7638
// thumbprint (Thumbprint).
type KeyEvent struct {
	Seq int64            `json:"seq"`
	Op  string           `json:"op"`
	Key *jose.JSONWebKey `json:"key"`
	At  time.Time        `json:"at"`
	By  By               `json:"by"`
}

// By is who allowed a passkey event: an existing passkey, whose assertion is
// over KeyEvent.Challenge, or two officers, whose two orders open to the code
// that was used.
type By struct {
	Kind      string     `json:"kind"`
	Key       string     `json:"key,omitempty"`
	Nonce     Bytes      `json:"nonce,omitempty"`
	Assertion *Assertion `json:"assertion,omitempty"`
	Orders    []string   `json:"orders,omitempty"`
	Code      string     `json:"code,omitempty"`
}

// KeyRecord is a passkey event with what ties it to the log: the salt of its
// leaf and, once there, a C2SP tlog-proof.
type KeyRecord struct {
	Event KeyEvent `json:"event"`
	Salt  Bytes    `json:"salt"`
	Proof string   `json:"proof,omitempty"`
}

// Digest identifies the event: SHA-256 of its canonical JSON (RFC 8785).
func (e KeyEvent) Digest() ([32]byte, error) {
	return jcs.Sum(e)
}

// Challenge is what an existing passkey signs: a tagged digest of the event
// less its assertion. By.Key and By.Nonce are inside, so fill them first. The
// key to be added is inside too: create it first, then ask for the assertion.
func (e KeyEvent) Challenge() [32]byte {
	e.By.Assertion = nil
	sum, err := jcs.Sum(e, []byte("mydata/passkey-change/v1\x00"))
	if err != nil {
		return [32]byte{} // never the challenge of anything
	}
	return sum
}

// Thumbprint is the RFC 7638 thumbprint of a public key, in base64url.
func Thumbprint(key jose.JSONWebKey) (string, error) {
	if public, ok := key.Key.(*ecdsa.PublicKey); ok { // whose JWK has no other members than section 3.2 names
		sum, err := jcs.Sum(jose.JSONWebKey{Key: public})
		return base64.RawURLEncoding.EncodeToString(sum[:]), err
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}
