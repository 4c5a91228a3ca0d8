package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
)

// Record is what a provider knows of a person in one data set, by the names of
// the catalogue's fields. Values are what encoding/json makes and takes.
type Record map[string]any

// Subject is whom a release is about.
type Subject struct {
	Sub        string // the person's pseudonym at this provider
	ResidentID string // the resident identifier, where the catalogue entitles you; or ""
	// Range is the period that the citizen allowed records from; the zero value
	// is no bound. It is only ever set where DataSet.Ranges is.
	Range DateRange
}

// DataSet is how a provider answers for one data set of the catalogue.
type DataSet struct {
	// Load finds the one record of a person, or answers ErrNoMatch or
	// ErrSeveral (One does both). It is called after every check.
	Load func(ctx context.Context, who Subject) (Record, error)
	// Derive computes the claims that the catalogue calls derived. A function
	// gets the fields that the catalogue names for its claim, and no other, as Load
	// gave them: an int is an int there, not a float64. A
	// claim made from the one field of its own name needs no function.
	Derive map[string]func(fields Record) (any, error)
	// Ranges says that Load keeps to Subject.Range. Without it a grant of a
	// period is refused rather than answered with more.
	Ranges bool
}

// ProviderConfig is what a Provider needs. Trust, Keys, Journal and DataSets
// have no default.
type ProviderConfig struct {
	Trust    Trust
	Keys     Keys // with Encryption
	Journal  Journal
	DataSets map[string]DataSet // by the catalogue's id

	// LoadFor is how long Load may take: 30 seconds when zero.
	LoadFor time.Duration
	// LaterFor is how long a delivery is kept whose Load answered ErrLater: a day
	// when zero, a week at most, never longer than the grant.
	LaterFor time.Duration
	// Observe hears of each release before it is sent: names only.
	Observe func(Released)
	// Refused hears of each refusal: the name of the check that failed, for
	// counting. Like Observe it may be called several times at once.
	Refused func(check string)
	// BrokenPromise hears, once for each, that the log did not prove in time
	// what the hub promised. It may be called from another goroutine.
	BrokenPromise func(Promise)
	// StopOnBrokenPromise releases nothing more after a broken promise until SettlePromise.
	StopOnBrokenPromise bool
	// PromiseInterval is how often the log is asked for what it promised: 15
	// seconds when zero; negative: only when you call CheckPromises.
	PromiseInterval time.Duration
	// Exchanged hears of each request to the other side, for measuring. It may be
	// called several times at once.
	Exchanged func(Exchange)
	// Logger gets identifiers, never claims; slog.Default() when nil.
	Logger *slog.Logger
	// AllowLoopback is for development alone: it permits plain http to this
	// machine and passkeys younger than 72 hours.
	AllowLoopback bool
	// CatalogueOfficers are the public keys of the operator's officers, by a way that
	// is not the hub. When there are any, a catalogue that two of them did not sign is
	// refused (check "catalogue officers"), though the hub has signed it.
	CatalogueOfficers []jose.JSONWebKey
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Provider answers releases. Mount it at the address that the catalogue lists
// as your release address. It is an http.Handler, safe for use at once.
type Provider struct {
	config   ProviderConfig
	net      *network
	listing  *listing
	replay   dpop.Replay
	locks    keyedLocks
	promises *promises
}

// NewProvider checks the configuration; it makes no request yet. Close ends what
// it does by itself.
func NewProvider(c ProviderConfig) (*Provider, error) {
	if err := c.Keys.complete(); err != nil {
		return nil, fmt.Errorf("provider: %w", err)
	}
	switch {
	case c.Trust.Issuer == "":
		return nil, errors.New("provider: Trust is empty: see LoadTrust")
	case c.Keys.Encryption == nil:
		return nil, errors.New("provider: the key that the hub encrypts to is missing (encryption.pem)")
	case c.Journal == nil:
		return nil, errors.New("provider: Journal is nil: see OpenFileJournal")
	case len(c.DataSets) == 0:
		return nil, errors.New("provider: DataSets is empty")
	}
	for id, set := range c.DataSets {
		if set.Load == nil {
			return nil, fmt.Errorf("provider: data set %q has no Load", id)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	net := newNetwork(c.AllowLoopback)
	net.observe = c.Exchanged
	if err := net.allowed(c.Trust.Issuer); err != nil {
		return nil, fmt.Errorf("provider: hub: %w", err)
	}
	return &Provider{
		config: c, net: net, replay: &dpop.Memory{Now: c.Now},
		listing: &listing{net: net, trust: c.Trust, journal: c.Journal, now: c.Now, own: watchCertificate(c.Keys, c.Logger, c.Now),
			officers: slices.Clone(c.CatalogueOfficers)},
		promises: (&promises{net: net, trust: c.Trust, journal: c.Journal, now: c.Now, logger: c.Logger,
			broken: c.BrokenPromise, stop: c.StopOnBrokenPromise, proofs: true}).begin(c.PromiseInterval),
	}, nil
}

// check makes every check of pkg/consent/transfer, against the catalogue of
// now, or a newer one where the terms are from a newer one.
func (p *Provider) check(r *http.Request, body transfer.ReleaseRequest) (*transfer.Granted, error) {
	ctx := r.Context()
	cat, err := p.listing.get(ctx, catalogueOf(body.Terms))
	if err != nil {
		return nil, err
	}
	self, ok := cat.Agency(p.config.Keys.Agency)
	if !ok || self.Release == "" {
		return nil, &Error{By: "sdk", Reason: "not_listed", Check: "catalogue", Mender: transfer.MenderProvider,
			Cause: "the catalogue lists no release address for " + p.config.Keys.Agency}
	}
	return p.checks(self.Release).Check(r, body, cat)
}

func (p *Provider) checks(endpoint string) transfer.Provider {
	return transfer.Provider{
		Agency: p.config.Keys.Agency, Endpoint: endpoint, Trust: p.config.Trust, Key: p.config.Keys.Encryption,
		Replay: p.replay, Now: p.config.Now, Development: p.config.AllowLoopback,
	}
}

// keyedLocks lets one request at a time work on one grant.
type keyedLocks struct {
	mu   sync.Mutex
	held map[string]*heldLock
}

type heldLock struct {
	mu      sync.Mutex
	waiting int
}

func (k *keyedLocks) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = map[string]*heldLock{}
	}
	l, ok := k.held[key]
	if !ok {
		l = &heldLock{}
		k.held[key] = l
	}
	l.waiting++
	k.mu.Unlock()
	l.mu.Lock()
	return func() {
		l.mu.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.waiting--; l.waiting == 0 {
			delete(k.held, key)
		}
	}
}

// Catalogue is the hub's catalogue, verified: the texts for pages of your own.
func (p *Provider) Catalogue(ctx context.Context) (*catalogue.Catalogue, error) {
	return p.listing.get(ctx, 0)
}
