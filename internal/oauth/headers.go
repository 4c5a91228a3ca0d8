package oauth

import (
	"context"
	"net/http"
	"time"

	"github.com/govmydata/mydata/pkg/dpop"
)

// noStore keeps answers out of caches (RFC 6749, 5.1).
func noStore(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Pragma", "no-cache")
		next(w, r)
	})
}

// machine is an endpoint for programs: no caching, a challenge with every 401
// (RFC 6749, 5.2), which the library leaves out, and Retry-After where it helps.
func machine(next http.HandlerFunc) http.Handler {
	return noStore(func(w http.ResponseWriter, r *http.Request) {
		wait, nonce := new(time.Duration), new(string)
		ctx := context.WithValue(r.Context(), waitKey{}, wait)
		r = r.WithContext(context.WithValue(ctx, nonceKey{}, nonce))
		next(&challenging{ResponseWriter: w, wait: wait, nonce: nonce}, r)
	})
}

// waitKey is where known leaves word for the answer's Retry-After.
type waitKey struct{}

type challenging struct {
	http.ResponseWriter
	wait  *time.Duration
	nonce *string
	begun bool
}

// WriteHeader adds them.
func (c *challenging) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		c.Header().Set("WWW-Authenticate", `Basic realm="mydata"`)
	}
	retryAfter(c, *c.wait)
	if *c.nonce != "" {
		c.Header().Set(dpop.NonceHeader, *c.nonce)
	}
	c.begun = true
	c.ResponseWriter.WriteHeader(status)
}

// Write sends the fields first.
func (c *challenging) Write(b []byte) (int, error) {
	if !c.begun {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap serves http.ResponseController.
func (c *challenging) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// public is a document that anybody may read and keep a while.
func public(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		next.ServeHTTP(w, r)
	})
}
