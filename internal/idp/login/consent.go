package login

import (
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

// consent asks who logs in once more, where a client wants that (prompt=consent)
// and no other page asks (OpenID Connect Core 1.0, 3.1.2.4).
func (h *Handler) consent(w http.ResponseWriter, r *http.Request) {
	in, ok := h.consenting(w, r)
	if !ok {
		return
	}
	for _, uri := range in.Client.RedirectURIs {
		if u, err := url.Parse(uri); err == nil && u.Host != "" {
			web.AllowForm(w, u.Scheme+"://"+u.Host)
		}
	}
	h.pages.Render(w, r, http.StatusOK, "consent", map[string]any{"ID": in.ID, "Client": in.Client.DisplayName(web.Lang(r))})
}

func (h *Handler) agree(w http.ResponseWriter, r *http.Request) {
	in, ok := h.consenting(w, r)
	if !ok {
		return
	}
	if err := h.OAuth.Done(r.Context(), r, in.ID, oauth.StepConsent); err != nil {
		h.fail(w, r, err)
		return
	}
	h.onward(w, r, in.ID)
}

// consenting is an interaction of this browser; false where it has answered, for
// the login comes first.
func (h *Handler) consenting(w http.ResponseWriter, r *http.Request) (oauth.Interaction, bool) {
	in, err := h.OAuth.Interaction(r.Context(), r, r.PathValue("interaction"))
	if err != nil {
		h.fail(w, r, err)
		return in, false
	}
	if in.Citizen == "" {
		h.onward(w, r, in.ID)
		return in, false
	}
	return in, true
}

func (h *Handler) onward(w http.ResponseWriter, r *http.Request, id string) {
	next, err := h.OAuth.Next(r.Context(), id)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}
