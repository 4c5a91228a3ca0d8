package oauth

import (
	"context"
	"errors"
	"time"
)

// The sentinels of Store.
var (
	// ErrGone: there is no such row, or it has expired.
	ErrGone = errors.New("oauth: gone")
	// ErrUsed: what may be used once was used before.
	ErrUsed = errors.New("oauth: used before")
	// ErrConflict: another writer was first; reload and try again.
	ErrConflict = errors.New("oauth: changed by another")
)

// Store keeps what must not be forgotten or used twice. Every write is durable
// on return, whole or not at all, and all methods may run at once, also from
// several replicas. An error that is none of the sentinels means the outcome is
// unknown: the server then refuses. Rows whose time has passed count as gone;
// now is the server's clock. Secrets (request_uri, codes, refresh tokens) reach
// the store as hashes only.
type Store interface {
	// Once notes key within scope until the time given: nil the first time,
	// ErrUsed every time after.
	Once(ctx context.Context, scope, key string, until time.Time) error

	// PutPushed keeps a pushed request; TakePushed returns and deletes it, for
	// one caller only and only for the client that pushed it; else ErrGone.
	PutPushed(ctx context.Context, p Pushed) error
	TakePushed(ctx context.Context, hash, client string, now time.Time) (Pushed, error)

	// PutRequest keeps a new authorization request. Request returns it, or
	// ErrGone. UpdateRequest replaces it if its Version is still the one given
	// (and counts it up); else ErrConflict.
	PutRequest(ctx context.Context, r Request) error
	Request(ctx context.Context, id string, now time.Time) (Request, error)
	UpdateRequest(ctx context.Context, r Request) error

	// FinishRequest deletes a request, if its Version is still the one given,
	// and keeps the code it ended in (nil for a denial); else ErrGone.
	FinishRequest(ctx context.Context, id string, version int64, code *Code) error

	// Code returns a code, used or expired too; ErrGone when there is none. A
	// used one is kept for a day, so that its reuse is noticed.
	Code(ctx context.Context, hash string) (Code, error)
	// Redeem marks a code used and keeps the grant and its first tokens;
	// ErrUsed, nothing kept, when it was used before.
	Redeem(ctx context.Context, hash string, g Grant, t Tokens) error

	// PutGrant keeps a grant that came from no code, and its tokens.
	PutGrant(ctx context.Context, g Grant, t Tokens) error
	// PutTokens keeps further tokens of a grant; ErrGone when it was revoked.
	PutTokens(ctx context.Context, grant string, t Tokens) error
	// Rotate marks a refresh token used and keeps its successors; ErrUsed,
	// nothing kept, when it was used before; ErrGone when its grant was revoked.
	Rotate(ctx context.Context, hash string, grant string, t Tokens) error

	// Refresh returns a refresh token and its grant, revoked, used and expired
	// ones too; ErrGone when there is none.
	Refresh(ctx context.Context, hash string) (RefreshToken, Grant, error)
	// Token returns an access token's row and its grant; ErrGone when there is
	// none, or either was revoked.
	Token(ctx context.Context, jti string, now time.Time) (AccessToken, Grant, error)

	// RevokeGrant ends a grant and all that it gave; RevokeToken one access
	// token; RevokeCitizen every grant of a citizen, and every code and device's
	// answer that would still give one. Nothing to end is no error.
	RevokeGrant(ctx context.Context, grant string) error
	RevokeToken(ctx context.Context, jti string) error
	RevokeCitizen(ctx context.Context, citizen string) error

	DeviceStore
	LogoutStore

	// Sweep deletes what has expired.
	Sweep(ctx context.Context, now time.Time) error
}

// Pushed is a pushed authorization request (RFC 9126, 2.2).
type Pushed struct {
	Hash    string // of the request_uri
	Client  string
	Request Authorization
	Expires time.Time
}

