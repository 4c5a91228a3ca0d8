package web

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// Observation is what may be counted of a request: nothing in it was chosen by a
// stranger. The address itself is left out; an offer's holds a secret.
type Observation struct {
	Route   string // the pattern of http.ServeMux; "" where nothing serves the address
	Method  string // a method of HTTP, or OTHER
	Status  int
	Took    time.Duration
	Refusal string // the check, else the code, by which it was refused first; "" when it was not
}

// An Observer hears of each request when it begins, may add to its context, and
// answers what to call at its end.
type Observer func(ctx context.Context, correlation string) (context.Context, func(Observation))

// Observe lets several observers hear of the same requests.
func Observe(all ...Observer) Observer {
	return func(ctx context.Context, correlation string) (context.Context, func(Observation)) {
		var ends []func(Observation)
		for _, begin := range all {
			var end func(Observation)
			ctx, end = begin(ctx, correlation)
			ends = append(ends, end)
		}
		return ctx, func(o Observation) {
			for _, end := range slices.Backward(ends) {
				end(o)
			}
		}
	}
}

type refusalKey struct{}

// Refused notes why a request was refused, by a word of ours; the first counts.
// Fail and Problem do so themselves.
func Refused(ctx context.Context, check string) {
	if noted, ok := ctx.Value(refusalKey{}).(*string); ok && *noted == "" {
		*noted = check
	}
}

// watch begins the observation of a request.
func (f *Frame) watch(ctx context.Context, correlation string) (context.Context, func(*http.Request, int, time.Duration)) {
	noted := new(string)
	ctx = context.WithValue(ctx, refusalKey{}, noted)
	end := func(Observation) {}
	if f.observe != nil {
		ctx, end = f.observe(ctx, correlation)
	}
	return ctx, func(r *http.Request, status int, took time.Duration) {
		if status == 0 { // net/http writes it for who wrote nothing
			status = http.StatusOK
		}
		o := Observation{Route: r.Pattern, Method: method(r), Status: status, Took: took, Refusal: *noted}
		end(o)
		args := []any{"method", o.Method, "route", o.Route, "status", status, "ms", took.Milliseconds(), "correlation_id", correlation}
		if o.Refusal != "" {
			args = append(args, "refusal", o.Refusal)
		}
		f.log.InfoContext(r.Context(), "request", args...)
	}
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func method(r *http.Request) string {
	if slices.Contains(methods, r.Method) {
		return r.Method
	}
	return "OTHER"
}
