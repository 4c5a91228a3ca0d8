package agency

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/dpop"
)

// Handler serves the agencies' endpoints.
type Handler struct {
	Frame    *web.Frame
	Ledger   *consent.Ledger
	Receipts receipt.Assembler

	// Signals, Outbox and Calls are there together, or there are no signals here.
	Signals Signals
	Outbox  Outbox
	Calls   dpop.Replay // of calls that are no JWS themselves
}

// MediaType of the compact JWS in requests (RFC 7515, 9.2.1).
const MediaType = "application/jose"

// usualBody is room for nearly every body.
const usualBody = 4 << 10

// proofWait bounds how long an answer waits for the log.
const proofWait = 5 * time.Second

// Mount adds the endpoints and takes them out of the cross-origin check: they
// carry no cookie.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Machine("/agency/")
	mux.HandleFunc("POST /agency/commits", h.commit)
	mux.HandleFunc("POST /agency/received", h.received)
	mux.HandleFunc("POST /agency/cancellations", h.cancel)
	mux.HandleFunc("POST /agency/deletions", h.deletion)
	mux.HandleFunc("POST /agency/receipts/{grant}", h.receipt)
	if h.Signals != nil {
		mux.HandleFunc("POST "+pollPath, h.poll)
		mux.HandleFunc("POST /agency/ready", h.ready)
	}
}

// commit is the hub's durable yes to one use, before the first byte.
func (h *Handler) commit(w http.ResponseWriter, r *http.Request) {
	jws, ok := h.body(w, r)
	if !ok {
		return
	}
	promise, err := h.Ledger.Use(r.Context(), jws)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"promise": promise})
}

// received records the consumer's countersignature. The answer carries the
// receipt as soon as the log has taken it; otherwise 202, and the receipt is
// asked for with the same JWS later.
func (h *Handler) received(w http.ResponseWriter, r *http.Request) {
	jws, ok := h.body(w, r)
	if !ok {
		return
	}
	record, err := h.Ledger.Received(r.Context(), jws)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.answerReceipt(w, r, record)
}

// receipt answers a consumer's receipt again, to whoever can show the signed
// countersignature of one of its uses.
func (h *Handler) receipt(w http.ResponseWriter, r *http.Request) {
	jws, ok := h.body(w, r)
	if !ok {
		return
	}
	claims, err := consent.OpenReceived(jws, h.Ledger.AgencyRoots)
	if err == nil && string(claims.GrantID) != r.PathValue("grant") {
		err = consent.ErrUnknown
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	record, err := h.Ledger.Received(r.Context(), jws)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.answerReceipt(w, r, record)
}

func (h *Handler) answerReceipt(w http.ResponseWriter, r *http.Request, record consent.Record) {
	ctx, cancel := context.WithTimeout(r.Context(), proofWait)
	defer cancel()
	made, err := h.Receipts.ForConsumer(ctx, record.Grant, record.Consumer)
	switch {
	case err == nil:
		answer(w, http.StatusOK, map[string]any{"receipt": made})
	case errors.Is(err, sequencer.ErrPending) || errors.Is(err, context.DeadlineExceeded):
		w.Header().Set("Retry-After", "2")
		answer(w, http.StatusAccepted, map[string]any{})
	default:
		h.fail(w, r, err)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Cache-Control", "no-store")
	web.JSON(w, status, v)
}

// body reads a compact JWS; ok false means that the refusal was written.
func (h *Handler) body(w http.ResponseWriter, r *http.Request) (jws string, ok bool) {
	media, err := r.Header.Get("Content-Type"), error(nil)
	if media != MediaType { // it may be spelled otherwise
		media, _, err = mime.ParseMediaType(media)
	}
	if err != nil || media != MediaType {
		h.Frame.Problem(w, r, web.Problem{
			Status: http.StatusUnsupportedMediaType, Code: "media_type", Check: "content type",
			Cause: "send one compact JWS as " + MediaType, Mender: "agency",
		}, err)
		return "", false
	}
	raw := bytes.NewBuffer(make([]byte, 0, usualBody))
	if _, err := raw.ReadFrom(http.MaxBytesReader(w, r.Body, web.BodyLimit)); err != nil {
		problem := web.Problem{Status: http.StatusBadRequest, Code: "body", Check: "body", Cause: "it could not be read", Mender: "agency"}
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			problem.Status, problem.Cause = http.StatusRequestEntityTooLarge, "it is too large"
		}
		h.Frame.Problem(w, r, problem, err)
		return "", false
	}
	return strings.TrimSpace(raw.String()), true
}