// Authorization is a checked authorization request. What is kept of it and of the
// types below leaves out what is empty: most is, and it is read at each step.
type Authorization struct {
	ClientID      string            `json:",omitzero"`
	RedirectURI   string            `json:",omitzero"`
	State         string            `json:",omitzero"`
	Nonce         string            `json:",omitzero"`
	CodeChallenge string            `json:",omitzero"`
	JKT           string            `json:",omitzero"` // dpop_jkt
	Scopes        []string          `json:",omitzero"`
	Refs          map[string]string `json:",omitzero"` // authorization_details type -> References, space between
	Prompt        []string          `json:",omitzero"`
	MaxAge        *int64            `json:",omitzero"`
	UILocales     []string          `json:",omitzero"`
	LoginHint     string            `json:",omitzero"`
	Instance      string            `json:",omitzero"` // thumbprint of the attested key of who pushed it, or ""
	ACRValues     []string          `json:",omitzero"` // classes of login asked for, the best first
	EssentialACR  []string          `json:",omitzero"` // one of which must be met
	Subject       string            `json:",omitzero"` // whom the request is about, or ""
	Wanted        Wanted            `json:",omitzero"` // claims asked for one by one
}

// Request is an authorization request on its way through the pages.
type Request struct {
	ID      string `json:",omitzero"`
	Version int64  `json:",omitzero"`
	Authorization
	Browser  string          `json:",omitzero"` // hash of the browser's cookie
	Citizen  string          `json:",omitzero"`
	AuthTime time.Time       `json:",omitzero"`
	AMR      []string        `json:",omitzero"`
	Done     map[string]bool `json:",omitzero"`
	Created  time.Time       `json:",omitzero"`
	Expires  time.Time       `json:",omitzero"`
	Device   string          `json:",omitzero"` // hash of the device code that it answers, or ""
	Session  string          `json:",omitzero"` // by which somebody is logged in, or ""
}

// Code is an authorization code (RFC 6749, 4.1.2).
type Code struct {
	Hash string `json:",omitzero"`
	Authorization
	Grant    string    `json:",omitzero"` // the id of the grant it will give or gave
	Citizen  string    `json:",omitzero"`
	AuthTime time.Time `json:",omitzero"`
	AMR      []string  `json:",omitzero"`
	Expires  time.Time `json:",omitzero"`
	Used     bool      `json:",omitzero"`
	Session  string    `json:",omitzero"`
	ACR      string    `json:",omitzero"`
}

// Grant is what a citizen gave a client; tokens belong to it and end with it.
type Grant struct {
	ID       string            `json:",omitzero"`
	Client   string            `json:",omitzero"` // "" for an anonymous wallet
	Citizen  string            `json:",omitzero"`
	Subject  string            `json:",omitzero"`
	Scopes   []string          `json:",omitzero"`
	Refs     map[string]string `json:",omitzero"`
	Ref      string            `json:",omitzero"` // of a pre-authorized code
	JKT      string            `json:",omitzero"` // key of the refresh tokens, or ""
	AuthTime time.Time         `json:",omitzero"`
	AMR      []string          `json:",omitzero"`
	Expires  time.Time         `json:",omitzero"`
	Revoked  bool              `json:",omitzero"`
	Session  string            `json:",omitzero"` // in which it was given, or ""
	ACR      string            `json:",omitzero"`
	Wanted   Wanted            `json:",omitzero"`
	SID      string            `json:",omitzero"` // as the client knows the session, if it is to hear of its end
	Instance string            `json:",omitzero"` // thumbprint of the attested key that all tokens belong to, or ""
}

// Tokens are what is given at once.
type Tokens struct {
	Access  AccessToken
	Refresh *RefreshToken
}

// AccessToken is the row of an access token; the token itself is not kept.
type AccessToken struct {
	JTI      string    `json:",omitzero"`
	Scopes   []string  `json:",omitzero"`
	Audience string    `json:",omitzero"`
	JKT      string    `json:",omitzero"`
	Expires  time.Time `json:",omitzero"`
}

// RefreshToken is the row of a refresh token.
type RefreshToken struct {
	Hash    string
	Expires time.Time
	Used    bool // rotated
}
