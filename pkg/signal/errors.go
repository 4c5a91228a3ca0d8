package signal

import (
	"errors"
	"fmt"
)

// MenderHub is who mends what is wrong with a token.
const MenderHub = "hub"

// The codes of RFC 8935, 2.4.
const (
	CodeRequest        = "invalid_request"
	CodeKey            = "invalid_key"
	CodeIssuer         = "invalid_issuer"
	CodeAudience       = "invalid_audience"
	CodeAuthentication = "authentication_failed"
	CodeAccess         = "access_denied"
)

// Known says whether a code is one of RFC 8935, 2.4.
func Known(code string) bool {
	switch code {
	case CodeRequest, CodeKey, CodeIssuer, CodeAudience, CodeAuthentication, CodeAccess:
		return true
	}
	return false
}

// Error is a refusal of a token. Nothing in it is from the token.
type Error struct {
	Check  string
	Cause  string
	Mender string
	Code   string // RFC 8935, 2.4
}

func (e *Error) Error() string { return "signal: " + e.Check + ": " + e.Cause }

func refuse(check, code, cause string, args ...any) error {
	return &Error{Check: check, Cause: fmt.Sprintf(cause, args...), Mender: MenderHub, Code: code}
}

// CodeOf is the code to answer for an error.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeRequest
}
