package account

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/jcs"
)

// AssertionOptions asks any living passkey of a citizen to sign a challenge that
// the caller keeps: a PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3,
// 5.1.9), user verification required. ErrYoung while they may not approve.
func (a *Accounts) AssertionOptions(ctx context.Context, citizen string, challenge [32]byte) (json.RawMessage, error) {
	rows, events, err := a.store.Keys(ctx, citizen)
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	p, err := asked(rows)
	if err != nil {
		return nil, err
	}
	if len(p.credentials) == 0 {
		return nil, fmt.Errorf("assertion options: no living passkey: %w", ErrNotFound)
	}
	if _, err := a.grown(events); err != nil {
		return nil, fmt.Errorf("assertion options: %w", err)
	}
	options, _, err := a.web.BeginLogin(p, webauthn.WithChallenge(challenge[:]))
	if err != nil {
		return nil, fmt.Errorf("assertion options: %w", err)
	}
	return json.Marshal(options.Response)
}

// asked is a person of whose passkeys no more is read than what options say: their
// names, and how they are reached.
func asked(rows []PasskeyRow) (*person, error) {
	p := &person{}
	for _, row := range rows {
		var c struct {
			ID        []byte                            `json:"id"`
			Transport []protocol.AuthenticatorTransport `json:"transport"`
		}
		if err := jcs.Unmarshal(row.Credential, &c); err != nil {
			return nil, fmt.Errorf("passkeys: %w", err)
		}
		p.credentials = append(p.credentials, webauthn.Credential{ID: c.ID, Transport: c.Transport})
	}
	return p, nil
}

// PasskeyKey is the public key of a living passkey of that citizen, for checking
// an approval, with the History; ErrYoung while it may not approve.
func (a *Accounts) PasskeyKey(ctx context.Context, citizen string, credentialID []byte) (key jose.JSONWebKey, history []approval.KeyRecord, err error) {
	rows, events, err := a.store.Keys(ctx, citizen)
	if err != nil {
		return key, nil, fmt.Errorf("passkey: %w", err)
	}
	id := base64.RawURLEncoding.EncodeToString(credentialID)
	for _, row := range rows {
		if row.ID == id {
			if history, err = a.grown(events); err != nil {
				return key, nil, fmt.Errorf("passkey: %w", err)
			}
			err = json.Unmarshal(row.JWK, &key)
			return key, history, err
		}
	}
	return key, nil, fmt.Errorf("passkey: %w: %w", ErrNotFound, consent.ErrNobody)
}

// mature refuses for a while after the last officers' order: all passkeys since
// then, also those that the ordered one signed in, stand on it alone.
func (a *Accounts) mature(ctx context.Context, citizen string) error {
	events, err := a.store.Events(ctx, citizen)
	if err != nil {
		return fmt.Errorf("passkey history: %w", err)
	}
	_, err = a.grown(events)
	return err
}

// grown is the history of passkeys that are mature.
func (a *Accounts) grown(events []EventRow) ([]approval.KeyRecord, error) {
	records, err := recorded(events)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.Event.By.Kind == approval.ByOfficers && a.now().Before(r.Event.At.Add(a.wait)) {
			return nil, ErrYoung
		}
	}
	return records, nil
}
