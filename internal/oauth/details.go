package oauth

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// DetailType is one type of authorization_details (RFC 9396), implemented by
// whoever owns its meaning.
type DetailType interface {
	// Type is the value of the member "type".
	Type() string
	// Validate looks at the elements of this type when they are pushed and
	// returns a reference for each, in order and without spaces, by which
	// Authorize will know it again. requestObject is the payload of
	// the client's signed request object, nil when there was none. A
	// *Refusal's description reaches the client under the code
	// invalid_authorization_details; any other error is the server's own.
	Validate(ctx context.Context, c registry.Client, details []json.RawMessage, requestObject json.RawMessage) (refs []string, err error)
	// Select reads the element by which a token request says what it wants of
	// all that was granted (RFC 9396, 6), and answers its reference.
	Select(detail json.RawMessage) (ref string, err error)
	// Authorize decides, at code redemption and at every refresh, whether a
	// token is given now and what is in it. A *Refusal reaches the client.
	// It may be called more than once for one token.
	Authorize(ctx context.Context, c registry.Client, citizen, ref string) (Authorized, error)
}

// Stepped is a DetailType whose citizen agrees on a page of its own, not on the
// approval of transfers. What it gives is given now: its grants come without
// refresh tokens.
type Stepped interface {
	DetailType
	// Step is the first part of the page's path, /STEP/INTERACTION, and what the
	// page calls Done with.
	Step() string
	// MaxAge is how old the login may be on whose strength the citizen agrees.
	MaxAge() time.Duration
}

// Paged is a Stepped whose citizens agree on several pages: StepOf is the one for
// these references.
type Paged interface {
	Stepped
	StepOf(refs []string) string
}

// stepped is the owner of a request's details if it has a page of its own, or nil.
func (s *Server) stepped(refs map[string]string) Stepped {
	for kind := range refs { // one: elementsOf
		if d, ok := s.detail(kind).(Stepped); ok {
			return d
		}
	}
	return nil
}

// step is the page on which a citizen agrees to what a request's details ask.
func (s *Server) step(refs map[string]string) string {
	d := s.stepped(refs)
	if d == nil {
		return StepApproval
	}
	if p, ok := d.(Paged); ok {
		return p.StepOf(References(refs, d.Type()))
	}
	return d.Step()
}

// issuanceAge is how old a login may be on whose strength a card is given, however
// the wallet asks for it: a browser that was left open, or a phone that was lost, is
// not enough.
const issuanceAge = 5 * time.Minute

// oldest is how old a login may be for the details and scopes of a request; false
// where it may be any.
func (s *Server) oldest(a Authorization) (age time.Duration, bounded bool) {
	least := func(d time.Duration) {
		if !bounded || age > d {
			age, bounded = d, true
		}
	}
	if d := s.stepped(a.Refs); d != nil {
		least(d.MaxAge())
	}
	if s.issues(a.Scopes) {
		least(issuanceAge)
	}
	return age, bounded
}

// youngest asks for a login as young as the details and scopes need it.
func (s *Server) youngest(a *Authorization) {
	if d, bounded := s.oldest(*a); bounded {
		if age := int64(d.Seconds()); a.MaxAge == nil || *a.MaxAge > age {
			a.MaxAge = &age
		}
	}
}

// maxDetails bounds what can be asked for at once.
const maxDetails = 16

// References are those of one type, in the order of asking.
func References(refs map[string]string, kind string) []string { return strings.Fields(refs[kind]) }

// selected is the reference that a token is for: the only one, or the one that
// the token request names (RFC 9396, 6). asked is its authorization_details.
func selected(d DetailType, refs []string, asked json.RawMessage) (string, error) {
	if len(asked) == 0 {
		if len(refs) != 1 {
			return "", refuse("invalid_authorization_details", "several were granted; name the one that the token shall be for")
		}
		return refs[0], nil
	}
	kind, elements, refusal := elementsOf(asked)
	if refusal != nil {
		return "", refusal
	}
	if kind != d.Type() || len(elements) != 1 {
		return "", refuse("invalid_authorization_details", "a token is for exactly one of what was granted")
	}
	ref, err := d.Select(elements[0])
	if err != nil {
		return "", err
	}
	if !slices.Contains(refs, ref) {
		return "", refuse("invalid_authorization_details", "that was not asked for here")
	}
	return ref, nil
}

// Authorized is what a DetailType puts into a token.
type Authorized struct {
	// Audience is the token's aud.
	Audience string
	// TTL is the token's life.
	TTL time.Duration
	// Claims go into the access token. They may not name a claim that the
	// server sets (iss, sub, aud, exp, iat, jti, client_id, cnf, scope).
	Claims map[string]any
	// Details is the token response's authorization_details, an array.
	Details json.RawMessage
}

// PreAuthorized redeems pre-authorized codes (OpenID4VCI 1.0, 3.5).
type PreAuthorized interface {
	// Redeem spends a code, atomically and once. ErrInvalidCode and ErrTxCode
	// become invalid_grant, ErrTxCodeMissing and ErrTxCodeUnexpected become
	// invalid_request; a *Refusal is passed on.
	// clientID is "" for an anonymous wallet.
	Redeem(ctx context.Context, code, txCode, clientID string) (PreAuthorizedGrant, error)
}

// PreAuthorizedGrant is what a pre-authorized code was good for.
type PreAuthorizedGrant struct {
	Citizen string
	Scopes  []string
	// Ref is handed to the resource in Token.Ref.
	Ref string
}

// Accounts makes pairwise subjects (OpenID Connect Core 1.0, 8.1).
type Accounts interface {
	Pairwise(ctx context.Context, citizen, sector string) (string, error)
}
