package did

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/govmydata/mydata/pkg/fetch"
)

const maxRedirects = 3

// Resolver finds the documents of all methods known here. The zero value
// works; it may be used concurrently.
type Resolver struct {
	// Development also allows plain http to loop-back.
	Development bool
	// Allow judges a document of did:web, as it was fetched, before it is read:
	// by what a log says of it, for example. Nil allows all.
	Allow func(id string, document []byte) error

	once  sync.Once
	fetch *fetch.Client
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
	r.once.Do(func() { r.fetch = &fetch.Client{Loopback: r.Development} })
	answer, err := r.fetch.Get(ctx, address, fetch.Want{Accept: "application/did+json, application/json", Limit: maxDocument, Redirects: maxRedirects, SameHost: true})
	switch {
	case errors.Is(err, fetch.ErrTooLong):
		return nil, fmt.Errorf("%w: document: %w", ErrMalformed, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return answer.Body, nil
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
	if development && fetch.Loopback(u.Hostname()) {
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
