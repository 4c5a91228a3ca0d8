package statuslist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"code.dny.dev/ssrf"
)

const (
	fetchTimeout = 10 * time.Second
	maxRedirects = 3
	acceptBoth   = MediaType + ", " + MediaTypeCWT + ";q=0.9"
)

// fetched is a body and what it says it is.
type fetched struct {
	body  []byte
	media string
}

// httpError is an answer that is not 200.
type httpError struct{ status int }

func (e *httpError) Error() string { return fmt.Sprintf("HTTP status %d", e.status) }

// noHistory: 501 says that the query is not understood, 404 that the time is not
// kept (draft, 8.4); until draft 15 that was 406.
func (e *httpError) noHistory() bool {
	return e.status == http.StatusNotImplemented || e.status == http.StatusNotFound || e.status == http.StatusNotAcceptable
}

// fetch gets what is at an address, in time and size bounds, from no private
// network. The server may compress it; what comes out of that is bounded too.
func (c *Client) fetch(ctx context.Context, uri, accept string) (fetched, error) {
	c.once.Do(func() { c.http = newHTTPClient(c.Development) })
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return fetched{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	request.Header.Set("Accept", accept)
	response, err := c.http.Do(request)
	if err != nil {
		return fetched{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fetched{}, fmt.Errorf("%w: %w", ErrUnavailable, &httpError{response.StatusCode})
	}
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return fetched{}, fmt.Errorf("%w: content type: %w", ErrUnavailable, err)
	case media != MediaType && media != MediaTypeCWT && media != aggregationType:
		return fetched{}, fmt.Errorf("%w: content type is not %s", ErrUnavailable, accept)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxToken+1))
	if err != nil {
		return fetched{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fetched{body, media}, nil
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
// name resolves to at the moment of dialling, and checks each redirect again.
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
