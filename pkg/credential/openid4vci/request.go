package openid4vci

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// MaxMessage bounds every message read here.
const MaxMessage = 64 << 10

// MaxProofs bounds a batch whatever the issuer advertises.
const MaxProofs = 16

// CredentialRequest is the body of a request to the Credential Endpoint
// (section 8.2).
type CredentialRequest struct {
	CredentialIdentifier         string             `json:"credential_identifier,omitempty"`
	CredentialConfigurationID    string             `json:"credential_configuration_id,omitempty"`
	Proofs                       *Proofs            `json:"proofs,omitempty"`
	CredentialResponseEncryption stdjson.RawMessage `json:"credential_response_encryption,omitempty"`
}

// Proofs holds the proofs of one of the types that this package knows.
type Proofs struct {
	JWT         []string `json:"jwt,omitempty"`
	Attestation []string `json:"attestation,omitempty"` // exactly one (appendix F.3)
}

// CredentialResponse is an answer of the Credential Endpoint or the Deferred
// Credential Endpoint (sections 8.3 and 9.2): Credentials, or TransactionID and
// Interval, in seconds.
type CredentialResponse struct {
	Credentials    []IssuedCredential `json:"credentials,omitempty"`
	NotificationID string             `json:"notification_id,omitempty"`
	TransactionID  string             `json:"transaction_id,omitempty"`
	Interval       int                `json:"interval,omitempty"`
}

// DeferredRequest is the body of a request to the Deferred Credential Endpoint
// (section 9.1).
type DeferredRequest struct {
	TransactionID                string             `json:"transaction_id"`
	CredentialResponseEncryption stdjson.RawMessage `json:"credential_response_encryption,omitempty"`
}

// IssuedCredential wraps one credential.
type IssuedCredential struct {
	Credential string `json:"credential"`
}

// NonceResponse is the Nonce Endpoint's answer, sent with Cache-Control:
// no-store (section 7.2).
type NonceResponse struct {
	CNonce string `json:"c_nonce"`
}

// Notification is the body of a Notification Request (section 11.1).
type Notification struct {
	NotificationID   string `json:"notification_id"`
	Event            string `json:"event"`
	EventDescription string `json:"event_description,omitempty"`
}

// The events of a Notification.
const (
	CredentialAccepted = "credential_accepted"
	CredentialFailure  = "credential_failure"
	CredentialDeleted  = "credential_deleted"
)

// ParseCredentialRequest is ParseSealableRequest for an issuer that encrypts
// nothing.
func ParseCredentialRequest(body []byte) (CredentialRequest, error) {
	r, err := ParseSealableRequest(body)
	if err == nil && len(r.CredentialResponseEncryption) > 0 {
		return CredentialRequest{}, refuse(InvalidEncryptionParameters, "encryption", "this issuer does not encrypt responses")
	}
	return r, err
}

// ParseSealableRequest reads a request and refuses what section 8.2 refuses
// whatever the issuer: neither or both of the two identifiers, an unknown or a
// second proof type, a batch of none. credential_response_encryption is left to
// ParseEncryption.
func ParseSealableRequest(body []byte) (CredentialRequest, error) {
	var shape struct {
		CredentialRequest
		Proofs map[string]json.RawMessage `json:"proofs"`
	}
	if err := decode(body, &shape); err != nil {
		return CredentialRequest{}, refuse(InvalidCredentialRequest, "json", "%v", err)
	}
	r := shape.CredentialRequest
	if (r.CredentialIdentifier == "") == (r.CredentialConfigurationID == "") {
		return CredentialRequest{}, refuse(InvalidCredentialRequest, "identifier",
			"exactly one of credential_identifier and credential_configuration_id is needed")
	}
	if shape.Proofs == nil {
		return r, nil
	}
	if raw, ok := shape.Proofs["attestation"]; ok && len(shape.Proofs) == 1 {
		r.Proofs = &Proofs{}
		if err := json.Unmarshal(raw, &r.Proofs.Attestation); err != nil || len(r.Proofs.Attestation) != 1 {
			return CredentialRequest{}, refuse(InvalidProof, "proof type", "attestation must be an array of exactly one string")
		}
		return r, nil
	}
	raw, ok := shape.Proofs["jwt"]
	if !ok || len(shape.Proofs) != 1 {
		return CredentialRequest{}, refuse(InvalidProof, "proof type", "proofs must hold jwt or attestation, and nothing else")
	}
	r.Proofs = &Proofs{}
	if err := json.Unmarshal(raw, &r.Proofs.JWT); err != nil {
		return CredentialRequest{}, refuse(InvalidProof, "proof type", "jwt must be an array of strings")
	}
	if n := len(r.Proofs.JWT); n == 0 || n > MaxProofs {
		return CredentialRequest{}, refuse(InvalidProof, "batch size", "%d proofs", n)
	}
	return r, nil
}

// ParseDeferredRequest reads a Deferred Credential Request (section 9.1).
func ParseDeferredRequest(body []byte) (DeferredRequest, error) {
	var r DeferredRequest
	if err := decode(body, &r); err != nil {
		return DeferredRequest{}, refuse(InvalidCredentialRequest, "json", "%v", err)
	}
	if r.TransactionID == "" {
		return DeferredRequest{}, refuse(InvalidCredentialRequest, "transaction_id", "missing")
	}
	return r, nil
}

// ParseNotification reads a Notification Request (section 11.1).
func ParseNotification(body []byte) (Notification, error) {
	var n Notification
	if err := decode(body, &n); err != nil {
		return Notification{}, refuse(InvalidNotificationRequest, "json", "%v", err)
	}
	if n.NotificationID == "" {
		return Notification{}, refuse(InvalidNotificationRequest, "notification_id", "missing")
	}
	// Section 11.1: %x20-21 / %x23-5B / %x5D-7E.
	if strings.ContainsFunc(n.EventDescription, func(c rune) bool { return c < 0x20 || c > 0x7e || c == '"' || c == '\\' }) {
		return Notification{}, refuse(InvalidNotificationRequest, "event_description", "has a character that it must not have")
	}
	switch n.Event {
	case CredentialAccepted, CredentialFailure, CredentialDeleted:
		return n, nil
	}
	return Notification{}, refuse(InvalidNotificationRequest, "event", "unknown event")
}

// decode reads one JSON object; go-jose's decoder refuses a member given twice
// and compares names letter for letter.
func decode(body []byte, v any) error {
	if len(body) > MaxMessage {
		return fmt.Errorf("longer than %d bytes", MaxMessage)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("not the JSON object expected: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("bytes after the JSON object")
	}
	return nil
}
