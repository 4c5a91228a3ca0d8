package oauth

import (
	"errors"
	"net/http"
	"time"
)

// codeLife is how long a code is good (FAPI 2.0, 5.3.2.2: at most 60 s).
const codeLife = 60 * time.Second

// callback ends the pages: it gives the code, to the browser that began alone.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) {
	req, err := s.request(r.Context(), r, r.URL.Query().Get("id"))
	if err != nil {
		s.page(w, r, over(err))
		return
	}
	if next := s.next(req); next != s.callbackURL(req.ID) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	if refusal, err := s.satisfied(r.Context(), req); err != nil || refusal != nil {
		s.unsatisfied(w, r, req, refusal, err)
		return
	}
	if req.Device != "" {
		to, err := s.endDevice(r, req, &DeviceAnswer{Citizen: req.Citizen, AuthTime: req.AuthTime, AMR: req.AMR, Session: req.Session})
		if err != nil {
			s.page(w, r, over(err))
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	code := secret()
	err = s.Store.FinishRequest(r.Context(), req.ID, req.Version, &Code{
		Hash: hash("code", code), Authorization: req.Authorization, Grant: secret(),
		Citizen: req.Citizen, AuthTime: req.AuthTime, AMR: req.AMR, Session: req.Session, ACR: acrOf(req), Expires: s.now().Add(codeLife),
	})
	if errors.Is(err, ErrGone) { // another tab was first
		s.page(w, r, &Refusal{Code: "invalid_request", Description: "this login is over", Err: err})
		return
	}
	if err != nil {
		s.page(w, r, internal(err))
		return
	}
	s.answer(w, r, req.Authorization, authResponse{Code: code})
}

// over is what a person is told of an interaction that cannot go on.
func over(err error) *Refusal {
	if errors.Is(err, ErrNoInteraction) || errors.Is(err, ErrOtherBrowser) {
		return &Refusal{Code: "invalid_request", Description: "this login is over, or was begun in another browser", Err: err}
	}
	return internal(err)
}

// unsatisfied ends an interaction that came to the wrong person or class of login.
func (s *Server) unsatisfied(w http.ResponseWriter, r *http.Request, req Request, refusal *Refusal, err error) {
	if err == nil {
		err = s.Store.FinishRequest(r.Context(), req.ID, req.Version, nil)
	}
	switch {
	case errors.Is(err, ErrGone):
		s.page(w, r, over(ErrNoInteraction))
	case err != nil:
		s.page(w, r, internal(err))
	default:
		s.answer(w, r, req.Authorization, authResponse{Error: refusal})
	}
}
