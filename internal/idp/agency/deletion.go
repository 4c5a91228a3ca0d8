package agency

import (
	"net/http"
	"time"
)

// deletion records a consumer's statement that it deleted what it learned.
func (h *Handler) deletion(w http.ResponseWriter, r *http.Request) {
	jws, ok := h.body(w, r)
	if !ok {
		return
	}
	record, err := h.Ledger.Deleted(r.Context(), jws)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"deleted": record.Deleted.Format(time.RFC3339)})
}
