package verifier

import (
	"errors"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

const maxWalletNonce = 512

// serveRequest hands out the signed request (OpenID4VP 1.0, 5.10): by GET, or by
// POST with the wallet's nonce echoed.
func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request) {
	a, err := s.sessions.open(r.PathValue("handle"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	nonce := ""
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil || len(r.PostForm["wallet_nonce"]) > 1 || len(r.PostForm.Get("wallet_nonce")) > maxWalletNonce {
			s.Frame.Problem(w, r, web.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Check: "wallet_nonce",
				Cause: "the form cannot be read, or wallet_nonce is too long or given twice", Mender: "wallet"}, err)
			return
		}
		nonce = r.PostForm.Get("wallet_nonce")
	}
	object, err := a.request.Sign(s.Key, s.Chain, nonce)
	if err != nil {
		s.Frame.Problem(w, r, web.Problem{Status: http.StatusInternalServerError, Code: "internal", Mender: "operator"}, err)
		return
	}
	w.Header().Set("Content-Type", openid4vp.RequestMediaType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(object))
}

// serveResponse takes a wallet's answer (sections 8.2, 8.3.1, 8.5).
func (s *Server) serveResponse(w http.ResponseWriter, r *http.Request) {
	handle := r.PathValue("handle")
	a, err := s.sessions.open(handle)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	response, err := s.read(r, a)
	if err != nil {
		checks := openid4vp.Opened(err)
		s.sessions.note(handle, checks)
		s.Frame.Problem(w, r, web.Problem{Status: http.StatusBadRequest, Code: "invalid_request",
			Check: checks[len(checks)-1].Name, Cause: err.Error(), Mender: "wallet"}, err)
		return
	}
	o, err := s.take(r.Context(), a, response)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, r, a, o)
}

// read opens the answer: encrypted, or, an error alone, in plain parameters.
func (s *Server) read(r *http.Request, a ask) (openid4vp.Response, error) {
	if err := r.ParseForm(); err != nil {
		return openid4vp.Response{}, errors.Join(openid4vp.ErrEncryption, err)
	}
	for name, values := range r.PostForm {
		if len(values) != 1 {
			return openid4vp.Response{}, errors.Join(openid4vp.ErrEncryption, errors.New("parameter given twice: "+bounded(name)))
		}
	}
	if code := r.PostForm.Get("error"); code != "" && !r.PostForm.Has("response") {
		return openid4vp.Response{Error: code}, a.request.CheckState(r.PostForm.Get("state"))
	}
	return a.request.Open(r.PostForm.Get("response"))
}

// answer tells the wallet. On one device the person goes on to the page, which
// says what failed; on another, the wallet is told the check.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, a ask, o outcome) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case a.same:
		n := s.sessions.idOf(a.handle)
		web.JSON(w, http.StatusOK, map[string]string{"redirect_uri": s.URL + "/result/" + n + "?response_code=" + o.code})
	case o.ok || o.failure != "":
		web.JSON(w, http.StatusOK, struct{}{})
	default:
		names := failed(o.checks)
		first, _, _ := strings.Cut(names, ", ")
		s.Frame.Problem(w, r, web.Problem{Status: http.StatusBadRequest, Code: "rejected", Check: first,
			Cause: "the presentation was rejected: " + names, Mender: "wallet"}, nil)
	}
}

// refuse answers for a request that cannot be served any more.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := web.Problem{Status: http.StatusNotFound, Code: "unknown_request", Check: "request", Cause: "no such request", Mender: "wallet"}
	switch {
	case errors.Is(err, errSpent):
		p.Status, p.Code, p.Cause = http.StatusGone, "answered", "this request was answered before"
	case errors.Is(err, errExpired):
		p.Status, p.Code, p.Cause = http.StatusGone, "expired", "this request has expired; ask for a new one"
	case errors.Is(err, errFull):
		p.Status, p.Code, p.Cause, p.Mender = http.StatusTooManyRequests, "busy", "too many requests are under way; try again later", "operator"
	case errors.Is(err, errLater{}):
		p.Status, p.Code, p.Check, p.Cause, p.Mender = http.StatusServiceUnavailable, "unavailable", credential.CheckStatus,
			"the issuer cannot be asked now; send the same again", "operator"
	}
	s.Frame.Problem(w, r, p, err)
}
