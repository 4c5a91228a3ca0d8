package sdktest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// Fault is how a hub fails. The zero Fault is none.
type Fault struct {
	// Path is where: requests whose path begins with it; all when empty.
	Path string
	// Times is how often; until Break(Fault{}) when zero.
	Times int
	// Down closes the connection before anything happens.
	Down bool
	// Lost does what is asked and closes the connection instead of answering.
	Lost bool
	// Busy answers 503.
	Busy bool
	// Slow waits before anything happens.
	Slow time.Duration
}

// Break makes the hub fail from now on, in one way at a time.
func (h *Hub) Break(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = f
}

// struck is the fault that this request meets.
func (h *Hub) struck(r *http.Request) Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.fault
	if !strings.HasPrefix(r.URL.Path, f.Path) {
		return Fault{}
	}
	if f.Times > 0 {
		if h.fault.Times--; h.fault.Times == 0 {
			h.fault = Fault{}
		}
	}
	return f
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request, routes http.Handler) {
	f := h.struck(r)
	if f.Slow > 0 {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(f.Slow):
		}
	}
	switch {
	case f.Down:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case f.Busy:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	case f.Lost:
		routes.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		routes.ServeHTTP(w, r)
	}
}

// DuringRelease has something happen between a provider's checks and its commit,
// once: a citizen withdraws, say.
func (h *Hub) DuringRelease(happen func(grantID string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.during = happen
}
