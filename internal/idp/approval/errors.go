package approval

import (
	"errors"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// errSignedOut: nobody is logged in who could answer.
var errSignedOut = errors.New("the login of the request has ended")

// refusals is this face's one table from what went wrong to what a person reads.
var refusals = web.Refusals{
	{oauth.ErrOtherBrowser, http.StatusForbidden, "approval.error.other_browser"},
	{errSignedOut, http.StatusUnauthorized, "approval.error.signed_out"},
	{oauth.ErrNobody, http.StatusUnauthorized, "approval.error.nobody"},
	{oauth.ErrConflict, http.StatusConflict, "approval.error.stale"},
	{oauth.ErrNoInteraction, http.StatusNotFound, "approval.error.gone"},
	{consent.ErrForeign, http.StatusForbidden, "approval.error.foreign"},
	{consent.ErrUnknown, http.StatusNotFound, "approval.error.gone"},
	{consent.ErrKept, http.StatusServiceUnavailable, "approval.error.again"},
	{consent.ErrConflict, http.StatusServiceUnavailable, "approval.error.again"},
	{consent.ErrNoOffer, http.StatusConflict, "approval.error.stale"},
	{consent.ErrExpired, http.StatusGone, "approval.error.gone"},
	{consent.ErrSuperseded, http.StatusGone, "approval.error.gone"},
	{consent.ErrInvalid, http.StatusGone, "approval.error.gone"},
	{consent.ErrDenied, http.StatusConflict, "approval.error.decided"},
	{consent.ErrDecided, http.StatusConflict, "approval.error.decided"},
	{consent.ErrCancelled, http.StatusGone, "approval.error.gone"},
	{consent.ErrWithdrawn, http.StatusConflict, "approval.error.decided"},
	{consent.ErrPaused, http.StatusConflict, "approval.error.decided"},
	{consent.ErrConsumed, http.StatusConflict, "approval.error.decided"},
	{account.ErrYoung, http.StatusForbidden, "web.error.young"},
	{account.ErrAssertion, http.StatusBadRequest, "approval.error.signature"},
	{account.ErrNotFound, http.StatusForbidden, "approval.error.signature"},
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if h.Frame.Refuse(w, r, refusals, err) {
		return
	}
	if _, ok := errors.AsType[*approval.CheckError](err); ok {
		h.Frame.Fail(w, r, http.StatusBadRequest, "approval.error.signature", err)
		return
	}
	if refused, ok := errors.AsType[*consent.CheckError](err); ok {
		text := "approval.error.choice"
		if strings.HasPrefix(refused.Check, "passkey") {
			text = "approval.error.signature"
		}
		h.Frame.Fail(w, r, http.StatusBadRequest, text, err)
		return
	}
	h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
}
