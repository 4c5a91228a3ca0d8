package oauth

import (
	"context"
	"encoding/json"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// DetailType is one type of authorization_details (RFC 9396), implemented by
// whoever owns its meaning.
type DetailType interface {
	// Type is the value of the member "type".
	Type() string
	// Validate looks at one element when it is pushed and returns a reference
	// by which Authorize will know it again. requestObject is the payload of
	// the client's signed request object, nil when there was none. A
	// *Refusal's description reaches the client under the code
	// invalid_authorization_details; any other error is the server's own.
	Validate(ctx context.Context, c registry.Client, detail, requestObject json.RawMessage) (ref string, err error)
	// Authorize decides, at code redemption and at every refresh, whether a
	// token is given now and what is in it. A *Refusal reaches the client.
	// It may be called more than once for one token.
	Authorize(ctx context.Context, c registry.Client, citizen, ref string) (Authorized, error)
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
