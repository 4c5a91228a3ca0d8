package device

import (
	"context"
	"embed"
	"errors"
	"net/http"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

//go:embed page locale
var files embed.FS

// Server is what the pages ask of the authorization server; *oauth.Server is one.
type Server interface {
	BeginDevice(w http.ResponseWriter, r *http.Request, typed string) (next string, err error)
	Interaction(ctx context.Context, r *http.Request, id string) (oauth.Interaction, error)
	Done(ctx context.Context, r *http.Request, id, step string) error
	Deny(ctx context.Context, r *http.Request, id string) (string, error)
	Next(ctx context.Context, id string) (string, error)
}

// Handler serves the pages.
type Handler struct {
	Frame  *web.Frame
	Server Server

	pages *web.Pages
}

// Mount adds the pages.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	mux.HandleFunc("GET /device", h.enter)
	mux.HandleFunc("POST /device", h.begin)
	mux.HandleFunc("GET /device/done", h.done)
	mux.HandleFunc("GET /device/{interaction}", h.ask)
	mux.HandleFunc("POST /device/{interaction}", h.agree)
	mux.HandleFunc("POST /device/{interaction}/deny", h.deny)
}

// enter asks for the code. It is not read from the address: a link with a code in
// it is a fraud's.
func (h *Handler) enter(w http.ResponseWriter, r *http.Request) {
	h.pages.Render(w, r, http.StatusOK, "enter", map[string]any{"Wrong": false})
}

func (h *Handler) begin(w http.ResponseWriter, r *http.Request) {
	next, err := h.Server.BeginDevice(w, r, r.PostFormValue("user_code"))
	if errors.Is(err, oauth.ErrUserCode) {
		h.pages.Render(w, r, http.StatusBadRequest, "enter", map[string]any{"Wrong": true})
		return
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// question is an interaction of this browser that answers a device; false where it
// has answered, for the login comes first.
func (h *Handler) question(w http.ResponseWriter, r *http.Request) (oauth.Interaction, bool) {
	in, err := h.Server.Interaction(r.Context(), r, r.PathValue("interaction"))
	if err == nil && !in.Device { // it is about something else
		err = oauth.ErrNoInteraction
	}
	if err != nil {
		h.fail(w, r, err)
		return in, false
	}
	if in.Citizen == "" {
		h.next(w, r, in.ID)
		return in, false
	}
	return in, true
}

// ask says which device it is and where it stands, as registered.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request) {
	in, ok := h.question(w, r)
	if !ok {
		return
	}
	lang := web.Lang(r)
	h.pages.Render(w, r, http.StatusOK, "ask", map[string]any{
		"ID": in.ID, "Device": in.Client.DisplayName(lang), "Place": in.Client.PlaceName(lang),
	})
}

func (h *Handler) agree(w http.ResponseWriter, r *http.Request) {
	in, ok := h.question(w, r)
	if !ok {
		return
	}
	if err := h.Server.Done(r.Context(), r, in.ID, oauth.StepDevice); err != nil {
		h.fail(w, r, err)
		return
	}
	h.next(w, r, in.ID)
}

func (h *Handler) deny(w http.ResponseWriter, r *http.Request) {
	in, ok := h.question(w, r)
	if !ok {
		return
	}
	to, err := h.Server.Deny(r.Context(), r, in.ID)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (h *Handler) done(w http.ResponseWriter, r *http.Request) {
	h.pages.Render(w, r, http.StatusOK, "done", map[string]any{"Yes": r.URL.Query().Get("said") == "yes"})
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
	{oauth.ErrOtherBrowser, http.StatusForbidden, "device.error.other_browser"},
	{oauth.ErrNoInteraction, http.StatusNotFound, "device.error.gone"},
	{oauth.ErrNobody, http.StatusForbidden, "device.error.gone"},
	{oauth.ErrConflict, http.StatusConflict, "device.error.gone"},
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	for _, p := range pageErrors {
		if errors.Is(err, p.err) {
			h.Frame.Fail(w, r, p.status, p.text, err)
			return
		}
	}
	h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
}
