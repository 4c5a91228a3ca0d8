package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"code.dny.dev/ssrf"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/signal"
)

const (
	connectTime = 5 * time.Second
	maxAnswer   = 8 << 10
	longest     = time.Hour // between two tries
)

// backoff is twice as long each time, with jitter: half to one and a half.
func backoff(tries int) time.Duration {
	d := min(time.Second<<min(max(tries-1, 0), 12), longest)
	return d/2 + rand.N(d) //nolint:gosec // G404: a pause keeps no secret
}

// newClient reaches public addresses alone. Where a name leads is judged when the
// connection is made, so that no second answer of a resolver slips through.
func newClient(loopback bool) *http.Client {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	if loopback {
		options = append(options, ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.0/8")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128")))
	}
	dialer := &net.Dialer{Timeout: connectTime, Control: ssrf.New(options...).Safe}
	return &http.Client{
		Timeout:       pushTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    connectTime,
			ResponseHeaderTimeout:  pushTime,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        time.Minute,
			ForceAttemptHTTP2:      true,
		},
	}
}

// httpsOnly refuses another address, save this machine's in development.
func httpsOnly(text string, loopback bool) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return errors.New("the address is no URL")
	}
	host := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || host != nil && host.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback || !local) {
		return errors.New("the address is not https")
	}
	return nil
}

// failure is why a recipient did not take a token.
type failure struct {
	code  string        // of RFC 8935, 2.4; or ""
	after time.Duration // it asks to be left alone
	err   error
}

func (f *failure) Error() string { return f.err.Error() }

// withoutAddress keeps an address, which may be a secret, out of logs.
func withoutAddress(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// push is RFC 8935, 2.1: 202 says that the token was taken (2.2), 400 that it
// was refused, and why (2.3).
func (n *Notifier) push(ctx context.Context, address, token string) *failure {
	if err := httpsOnly(address, n.Loopback); err != nil {
		return &failure{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader([]byte(token)))
	if err != nil {
		return &failure{err: errors.New("the address is no URL")}
	}
	req.Header.Set("Content-Type", signal.MediaType)
	req.Header.Set("Accept", "application/json")
	res, err := n.client.Do(req)
	if err != nil {
		return &failure{err: withoutAddress(err)}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case res.StatusCode == http.StatusAccepted:
		return nil
	case err != nil:
		return &failure{err: errors.New("the answer broke off")}
	}
	f := &failure{err: fmt.Errorf("status %d", res.StatusCode), after: retryAfter(res.Header.Get("Retry-After"))}
	var said signal.Fault
	if res.StatusCode == http.StatusBadRequest && json.Unmarshal(body, &said) == nil && signal.Known(said.Code) {
		f.code, f.err = said.Code, fmt.Errorf("status %d: %s", res.StatusCode, said.Code)
	}
	return f
}

func retryAfter(text string) time.Duration {
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(min(seconds, 1<<20))*time.Second, longest)
}
