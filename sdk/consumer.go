package sdk

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
)

// waitFor is how long a person may take before the browser comes back.
const waitFor = 40 * time.Minute

// ConsumerConfig is what a Consumer needs. Trust, Keys, ClientID, RedirectURI
// and Journal have no default.
type ConsumerConfig struct {
	Trust       Trust
	Keys        Keys   // the certificate's key is the client's too
	ClientID    string // as registered at the hub
	RedirectURI string // as registered, byte for byte
	Journal     Journal

	// BrokenPromise hears, once for each, that the log did not prove in time
	// what the hub promised. It may be called from another goroutine.
	BrokenPromise func(Promise)
	// StopOnBrokenPromise asks for and uses nothing more after a broken promise until SettlePromise.
	StopOnBrokenPromise bool
	// PromiseInterval is how often the log is asked for what it promised: 15
	// seconds when zero; negative: only when you call CheckPromises, and nothing is
	// reminded of but when you call CheckRetention.
	PromiseInterval time.Duration
	// RetentionEnds hears, once each, that what was received may be kept for
	// thirty, seven or one day more, or no longer: see CheckRetention. Once a week it
	// hears again of what the hub misses a statement of deletion for. It may be
	// called from another goroutine.
	RetentionEnds func(Retention)
	// Exchanged hears of each request to the other side, for measuring. It may be
	// called several times at once.
	Exchanged func(Exchange)
	// Logger gets identifiers, never claims; slog.Default() when nil.
	Logger *slog.Logger
	// AllowLoopback is for development alone: plain http to this machine.
	AllowLoopback bool
	// CatalogueOfficers are the public keys of the operator's officers, by a way that
	// is not the hub. When there are any, a catalogue that two of them did not sign is
	// refused (check "catalogue officers"), though the hub has signed it.
	CatalogueOfficers []jose.JSONWebKey
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Consumer logs citizens in, asks for their data, and uses what they granted.
// It is safe for use at once.
type Consumer struct {
	config   ConsumerConfig
	net      *network
	hub      *hub
	listing  *listing
	checks   transfer.Consumer
	receipts *receipt.Verifier // one: consecutive receipts share much
	locks    keyedLocks
	promises *promises
	looked   time.Time // at retention, by the promises' clock
}

// NewConsumer checks the configuration; it makes no request yet. Close ends what
// it does by itself.
func NewConsumer(c ConsumerConfig) (*Consumer, error) {
	if err := c.Keys.complete(); err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	switch {
	case c.Trust.Issuer == "":
		return nil, errors.New("consumer: Trust is empty: see LoadTrust")
	case c.ClientID == "" || c.RedirectURI == "":
		return nil, errors.New("consumer: ClientID and RedirectURI are needed, as registered at the hub")
	case c.Journal == nil:
		return nil, errors.New("consumer: Journal is nil: see OpenFileJournal")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	net := newNetwork(c.AllowLoopback)
	net.observe = c.Exchanged
	for _, address := range []string{c.Trust.Issuer, c.RedirectURI} {
		if err := net.allowed(address); err != nil {
			return nil, fmt.Errorf("consumer: %w", err)
		}
	}
	kid, err := dpop.Thumbprint(jose.JSONWebKey{Key: c.Keys.Signer.Public()})
	if err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	made := &Consumer{
		config: c, net: net,
		hub: &hub{net: net, trust: c.Trust, client: c.ClientID, redirectURI: c.RedirectURI, key: c.Keys.Signer, kid: kid, now: c.Now},
		listing: &listing{net: net, trust: c.Trust, journal: c.Journal, now: c.Now, own: watchCertificate(c.Keys, c.Logger, c.Now),
			officers: slices.Clone(c.CatalogueOfficers)},
		checks: transfer.Consumer{Agency: c.Keys.Agency, Trust: c.Trust, Now: c.Now}, receipts: receipt.NewVerifier(c.Trust),
	}
	made.promises = (&promises{net: net, trust: c.Trust, journal: c.Journal, now: c.Now, logger: c.Logger,
		broken: c.BrokenPromise, stop: c.StopOnBrokenPromise, also: made.look}).begin(c.PromiseInterval)
	return made, nil
}

// Redirect is where to send the browser, and what to keep in its session
// until it comes back: State ties the answer to that browser.
type Redirect struct {
	URL   string
	State string
}

// Login begins a login. The browser comes back to RedirectURI, as it does from Ask:
// keep beside State which of the two it was, for LoggedIn or Complete.
func (c *Consumer) Login(ctx context.Context) (Redirect, error) {
	a, proofs, err := newAuthorization()
	if err != nil {
		return Redirect{}, err
	}
	state := rand.Text()
	to, err := c.hub.push(ctx, state, a, proofs.JKT(), nil)
	if err != nil {
		return Redirect{}, fmt.Errorf("login: %w", err)
	}
	return Redirect{to, state}, c.keep(ctx, "login", state, a, c.config.Now().Add(waitFor))
}

// LoggedIn completes a login. state is the one of the browser's session, query
// what the browser brought to the redirect URI.
func (c *Consumer) LoggedIn(ctx context.Context, state string, query url.Values) (Identity, error) {
	code, a, err := returned[authorization](ctx, c, "login", state, query)
	if err != nil {
		return Identity{}, err
	}
	proofs, err := a.proofs(c.config.Now)
	if err != nil {
		return Identity{}, err
	}
	t, err := c.hub.redeem(ctx, code, a, proofs)
	if err != nil {
		return Identity{}, fmt.Errorf("login: %w", err)
	}
	return c.hub.identity(t.ID, a.Nonce)
}

// returned checks a browser's answer and takes, once, what was kept for it.
func returned[T any](ctx context.Context, c *Consumer, kind, state string, query url.Values) (string, T, error) {
	var none T
	code, err := c.hub.code(state, query)
	if state == "" || len(query["state"]) != 1 || !equal(query.Get("state"), state) {
		return "", none, err // not this browser's: leave what is kept alone
	}
	v, missing := kept[T](ctx, c.config.Journal, kind, state)
	if missing == nil {
		missing = c.config.Journal.Delete(ctx, kind, state)
	}
	if errors.Is(missing, ErrAbsent) {
		return "", none, refusal("refused", "state", "consumer", "this answer was used before, or came too late: begin again")
	}
	return code, v, errors.Join(missing, err)
}

func (c *Consumer) keep(ctx context.Context, kind, key string, value any, until time.Time) error {
	e, err := entry(kind, key, value, until)
	if err != nil {
		return err
	}
	return c.config.Journal.Put(ctx, e)
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Registration is the client metadata (RFC 7591) to hand to the hub's operator.
func (c *Consumer) Registration() map[string]any {
	return map[string]any{
		"client_id": c.config.ClientID, "agency": c.config.Keys.Agency, "redirect_uris": []string{c.config.RedirectURI},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "private_key_jwt",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{
			Key: c.config.Keys.Signer.Public(), KeyID: c.hub.kid, Use: "sig", Algorithm: string(jose.ES256)}}},
		"scope": "openid", "dpop_bound_access_tokens": true,
		"require_pushed_authorization_requests": true, "require_signed_request_object": true,
	}
}
