package login

import (
	"net/http"

	"github.com/govmydata/mydata/internal/web"
)

func (h *Handler) enrol(w http.ResponseWriter, r *http.Request) {
	code := r.URL.Query().Get("code")
	if len(code) > 64 {
		code = ""
	}
	h.pages.Render(w, r, http.StatusOK, "enrol", map[string]any{"Code": code})
}

func (h *Handler) enrolOptions(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code string `json:"code"`
	}
	if err := web.Decode(w, r, &in); err != nil {
		h.Frame.Fail(w, r, http.StatusBadRequest, "web.error.bad_request", err)
		return
	}
	browser := h.browser(r)
	options, err := h.Accounts.BeginEnrolment(r.Context(), browser, h.address(r), in.Code)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.Frame.SetCookie(w, browserCookie, browser, ceremonyLife)
	h.Frame.SetCookie(w, codeCookie, in.Code, ceremonyLife)
	web.JSON(w, http.StatusOK, options)
}

func (h *Handler) enrolFinish(w http.ResponseWriter, r *http.Request) {
	var in answer
	if err := web.Decode(w, r, &in); err != nil {
		h.Frame.Fail(w, r, http.StatusBadRequest, "web.error.bad_request", err)
		return
	}
	token, _, err := h.Accounts.FinishEnrolment(r.Context(), h.Frame.Cookie(r, browserCookie),
		h.Frame.Cookie(r, codeCookie), r.UserAgent(), in.Credential)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if err := h.begin(w, r, token); err != nil {
		h.fail(w, r, err)
		return
	}
	h.Frame.SetCookie(w, codeCookie, "", 0)
	web.JSON(w, http.StatusOK, map[string]string{"next": "/me?enrolled"})
}
