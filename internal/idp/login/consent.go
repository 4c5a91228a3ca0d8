package login

import (
	"net/http"

	"github.com/govmydata/mydata/internal/web"
)

// consent asks who logs in once more, where a client wants that (prompt=consent) or
// registered itself, and no other page asks (OpenID Connect Core 1.0, 3.1.2.4).
func (h *Handler) consent(w http.ResponseWriter, r *http.Request) {
	in, ok := h.consenting.Asked(w, r)
	if !ok {
		return
	}
	web.AllowForm(w, in.Client.RedirectURIs...)
	h.pages.Render(w, r, http.StatusOK, "consent", map[string]any{
		"ID": in.ID, "Client": in.Client.DisplayName(web.Lang(r)), "Stranger": in.Stranger, "Open": in.Until,
	})
}
