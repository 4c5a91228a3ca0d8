package statuslist

import (
	"cmp"
	"context"
	"crypto"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/fetch"
)

const (
	maxCached      = 256      // lists
	maxCachedBytes = 64 << 20 // of them together, uncompressed
	// defaultTTL is how long a token that names no ttl is kept, maxTTL any.
	defaultTTL = time.Minute
	maxTTL     = 24 * time.Hour
	// failureTTL is how long nobody asks again after a list could not be had:
	// presentations that come at once must not become a flood (draft, 11.5).
	failureTTL = time.Second
)

// Client fetches, verifies and caches lists. The zero value works; it may be
// used concurrently.
type Client struct {
	// Development also allows plain http and loop-back addresses, on
	// loop-back alone.
	Development bool
	Now         func() time.Time
	// Memory remembers the newest list of each URI; nil: for the life of the
	// Client.
	Memory Memory

	once   sync.Once
	fetch  *fetch.Client
	own    InMemory
	mu     sync.Mutex
	cached map[string]*entry
}

// entry holds one list, and the fetch of it that is under way.
type entry struct {
	sync.Mutex
	signed
	beside      *List // fetched since, and a little older by its iat: clocks differ
	from, until time.Time
	failed      error // until failedUntil
	failedUntil time.Time
	flight      *flight
}

// flight is one fetch for all who ask at once.
type flight struct {
	done chan struct{}
	got  fetch.Answer
	err  error
}

// Status of a reference. Any error means: unknown, and not to be taken as
// valid.
func (c *Client) Status(ctx context.Context, ref Reference, trust Trust) (Status, error) {
	s, _, err := c.Look(ctx, ref, trust)
	return s, err
}

// Look is Status, with the Status List Token, a JWT, that it went by, as it was
// fetched: what whoever keeps a record of a verification keeps of it. It is empty
// when that was a CWT.
func (c *Client) Look(ctx context.Context, ref Reference, trust Trust) (Status, string, error) {
	if err := CheckURI(ref.URI, c.Development); err != nil {
		return 0, "", err
	}
	e := c.entry(ref.URI)
	e.Lock()
	if now := c.now(); e.fresh(now, trust) {
		defer e.Unlock()
		return e.get(ref)
	} else if e.failed != nil && now.Before(e.failedUntil) && !now.Before(e.failedUntil.Add(-failureTTL)) {
		defer e.Unlock()
		return 0, "", e.failed
	}
	f := e.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		e.flight = f
		// One asker's impatience is not the others'.
		go c.fly(context.WithoutCancel(ctx), ref.URI, e, f)
	}
	e.Unlock()
	select {
	case <-ctx.Done():
		return 0, "", fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	case <-f.done:
	}
	return c.landed(ctx, ref, trust, e, f)
}

func (c *Client) fly(ctx context.Context, uri string, e *entry, f *flight) {
	f.got, f.err = c.get(ctx, uri, eitherForm())
	e.Lock()
	defer e.Unlock()
	if e.flight, e.failed = nil, f.err; f.err != nil {
		e.failedUntil = c.now().Add(failureTTL)
	}
	close(f.done)
}

// landed reads what a flight brought, by this asker's trust; for those who trust
// the same the first one's work serves.
func (c *Client) landed(ctx context.Context, ref Reference, trust Trust, e *entry, f *flight) (Status, string, error) {
	if f.err != nil {
		return 0, "", f.err
	}
	e.Lock()
	defer e.Unlock()
	now := c.now()
	if !e.fresh(now, trust) {
		s, err := verify(f.got.Body, f.got.Type, ref.URI, moment{now: now}, trust)
		if err == nil {
			err = remember(ctx, c.memory(), s.token, now)
		}
		if err != nil {
			return 0, "", err
		}
		e.keep(s, now)
		c.slim(ref.URI)
	}
	return e.get(ref)
}

// get the status from the list at hand, and where that is Valid, from the one beside
// it: which of them is the newer, nobody knows.
func (e *entry) get(ref Reference) (Status, string, error) {
	s, err := e.token.List.Get(ref.Index)
	if err == nil && s == Valid && e.beside != nil {
		s, err = e.beside.Get(ref.Index)
	}
	return s, e.text, err
}

