package login

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

// logoutPage is what a person is asked before a logout.
type logoutPage struct {
	Client string // name of who asks, or ""
	Back   bool   // the browser goes back there
	Fields url.Values
}

// endFields are the parameters of a client's wish that the page hands on.
var endFields = []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}

func (h *Handler) logoutPage(w http.ResponseWriter, r *http.Request) {
	h.pages.Render(w, r, http.StatusOK, "logout", logoutPage{})
}

// endSession is the logout endpoint (OpenID Connect RP-Initiated Logout 1.0, 2).
// Who asks with the id_token of this very session is obeyed; otherwise the person
// is asked.
func (h *Handler) endSession(w http.ResponseWriter, r *http.Request) {
	form := r.URL.Query()
	end, err := h.OAuth.EndRequest(r, form)
	if err != nil {
		h.failEnd(w, r, err)
		return
	}
	if end.Certain {
		h.leave(w, r, end.Return)
		return
	}
	page := logoutPage{Client: end.Client.DisplayName(web.Lang(r)), Back: end.Return != "", Fields: url.Values{}}
	for _, name := range endFields {
		if form.Has(name) {
			page.Fields.Set(name, form.Get(name))
		}
	}
	web.AllowForm(w, end.Return)
	h.pages.Render(w, r, http.StatusOK, "logout", page)
}

// endSessionByForm takes the same by POST. A browser sends no cookie with another
// site's form, so it is sent on to the address, which changes nothing by itself.
func (h *Handler) endSessionByForm(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.Frame.Fail(w, r, http.StatusBadRequest, "web.error.bad_request", err)
		return
	}
	query := url.Values{}
	for _, name := range endFields {
		if values := r.PostForm[name]; len(values) > 0 {
			query[name] = values
		}
	}
	http.Redirect(w, r, "/end_session?"+query.Encode(), http.StatusSeeOther)
}

// logout is what a person pressed: here alone, or everywhere.
func (h *Handler) logout(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.Frame.Fail(w, r, http.StatusBadRequest, "web.error.bad_request", err)
		return
	}
	form := url.Values{}
	for _, name := range endFields {
		if values := r.PostForm[name]; len(values) > 0 {
			form[name] = values
		}
	}
	to := "/"
	if form.Has("client_id") || form.Has("id_token_hint") {
		end, err := h.OAuth.EndRequest(r, form)
		if err != nil {
			h.failEnd(w, r, err)
			return
		}
		to = end.Return
	}
	if r.PostForm.Get("everywhere") != "" {
		if err := h.everywhere(r); err != nil {
			h.fail(w, r, err)
			return
		}
	}
	h.leave(w, r, to)
}

// leave ends this browser's session, its clients first, and goes on.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, to string) {
	token := h.Frame.Cookie(r, web.SessionCookie)
	s, err := h.Accounts.Session(r.Context(), token)
	if err == nil {
		err = h.OAuth.EndSession(r.Context(), s.ID)
	}
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		h.fail(w, r, err)
		return
	}
	if err := h.Accounts.Logout(r.Context(), token); err != nil {
		h.fail(w, r, err)
		return
	}
	h.Frame.SetCookie(w, web.SessionCookie, "", 0)
	if to == "" {
		to = "/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// everywhere ends all sessions of the person, the clients of each first.
func (h *Handler) everywhere(r *http.Request) error {
	s, err := h.Accounts.Session(r.Context(), h.Frame.Cookie(r, web.SessionCookie))
	if errors.Is(err, account.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := h.OAuth.EndCitizen(r.Context(), s.Citizen); err != nil {
		return err
	}
	return h.Accounts.LogoutAll(r.Context(), s.Citizen)
}

// takeOver is for who logs in where somebody is logged in: the same person goes
// on, at the clients too; another one's logins end.
func (h *Handler) takeOver(r *http.Request, token string) error {
	ctx := r.Context()
	old, err := h.Accounts.Session(ctx, h.Frame.Cookie(r, web.SessionCookie))
	if errors.Is(err, account.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now, err := h.Accounts.Session(ctx, token)
	if err != nil {
		return err
	}
	if now.Citizen == old.Citizen {
		return h.OAuth.Replaced(ctx, old.ID, now.ID)
	}
	return h.OAuth.EndSession(ctx, old.ID)
}

// failEnd tells a person why a client's wish was refused; the browser goes nowhere.
func (h *Handler) failEnd(w http.ResponseWriter, r *http.Request, err error) {
	if no, ok := errors.AsType[*oauth.Refusal](err); ok && no.Code == "invalid_request" {
		h.Frame.Fail(w, r, http.StatusBadRequest, "logout.error.request", err)
		return
	}
	h.fail(w, r, err)
}
