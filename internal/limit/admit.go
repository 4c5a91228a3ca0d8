package limit

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// Exceeded says that a budget is used up, and when there will be more.
type Exceeded struct {
	Budget string
	After  time.Duration
}

func (e *Exceeded) Error() string {
	return fmt.Sprintf("the budget %q is used up for %s", e.Budget, e.After.Round(time.Millisecond))
}

// RetryAfter is when to come back.
func (e *Exceeded) RetryAfter() time.Duration { return e.After }

// Admit is the first line: it notes the sender in the context and says whether
// he may ask now. It asks no store and holds no lock while it waits, for it
// does not wait.
func (l *Limits) Admit(r *http.Request) (context.Context, error) {
	at := Sender(r, l.Proxies)
	ctx := context.WithValue(r.Context(), senderKey{}, at)
	if !at.IsValid() || l.Rate <= 0 {
		return ctx, nil
	}
	bucket := l.buckets.get(Network(at))
	if within(l.Trusted, at) {
		bucket = l.trusted.get(Network(at))
	}
	if !bucket.AllowN(l.now(), 1) {
		return nil, &Exceeded{"requests", time.Second}
	}
	return ctx, nil
}

// burst is how many requests may come at once: a page with its files, a few
// people behind one address.
const burst = 4

func bucket(perSecond, factor int) func() *rate.Limiter {
	return func() *rate.Limiter {
		return rate.NewLimiter(rate.Limit(perSecond*factor), burst*perSecond*factor)
	}
}
