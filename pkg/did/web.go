package did

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"code.dny.dev/ssrf"
)

const (
	fetchTimeout = 10 * time.Second
	maxRedirects = 3
)

// Resolver finds the documents of all methods known here. The zero value
// works; it may be used concurrently.
type Resolver struct {
	// Development also allows plain http to loop-back.
	Development bool
	// Allow judges a document of did:web, as it was fetched, before it is read:
	// by what a log says of it, for example. Nil allows all.
	Allow func(id string, document []byte) error

	once sync.Once
	http *http.Client
}

// Resolve a DID.
func (r *Resolver) Resolve(ctx context.Context, id string) (Document, error) {
	method, _, err := Split(id)
	if err != nil {
		return Document{}, err
	}
	if method != "web" {
		return resolveLocal(id)
	}
	data, err := r.Fetch(ctx, id)
	if err != nil {
		return Document{}, err
	}
	if r.Allow != nil {
		if err := r.Allow(id, data); err != nil {
			return Document{}, fmt.Errorf("did:web: %w", err)
		}
	}
	return Parse(data, id)
}

// Fetch gets the document of a did:web as it is served, and judges nothing of it.
func (r *Resolver) Fetch(ctx context.Context, id string) ([]byte, error) {
	address, err := WebURL(id, r.Development)
	if err != nil {
		return nil, err
	}
	return r.fetch(ctx, address)
}

// FromURL is the did:web of a service's address.
func FromURL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%w: not the address of a service", ErrMalformed)
	}
	id := "did:web:" + strings.ReplaceAll(u.Host, ":", "%3A")
	for part := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		if part != "" {
			id += ":" + part
		}
	}
	return id, nil
}

// WebURL is where the document of a did:web is.
func WebURL(id string, development bool) (string, error) {
	method, specific, err := Split(id)
	if err != nil || method != "web" {
		return "", fmt.Errorf("%w: not a did:web", ErrMalformed)
	}
	parts := strings.Split(specific, ":")
	host, err := url.PathUnescape(parts[0])
	if err != nil || host == "" || strings.ContainsAny(host, "/?#@\\ ") {
		return "", fmt.Errorf("%w: did:web without a host", ErrMalformed)
	}
	u := url.URL{Scheme: "https", Host: host}
	if development && loopback(u.Hostname()) {
		u.Scheme = "http"
	} else if _, err := netip.ParseAddr(u.Hostname()); err == nil { // did:web, 3.1
		return "", fmt.Errorf("%w: did:web of an IP address", ErrMalformed)
	}
	path := "/.well-known"
	if len(parts) > 1 {
		path = ""
	}
	for _, part := range parts[1:] {
		plain, err := url.PathUnescape(part)
		if err != nil || plain == "" || plain == "." || plain == ".." || strings.ContainsAny(plain, "/?#\\") {
			return "", fmt.Errorf("%w: did:web with a strange path", ErrMalformed)
		}
		path += "/" + plain
	}
	u.Path = path + "/did.json"
	if _, err := url.Parse(u.String()); err != nil { // a port that is none, a host in no URL's letters
		return "", fmt.Errorf("%w: did:web of no host", ErrMalformed)
	}
	return u.String(), nil
}

func (r *Resolver) fetch(ctx context.Context, address string) ([]byte, error) {
	r.once.Do(func() { r.http = newHTTPClient(r.Development) })
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	request.Header.Set("Accept", "application/did+json, application/json")
	response, err := r.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrNotFound, response.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return data, nil
}

func allowed(u *url.URL, development bool) error {
	if u.Scheme == "https" || development && u.Scheme == "http" && loopback(u.Hostname()) {
		return nil
	}
	return errors.New("not https")
}

func loopback(host string) bool {
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
			IdleConnTimeout:        time.Minute,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			return allowed(r.URL, development)
		},
	}
}
