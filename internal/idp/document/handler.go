package document

import (
	"embed"
	"errors"
	"log/slog"
	"net/http"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

//go:embed page locale
var files embed.FS

// Handler serves the page on which a citizen agrees.
type Handler struct {
	Frame     *web.Frame
	Server    oauth.Questions
	Documents *Documents
	Logger    *slog.Logger // slog.Default when nil

	pages    *web.Pages
	question oauth.Question
}

// Mount adds the page and its two answers.
func (h *Handler) Mount(mux *http.ServeMux) {
	if h.Logger == nil {
		h.Logger = slog.Default()
	}
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	h.question = oauth.Question{Server: h.Server, Step: Step, About: about, Fail: h.fail}
	mux.HandleFunc("GET /document/{interaction}", h.show)
	mux.HandleFunc("POST /document/{interaction}", h.agree)
	mux.HandleFunc("POST /document/{interaction}/deny", h.question.Deny)
}

// matter is what an interaction of this browser asks for.
type matter struct {
	oauth.Interaction
	agency   catalogue.Agency
	document catalogue.Document
}

// about says that an interaction asks for one document.
func about(in oauth.Interaction) error {
	if len(oauth.References(in.Refs, openid4vci.DetailType)) != 1 {
		return oauth.ErrNoInteraction
	}
	return nil
}

// matter answers false where it has answered: login comes first.
func (h *Handler) matter(w http.ResponseWriter, r *http.Request) (m matter, ok bool) {
	if m.Interaction, ok = h.question.Asked(w, r); !ok {
		return m, false
	}
	var err error
	if m.agency, m.document, err = h.Documents.find(oauth.References(m.Refs, openid4vci.DetailType)[0]); err != nil {
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
	web.AllowForm(w, m.Client.RedirectURIs...)
	w.Header().Set("Cache-Control", "no-store")
	h.pages.Render(w, r, http.StatusOK, "document", map[string]any{
		"ID": m.ID, "Wallet": m.Client.DisplayName(lang), "Agency": m.agency.Name.In(lang), "Document": m.document.Title.In(lang),
		"Contact": m.agency.Contact, "Known": m.agency.ResidentID, "NameKo": resident.NameKo, "NameLatin": resident.NameLatin,
		"Stranger": m.Stranger, "Open": m.Until,
	})
}

func (h *Handler) agree(w http.ResponseWriter, r *http.Request) {
	if m, ok := h.matter(w, r); ok && h.question.Pass(w, r, m.Interaction) {
		h.Logger.InfoContext(r.Context(), "document agreed", "client", m.Client.ID, "agency", m.agency.ID, "document", m.document.ID, "interaction", m.ID)
	}
}

// pageErrors are what a person reads.
var pageErrors = web.Refusals{
	{oauth.ErrOtherBrowser, http.StatusForbidden, "document.error.other_browser"},
	{oauth.ErrNoInteraction, http.StatusNotFound, "document.error.gone"},
	{oauth.ErrNobody, http.StatusForbidden, "document.error.gone"},
	{oauth.ErrConflict, http.StatusConflict, "document.error.conflict"},
	{account.ErrNotFound, http.StatusForbidden, "document.error.gone"},
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if h.Frame.Refuse(w, r, pageErrors, err) {
		return
	}
	if _, ok := errors.AsType[*oauth.Refusal](err); ok {
		h.Frame.Fail(w, r, http.StatusGone, "document.error.delisted", err)
		return
	}
	h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
}
