package agency

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/signal"
)

// pollWait bounds how long a poll is held (RFC 8936, 2.5), well within the time
// that a request has.
const pollWait = 5 * time.Second

// pollPath is where agencies poll.
const pollPath = "/agency/signals"

// Signals answers polls, as internal/notify does.
type Signals interface {
	Poll(ctx context.Context, agency string, p signal.Poll, wait time.Duration) (signal.Polled, error)
}

// Outbox keeps a signal: durable on return, the same one twice is one.
type Outbox interface {
	Signal(ctx context.Context, s signal.Signal) error
}

// poll is RFC 8936, 2.2 to 2.4. The agency authenticates (3) by a JWS of its
// certificate's key over the body's digest, as a bearer token that is used once.
func (h *Handler) poll(w http.ResponseWriter, r *http.Request) {
	raw, ok := h.json(w, r)
	if !ok {
		return
	}
	agency, err := h.caller(r, raw)
	if _, refused := errors.AsType[*consent.CheckError](err); err != nil && !refused {
		h.fail(w, r, err)
		return
	}
	if err != nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		h.Frame.Problem(w, r, web.Problem{
			Status: http.StatusUnauthorized, Code: "not_authenticated", Check: "call", Cause: cause(err), Mender: "agency"}, err)
		return
	}
	p, err := signal.ParsePoll(raw)
	if err != nil {
		h.Frame.Problem(w, r, web.Problem{
			Status: http.StatusBadRequest, Code: signal.CodeOf(err), Check: "poll", Cause: cause(err), Mender: "agency"}, err)
		return
	}
	answered, err := h.Signals.Poll(r.Context(), agency, p, pollWait)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, answered)
}

// caller is the agency that signed for this very body.
func (h *Handler) caller(r *http.Request, body []byte) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
		return "", &consent.CheckError{Check: "call", Cause: "one bearer token is needed, a " + consent.CallJWT}
	}
	c, until, err := consent.OpenCall(strings.TrimSpace(token), h.Ledger.Issuer+pollPath, body, h.Ledger.AgencyRoots, h.Ledger.Now())
	if err != nil {
		return "", err
	}
	err = h.Calls.Once(r.Context(), "call "+consent.DigestOf(c.Issuer+"\x00"+c.ID), until)
	if errors.Is(err, dpop.ErrReplayed) {
		err = &consent.CheckError{Check: "call", Cause: "it was used before"}
	}
	return c.Issuer, err
}

// cause is what an agency may know of a refusal.
func cause(err error) string {
	if refused, ok := errors.AsType[*consent.CheckError](err); ok {
		return refused.Cause
	}
	if refused, ok := errors.AsType[*signal.Error](err); ok {
		return refused.Cause
	}
	return "it is not as expected"
}

// ready has a provider say that what it could not give at once is there: the
// consumer is told to ask again. Saying it again changes nothing.
func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	jws, ok := h.body(w, r)
	if !ok {
		return
	}
	said, err := h.Ledger.Ready(r.Context(), jws)
	if err == nil {
		err = h.Outbox.Signal(r.Context(), said)
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusAccepted, map[string]any{})
}

// json reads a body of application/json; ok false means that the refusal was
// written.
func (h *Handler) json(w http.ResponseWriter, r *http.Request) (raw []byte, ok bool) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		h.Frame.Problem(w, r, web.Problem{
			Status: http.StatusUnsupportedMediaType, Code: "media_type", Check: "content type",
			Cause: "send application/json", Mender: "agency",
		}, err)
		return nil, false
	}
	raw, err = io.ReadAll(http.MaxBytesReader(w, r.Body, web.BodyLimit))
	if err != nil {
		problem := web.Problem{Status: http.StatusBadRequest, Code: "body", Check: "body", Cause: "it could not be read", Mender: "agency"}
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			problem.Status, problem.Cause = http.StatusRequestEntityTooLarge, "it is too large"
		}
		h.Frame.Problem(w, r, problem, err)
		return nil, false
	}
	return raw, true
}
