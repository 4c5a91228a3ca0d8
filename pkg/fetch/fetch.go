package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	defaultTimeout = 10 * time.Second
	connectTimeout = 5 * time.Second
	maxHeader      = 16 << 10
)

// ErrTooLong says that an answer is longer than was wanted.
var ErrTooLong = errors.New("answer too long")

// StatusError is an answer that is not 200.
type StatusError struct{ Code int }

func (e *StatusError) Error() string { return fmt.Sprintf("HTTP status %d", e.Code) }

// Client asks addresses of the public Internet. The zero value works; it may be
// used concurrently.
type Client struct {
	// Loopback is for development alone: this machine may be asked too, also by
	// plain http.
	Loopback bool
	// Timeout ends an exchange, with its redirects and its body; ten seconds when
	// zero.
	Timeout time.Duration

	once      sync.Once
	transport *http.Transport
}

// Want is what an answer has to be.
type Want struct {
	Accept    string   // the header; the Types when empty
	Types     []string // one of these media types; any when empty
	Limit     int64    // bytes, after decompression
	Redirects int      // followed at most
	SameHost  bool     // by redirects, which stay on the host and port of the address
}

// Answer is a document that was served with status 200.
type Answer struct {
	Body []byte
	Type string // one of Want.Types, without parameters
}

// Get fetches a document.
func (c *Client) Get(ctx context.Context, address string, want Want) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: not an address of the web", ErrAddress)
	}
	if want.Accept == "" {
		want.Accept = strings.Join(want.Types, ", ")
	}
	if want.Accept != "" {
		request.Header.Set("Accept", want.Accept)
	}
	response, err := c.send(request, want)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Answer{}, &StatusError{response.StatusCode}
	}
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if len(want.Types) > 0 && (err != nil || !slices.Contains(want.Types, media)) {
		return Answer{}, fmt.Errorf("content type is not %s", strings.Join(want.Types, " or "))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, want.Limit+1))
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	if int64(len(body)) > want.Limit {
		return Answer{}, fmt.Errorf("%w: more than %d bytes", ErrTooLong, want.Limit)
	}
	return Answer{body, media}, nil
}

// Do sends a request and follows no redirect. As much of the body as the caller
// wants is his to read; he closes it.
func (c *Client) Do(r *http.Request) (*http.Response, error) { return c.send(r, Want{}) }

func (c *Client) send(r *http.Request, want Want) (*http.Response, error) {
	if err := check(r.URL, c.Loopback); err != nil {
		return nil, err
	}
	response, err := c.client(r.URL.Host, want).Do(r)
	if u, ok := errors.AsType[*url.Error](err); ok {
		return nil, u.Err // without the address
	}
	return response, err
}

func (c *Client) client(host string, want Want) *http.Client {
	c.once.Do(func() { c.transport = newTransport(c.Loopback) })
	return &http.Client{Transport: c.transport, Timeout: cmp.Or(c.Timeout, defaultTimeout), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		switch {
		case want.Redirects == 0:
			return http.ErrUseLastResponse
		case len(via) > want.Redirects:
			return errors.New("too many redirects")
		case want.SameHost && r.URL.Host != host:
			return fmt.Errorf("%w: a redirect to another host", ErrAddress)
		}
		r.Header.Del("Referer")
		return check(r.URL, c.Loopback)
	}}
}

// newTransport has no Proxy: what it dials is what is asked.
func newTransport(loopback bool) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: newGuard(loopback)}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		ForceAttemptHTTP2:      true,
	}
}
