package account

import (
	"encoding/json"
	"errors"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-webauthn/webauthn/webauthn"
)

// What is here is for who reads the rows themselves: an auditor of the database.

// Salt is what Accounts.Salt answers.
func (c CitizenRow) Salt(label string) [32]byte { return saltOf(c.Key, label) }

// PublicKey is the key that logs in with this passkey; an error when approvals
// would be checked with another.
func (p PasskeyRow) PublicKey() (jose.JSONWebKey, error) {
	var c webauthn.Credential
	var key jose.JSONWebKey
	if err := errors.Join(json.Unmarshal(p.Credential, &c), json.Unmarshal(p.JWK, &key)); err != nil {
		return jose.JSONWebKey{}, err
	}
	login, err := publicJWK(c.PublicKey)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	if login.KeyID != key.KeyID {
		return jose.JSONWebKey{}, errors.New("it logs in with another key than it approves with")
	}
	return login, nil
}
