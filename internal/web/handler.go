package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
)

// Handler puts the frame around mux: correlation id, recovery, security
// headers, language, deadline, cross-origin check, body limit, access log, assets.
func (f *Frame) Handler(mux http.Handler) http.Handler {
	guarded := f.admitted(f.cross.Handler(f.matched(mux)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newCorrelation()
		ctx := context.WithValue(r.Context(), correlationKey{}, id)
		w.Header().Set("X-Correlation-Id", id)
		maps.Copy(w.Header(), f.security)
		ctx, done := f.watch(f.withLanguage(ctx, w, r), id)
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, f.body)
		rec := &recorder{ResponseWriter: w}
		start := time.Now()
		defer f.finish(rec, r, func() { done(r, rec.status, time.Since(start)) })
		if strings.HasPrefix(r.URL.Path, assetPrefix) {
			r.Pattern = assetPrefix
			f.serveAsset(rec, r)
			return
		}
		guarded.ServeHTTP(rec, r)
	})
}

// Program is Handler for a door that no browser has: each request gets its
// correlation id, and a panic its answer.
func (f *Frame) Program(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newCorrelation()
		r = r.WithContext(context.WithValue(r.Context(), correlationKey{}, id))
		w.Header().Set("X-Correlation-Id", id)
		rec := &recorder{ResponseWriter: w}
		defer f.finish(rec, r, func() {})
		next.ServeHTTP(rec, r)
	})
}

// matched answers what no pattern of mux serves with the frame's own page: 404,
// or 405 with the methods that there are.
func (f *Frame) matched(mux http.Handler) http.Handler {
	m, ok := mux.(*http.ServeMux)
	if !ok {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := m.Handler(r)
		if pattern != "" {
			m.ServeHTTP(w, r)
			return
		}
		probe := &recorder{ResponseWriter: discard{http.Header{}}}
		h.ServeHTTP(probe, r)
		if probe.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", probe.Header().Get("Allow"))
			f.Fail(w, r, http.StatusMethodNotAllowed, "web.error.method", nil)
			return
		}
		f.Fail(w, r, http.StatusNotFound, "web.error.not_found", nil)
	})
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) WriteHeader(int)             {}
func (discard) Write(b []byte) (int, error) { return len(b), nil }

// finish turns a panic into an error page; the request is done after it.
func (f *Frame) finish(w *recorder, r *http.Request, done func()) {
	defer done()
	if v := recover(); v != nil {
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		if w.status == 0 {
			f.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		} else {
			f.logFailure(r, http.StatusInternalServerError, "internal", "", err)
		}
	}
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type correlationKey struct{}

// Correlation is the id that the page, the header X-Correlation-Id and every
// line of the log share for one request.
func Correlation(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

func newCorrelation() string {
	var b [9]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// securityHeaders are those of every answer. The lists are shared: none is longer
// than its one value, so that who adds to one makes another.
func securityHeaders(development bool) http.Header {
	h := http.Header{
		"Content-Security-Policy":      {policy},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Referrer-Policy":              {"same-origin"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=(), payment=()"},
		"Cache-Control":                {"no-store"},
	}
	if !development {
		h["Strict-Transport-Security"] = []string{"max-age=63072000"}
	}
	return h
}

// AllowForm lets the forms of this page end at the origins of these addresses too:
// browsers apply form-action to the redirects that follow a form (CSP Level 3,
// 6.4.1). Call it before Render, with addresses from configuration or registration.
func AllowForm(w http.ResponseWriter, addresses ...string) {
	h, seen := w.Header(), map[string]bool{}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'*\"\r\n\t") {
			continue
		}
		if origin := u.Scheme + "://" + u.Host; !seen[origin] {
			seen[origin] = true
			h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+" "+origin)
		}
	}
}
