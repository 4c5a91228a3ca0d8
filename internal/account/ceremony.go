package account

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	josejson "github.com/go-jose/go-jose/v4/json"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// What a ceremony row is for. An answer to one kind is never taken for another.
const (
	kindLogin   = "login"
	kindEnrol   = "enrol"
	kindAdd     = "add"     // making a passkey, by a session
	kindChange  = "change"  // a passkey that is made and waits for its signature
	kindConfirm = "confirm" // signing a key event
)

// ceremony is the data of a row.
type ceremony struct {
	WebAuthn   webauthn.SessionData `json:"webauthn"`
	Citizen    string               `json:"citizen,omitempty"`
	CodeHash   string               `json:"code_hash,omitempty"`
	Event      *approval.KeyEvent   `json:"event,omitempty"`
	Credential *webauthn.Credential `json:"credential,omitempty"`
	Device     string               `json:"device,omitempty"`
	Change     string               `json:"change,omitempty"` // id of the waiting change
	Remove     string               `json:"remove,omitempty"` // id of the passkey to remove
}

func (a *Accounts) put(ctx context.Context, kind, owner, key string, life time.Duration, c ceremony) error {
	if owner == "" {
		return errors.New("ceremony: it has no owner")
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	now := a.now()
	return a.store.PutCeremony(ctx, CeremonyRow{key, kind, hashed(owner), data, now.Add(life)}, now)
}

func (a *Accounts) take(ctx context.Context, kind, owner, key string) (ceremony, error) {
	return a.opened(a.store.TakeCeremony(ctx, key, kind, hashed(owner), a.now()))
}

func (a *Accounts) peek(ctx context.Context, kind, owner, key string) (ceremony, error) {
	return a.opened(a.store.PeekCeremony(ctx, key, kind, hashed(owner), a.now()))
}

func (a *Accounts) opened(row CeremonyRow, err error) (ceremony, error) {
	var c ceremony
	// A challenge of a clock that was ahead would live longer than it may.
	if errors.Is(err, ErrNotFound) || err == nil && row.Expires.Sub(a.now()) > changeLife+clockSkew {
		return c, ErrCeremony
	}
	if err != nil {
		return c, fmt.Errorf("ceremony: %w", err)
	}
	if err := json.Unmarshal(row.Data, &c); err != nil {
		return c, fmt.Errorf("ceremony: %w", err)
	}
	return c, nil
}

// person is a citizen as go-webauthn sees one.
type person struct {
	id          []byte
	name        string
	credentials []webauthn.Credential
}

func (p *person) WebAuthnID() []byte                         { return p.id }
func (p *person) WebAuthnName() string                       { return p.name }
func (p *person) WebAuthnDisplayName() string                { return p.name }
func (p *person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// person with the passkeys that live.
func (a *Accounts) person(ctx context.Context, citizen string) (*person, error) {
	id, err := base64.RawURLEncoding.DecodeString(citizen)
	if err != nil {
		return nil, fmt.Errorf("citizen: %w", ErrNotFound)
	}
	rows, err := a.store.Passkeys(ctx, citizen)
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	p := &person{id: id}
	for _, row := range rows {
		var c webauthn.Credential
		if err := json.Unmarshal(row.Credential, &c); err != nil {
			return nil, fmt.Errorf("passkeys: %w", err)
		}
		p.credentials = append(p.credentials, c)
	}
	return p, nil
}

// label is how the browser's dialogue names the account: the year of birth tells
// people of one name apart.
func label(r Resident) string {
	year, _, _ := cutDate(r.BirthDate)
	return r.NameKo + " (" + year + ")"
}

func cutDate(date string) (year, rest string, ok bool) {
	if len(date) < 4 {
		return "", "", false
	}
	return date[:4], date[4:], true
}

// parseAssertion reads an AuthenticationResponseJSON (WebAuthn Level 3, 5.1),
// refusing duplicate names in it and in the client data inside.
func parseAssertion(raw json.RawMessage) (*protocol.ParsedCredentialAssertionData, error) {
	if err := unambiguous(raw); err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(raw)
	if err != nil {
		return nil, refused(err)
	}
	return parsed, unambiguous(json.RawMessage(parsed.Raw.AssertionResponse.ClientDataJSON))
}

func parseCreation(raw json.RawMessage) (*protocol.ParsedCredentialCreationData, error) {
	if err := unambiguous(raw); err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(raw)
	if err != nil {
		return nil, refused(err)
	}
	return parsed, unambiguous(json.RawMessage(parsed.Raw.AttestationResponse.ClientDataJSON))
}

func unambiguous(raw json.RawMessage) error {
	var any map[string]any
	if err := josejson.Unmarshal(raw, &any); err != nil {
		return fmt.Errorf("%w: %w", ErrAssertion, err)
	}
	return nil
}

// refused keeps the library's explanation for the log.
func refused(err error) error {
	var detail *protocol.Error
	if errors.As(err, &detail) {
		return fmt.Errorf("%w: %s: %s", ErrAssertion, detail.Details, detail.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrAssertion, err)
}

// Assertion is an AuthenticationResponseJSON as kept for evidence.
func Assertion(raw json.RawMessage) (approval.Assertion, error) {
	parsed, err := parseAssertion(raw)
	if err != nil {
		return approval.Assertion{}, err
	}
	return evidence(parsed), nil
}

func evidence(p *protocol.ParsedCredentialAssertionData) approval.Assertion {
	return approval.Assertion{
		CredentialID:      approval.Bytes(p.RawID),
		AuthenticatorData: approval.Bytes(p.Raw.AssertionResponse.AuthenticatorData),
		ClientDataJSON:    approval.Bytes(p.Raw.AssertionResponse.ClientDataJSON),
		Signature:         approval.Bytes(p.Raw.AssertionResponse.Signature),
	}
}
