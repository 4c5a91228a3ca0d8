package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Deadline is how long one request may take, with everything that is done for
// it; Options.Deadline changes it.
const Deadline = 10 * time.Second

// later is when to come back after an outage.
const later = 5 * time.Second

// An unavailable error is an outage of what the service stands on: nobody's
// fault who asks. The store's errors have the method.
type unavailable interface {
	error
	Unavailable() bool
}

// A limited error says that somebody asked for too much, and when there will be
// more. internal/limit's errors have the method.
type limited interface {
	error
	RetryAfter() time.Duration
}

// known is the one place where errors from below become 503 and 429 with
// Retry-After. It looks at failures that a face has no word for, and leaves
// every other status alone.
func known(w http.ResponseWriter, p Problem, err error) Problem {
	if l, ok := errors.AsType[limited](err); ok && p.Status >= 500 {
		retryAfter(w, l.RetryAfter())
		return Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", Check: "budget",
			Cause: "too many requests; wait before the next", Mender: p.Mender}
	}
	if p.Status == http.StatusInternalServerError && outage(err) {
		p = Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Check: "service",
			Cause: "the service cannot reach its records; send the same again", Mender: "operator"}
	}
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		retryAfter(w, later)
	}
	return p
}

// outage is also that the time of the request ran out, or that who asked went
// away, and with him the work under way.
func outage(err error) bool {
	u, ok := errors.AsType[unavailable](err)
	return ok && u.Unavailable() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// retryAfter says when to come back (RFC 9110, 10.2.3), unless the face did.
func retryAfter(w http.ResponseWriter, after time.Duration) {
	if w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((after+time.Second-1)/time.Second))))
	}
}

// admitted bounds a request before anything is done for it: its time, its
// encoding, and whether its sender may ask at all.
func (f *Frame) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if f.admit != nil {
			var err error
			if ctx, err = f.admit(r); err != nil {
				f.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
				return
			}
		}
		ctx, cancel := context.WithTimeout(ctx, f.deadline)
		defer cancel()
		*r = *r.WithContext(ctx) // in place: who observes r learns its route
		// A small body could become a large one (RFC 9110, 15.5.16).
		if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
			w.Header().Set("Accept-Encoding", "identity")
			f.Fail(w, r, http.StatusUnsupportedMediaType, "web.error.encoding", nil)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// program says that a program asks, which reads no pages.
func (f *Frame) program(r *http.Request) bool {
	if WantsJSON(r) || sentJSON(r) {
		return true
	}
	_, pattern := f.machines.Handler(r)
	return pattern != "" && !wantsPage(r)
}
