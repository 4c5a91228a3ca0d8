package consenttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Passkey is a software authenticator with one ES256 key (Web Authentication
// Level 3, 6). Flags and Origin may be bent to make a bad one.
type Passkey struct {
	ID     []byte
	Flags  byte // UP, UV, BE, BS
	Type   string
	Origin string
	RPID   string
	key    *ecdsa.PrivateKey
}

// NewPasskey makes one for a relying party.
func NewPasskey(rp approval.RelyingParty) *Passkey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &Passkey{ID: id, Flags: 0x1d, Type: "webauthn.get", Origin: rp.Origin, RPID: rp.ID, key: key}
}

// JWK is the public key, named by its thumbprint.
func (p *Passkey) JWK() jose.JSONWebKey {
	key := jose.JSONWebKey{Key: p.key.Public()}
	kid, err := approval.Thumbprint(key)
	must(err)
	key.KeyID = kid
	return key
}

// Sign answers a challenge.
func (p *Passkey) Sign(challenge [32]byte) approval.Assertion {
	client, err := json.Marshal(map[string]any{
		"type": p.Type, "challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "origin": p.Origin, "crossOrigin": false,
	})
	must(err)
	return p.SignData(client)
}

// SignData signs any client data.
func (p *Passkey) SignData(client []byte) approval.Assertion {
	hash := sha256.Sum256([]byte(p.RPID))
	data := append(hash[:], p.Flags, 0, 0, 0, 0)
	return p.SignRaw(data, client)
}

// SignRaw signs any authenticator data and client data.
func (p *Passkey) SignRaw(data, client []byte) approval.Assertion {
	inner := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), inner[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, digest[:])
	must(err)
	return approval.Assertion{CredentialID: p.ID, AuthenticatorData: data, ClientDataJSON: client, Signature: signature}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