// keep a token until its ttl or exp; what HTTP says of caching is not asked
// (draft, 8.2). One that is a little older than the one at hand, as of another
// replica, does not take its place, and is asked besides.
func (e *entry) keep(s signed, now time.Time) {
	e.beside, e.until = nil, s.token.until(now)
	if e.token.List != nil && s.token.IssuedAt.Before(e.token.IssuedAt) && sameKey(e.key, s.key) &&
		!e.token.IssuedAt.After(now.Add(skew)) && (e.token.Expires.IsZero() || now.Before(e.token.Expires)) {
		e.beside, s = s.token.List, e.signed
		if until := s.token.until(now); until.Before(e.until) {
			e.until = until
		}
	}
	e.signed, e.from = s, now
}

// until is how long a token is kept that was fetched now.
func (t Token) until(now time.Time) time.Time {
	until := now.Add(min(cmp.Or(t.TTL, defaultTTL), maxTTL))
	if !t.Expires.IsZero() && t.Expires.Before(until) {
		return t.Expires
	}
	return until
}

// fresh tells whether the cached list may be used, for this asker too.
func (e *entry) fresh(now time.Time, trust Trust) bool {
	if e.token.List == nil || now.Before(e.from) || !now.Before(e.until) || trust == nil {
		return false
	}
	key, err := trust(e.chain)
	return err == nil && sameKey(e.key, key)
}

func sameKey(a, b crypto.PublicKey) bool {
	known, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && known.Equal(b)
}

// At is the status of a reference as it was at a time that has passed, where
// the host keeps history (draft, 8.4); ErrNoHistory where it does not. Nothing
// of it is kept.
func (c *Client) At(ctx context.Context, ref Reference, at time.Time, trust Trust) (Status, error) {
	if err := CheckURI(ref.URI, c.Development); err != nil {
		return 0, err
	}
	u, err := url.Parse(ref.URI)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	query := u.Query()
	query.Set("time", strconv.FormatInt(at.Unix(), 10))
	u.RawQuery = query.Encode()
	got, err := c.get(ctx, u.String(), eitherForm())
	if noHistory(err) {
		return 0, fmt.Errorf("%w: %w", ErrNoHistory, err)
	}
	if err != nil {
		return 0, err
	}
	s, err := verify(got.Body, got.Type, ref.URI, moment{now: c.now(), at: time.Unix(at.Unix(), 0)}, trust)
	if err != nil {
		return 0, err
	}
	return s.token.List.Get(ref.Index)
}

// Fetch gets and verifies the list at an address as it is now, whatever the
// cache holds: what whoever watches an issuer compares with other words of his.
func (c *Client) Fetch(ctx context.Context, uri string, trust Trust) (Token, error) {
	return c.FetchAs(ctx, uri, MediaType, trust)
}

// FetchAs is Fetch of one form alone, MediaType or MediaTypeCWT; ErrUnavailable
// when the host does not have it.
func (c *Client) FetchAs(ctx context.Context, uri, media string, trust Trust) (Token, error) {
	if err := CheckURI(uri, c.Development); err != nil {
		return Token{}, err
	}
	got, err := c.get(ctx, uri, fetch.Want{Types: []string{media}, Limit: MaxToken, Redirects: maxRedirects})
	if err != nil {
		return Token{}, err
	}
	s, err := verify(got.Body, media, uri, moment{now: c.now()}, trust)
	return s.token, err
}

func (c *Client) entry(uri string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cached == nil {
		c.cached = make(map[string]*entry)
	}
	e := c.cached[uri]
	if e == nil {
		for old := range c.cached { // any will do
			if len(c.cached) < maxCached {
				break
			}
			delete(c.cached, old)
		}
		e = new(entry)
		c.cached[strings.Clone(uri)] = e // it may be part of a whole credential
	}
	return e
}

// slim forgets other lists while all of them are too large together. The caller
// holds the lock of one; others that are locked are left.
func (c *Client) slim(but string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sizes, total := map[string]int{}, 0
	for uri, e := range c.cached {
		if uri == but {
			total += e.size()
			continue
		}
		if !e.TryLock() {
			continue
		}
		if e.token.List != nil {
			sizes[uri] = e.size()
			total += sizes[uri]
		}
		e.Unlock()
	}
	for uri, size := range sizes {
		if total <= maxCachedBytes {
			return
		}
		delete(c.cached, uri)
		total -= size
	}
}

// size of what an entry holds, in bytes.
func (e *entry) size() int {
	size := len(e.token.List.Bytes())
	if e.beside != nil {
		size += len(e.beside.Bytes())
	}
	return size
}

func (c *Client) memory() Memory {
	if c.Memory != nil {
		return c.Memory
	}
	return &c.own
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
