package document

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

//go:embed page locale
var files embed.FS

// Server is what the page asks of the authorization server; *oauth.Server is one.
type Server interface {
	Interaction(ctx context.Context, r *http.Request, id string) (oauth.Interaction, error)
	Done(ctx context.Context, r *http.Request, id, step string) error
	Deny(ctx context.Context, r *http.Request, id string) (string, error)
	Next(ctx context.Context, id string) (string, error)
}

// Handler serves the page on which a citizen agrees.
type Handler struct {
	Frame     *web.Frame
	Server    Server
	Documents *Documents
	Logger    *slog.Logger // slog.Default when nil

	pages *web.Pages
}

// Mount adds the page and its two answers.
func (h *Handler) Mount(mux *http.ServeMux) {
	if h.Logger == nil {
		h.Logger = slog.Default()
	}
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	mux.HandleFunc("GET /document/{interaction}", h.show)
	mux.HandleFunc("POST /document/{interaction}", h.agree)
	mux.HandleFunc("POST /document/{interaction}/deny", h.deny)
}

// matter is what an interaction of this browser asks for.
type matter struct {
	oauth.Interaction
	agency   catalogue.Agency
	document catalogue.Document
}

// matter answers false where it has answered: login comes first.
func (h *Handler) matter(w http.ResponseWriter, r *http.Request) (m matter, ok bool) {
	var err error
	if m.Interaction, err = h.Server.Interaction(r.Context(), r, r.PathValue("interaction")); err != nil {
		h.fail(w, r, err)
		return m, false
	}
	refs := oauth.References(m.Refs, openid4vci.DetailType)
	if len(refs) != 1 { // it is about something else
		h.fail(w, r, oauth.ErrNoInteraction)
		return m, false
	}
	if m.Citizen == "" {
		h.next(w, r, m.ID)
		return m, false
	}
	if m.agency, m.document, err = h.Documents.find(refs[0]); err != nil {
		h.fail(w, r, err)
		return m, false
	}
	return m, true
}

// show names who asks, whose document it is, and for whom.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	m, ok := h.matter(w, r)
	if !ok {
		return
	}
	resident, err := h.Documents.People.Resident(r.Context(), m.Citizen)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	lang := web.Lang(r)
	web.AllowForm(w, origins(m.Client.RedirectURIs)...)
	w.Header().Set("Cache-Control", "no-store")
	h.pages.Render(w, r, http.StatusOK, "document", map[string]any{
		"ID": m.ID, "Wallet": m.Client.DisplayName(lang), "Agency": m.agency.Name.In(lang), "Document": m.document.Title.In(lang),
		"Contact": m.agency.Contact, "Known": m.agency.ResidentID, "NameKo": resident.NameKo, "NameLatin": resident.NameLatin,
	})
}

func (h *Handler) agree(w http.ResponseWriter, r *http.Request) {
	m, ok := h.matter(w, r)
	if !ok {
		return
	}
	if err := h.Server.Done(r.Context(), r, m.ID, Step); err != nil {
		h.fail(w, r, err)
		return
	}
	h.Logger.InfoContext(r.Context(), "document agreed", "client", m.Client.ID, "agency", m.agency.ID, "document", m.document.ID, "interaction", m.ID)
	h.next(w, r, m.ID)
}

func (h *Handler) deny(w http.ResponseWriter, r *http.Request) {
	m, ok := h.matter(w, r)
	if !ok {
		return
	}
	back, err := h.Server.Deny(r.Context(), r, m.ID)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (h *Handler) next(w http.ResponseWriter, r *http.Request, id string) {
	next, err := h.Server.Next(r.Context(), id)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// pageErrors are what a person reads.
var pageErrors = []struct {
	err    error
	status int
	text   string
}{
	{oauth.ErrOtherBrowser, http.StatusForbidden, "document.error.other_browser"},
	{oauth.ErrNoInteraction, http.StatusNotFound, "document.error.gone"},
	{oauth.ErrNobody, http.StatusForbidden, "document.error.gone"},
	{oauth.ErrConflict, http.StatusConflict, "document.error.conflict"},
	{account.ErrNotFound, http.StatusForbidden, "document.error.gone"},
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	for _, p := range pageErrors {
		if errors.Is(err, p.err) {
			h.Frame.Fail(w, r, p.status, p.text, err)
			return
		}
	}
	if _, ok := errors.AsType[*oauth.Refusal](err); ok {
		h.Frame.Fail(w, r, http.StatusGone, "document.error.delisted", err)
		return
	}
	h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
}

// origins of the places to which the form may lead: a browser applies the page's
// form-action to the redirects that follow.
func origins(redirects []string) []string {
	var all []string
	for _, raw := range redirects {
		if u, err := url.Parse(raw); err == nil && u.Host != "" {
			all = append(all, u.Scheme+"://"+u.Host)
		}
	}
	return all
}
