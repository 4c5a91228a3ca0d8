package verifier

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// serveRequest hands out the signed request (OpenID4VP 1.0, 5.10): by GET, or by
// POST with the wallet's nonce echoed and its metadata obeyed. Nothing changes.
func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request) {
	a, err := s.sessions.open(r.PathValue("handle"))
	if err == nil && (a.by.Key == nil || strings.Contains(a.link, "&request=")) {
		err = errUnknown // it went whole with its link
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	var caller openid4vp.Caller
	if r.Method == http.MethodPost {
		if caller, err = readCaller(r); err != nil {
			s.badCaller(w, r, err)
			return
		}
	}
	object, err := a.request.Object(a.by, caller)
	if errors.Is(err, openid4vp.ErrWallet) {
		s.badCaller(w, r, err)
		return
	}
	if err != nil {
		s.Frame.Problem(w, r, web.Problem{Status: http.StatusInternalServerError, Code: "internal", Mender: "operator"}, err)
		return
	}
	w.Header().Set("Content-Type", openid4vp.RequestMediaType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(object))
}

var errNonce = errors.New("the form cannot be read, or wallet_nonce is too long, not printable or given twice")

// readCaller reads what a wallet posts (section 5.10); what is not known is
// ignored.
func readCaller(r *http.Request) (openid4vp.Caller, error) {
	if err := r.ParseForm(); err != nil {
		return openid4vp.Caller{}, errNonce
	}
	nonces, metadata := r.PostForm["wallet_nonce"], r.PostForm["wallet_metadata"]
	nonce := r.PostForm.Get("wallet_nonce")
	printable := !strings.ContainsFunc(nonce, func(c rune) bool { return c < 0x21 || c > 0x7e })
	if len(nonces) > 1 || len(nonce) > openid4vp.MaxWalletNonce || !printable {
		return openid4vp.Caller{}, errNonce
	}
	caller := openid4vp.Caller{Nonce: nonce}
	if len(metadata) > 1 {
		return caller, fmt.Errorf("%w: is there twice", openid4vp.ErrWallet)
	}
	if len(metadata) == 0 {
		return caller, nil
	}
	var err error
	caller.Metadata, err = openid4vp.ParseWalletMetadata([]byte(metadata[0]))
	return caller, err
}

func (s *Server) badCaller(w http.ResponseWriter, r *http.Request, err error) {
	check := "wallet_nonce"
	if errors.Is(err, openid4vp.ErrWallet) {
		check = "wallet_metadata"
	}
	s.Frame.Problem(w, r, web.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Check: check, Cause: err.Error(), Mender: "wallet"}, err)
}

// serveResponse takes a wallet's answer (sections 8.2, 8.3.1, 8.5).
func (s *Server) serveResponse(w http.ResponseWriter, r *http.Request) {
	handle := r.PathValue("handle")
	a, err := s.sessions.open(handle)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	response, err := s.readAnswer(r, a)
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

// readAnswer opens the answer, in the mode that was asked for.
func (s *Server) readAnswer(r *http.Request, a ask) (openid4vp.Response, error) {
	if err := r.ParseForm(); err != nil {
		return openid4vp.Response{}, errors.Join(openid4vp.ErrEncryption, err)
	}
	return a.request.OpenForm(r.PostForm)
}

// answer tells the wallet. On one device the person goes on to the page, which
// says what failed; on another, the wallet is told the check.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, a ask, o outcome) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case o.number != "":
		web.JSON(w, http.StatusOK, map[string]string{"redirect_uri": s.URL + "/number/" + s.sessions.idOf(a.handle) + "?response_code=" + o.code})
	case a.same:
		web.JSON(w, http.StatusOK, map[string]string{"redirect_uri": s.back(a, o.code)})
	case o.ok || o.failure != "":
		web.JSON(w, http.StatusOK, struct{}{})
	default:
		names := failed(o.checks)
		first, _, _ := strings.Cut(names, ", ")
		s.Frame.Problem(w, r, web.Problem{Status: http.StatusBadRequest, Code: "rejected", Check: first,
			Cause: "the presentation was rejected: " + names, Mender: "wallet"}, nil)
	}
}

// back is where the person goes on: to our page, or to the relying party's, with
// the code that opens the result.
func (s *Server) back(a ask, code string) string {
	id, to := s.sessions.idOf(a.handle), s.sessions.returnTo(a.handle)
	if to == "" {
		to = s.URL + "/result/" + id
	}
	join := "?"
	if strings.Contains(to, "?") {
		join = "&"
	}
	return to + join + "response_code=" + code
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
