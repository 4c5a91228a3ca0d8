package openid4vci

import (
	"fmt"
	"net/http"
)

// Code is an error code of section 8.3.1.2 (credential), 9.3 (deferred), 11.3 (notification)
// or of RFC 6750 where OpenID4VCI refers to it.
type Code string

// The codes a Credential Issuer of ours may send.
const (
	InvalidCredentialRequest       Code = "invalid_credential_request"
	UnknownCredentialConfiguration Code = "unknown_credential_configuration"
	UnknownCredentialIdentifier    Code = "unknown_credential_identifier"
	InvalidProof                   Code = "invalid_proof"
	InvalidNonce                   Code = "invalid_nonce"
	InvalidEncryptionParameters    Code = "invalid_encryption_parameters"
	CredentialRequestDenied        Code = "credential_request_denied"
	InvalidTransactionID           Code = "invalid_transaction_id"
	InvalidNotificationID          Code = "invalid_notification_id"
	InvalidNotificationRequest     Code = "invalid_notification_request"
)

// Error is a protocol error: its JSON is the body of the answer, with status
// 400. Check names, for logs and for people, the rule that was broken.
type Error struct {
	Code        Code   `json:"error"`
	Description string `json:"error_description,omitempty"`
	Check       string `json:"-"`
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Description }

// Status is the HTTP status of the answer.
func (e *Error) Status() int { return http.StatusBadRequest }

// Is makes errors.Is compare by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Refuse builds an Error of the issuer's own, as this package's are built.
func Refuse(code Code, check, description string) *Error {
	return refuse(code, check, "%s", description)
}

// refuse builds an Error whose description keeps to the characters that
// RFC 6749, section 5.2, allows: %x20-21 / %x23-5B / %x5D-7E.
func refuse(code Code, check, format string, args ...any) *Error {
	text := []byte(check + ": " + fmt.Sprintf(format, args...))
	for i, c := range text {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			text[i] = '\''
		}
	}
	return &Error{Code: code, Description: string(text), Check: check}
}
