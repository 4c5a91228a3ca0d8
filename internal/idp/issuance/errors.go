package issuance

import (
	"errors"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

var (
	errScope = errors.New("the access token is not for this credential")
	errMedia = errors.New("the body is not application/json")
	errBody  = errors.New("the body cannot be read")
	errLarge = errors.New("the body is too large")
	errTime  = errors.New("the time asked for is none")
	errForm  = errors.New("no acceptable form of a status list")
)

// problems is this face's one table from what went wrong to what a program
// reads, beside OpenID4VCI's own codes.
var problems = []struct {
	err     error
	problem web.Problem
}{
	{errMedia, web.Problem{Status: http.StatusUnsupportedMediaType, Code: "media_type", Check: "content type", Cause: "send application/json", Mender: "wallet"}},
	{errLarge, web.Problem{Status: http.StatusRequestEntityTooLarge, Code: "body", Check: "body", Cause: "it is too large", Mender: "wallet"}},
	{errBody, web.Problem{Status: http.StatusBadRequest, Code: "body", Check: "body", Cause: "it broke off", Mender: "wallet"}},
	{credential.ErrOffer, web.Problem{Status: http.StatusNotFound, Code: "offer", Check: "offer", Cause: "unknown, used or expired", Mender: "citizen"}},
	{errTime, web.Problem{Status: http.StatusBadRequest, Code: "time", Check: "status list", Cause: "time is one count of seconds since 1970", Mender: "verifier"}},
	{errForm, web.Problem{Status: http.StatusNotAcceptable, Code: "not_acceptable", Check: "status list", Cause: "lists are application/statuslist+jwt or application/statuslist+cwt", Mender: "verifier"}},
	{credential.ErrHistory, web.Problem{Status: http.StatusNotFound, Code: "history", Check: "status list", Cause: "the list of that time is not kept", Mender: "verifier"}},
	{credential.ErrUnknown, web.Problem{Status: http.StatusNotFound, Code: "not_found", Check: "status list", Cause: "no such list", Mender: "issuer"}},
}

// pageErrors are what a person reads.
var pageErrors = web.Refusals{
	{oauth.ErrOtherBrowser, http.StatusForbidden, "issuance.error.other_browser"},
	{oauth.ErrNoInteraction, http.StatusNotFound, "issuance.error.gone"},
	{oauth.ErrNobody, http.StatusForbidden, "issuance.error.gone"},
	{oauth.ErrConflict, http.StatusConflict, "issuance.error.conflict"},
	{account.ErrNotFound, http.StatusForbidden, "issuance.error.resident"},
}

// refuse answers a program.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if protocol, ok := errors.AsType[*openid4vci.Error](err); ok {
		web.Refused(r.Context(), protocol.Check)
		web.Refused(r.Context(), string(protocol.Code))
		h.Logger.InfoContext(r.Context(), "refused", "code", protocol.Code, "check", protocol.Check,
			"route", r.Pattern, "correlation_id", web.Correlation(r.Context()))
		writeJSON(w, protocol.Status(), protocol)
		return
	}
	if errors.Is(err, errScope) { // RFC 6750, 3.1
		web.Refused(r.Context(), "scope")
		h.Logger.InfoContext(r.Context(), "refused", "code", "insufficient_scope",
			"route", r.Pattern, "correlation_id", web.Correlation(r.Context()))
		w.Header().Set("WWW-Authenticate", `DPoP error="insufficient_scope", scope="`+strings.Join(Scopes(), " ")+`"`)
		writeJSON(w, http.StatusForbidden, map[string]string{"error": "insufficient_scope"})
		return
	}
	if errors.Is(err, oauth.ErrGone) { // since it was let through
		web.Refused(r.Context(), "token")
		h.Logger.InfoContext(r.Context(), "refused", "code", "invalid_token",
			"route", r.Pattern, "correlation_id", web.Correlation(r.Context()))
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			h.Frame.Problem(w, r, p.problem, err)
			return
		}
	}
	h.Frame.Problem(w, r, web.Problem{Status: http.StatusInternalServerError, Code: "internal", Check: "service", Cause: "internal error", Mender: "operator"}, err)
}

// fail answers a person.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if !h.Frame.Refuse(w, r, pageErrors, err) {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
	}
}
