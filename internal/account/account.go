package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// What callers branch on.
var (
	ErrNotFound    = errors.New("not found")
	ErrCode        = errors.New("the code is not valid")            // unknown, used, expired or exhausted: one answer
	ErrTooMany     = errors.New("too many tries from this address") // wait
	ErrCeremony    = errors.New("the challenge is unknown, used or expired")
	ErrAssertion   = errors.New("the passkey's answer is not accepted")
	ErrLastPasskey = errors.New("the last passkey cannot be removed")
	ErrEnrolled    = errors.New("this resident is enrolled already")
	ErrOrder       = errors.New("the officers' order is not accepted")
	ErrYoung       = errors.New("passkeys of an officers' order may not approve yet")
	ErrClosed      = errors.New("the account is closed: a death was reported")
	ErrConflict    = errors.New("somebody else changed this first") // of Store.Commit: nothing was written
)

const (
	challengeLife = 5 * time.Minute
	changeLife    = 10 * time.Minute
	sessionLife   = 12 * time.Hour
	clockSkew     = time.Minute // between replicas

	// orderedWait is how long after an officers' order was used nothing may be
	// approved: time for the person to hear of a passkey that is not hers.
	orderedWait = 72 * time.Hour
)

// Options of the accounts.
type Options struct {
	Store          Store
	Register       Register
	RP             approval.RelyingParty
	RPName         string            // shown by the browser's passkey dialogue
	Officers       []jose.JSONWebKey // whose orders of enrolments stand
	Former         []jose.JSONWebKey // of these, who may order none any more
	PairwiseSecret []byte            // at least 32 bytes; losing it only matters for pseudonyms not made yet
	Now            func() time.Time

	// Development lets passkeys approve at once after an officers' order; anywhere
	// else they wait 72 hours.
	Development bool

	// Replaced ends what a lost device may do elsewhere: credentials revoked,
	// grants paused. It may be called more than once for one loss.
	Replaced func(ctx context.Context, citizen string) error

	// Ended hears that sessions of a citizen may have ended, with a passkey; nil:
	// nobody does.
	Ended func(ctx context.Context, citizen string)
}

// Accounts is safe for concurrent use.
type Accounts struct {
	store    Store
	register Register
	rp       approval.RelyingParty
	web      *webauthn.WebAuthn
	officers []jose.JSONWebKey
	ordering []jose.JSONWebKey // who may order now
	secret   []byte
	now      func() time.Time
	replaced func(ctx context.Context, citizen string) error
	ended    func(ctx context.Context, citizen string)
	wait     time.Duration
}

// New checks the options: a deployment with a weak secret, without officers or
// with an origin that browsers refuse must not start.
func New(o Options) (*Accounts, error) {
	if len(o.PairwiseSecret) < 32 {
		return nil, errors.New("accounts: the pairwise secret is shorter than 32 bytes")
	}
	if o.Store == nil || o.Register == nil || o.Replaced == nil {
		return nil, errors.New("accounts: store, register and Replaced are required")
	}
	if err := checkRP(o.RP); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RPName == "" {
		o.RPName = "MyData"
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID:                  o.RP.ID,
		RPDisplayName:         o.RPName,
		RPOrigins:             []string{o.RP.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification:   protocol.VerificationRequired,
		},
		// Password managers report credProps unasked; no extension means anything here.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	ordering := slices.DeleteFunc(slices.Clone(o.Officers), func(officer jose.JSONWebKey) bool {
		return slices.ContainsFunc(o.Former, func(former jose.JSONWebKey) bool { return sameKey(former, officer) })
	})
	a := &Accounts{o.Store, o.Register, o.RP, w, o.Officers, ordering, o.PairwiseSecret, o.Now, o.Replaced, o.Ended, orderedWait}
	if o.Development {
		a.wait = 0
	}
	return a, nil
}

// sameKey compares by thumbprint (RFC 7638).
func sameKey(a, b jose.JSONWebKey) bool {
	one, err := approval.Thumbprint(a)
	other, err2 := approval.Thumbprint(b)
	return err == nil && err2 == nil && one == other
}

// checkRP holds the relying party against WebAuthn Level 3, 5.1.3: a secure
// origin whose host is the RP ID or below it.
func checkRP(rp approval.RelyingParty) error {
	u, err := url.Parse(rp.Origin)
	if err != nil || u.Scheme+"://"+u.Host != rp.Origin {
		return fmt.Errorf("%q is not an origin", rp.Origin)
	}
	host := u.Hostname()
	if rp.ID == "" || host != rp.ID && !strings.HasSuffix(host, "."+rp.ID) {
		return fmt.Errorf("the origin %q does not belong to the RP ID %q", rp.Origin, rp.ID)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || host != "localhost") {
		return fmt.Errorf("browsers refuse passkeys at %q: it is not https", rp.Origin)
	}
	return nil
}

// Citizen is an enrolled resident. ID is the WebAuthn user handle: 32 random
// bytes in base64url, known to the hub and the person's authenticators alone.
type Citizen struct {
	ID       string
	Resident string
}

// Session is a browser in which a citizen has proven to be present.
type Session struct {
	ID       string // hash of the token
	Citizen  string
	Passkey  string // credential id, base64url
	AuthTime time.Time
	Expires  time.Time
	AMR      []string // RFC 8176
}

// Passkey is a live passkey as its owner sees it.
type Passkey struct {
	ID       string // credential id, base64url
	Device   string // a name guessed at its creation
	Synced   bool   // kept by a password manager on several devices
	Added    time.Time
	LastUsed time.Time
	Key      jose.JSONWebKey // public, kid = RFC 7638 thumbprint
}

// Citizen of that id.
func (a *Accounts) Citizen(ctx context.Context, id string) (Citizen, error) {
	row, err := a.store.Citizen(ctx, id)
	return Citizen{row.ID, row.Resident}, err
}

// CitizenOf is the citizen that a resident became by enrolling.
func (a *Accounts) CitizenOf(ctx context.Context, resident string) (Citizen, error) {
	row, err := a.store.CitizenOf(ctx, resident)
	return Citizen{row.ID, row.Resident}, err
}

// Resident is what the register says of a citizen.
func (a *Accounts) Resident(ctx context.Context, citizen string) (Resident, error) {
	row, err := a.store.Living(ctx, citizen)
	if errors.Is(err, ErrClosed) { // for whoever would do something for this person
		return Resident{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return Resident{}, err
	}
	return a.register.Resident(ctx, row.Resident)
}

// random is n random bytes in base64url.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashed is how the store keeps a secret that a browser bears.
func hashed(secret string) string {
	sum := sha256.Sum256([]byte("mydata/bearer/v1\x00" + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
