package agency

import "net/http"

// cancel takes back a consumer's request that nobody has decided.
func (h *Handler) cancel(w http.ResponseWriter, r *http.Request) {
	jws, ok := h.body(w, r)
	if !ok {
		return
	}
	record, err := h.Ledger.Cancel(r.Context(), jws)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]string{"state": string(record.State)})
}
