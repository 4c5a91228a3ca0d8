package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrNotAllowed: an initial access token is unknown, used up or over.
var ErrNotAllowed = errors.New("registry: no such initial access token")

// Registrations keeps who registered itself. Tokens reach it as hashes alone.
type Registrations interface {
	// PutInitial keeps a new initial access token.
	PutInitial(ctx context.Context, t InitialToken, now time.Time) error
	// Initial returns one that is good for one registration more; else ErrNotAllowed.
	Initial(ctx context.Context, hash string, now time.Time) (InitialToken, error)
	// Register uses up one registration of an initial token and keeps what it was used
	// for, whole or not at all. ErrNotAllowed when none is left, ErrTaken when the
	// client's id is another's: then nothing was used up.
	Register(ctx context.Context, initial string, now time.Time, r Registration) error
	// Registration returns the client that a token manages; else ErrUnknown.
	Registration(ctx context.Context, id, token string) (Registration, error)
	// Reregister replaces the client that a token manages; else ErrUnknown.
	Reregister(ctx context.Context, token string, c Client) error
	// Unregister ends the client that a token manages, for good: nobody gets its id
	// after. ErrUnknown when the token manages no such client.
	Unregister(ctx context.Context, id, token string) error
}

// InitialToken is the row of an initial access token (RFC 7591, 3).
type InitialToken struct {
	Hash    string
	Uses    int64    // registrations left
	Scopes  []string // that they may have
	Expires time.Time
}

// Registration is the row of a client that registered itself.
type Registration struct {
	Client Client
	Token  string   // hash of its registration access token
	Scopes []string // that it may have
}

// The bounds of initial access tokens.
const (
	MaxUses        = 1000
	MaxInitialLife = 90 * 24 * time.Hour
)

// InitialOrder is what an operator asks of a new initial access token.
type InitialOrder struct {
	Uses   int64
	Life   time.Duration
	Scopes []string
}

// ErrOrder: an initial access token is asked for that there cannot be.
var ErrOrder = errors.New("registry: initial access token refused")

// NewInitial makes an initial access token. It is shown once.
func (r *Registry) NewInitial(ctx context.Context, o InitialOrder) (string, InitialToken, error) {
	if o.Uses < 1 || o.Uses > MaxUses {
		return "", InitialToken{}, fmt.Errorf("%w: uses: 1 to %d", ErrOrder, MaxUses)
	}
	if o.Life <= 0 || o.Life > MaxInitialLife {
		return "", InitialToken{}, fmt.Errorf("%w: life: up to %s", ErrOrder, MaxInitialLife)
	}
	for _, scope := range o.Scopes {
		if !isScope(scope) {
			return "", InitialToken{}, fmt.Errorf("%w: scope: %q is none", ErrOrder, scope)
		}
	}
	token, now := newToken(), r.now()
	t := InitialToken{Hash: hashToken("initial", token), Uses: o.Uses, Scopes: o.Scopes, Expires: now.Add(o.Life)}
	return token, t, r.Store.PutInitial(ctx, t, now)
}

// Information is what a client hears of its registration (RFC 7591, 3.2.1; RFC 7592, 3).
type Information struct {
	Client Client
	Secret string // of a client that authenticates by one, once
	Token  string // the registration access token, once
}

// Register registers a client by its own metadata and an initial access token
// (RFC 7591, 3.1): ErrNotAllowed, or a *MetadataError; then nothing was used up.
func (r *Registry) Register(ctx context.Context, initial string, metadata stdjson.RawMessage) (Information, error) {
	hash := hashToken("initial", initial)
	may, err := r.Store.Initial(ctx, hash, r.now())
	if err != nil {
		return Information{}, err
	}
	c, secret, err := r.dynamic(metadata, may.Scopes)
	if err != nil {
		return Information{}, err
	}
	c.Registered = r.now().UTC().Truncate(time.Second)
	token := newToken()
	err = r.Store.Register(ctx, hash, r.now(), Registration{Client: c, Token: hashToken("registration", token), Scopes: may.Scopes})
	return Information{Client: c, Secret: secret, Token: token}, err
}

// Registration is a client that registered itself, by its registration access token
// (RFC 7592, 2.1); ErrUnknown.
func (r *Registry) Registration(ctx context.Context, id, token string) (Client, error) {
	g, err := r.Store.Registration(ctx, id, hashToken("registration", token))
	return g.Client, err
}

// Reregister replaces a registration by another (RFC 7592, 2.2). A secret stays as it
// was, unless there was none.
func (r *Registry) Reregister(ctx context.Context, id, token string, metadata stdjson.RawMessage) (Information, error) {
	hash := hashToken("registration", token)
	before, err := r.Store.Registration(ctx, id, hash)
	if err != nil {
		return Information{}, err
	}
	metadata, err = replacing(before.Client, metadata)
	if err != nil {
		return Information{}, err
	}
	c, secret, err := r.dynamic(metadata, before.Scopes)
	if err != nil {
		return Information{}, err
	}
	c.ID, c.Registered = id, before.Client.Registered
	if c.SecretHash != "" && before.Client.SecretHash != "" {
		c.SecretHash, secret = before.Client.SecretHash, ""
	}
	if err := r.Store.Reregister(ctx, hash, c); err != nil {
		return Information{}, err
	}
	r.forget(id)
	return Information{Client: c, Secret: secret, Token: token}, nil
}

// Unregister ends a registration (RFC 7592, 2.3), and with it whatever the client
// holds: its tokens are nobody's. Other replicas hear of it within clientLife.
func (r *Registry) Unregister(ctx context.Context, id, token string) error {
	defer r.forget(id)
	return r.Store.Unregister(ctx, id, hashToken("registration", token))
}

func (r *Registry) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.clients, id)
	r.changes++
}

// within keeps those of the scopes that the initial token allows; all of them when
// none is asked for (RFC 7591, 2).
func within(asked, may []string) []string {
	if len(asked) == 0 {
		return may
	}
	return slices.DeleteFunc(slices.Clone(asked), func(scope string) bool { return !slices.Contains(may, scope) })
}

func newToken() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashToken needs no salt: tokens are 32 random bytes of ours.
func hashToken(what, token string) string {
	sum := sha256.Sum256([]byte("mydata/" + what + "-access-token/v1\x00" + token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
