package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/govmydata/mydata/internal/trail"
)

// do keeps an act in the trail, before and after.
func (h *Handler) do(r *http.Request, what string, target trail.Target, act func() (trail.Target, error)) error {
	return h.Trail.Do(r.Context(), what, target, outcome, act)
}

// outcome is the trail's word for an error.
func outcome(err error) string {
	if p := problemOf(err); p.Status < http.StatusInternalServerError {
		return p.Code
	}
	return trail.Failed
}

// mostActs is how many a list holds unless it is asked for fewer.
const mostActs = 10_000

// listTrail lists the operator's acts; reading is no act.
func (h *Handler) listTrail(_ http.ResponseWriter, r *http.Request) (any, error) {
	since, limit := time.Time{}, mostActs
	var err error
	if text := r.URL.Query().Get("since"); text != "" {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, fmt.Errorf("%w: since: %w", errBody, err)
		}
	}
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostActs {
			return nil, fmt.Errorf("%w: limit: 1 to %d", errBody, mostActs)
		}
	}
	acts, err := h.Trail.List(r.Context(), since, limit)
	return map[string][]trail.Act{"acts": acts}, err
}
