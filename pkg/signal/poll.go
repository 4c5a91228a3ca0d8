package signal

import (
	"fmt"

	"github.com/go-jose/go-jose/v4/json"
)

// The bounds of a poll.
const (
	MaxPoll   = 64 << 10 // bytes of a request
	MaxEvents = 100      // of an answer
	maxAcks   = 1000
)

// Fault is why a recipient does not take a token (RFC 8936, 2.6; RFC 8935, 2.3).
type Fault struct {
	Code        string `json:"err"`
	Description string `json:"description,omitempty"`
}

// Poll is a request of RFC 8936, 2.2.
type Poll struct {
	MaxEvents *int             `json:"maxEvents,omitempty"`
	Now       bool             `json:"returnImmediately,omitempty"`
	Ack       []string         `json:"ack,omitempty"`
	Faults    map[string]Fault `json:"setErrs,omitempty"`
}

// Polled is the answer of RFC 8936, 2.3.
type Polled struct {
	Sets map[string]string `json:"sets"`
	More bool              `json:"moreAvailable,omitempty"`
}

// Wanted is how many tokens the answer may hold: maxEvents within the bound.
func (p Poll) Wanted() int {
	if p.MaxEvents == nil || *p.MaxEvents > MaxEvents {
		return MaxEvents
	}
	return *p.MaxEvents
}

// ParsePoll reads a request. Members it does not know are ignored (RFC 8936, 2.2).
func ParsePoll(raw []byte) (Poll, error) {
	var p Poll
	if len(raw) > MaxPoll {
		return p, pollError("longer than %d bytes", MaxPoll)
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return Poll{}, pollError("it is no request of RFC 8936, 2.2")
	}
	if p.MaxEvents != nil && *p.MaxEvents < 0 {
		return Poll{}, pollError("maxEvents is negative")
	}
	if len(p.Ack)+len(p.Faults) > maxAcks {
		return Poll{}, pollError("more than %d are acknowledged at once", maxAcks)
	}
	for _, id := range p.Ack {
		if id == "" || len(id) > maxText {
			return Poll{}, pollError("ack holds what is no jti")
		}
	}
	for id, fault := range p.Faults {
		if id == "" || len(id) > maxText || fault.Code == "" || len(fault.Code) > maxText || len(fault.Description) > 4*maxText {
			return Poll{}, pollError("setErrs holds what is no fault of a jti")
		}
	}
	return p, nil
}

// ParsePolled reads an answer.
func ParsePolled(raw []byte) (Polled, error) {
	var p Polled
	if len(raw) > MaxEvents*(MaxToken+maxText) {
		return p, refuse("poll", CodeRequest, "the answer is too long")
	}
	if err := json.Unmarshal(raw, &p); err != nil || len(p.Sets) > MaxEvents {
		return Polled{}, refuse("poll", CodeRequest, "the answer is not one of RFC 8936, 2.3")
	}
	return p, nil
}

func pollError(cause string, args ...any) error {
	return &Error{Check: "poll", Cause: fmt.Sprintf(cause, args...), Mender: "agency", Code: CodeRequest}
}
