package agency

import (
	"errors"
	"net/http"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// refusals is this face's one table from sentinels to problem documents.
var refusals = []struct {
	err     error
	problem web.Problem
}{
	{consent.ErrUnknown, web.Problem{Status: http.StatusNotFound, Code: "unknown_grant", Check: "grant", Cause: "there is no such grant", Mender: "agency"}},
	{consent.ErrForeign, web.Problem{Status: http.StatusNotFound, Code: "unknown_grant", Check: "grant", Cause: "there is no such grant", Mender: "agency"}},
	{consent.ErrWithdrawn, web.Problem{Status: http.StatusConflict, Code: "withdrawn", Check: "grant state", Cause: "the citizen has withdrawn the consent", Mender: "citizen"}},
	{consent.ErrExpired, web.Problem{Status: http.StatusConflict, Code: "expired", Check: "grant state", Cause: "the grant's time is over", Mender: "consumer"}},
	{consent.ErrConsumed, web.Problem{Status: http.StatusConflict, Code: "consumed", Check: "grant state", Cause: "all uses are taken", Mender: "consumer"}},
	{consent.ErrTooSoon, web.Problem{Status: http.StatusConflict, Code: "too_soon", Check: "frequency", Cause: "the frequency that the citizen agreed to allows no further use yet", Mender: "consumer"}},
	{consent.ErrPaused, web.Problem{Status: http.StatusConflict, Code: "paused", Check: "grant state", Cause: "the grant is paused", Mender: "citizen"}},
	{consent.ErrPending, web.Problem{Status: http.StatusConflict, Code: "pending", Check: "grant state", Cause: "the citizen has not decided yet", Mender: "citizen"}},
	{consent.ErrDenied, web.Problem{Status: http.StatusConflict, Code: "denied", Check: "grant state", Cause: "the citizen has refused", Mender: "consumer"}},
	{consent.ErrCancelled, web.Problem{Status: http.StatusConflict, Code: "cancelled", Check: "grant state", Cause: "the request was cancelled", Mender: "consumer"}},
	{consent.ErrSuperseded, web.Problem{Status: http.StatusConflict, Code: "superseded", Check: "grant state", Cause: "a newer version of the grant is in force", Mender: "consumer"}},
	{consent.ErrInvalid, web.Problem{Status: http.StatusConflict, Code: "invalidated", Check: "grant state", Cause: "the grant was invalidated", Mender: "operator"}},
	{consent.ErrUseTaken, web.Problem{Status: http.StatusConflict, Code: "use_taken", Check: "use", Cause: "this is not the next use number", Mender: "provider"}},
	{consent.ErrDecided, web.Problem{Status: http.StatusConflict, Code: "decided", Check: "grant state", Cause: "this was decided already", Mender: "consumer"}},
	{consent.ErrStanding, web.Problem{Status: http.StatusConflict, Code: "standing", Check: "grant state", Cause: "the grant is not over: say what you deleted afterwards", Mender: "consumer"}},
	{consent.ErrReused, web.Problem{Status: http.StatusConflict, Code: "reused", Check: "idempotency", Cause: "this was used for another request", Mender: "agency"}},
	{receipt.ErrNotGranted, web.Problem{Status: http.StatusConflict, Code: "not_granted", Check: "grant state", Cause: "there is nothing to give a receipt for", Mender: "consumer"}},
	{consent.ErrConflict, web.Problem{Status: http.StatusServiceUnavailable, Code: "busy", Check: "ledger", Cause: "too many at once, send the same again", Mender: "agency"}},
	{consent.ErrKept, web.Problem{Status: http.StatusServiceUnavailable, Code: "outcome_unknown", Check: "ledger", Cause: "the outcome is not known yet, send the same again", Mender: "operator"}},
}

// problemOf finds the refusal's document; ok false for an unknown error.
func problemOf(err error) (web.Problem, bool) {
	for _, known := range refusals {
		if errors.Is(err, known.err) {
			return known.problem, true
		}
	}
	p := web.Problem{Status: http.StatusBadRequest, Code: "check_failed", Mender: "agency"}
	if refused, ok := errors.AsType[*consent.CheckError](err); ok {
		p.Check, p.Cause = refused.Check, refused.Cause
		return p, true
	}
	if refused, ok := errors.AsType[*approval.CheckError](err); ok {
		p.Check, p.Cause = refused.Check, refused.Cause
		return p, true
	}
	return web.Problem{
		Status: http.StatusInternalServerError, Code: "internal", Check: "service",
		Cause: "internal error, send the same again", Mender: "operator",
	}, false
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, _ := problemOf(err)
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	h.Frame.Problem(w, r, p, err)
}
