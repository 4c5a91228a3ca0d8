package main

import (
	"context"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/web"
)

// mountHealth adds /healthz, which answers while the process lives, and
// /readyz, which answers 200 when the service can keep its promises and
// otherwise names what it waits for.
func mountHealth(mux *http.ServeMux, frame *web.Frame, ready func(context.Context) error) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		web.JSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := ready(ctx); err != nil {
			w.Header().Set("Retry-After", "2")
			frame.Problem(w, r, web.Problem{
				Status: http.StatusServiceUnavailable, Code: "not_ready", Check: "readiness", Cause: err.Error(), Mender: "operator",
			}, err)
			return
		}
		web.JSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
}
