package public

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Log is what the face needs of the sequencer.
type Log interface {
	Checkpoint(ctx context.Context) ([]byte, error)                      // sequencer.ErrPending before the first
	Tile(ctx context.Context, t tlog.Tile) ([]byte, error)               // sequencer.ErrNone when not (yet) there
	ProofOfLeaf(ctx context.Context, leaf tlog.Hash) (tlog.Proof, error) // sequencer.ErrPending when not (yet) there
}

// Handler serves the log.
type Handler struct {
	Log        Log
	Frame      *web.Frame
	Catalogues Catalogues // nil: the log alone is served
	Counts     Counts     // nil: none are kept
	Anchors    Anchors    // nil: none are kept
	Limits     Limits     // nil: anchors are not bounded
	// HubKeys is the hub's word on its own keys (consent.HubKeys); nil: none is given.
	HubKeys func(now time.Time) ([]byte, error)

	pages *web.Pages
	keys  said
}

// Mount adds the log's addresses to a mux. They have no state, so that no
// cross-origin rule but "all may read" is needed.
func (h *Handler) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /log/checkpoint", h.checkpoint)
	mux.HandleFunc("GET /log/tile/", h.tile)
	mux.HandleFunc("GET /log/proof", h.proof)
	mux.HandleFunc("GET /schemas/{name}", h.schema)
	if h.HubKeys != nil {
		mux.HandleFunc("GET /hub-keys", h.hubKeys)
	}
	h.mountAnchors(mux)
	if h.Catalogues != nil {
		h.mountPages(mux)
	}
}

func (h *Handler) checkpoint(w http.ResponseWriter, r *http.Request) {
	note, err := h.Log.Checkpoint(r.Context())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	open(w, "text/plain; charset=utf-8", "no-cache, max-age=0")
	h.write(w, r, note)
}

func (h *Handler) tile(w http.ResponseWriter, r *http.Request) {
	t, err := tlog.ParseTilePath(r.URL.Path[len("/log/"):])
	if err != nil {
		h.problem(w, r, http.StatusNotFound, "no_such_tile", "tile path", "this path names no tile of a log", "reader", err)
		return
	}
	data, err := h.Log.Tile(r.Context(), t)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	// A partial tile of one width never changes either.
	open(w, "application/octet-stream", "public, max-age=31536000, immutable")
	h.write(w, r, data)
}

// proof takes ?leaf=, the base64url of the leaf's hash, which tells nothing of
// the event behind it.
func (h *Handler) proof(w http.ResponseWriter, r *http.Request) {
	leaf := r.URL.Query().Get("leaf")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(leaf)
	if err != nil || len(raw) != len(tlog.Hash{}) || base64.RawURLEncoding.EncodeToString(raw) != leaf { // the decoder skips line breaks
		h.problem(w, r, http.StatusBadRequest, "invalid_leaf", "leaf hash", "leaf is the base64url of 32 bytes", "reader", err)
		return
	}
	proof, err := h.Log.ProofOfLeaf(r.Context(), tlog.Hash(raw))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	open(w, "text/plain; charset=utf-8", "no-cache, max-age=0")
	h.write(w, r, proof.Marshal())
}

// open says what is served, for how long, and that every page may read it.
func open(w http.ResponseWriter, kind, caching string) {
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", caching)
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

func (h *Handler) write(w http.ResponseWriter, r *http.Request, data []byte) {
	if _, err := w.Write(data); err != nil {
		slog.DebugContext(r.Context(), "log reader went away", "error", err)
	}
}

// fail is the face's one table from sentinels to answers.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, sequencer.ErrNone):
		h.problem(w, r, http.StatusNotFound, "no_such_tile", "tile exists", "the published log has no such tile", "reader", err)
	case errors.Is(err, sequencer.ErrPending):
		h.problem(w, r, http.StatusNotFound, "not_published", "published", "not in a witnessed checkpoint so far", "operator", err)
	default:
		h.problem(w, r, http.StatusInternalServerError, "internal", "service", "internal error", "operator", err)
	}
}

func (h *Handler) problem(w http.ResponseWriter, r *http.Request, status int, code, check, cause, mender string, err error) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	h.Frame.Problem(w, r, web.Problem{Status: status, Code: code, Check: check, Cause: cause, Mender: mender}, err)
}
