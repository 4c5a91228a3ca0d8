package oauth

import (
	"errors"
	"strings"
	"time"
)

// The sentinels of PreAuthorized.
var (
	ErrInvalidCode      = errors.New("oauth: pre-authorized code unknown, used or expired")
	ErrTxCode           = errors.New("oauth: wrong tx_code")
	ErrTxCodeMissing    = errors.New("oauth: tx_code missing")
	ErrTxCodeUnexpected = errors.New("oauth: tx_code not expected")
)

// The sentinels of interactions.
var (
	// ErrNoInteraction: unknown, finished or expired.
	ErrNoInteraction = errors.New("oauth: no such interaction")
	// ErrOtherBrowser: begun in another browser.
	ErrOtherBrowser = errors.New("oauth: interaction of another browser")
	// ErrStale: the request asks for a login made after it.
	ErrStale = errors.New("oauth: the login is too old for this request")
	// ErrNobody: a step was passed before anybody logged in.
	ErrNobody = errors.New("oauth: nobody has logged in")
)

// Refusal is a protocol error with its specification's code. Its description
// reaches the client; where a program branches on the reason, the reason's
// word comes first, before a colon ("withdrawn: …").
type Refusal struct {
	Code        string
	Description string
	Err         error

	after  time.Duration // when to come back
	status int           // where it is not the code's own
}

// Error is the code and the description.
func (r *Refusal) Error() string { return r.Code + ": " + r.Description }

// Unwrap is the cause, for the log.
func (r *Refusal) Unwrap() error { return r.Err }

// check is the word before the description's colon, else the code.
func (r *Refusal) check() string {
	if word, _, named := strings.Cut(r.Description, ": "); named {
		return word
	}
	return r.Code
}

func refuse(code, description string) *Refusal {
	return &Refusal{Code: code, Description: description}
}
