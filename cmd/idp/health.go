package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/web"
)

// mountHealth adds /healthz, which answers while the process lives, and
// /readyz, which answers 200 when the service can keep its promises and
// otherwise names what it waits for. What is only late is named in a 200:
// logins and consents go on without it. A replica that follows is as ready as
// the one that leads.
func mountHealth(mux *http.ServeMux, frame *web.Frame, ready func(context.Context) error, late, role func() string) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		web.JSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := ready(ctx); err != nil {
			w.Header().Set("Retry-After", "2")
			frame.Problem(w, r, web.Problem{
				Status: http.StatusServiceUnavailable, Code: "not_ready", Check: "readiness", Cause: causes(err), Mender: "operator",
			}, err)
			return
		}
		answer := map[string]string{"status": "ready", "log": role()}
		if what := late(); what != "" {
			answer["late"] = what
		}
		web.JSON(w, http.StatusOK, answer)
	})
}

// causes are the reasons that anybody may read; the log has the rest.
func causes(err error) string {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, one := range many.Unwrap() {
			all = append(all, causes(one))
		}
		return strings.Join(all, "; ")
	}
	if r, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); ok {
		return r.Reason()
	}
	for _, known := range []error{sequencer.ErrRolledBack, sequencer.ErrCorrupt, sequencer.ErrNotRunning} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "internal error"
}

// role says whether this replica gives leaves their places.
func (e *engines) role() string {
	if e.sequence.Leads() {
		return "leader"
	}
	return "follower"
}

// patience is how late checkpoints may be before it is worth a word: an
// interval and a witness that needs its time.
const patience = 5 * time.Second

// late says why checkpoints are late, and since when; "" when they are not.
func (e *engines) late() string {
	return strings.Join(slices.DeleteFunc([]string{e.lateCheckpoints(), e.lateAnchors(), e.lateCertificates(), e.lateOwnCertificates()}, func(s string) bool { return s == "" }), "; ")
}

func (e *engines) lateCheckpoints() string {
	since, err := e.sequence.Delayed()
	if err == nil || time.Since(since) < patience {
		return ""
	}
	why := "the log cannot be written"
	if errors.Is(err, sequencer.ErrNoQuorum) {
		why = sequencer.ErrNoQuorum.Error()
	}
	return "checkpoints, since " + since.UTC().Format(time.RFC3339) + ": " + why
}
