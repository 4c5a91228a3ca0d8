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

// Authorization is a checked authorization request.
type Authorization struct {
	ClientID      string
	RedirectURI   string
	State         string
	Nonce         string
	CodeChallenge string
	JKT           string // dpop_jkt
	Scopes        []string
	Refs          map[string]string // authorization_details type -> References, space between
	Prompt        []string
	MaxAge        *int64
	UILocales     []string
	LoginHint     string
	Instance      string   // thumbprint of the attested key of who pushed it, or ""
	ACRValues     []string // classes of login asked for, the best first
	EssentialACR  []string // one of which must be met
	Subject       string   // whom the request is about, or ""
	Wanted        Wanted   // claims asked for one by one
}

// Request is an authorization request on its way through the pages.
type Request struct {
	ID      string
	Version int64
	Authorization
	Browser  string // hash of the browser's cookie
	Citizen  string
	AuthTime time.Time
	AMR      []string
	Done     map[string]bool
	Created  time.Time
	Expires  time.Time
	Device   string // hash of the device code that it answers, or ""
	Session  string // by which somebody is logged in, or ""
}

// Code is an authorization code (RFC 6749, 4.1.2).
type Code struct {
	Hash string
	Authorization
	Grant    string // the id of the grant it will give or gave
	Citizen  string
	AuthTime time.Time
	AMR      []string
	Expires  time.Time
	Used     bool
	Session  string
	ACR      string
}

// Grant is what a citizen gave a client; tokens belong to it and end with it.
type Grant struct {
	ID       string
	Client   string // "" for an anonymous wallet
	Citizen  string
	Subject  string
	Scopes   []string
	Refs     map[string]string
	Ref      string // of a pre-authorized code
	JKT      string // key of the refresh tokens, or ""
	AuthTime time.Time
	AMR      []string
	Expires  time.Time
	Revoked  bool
	Session  string // in which it was given, or ""
	ACR      string
	Wanted   Wanted
	SID      string // as the client knows the session, if it is to hear of its end
	Instance string // thumbprint of the attested key that all tokens belong to, or ""
}

// Tokens are what is given at once.
type Tokens struct {
	Access  AccessToken
	Refresh *RefreshToken
}

// AccessToken is the row of an access token; the token itself is not kept.
type AccessToken struct {
	JTI      string
	Scopes   []string
	Audience string
	JKT      string
	Expires  time.Time
}

// RefreshToken is the row of a refresh token.
type RefreshToken struct {
	Hash    string
	Expires time.Time
	Used    bool // rotated
}
