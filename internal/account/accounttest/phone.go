package accounttest

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/govmydata/mydata/internal/account"
)

// Phone is an authenticator with at most one passkey, and the browser around it.
// Its fields are the knobs of tests that cheat.
type Phone struct {
	Auth    virtualwebauthn.Authenticator
	Cred    virtualwebauthn.Credential
	RP      virtualwebauthn.RelyingParty
	Browser string // the secret in the browser's cookie
}

// NewPhone without a passkey.
func NewPhone() *Phone {
	return &Phone{
		Auth:    virtualwebauthn.NewAuthenticator(),
		RP:      virtualwebauthn.RelyingParty{ID: RP.ID, Name: "MyData", Origin: RP.Origin},
		Browser: account.NewBrowser(),
	}
}

// Create answers creation options with a new passkey, which it keeps.
func (p *Phone) Create(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	p.Cred = virtualwebauthn.Credential{}
	// The library drops leading zeros of a coordinate (1 key in 128): take another.
	for p.Cred.Key == nil || len(p.Cred.Key.AttestationData()) != 77 {
		p.Cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	p.Auth.Options.UserHandle = []byte(o.UserID)
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(p.RP, p.Auth, p.Cred, *o))
}

// Get answers request options with the passkey, whether it was asked for or not.
func (p *Phone) Get(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	p.Cred.Counter++
	return json.RawMessage(virtualwebauthn.CreateAssertionResponse(p.RP, p.Auth, p.Cred, *o))
}

// ID of the passkey, in base64url.
func (p *Phone) ID() string { return base64.RawURLEncoding.EncodeToString(p.Cred.ID) }
