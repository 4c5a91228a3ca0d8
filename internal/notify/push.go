package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/signal"
)

const (
	maxAnswer = 8 << 10
	longest   = time.Hour // between two tries
)

// backoff is twice as long each time, with jitter: half to one and a half.
func backoff(tries int) time.Duration {
	d := min(time.Second<<min(max(tries-1, 0), 12), longest)
	return d/2 + rand.N(d) //nolint:gosec // G404: a pause keeps no secret
}

// failure is why a recipient did not take a token.
type failure struct {
	code  string        // of RFC 8935, 2.4; or ""
	after time.Duration // it asks to be left alone
	err   error
}

func (f *failure) Error() string { return f.err.Error() }

// push is RFC 8935, 2.1: 202 says that the token was taken (2.2), 400 that it
// was refused, and why (2.3).
func (n *Notifier) push(ctx context.Context, address, token string) *failure {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader([]byte(token)))
	if err != nil {
		return &failure{err: errors.New("the address is no URL")}
	}
	req.Header.Set("Content-Type", signal.MediaType)
	req.Header.Set("Accept", "application/json")
	res, err := n.client.Do(req)
	if err != nil {
		return &failure{err: err}
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
