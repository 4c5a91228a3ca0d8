package citizen

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/descope/virtualwebauthn"
)

// A Phone is an authenticator with its passkeys, the newest last. Its fields are
// the knobs of tests that cheat.
type Phone struct {
	RP   virtualwebauthn.RelyingParty
	Auth virtualwebauthn.Authenticator
	Keys []virtualwebauthn.Credential
}

func newPhone(hub string) *Phone {
	return &Phone{
		RP:   virtualwebauthn.RelyingParty{ID: hostname(hub), Name: "MyData", Origin: hub},
		Auth: virtualwebauthn.NewAuthenticator(),
	}
}

// publicKey unwraps options that come as CredentialCreationOptions.
func publicKey(options json.RawMessage) json.RawMessage {
	var wrapped struct {
		PublicKey json.RawMessage `json:"publicKey"`
	}
	if json.Unmarshal(options, &wrapped) == nil && wrapped.PublicKey != nil {
		return wrapped.PublicKey
	}
	return options
}

// Create answers creation options with a new passkey, which it keeps.
func (p *Phone) Create(options json.RawMessage) (json.RawMessage, error) {
	o, err := virtualwebauthn.ParseAttestationOptions(string(publicKey(options)))
	if err != nil {
		return nil, fmt.Errorf("make passkey: %w", err)
	}
	key := virtualwebauthn.Credential{}
	// The library drops leading zeros of a coordinate (1 key in 128): take another.
	for key.Key == nil || len(key.Key.AttestationData()) != 77 {
		key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	p.Auth.Options.UserHandle = []byte(o.UserID)
	p.Keys = append(p.Keys, key)
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(p.RP, p.Auth, key, *o)), nil
}

// Get answers request options with the newest passkey that they allow.
func (p *Phone) Get(options json.RawMessage) (json.RawMessage, error) {
	o, err := virtualwebauthn.ParseAssertionOptions(string(publicKey(options)))
	if err != nil {
		return nil, fmt.Errorf("use passkey: %w", err)
	}
	for i := len(p.Keys) - 1; i >= 0; i-- {
		if allowed(o.AllowCredentials, ID(p.Keys[i])) {
			p.Keys[i].Counter++
			return json.RawMessage(virtualwebauthn.CreateAssertionResponse(p.RP, p.Auth, p.Keys[i], *o)), nil
		}
	}
	return nil, errors.New("use passkey: none of the phone's is asked for")
}

func allowed(ids []string, id string) bool {
	for _, one := range ids {
		if one == id {
			return true
		}
	}
	return len(ids) == 0
}

// ID of a passkey, as the pages write it.
func ID(key virtualwebauthn.Credential) string { return base64.RawURLEncoding.EncodeToString(key.ID) }
