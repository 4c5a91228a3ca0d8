package public

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Anchors is the book of proofs that checkpoints are anchored; *anchor.Book is
// one. Newest and Of answer anchor.ErrNotFound.
type Anchors interface {
	Take(ctx context.Context, proof []byte) (size int64, fresh bool, err error)
	Newest(ctx context.Context) ([]byte, error)
	Of(ctx context.Context, size int64) ([]byte, error)
}

// Limits bounds what one sender may ask for; whom is always "", the sender of
// the request that ctx belongs to.
type Limits interface {
	Take(ctx context.Context, budget, whom string) error
}

const budgetAnchor = "anchor"

// mountAnchors adds the addresses of anchors. Who posts one is not asked: the
// proof carries its own signatures.
func (h *Handler) mountAnchors(mux *http.ServeMux) {
	mux.HandleFunc("POST /anchors", h.takeAnchor)
	mux.HandleFunc("GET /anchors/latest", func(w http.ResponseWriter, r *http.Request) {
		h.anchor(w, r, "no-cache, max-age=0", func() ([]byte, error) { return h.Anchors.Newest(r.Context()) })
	})
	mux.HandleFunc("GET /anchors/{size}", h.anchorOf)
	h.Frame.Machine("POST /anchors")
}

func (h *Handler) takeAnchor(w http.ResponseWriter, r *http.Request) {
	if h.Anchors == nil {
		h.noAnchors(w, r)
		return
	}
	if h.Limits != nil {
		if err := h.Limits.Take(r.Context(), budgetAnchor, ""); err != nil {
			h.failAnchor(w, r, err)
			return
		}
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, endorsement.MaxProof))
	if err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			h.problem(w, r, http.StatusRequestEntityTooLarge, "anchor_too_large", endorsement.CheckForm, "longer than a proof can be", "anchorer", err)
			return
		}
		h.problem(w, r, http.StatusBadRequest, "anchor_cut", endorsement.CheckForm, "the body did not come whole", "anchorer", err)
		return
	}
	size, fresh, err := h.Anchors.Take(r.Context(), raw)
	if err != nil {
		h.failAnchor(w, r, err)
		return
	}
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
		w.Header().Set("Location", "/anchors/"+strconv.FormatInt(size, 10))
	}
	w.Header().Set("Cache-Control", "no-store")
	web.JSON(w, status, map[string]int64{"size": size})
}

func (h *Handler) anchorOf(w http.ResponseWriter, r *http.Request) {
	text := r.PathValue("size")
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 1 || strconv.FormatInt(size, 10) != text {
		h.problem(w, r, http.StatusNotFound, "no_such_anchor", "anchor exists", "the path ends with no size of a log", "reader", err)
		return
	}
	// A size has one proof, and keeps it.
	h.anchor(w, r, "public, max-age=31536000, immutable", func() ([]byte, error) { return h.Anchors.Of(r.Context(), size) })
}

func (h *Handler) anchor(w http.ResponseWriter, r *http.Request, caching string, read func() ([]byte, error)) {
	if h.Anchors == nil {
		h.noAnchors(w, r)
		return
	}
	proof, err := read()
	if err != nil {
		h.failAnchor(w, r, err)
		return
	}
	open(w, "application/json", caching)
	h.write(w, r, proof)
}

func (h *Handler) noAnchors(w http.ResponseWriter, r *http.Request) {
	h.problem(w, r, http.StatusNotFound, "anchors_not_kept", "service keeps anchors", "this hub was given no --fabric-trust", "operator", nil)
}

// failAnchor is the table from an anchor's errors to answers.
func (h *Handler) failAnchor(w http.ResponseWriter, r *http.Request, err error) {
	if refused, ok := errors.AsType[*endorsement.Error](err); ok {
		h.problem(w, r, http.StatusBadRequest, "invalid_anchor", refused.Check, refused.Cause, refused.Mender, err)
		return
	}
	switch {
	case errors.Is(err, anchor.ErrNotFound):
		h.problem(w, r, http.StatusNotFound, "no_such_anchor", "anchor exists", "no proof of this size was handed over so far", "anchorer", err)
	case errors.Is(err, anchor.ErrOrigin):
		h.problem(w, r, http.StatusBadRequest, "foreign_anchor", "anchor's origin", anchor.ErrOrigin.Error(), "anchorer", err)
	case errors.Is(err, anchor.ErrContradicts):
		h.problem(w, r, http.StatusConflict, "anchor_contradicts", "anchor continues into the log", anchor.ErrContradicts.Error()+": the log stops", "operator", err)
	case errors.Is(err, anchor.ErrTaken):
		h.problem(w, r, http.StatusConflict, "anchor_taken", "one anchor a size", anchor.ErrTaken.Error(), "organisations", err)
	default:
		h.problem(w, r, http.StatusInternalServerError, "internal", "service", "internal error", "operator", err)
	}
}
