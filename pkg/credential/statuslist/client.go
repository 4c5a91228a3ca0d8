package statuslist

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"code.dny.dev/ssrf"
)

const (
	fetchTimeout = 10 * time.Second
	maxRedirects = 3
	maxCached    = 256
	// defaultTTL is how long a token that names no ttl is kept.
	defaultTTL = time.Minute
)

// Client fetches, verifies and caches lists. The zero value works; it may be
// used concurrently.
type Client struct {
	// Development also allows plain http and loop-back addresses, on
	// loop-back alone.
	Development bool
	Now         func() time.Time

	once   sync.Once
	http   *http.Client
	mu     sync.Mutex
	cached map[string]*entry
}

// entry holds one list; its lock makes lookers-up of one list wait for one
// fetch.
type entry struct {
	sync.Mutex
	token       Token
	text        string // the token, for Held
	chain       [][]byte
	key         crypto.PublicKey
	from, until time.Time
}

// Status of a reference. Any error means: unknown, and not to be taken as
// valid.
func (c *Client) Status(ctx context.Context, ref Reference, trust Trust) (Status, error) {
	if err := CheckURI(ref.URI, c.Development); err != nil {
		return 0, err
	}
	e := c.entry(ref.URI)
	e.Lock()
	defer e.Unlock()
	now := c.now()
	if !e.fresh(now, trust) {
		if err := c.refresh(ctx, ref.URI, now, trust, e); err != nil {
			return 0, err
		}
	}
	return e.token.List.Get(ref.Index)
}

// Fetch gets and verifies the list at an address as it is now, whatever the
// cache holds: what whoever watches an issuer compares with other words of his.
func (c *Client) Fetch(ctx context.Context, uri string, trust Trust) (Token, error) {
	if err := CheckURI(uri, c.Development); err != nil {
		return Token{}, err
	}
	jwt, err := c.fetch(ctx, uri)
	if err != nil {
		return Token{}, err
	}
	return Verify(jwt, uri, c.now(), trust)
}

// fresh tells whether the cached list may be used, for this asker too.
func (e *entry) fresh(now time.Time, trust Trust) bool {
	if e.token.List == nil || now.Before(e.from) || !now.Before(e.until) || trust == nil {
		return false
	}
	key, err := trust(e.chain)
	if err != nil {
		return false
	}
	known, ok := e.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && known.Equal(key)
}

func (c *Client) refresh(ctx context.Context, uri string, now time.Time, trust Trust, e *entry) error {
	jwt, err := c.fetch(ctx, uri)
	if err != nil {
		return err
	}
	token, chain, key, err := verify(jwt, uri, now, trust)
	if err != nil {
		return err
	}
	ttl := token.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	until := now.Add(ttl)
	if !token.Expires.IsZero() && token.Expires.Before(until) {
		until = token.Expires
	}
	e.token, e.chain, e.key, e.from, e.until = token, chain, key, now, until
	e.text = jwt
	return nil
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
		c.cached[uri] = e
	}
	return e
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) fetch(ctx context.Context, uri string) (string, error) {
	c.once.Do(func() { c.http = newHTTPClient(c.Development) })
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	request.Header.Set("Accept", MediaType)
	response, err := c.http.Do(request)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%w: HTTP status %d", ErrUnavailable, response.StatusCode)
	}
	if media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || media != MediaType {
		return "", fmt.Errorf("%w: content type is not %s", ErrUnavailable, MediaType)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxToken+1))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return string(body), nil
}

// CheckURI tells whether a list may be fetched from there: https, or, in
// development, http on loop-back.
func CheckURI(raw string, development bool) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: not an address of the web", ErrMalformed)
	}
	if u.Scheme == "https" || development && u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%w: not https", ErrMalformed)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// newHTTPClient makes a client that reaches no private network, whatever a
// name resolves to, and checks each redirect again.
func newHTTPClient(development bool) *http.Client {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	if development {
		options = append(options,
			ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.0/8")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128")))
	}
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: ssrf.New(options...).Safe}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    fetchTimeout,
			ResponseHeaderTimeout:  fetchTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			return CheckURI(r.URL.String(), development)
		},
	}
}
