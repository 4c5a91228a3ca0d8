package sdk

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Error is a refusal, by us or by the other side. Everything in it may be
// logged and shown: it holds no claim, no name and no token.
type Error struct {
	By     string // who refused: "sdk" (our own check), "hub", "provider" or "citizen"
	Reason string // one word for programs: "withdrawn", "expired", "consumed", "paused", "denied" …
	Check  string // the check that failed, by name
	Cause  string // what was found
	Mender string // who must act: "consumer", "provider", "hub" or "citizen"
	Status int    // the HTTP status of the other side's answer, if there was one
	// Correlation finds the refusal in the other side's log.
	Correlation string
	err         error
}

func (e *Error) Error() string {
	text := e.By + " refused"
	for _, part := range []string{e.Reason, e.Check, e.Cause} {
		if part != "" && !strings.Contains(text, part) {
			text += ": " + part
		}
	}
	if e.Mender != "" {
		text += " (for the " + e.Mender + " to mend)"
	}
	return text
}

// Unwrap is what the refusal comes from, if it comes from an error.
func (e *Error) Unwrap() error { return e.err }

func refusal(reason, check, mender, cause string, args ...any) *Error {
	return &Error{By: "sdk", Reason: reason, Check: check, Cause: fmt.Sprintf(cause, args...), Mender: mender}
}

// Reason is the word for why err refused, or "".
func Reason(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// What a DataSet's Load answers when it cannot name one record.
var (
	ErrNoMatch = errors.New("no record for this subject")
	ErrSeveral = errors.New("several records for this subject")
)

// One is the only record of a search, ErrNoMatch or ErrSeveral. A name is not
// a key: search by what Subject holds, and let nothing choose among several.
func One(found []Record) (Record, error) {
	switch len(found) {
	case 0:
		return nil, ErrNoMatch
	case 1:
		return found[0], nil
	}
	return nil, ErrSeveral
}

// loading is an error of an agency's Load, by its words alone: what it wraps, say a
// refusal where the agency asked in its turn, is no answer to who asks here.
func loading(err error) error {
	for _, known := range []error{ErrNoMatch, ErrSeveral, ErrLater} {
		if errors.Is(err, known) {
			return known
		}
	}
	if err == nil {
		return nil
	}
	return errors.New("load record: " + err.Error())
}

// ErrUnavailable says that the other side did not answer, or answered that it
// cannot now. What was asked may have happened: ask again, it is idempotent.
var ErrUnavailable = errors.New("the other side is not available")

// problem is a problem document (RFC 9457) of the hub or of a provider.
type problem struct {
	Type        string `json:"type,omitempty"`
	Title       string `json:"title,omitempty"`
	Status      int    `json:"status,omitempty"`
	Code        string `json:"code,omitempty"`
	Check       string `json:"check,omitempty"`
	Cause       string `json:"cause,omitempty"`
	Mender      string `json:"mender,omitempty"`
	Correlation string `json:"correlation_id,omitempty"`
}

func (p problem) error(by string) *Error {
	return &Error{By: by, Reason: p.Code, Check: p.Check, Cause: p.Cause, Mender: p.Mender,
		Status: p.Status, Correlation: p.Correlation}
}

// oauthError is RFC 6749, 5.2. A refusal of a grant names its reason as the
// first word of the description: "withdrawn: …".
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (o oauthError) error(by string, status int) *Error {
	e := &Error{By: by, Reason: o.Code, Cause: o.Description, Status: status, Mender: "consumer"}
	if word, rest, ok := strings.Cut(o.Description, ": "); ok && o.Code == "invalid_grant" && !strings.Contains(word, " ") {
		e.Reason, e.Check, e.Cause = word, "grant", rest
		if mender, ok := grantMenders[word]; ok {
			e.Mender = mender
		}
	}
	if o.Code == "access_denied" {
		e.By, e.Reason, e.Mender = "citizen", "denied", "citizen"
	}
	return e
}

// grantMenders are those who can mend how a grant stands, where it is not the
// consumer, who may ask anew.
var grantMenders = map[string]string{"withdrawn": "citizen", "paused": "citizen", "pending": "citizen", "invalidated": "hub"}

// unavailable says whether an answer means "not now" rather than "no"; of who answers so
// it keeps by what word the reason is found in the log there.
func (a answer) unavailable() error {
	if a.status < 500 && a.status != http.StatusTooManyRequests && a.status != http.StatusRequestTimeout {
		return nil
	}
	if id := a.header.Get(correlationHeader); correlation.MatchString(id) {
		return fmt.Errorf("%w: status %d, its log has %s", ErrUnavailable, a.status, id)
	}
	return fmt.Errorf("%w: status %d", ErrUnavailable, a.status)
}

// correlation is what may be repeated of another's header.
var correlation = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)
