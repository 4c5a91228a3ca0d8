package notices

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"slices"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

//go:embed page locale static worker.js
var files embed.FS

// Messages keeps choices; see internal/notify.
type Messages interface {
	Channels() []string
	Choice(ctx context.Context, citizen string) (notify.Choice, error)
	Choose(ctx context.Context, citizen, channel, lang, address string) (confirm bool, err error)
	Confirm(ctx context.Context, citizen, code string) error
}

// Handler serves the flow.
type Handler struct {
	Frame    *web.Frame
	Messages Messages
	// PushKey is what browsers subscribe with; "" without push.
	PushKey string
	// Session tells who is logged in; oauth.ErrNobody where nobody is.
	Session func(*http.Request) (citizen string, err error)

	pages  *web.Pages
	worker []byte
}

// Mount adds the flow's pages.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.Frame.Assets(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	var err error
	if h.worker, err = files.ReadFile("worker.js"); err != nil {
		panic("notices: " + err.Error())
	}
	mux.HandleFunc("GET /me/notices", h.signedIn(h.show))
	mux.HandleFunc("POST /me/notices", h.signedIn(h.choose))
	mux.HandleFunc("POST /me/notices/confirm", h.signedIn(h.confirm))
	mux.HandleFunc("GET /me/notices/worker.js", h.serviceWorker)
}

// serviceWorker is below /me/notices, so that it is in charge of nothing else.
func (h *Handler) serviceWorker(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(h.worker)
}

func (h *Handler) signedIn(page func(http.ResponseWriter, *http.Request, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		citizen, err := h.Session(r)
		switch {
		case errors.Is(err, oauth.ErrNobody) && r.Method == http.MethodGet:
			http.Redirect(w, r, "/login?next=%2Fme%2Fnotices", http.StatusSeeOther)
		case errors.Is(err, oauth.ErrNobody):
			h.Frame.Fail(w, r, http.StatusUnauthorized, "notices.error.signed_out", nil)
		case err != nil:
			h.fail(w, r, err)
		default:
			if err := page(w, r, citizen); err != nil {
				h.fail(w, r, err)
			}
		}
	}
}

type view struct {
	Push, Mail, File bool
	PushKey          string
	Channel, Lang    string
	Address          string
	Confirm, Saved   bool
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request, citizen string) error {
	c, err := h.Messages.Choice(r.Context(), citizen)
	if err != nil && !errors.Is(err, notify.ErrNoChoice) {
		return err
	}
	channels := h.Messages.Channels()
	v := view{
		Push: slices.Contains(channels, notify.ChannelPush), Mail: slices.Contains(channels, notify.ChannelMail),
		File: slices.Contains(channels, notify.ChannelFile), PushKey: h.PushKey,
		Channel: c.Channel, Lang: c.Lang, Confirm: c.Code != "", Saved: r.URL.Query().Has("saved"),
	}
	if v.Lang == "" {
		v.Lang = web.Lang(r)
	}
	if c.Channel == notify.ChannelMail {
		v.Address = string(c.Address)
	}
	h.pages.Render(w, r, http.StatusOK, "notices", v)
	return nil
}

func (h *Handler) choose(w http.ResponseWriter, r *http.Request, citizen string) error {
	if err := r.ParseForm(); err != nil {
		return errBody
	}
	address := r.PostForm.Get("mail")
	if r.PostForm.Get("channel") == notify.ChannelPush {
		address = r.PostForm.Get("subscription")
	}
	confirm, err := h.Messages.Choose(r.Context(), citizen, r.PostForm.Get("channel"), r.PostForm.Get("lang"), address)
	if err != nil {
		return err
	}
	return h.back(w, r, !confirm)
}

func (h *Handler) confirm(w http.ResponseWriter, r *http.Request, citizen string) error {
	if err := r.ParseForm(); err != nil {
		return errBody
	}
	if err := h.Messages.Confirm(r.Context(), citizen, r.PostForm.Get("code")); err != nil {
		return err
	}
	return h.back(w, r, true)
}

func (h *Handler) back(w http.ResponseWriter, r *http.Request, saved bool) error {
	to := "/me/notices"
	if saved {
		to += "?saved"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

var errBody = errors.New("the body is not as expected")

// fail is the one table from sentinels to what a person is told.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	for _, row := range []struct {
		is      error
		status  int
		message string
	}{
		{notify.ErrCode, http.StatusBadRequest, "notices.error.code"},
		{notify.ErrAddress, http.StatusBadRequest, "notices.error.address"},
		{notify.ErrChannel, http.StatusBadRequest, "notices.error.channel"},
		{notify.ErrNoChoice, http.StatusBadRequest, "notices.error.channel"},
		{notify.ErrTooSoon, http.StatusTooManyRequests, "notices.error.soon"},
		{notify.ErrUnsent, http.StatusServiceUnavailable, "notices.error.unsent"},
		{errBody, http.StatusBadRequest, "web.error.bad_request"},
	} {
		if errors.Is(err, row.is) {
			if row.status != http.StatusBadRequest {
				w.Header().Set("Retry-After", "60")
			}
			h.Frame.Fail(w, r, row.status, row.message, err)
			return
		}
	}
	h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
}
