package device

import (
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
	oauth.Questions
	BeginDevice(w http.ResponseWriter, r *http.Request, typed string) (next string, err error)
}

// Handler serves the pages.
type Handler struct {
	Frame  *web.Frame
	Server Server

	pages    *web.Pages
	question oauth.Question // of this browser, about a device
}

// Mount adds the pages.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	h.question = oauth.Question{Server: h.Server, Step: oauth.StepDevice, Fail: h.fail, About: func(in oauth.Interaction) error {
		if !in.Device {
			return oauth.ErrNoInteraction
		}
		return nil
	}}
	mux.HandleFunc("GET /device", h.enter)
	mux.HandleFunc("POST /device", h.begin)
	mux.HandleFunc("GET /device/done", h.done)
	mux.HandleFunc("GET /device/{interaction}", h.ask)
	mux.HandleFunc("POST /device/{interaction}", h.question.Agree)
	mux.HandleFunc("POST /device/{interaction}/deny", h.question.Deny)
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

// ask says which device it is and where it stands, as registered.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request) {
	in, ok := h.question.Asked(w, r)
	if !ok {
		return
	}
	lang := web.Lang(r)
	h.pages.Render(w, r, http.StatusOK, "ask", map[string]any{
		"ID": in.ID, "Device": in.Client.DisplayName(lang), "Place": in.Client.PlaceName(lang), "Open": in.Until,
	})
}

func (h *Handler) done(w http.ResponseWriter, r *http.Request) {
	h.pages.Render(w, r, http.StatusOK, "done", map[string]any{"Yes": r.URL.Query().Get("said") == "yes"})
}

// pageErrors are what a person reads.
var pageErrors = web.Refusals{
	{oauth.ErrOtherBrowser, http.StatusForbidden, "device.error.other_browser"},
	{oauth.ErrNoInteraction, http.StatusNotFound, "device.error.gone"},
	{oauth.ErrNobody, http.StatusForbidden, "device.error.gone"},
	{oauth.ErrConflict, http.StatusConflict, "device.error.gone"},
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if !h.Frame.Refuse(w, r, pageErrors, err) {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
	}
}
