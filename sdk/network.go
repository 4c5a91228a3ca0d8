package sdk

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/govmydata/mydata/pkg/fetch"
)

// Limits of every exchange.
const (
	exchangeTimeout = 20 * time.Second
	connectTimeout  = 5 * time.Second
	maxAnswer       = 4 << 20
)

// network makes every request of this package.
type network struct {
	client   *http.Client
	loopback bool // plain http to this machine is allowed: development
	observe  func(Exchange)
	limit    int // of an answer's bytes
}

// upTo is the same network for an answer of another size.
func (n *network) upTo(limit int) *network {
	other := *n
	other.limit = limit
	return &other
}

// newNetwork follows no redirect: an API that answers one is misconfigured or
// not the one we mean.
func newNetwork(loopback bool) *network {
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &network{loopback: loopback, limit: maxAnswer, client: &http.Client{
		Timeout:       exchangeTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  exchangeTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
	}}
}

// allowed refuses an address that is not https, save this machine in development.
func (n *network) allowed(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("address %q is not a URL", address)
	}
	if u.Scheme == "https" {
		return nil
	}
	if u.Scheme != "http" || !fetch.Loopback(u.Hostname()) {
		return fmt.Errorf("address %q is not https", address)
	}
	if !n.loopback {
		return fmt.Errorf("address %q is plain http to this machine: set AllowLoopback, for development alone", address)
	}
	return nil
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends one request and reads its answer. An error means that what was
// asked may or may not have happened; what only reads is asked again, a few
// times, when the other side cannot answer now.
func (n *network) do(ctx context.Context, method, address string, header http.Header, body []byte) (answer, error) {
	for try := 1; ; try++ {
		begun := time.Now()
		a, err := n.once(ctx, method, address, header, body)
		if n.observe != nil {
			n.observe(exchangeOf(method, address, a.status, try, time.Since(begun), err))
		}
		later := errors.Is(err, ErrUnavailable) || err == nil && a.status >= http.StatusBadGateway && a.status <= http.StatusGatewayTimeout
		if !later || method != http.MethodGet || try == tries || pause(ctx, try) != nil {
			return a, err
		}
	}
}

// close lets go of connections that nobody uses.
func (n *network) close() { n.client.CloseIdleConnections() }

func (n *network) once(ctx context.Context, method, address string, header http.Header, body []byte) (answer, error) {
	if err := n.allowed(address); err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := n.client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrUnavailable, withoutAddress(err))
	}
	defer res.Body.Close()
	text, err := whole(io.LimitReader(res.Body, int64(n.limit)+1), res.ContentLength)
	if err != nil {
		return answer{}, fmt.Errorf("%w: read answer: %w", ErrUnavailable, err)
	}
	if len(text) > n.limit {
		return answer{}, errors.New("answer too large")
	}
	return answer{res.StatusCode, res.Header, text}, nil
}

// whole reads a body of which it was said how long it is, or -1. Of what was only said
// no more than a little is believed before it comes.
func whole(body io.Reader, said int64) ([]byte, error) {
	text := bytes.NewBuffer(make([]byte, 0, max(0, min(said, 64<<10))+bytes.MinRead))
	_, err := text.ReadFrom(body)
	return text.Bytes(), err
}

// withoutAddress keeps an address with its query out of logs.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
