package registry

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
)

// The sentinels.
var (
	// ErrUnknown: there is no such client, or no catalogue yet.
	ErrUnknown = errors.New("registry: unknown")
	// ErrTaken: another client has this id.
	ErrTaken = errors.New("registry: client id is taken")
	// ErrConflict: another catalogue has this version.
	ErrConflict = errors.New("registry: catalogue version is taken")
	// ErrRefused: the catalogue does not hold together.
	ErrRefused = errors.New("registry: the catalogue is refused")
)

// Store keeps the registry. Writes are durable on return. All methods may run
// at once. An error that is none of the sentinels means the outcome is unknown.
type Store interface {
	// Client returns ErrUnknown when there is none.
	Client(ctx context.Context, id string) (Client, error)
	// Clients returns so many at most, in the order of their ids, of those after an id.
	Clients(ctx context.Context, after string, limit int) ([]Client, error)
	// AddClient returns ErrTaken when the id is another's; adding the very
	// same client again is nil.
	AddClient(ctx context.Context, c Client) error
	// Catalogue returns the newest version, or ErrUnknown.
	Catalogue(ctx context.Context) (version int64, jws string, err error)
	// PutCatalogue makes the catalogue and its log entries durable, whole.
	// It returns ErrConflict unless the version is above every one kept.
	// The proposal that it was becomes published with it.
	PutCatalogue(ctx context.Context, c CatalogueCommit) error
	// CatalogueAt returns one version with its officers' signatures, or ErrUnknown.
	CatalogueAt(ctx context.Context, version int64) (jws string, signatures []string, err error)
	Proposals
	Registrations
}

// CatalogueCommit is one published catalogue.
type CatalogueCommit struct {
	ID         string
	Version    int64
	JWS        string
	Signatures []string // of the two officers
	Proposal   string   // the digest under which it was proposed, if it was
	Leaves     [][]byte
}

// clientLife is how long a replica may go on with a client's old metadata.
const clientLife = 30 * time.Second

// Registry answers from memory and asks its store when it must.
type Registry struct {
	Store     Store
	Publisher Publisher
	Now       func() time.Time
	// Development lets clients that register themselves be on loop-back.
	Development bool
	// RS256: the hub can sign id_tokens so.
	RS256 bool

	mu       sync.Mutex
	clients  map[string]cached
	changes  int // of clients, through this replica
	snapshot snapshot
}

type cached struct {
	client Client
	until  time.Time
}

// Client finds a client; ErrUnknown when there is none.
func (r *Registry) Client(ctx context.Context, id string) (Client, error) {
	r.mu.Lock()
	c, ok := r.clients[id]
	changes := r.changes
	r.mu.Unlock()
	if now := r.now(); ok && now.Before(c.until) && c.until.Sub(now) <= clientLife {
		return c.client, nil
	}
	client, err := r.Store.Client(ctx, id)
	if err != nil {
		return Client{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients == nil {
		r.clients = map[string]cached{}
	}
	if changes == r.changes { // else it may have been read before one
		r.clients[id] = cached{client: client, until: r.now().Add(clientLife)}
	}
	return client, nil
}

// AddClient registers a client by its metadata (ParseMetadata). The secret is
// returned once, for a client that authenticates by one.
func (r *Registry) AddClient(ctx context.Context, metadata json.RawMessage) (Client, string, error) {
	c, secret, err := ParseMetadata(metadata)
	if err == nil {
		err = r.serves(c)
	}
	if err != nil {
		return Client{}, "", err
	}
	if err := r.Store.AddClient(ctx, c); err != nil {
		return Client{}, "", err
	}
	r.forget(c.ID)
	return c, secret, nil
}

func (r *Registry) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
