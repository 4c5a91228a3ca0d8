package oauth

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// Limits bounds what one client or one address may ask for. A whom of "" is the
// sender of the request that ctx belongs to. An error with a method
// RetryAfter() time.Duration says that there is nothing left; any other that
// nobody can tell. What was taken and not used up is returned.
type Limits interface {
	Take(ctx context.Context, budget, whom string) error
	Return(ctx context.Context, budget, whom string)
}

// The names of the budgets.
const (
	budgetPAR      = "par"       // pushed requests
	budgetOAuth    = "oauth"     // refused requests at the machine endpoints, of an address
	budgetClient   = "client"    // refused grants, of a client that has proven who it is
	budgetUserCode = "user_code" // wrong codes of devices, of an address
	budgetTxCode   = "tx_code"   // wrong pre-authorized and transaction codes, of an address
)

// unlimited is what a server without Limits has.
type unlimited struct{}

func (unlimited) Take(context.Context, string, string) error { return nil }
func (unlimited) Return(context.Context, string, string)     {}

// faults turns what is not the client's fault into what it may know of it: an
// outage, a limit, or nothing.
func faults(err error) *Refusal {
	var limit interface {
		error
		RetryAfter() time.Duration
	}
	var outage interface {
		error
		Unavailable() bool
	}
	switch {
	case errors.As(err, &limit):
		return &Refusal{Code: "slow_down", Description: "too many requests; wait before the next", Err: err, after: limit.RetryAfter()}
	case errors.As(err, &outage) && outage.Unavailable(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Refusal{Code: "temporarily_unavailable", Description: "the same request may be sent again", Err: err, after: later}
	}
	return &Refusal{Code: "server_error", Description: "internal error", Err: err}
}

// later is when to come back after an outage.
const later = 5 * time.Second

// ours says that a refusal says nothing of what was asked.
func (r *Refusal) ours() bool {
	return r.Code == "server_error" || r.Code == "temporarily_unavailable" || r.Code == "slow_down"
}

// retryAfter says when to come back (RFC 9110, 10.2.3).
func retryAfter(w http.ResponseWriter, after time.Duration) {
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
}

// guarded counts what an address is refused: what is right costs nothing, and
// neither do our own faults.
func (s *Server) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r = withPresence(r)
		s.offerChallenge(w, r)
		if err := s.Limits.Take(r.Context(), budgetOAuth, ""); err != nil {
			s.writeRefusal(w, r, err)
			return
		}
		answer := &answering{ResponseWriter: w}
		next(answer, r)
		if answer.status < 400 || answer.status >= 500 || answer.status == http.StatusTooManyRequests {
			s.Limits.Return(r.Context(), budgetOAuth, "")
		}
	}
}

type answering struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (a *answering) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// spender is whom a client's budgets are charged to: itself where it has proven
// who it is, so that nobody can use up another's; otherwise its address.
func spender(c registry.Client) string {
	// All instances of a wallet are one client: one must not spend what is the others'.
	if c.AuthMethod == registry.AuthNone || c.AuthMethod == registry.AuthAttestation {
		return ""
	}
	return c.ID
}

// ofClient counts the grants that a client is refused.
func ofClient[T any](ctx context.Context, s *Server, c registry.Client, f func() (T, error)) (T, error) {
	whom := spender(c)
	if whom == "" { // guarded counts its address
		return f()
	}
	var none T
	if err := s.Limits.Take(ctx, budgetClient, whom); err != nil {
		return none, err
	}
	answer, err := f()
	if !costs(err) {
		s.Limits.Return(ctx, budgetClient, whom)
	}
	return answer, err
}

// costs says that an answer is charged: a refusal, unless it is ours, and a poll that
// came too soon.
func costs(err error) bool {
	var waits *pending
	if errors.As(err, &waits) {
		return waits.early
	}
	return err != nil && !refusalOf(err).ours()
}
