package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/death"
	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/credential"
)

var (
	errBody       = errors.New("the body is not as expected")
	errOfficers   = errors.New("no officers' keys")
	errNoMetadata = errors.New("the metadata is refused")
	errFourEyes   = errors.New("no officers' keys for a catalogue")
)

// refusals is the one table from sentinels to problems; the cause is written for
// the person at the command line, "" is the error itself.
var refusals = []struct {
	is     error
	status int
	code   string
	cause  string
}{
	{errBody, http.StatusBadRequest, "bad_request", ""},
	{errOfficers, http.StatusForbidden, "officers", "this service holds no officers' keys: give an order signed by two officers"},
	{errFourEyes, http.StatusForbidden, "officers", "this service holds no officers' keys: propose the catalogue, and have another officer approve it"},
	{registry.ErrNoProposal, http.StatusNotFound, "proposal", "no such proposal"},
	{registry.ErrDecided, http.StatusConflict, "decided", ""},
	{registry.ErrStale, http.StatusConflict, "stale", ""},
	{registry.ErrNothing, http.StatusConflict, "nothing_new", ""},
	{registry.ErrApproval, http.StatusForbidden, "approval", ""},
	{registry.ErrRefused, http.StatusBadRequest, "catalogue", ""},
	{registry.ErrConflict, http.StatusConflict, "stale", ""},
	{registry.ErrOrder, http.StatusBadRequest, "initial_token", ""},
	{errNoMetadata, http.StatusBadRequest, "client_metadata", ""},
	{account.ErrEnrolled, http.StatusConflict, "enrolled", "this resident is enrolled; after the loss of a device use --replace"},
	{account.ErrOrder, http.StatusForbidden, "order", ""},
	{erasure.ErrOrder, http.StatusForbidden, "order", ""},
	{death.ErrOrder, http.StatusForbidden, "order", ""},
	{account.ErrClosed, http.StatusConflict, "closed", "a death was reported: this account is closed"},
	{errRegister, http.StatusBadRequest, "register", ""},
	{erasure.ErrNobody, http.StatusNotFound, "resident", ""},
	{erasure.ErrHeld, http.StatusConflict, "held", ""},
	{erasure.ErrLaw, http.StatusConflict, "law", ""},
	{erasure.ErrNotMissing, http.StatusConflict, "not_missing", ""},
	{erasure.ErrReason, http.StatusBadRequest, "reason", "the reason is not on the list: " + strings.Join(erasure.HoldReasons(), ", ")},
	{erasure.ErrChanged, http.StatusServiceUnavailable, "changed", "something happened to this person meanwhile: give the same order again"},
	{account.ErrNotFound, http.StatusNotFound, "resident", "the register has no such resident"},
	{credential.ErrUnknown, http.StatusNotFound, "credential", "no such credential"},
	{credential.ErrRevoked, http.StatusConflict, "revoked", "the credential is revoked, for good"},
	{credential.ErrBits, http.StatusConflict, "bits", "the credential's status list has one bit: revoke it, or have a new one issued"},
	{errReason, http.StatusBadRequest, "reason", ""},
	{consent.ErrUnknown, http.StatusNotFound, "grant", "no such grant"},
	{consent.ErrPending, http.StatusConflict, "pending", "the citizen has not decided yet: there is nothing to invalidate"},
	{consent.ErrInvalid, http.StatusConflict, "invalidated", "this grant was invalidated before, for another reason"},
	{errEnded, http.StatusConflict, "ended", ""},
	{errNoSignal, http.StatusNotFound, "signal", ""},
	{credential.ErrDeferral, http.StatusConflict, "issuance", "no such issuance waits, or it was decided the other way"},
	{credential.ErrReason, http.StatusBadRequest, "reason", "the reason is not on the list: " + strings.Join(credential.RefusalReasons(), ", ")},
	{credential.ErrConfig, http.StatusNotFound, "config", ""},
	{trail.ErrCaller, http.StatusForbidden, "caller", "the system does not say who calls, and nothing is done for whom nobody knows"},
	{trail.ErrNotKept, http.StatusServiceUnavailable, "trail", "the trail of the operator's acts cannot be written: nothing was done, try again"},
}

func problemOf(err error) web.Problem {
	for _, row := range refusals {
		if errors.Is(err, row.is) {
			cause := row.cause
			if cause == "" {
				cause = err.Error()
			}
			return web.Problem{Status: row.status, Code: row.code, Cause: cause, Mender: "operator"}
		}
	}
	return web.Problem{Status: http.StatusInternalServerError, Code: "internal",
		Cause: "internal error; the log of the service has the details under this correlation id", Mender: "operator"}
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	h.Frame.Problem(w, r, p, err)
}
