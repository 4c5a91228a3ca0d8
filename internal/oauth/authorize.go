package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
)

// requestLife is how long a person may take over the pages.
const requestLife = 30 * time.Minute

// authorize is the authorization endpoint (RFC 6749, 3.1).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.page(w, r, refuse("invalid_request", "the request cannot be read"))
		return
	}
	if refusal := single(r.Form); refusal != nil {
		s.page(w, r, refusal)
		return
	}
	a, client, refusal := s.requested(r.Context(), r.Form)
	if refusal != nil && a.RedirectURI == "" {
		s.page(w, r, refusal)
		return
	}
	if refusal != nil {
		s.answer(w, r, a, authResponse{Error: refusal})
		return
	}
	s.begin(w, r, a, client)
}

// requested is the checked request that a browser brings. Its RedirectURI is
// empty where an error must not be sent there.
func (s *Server) requested(ctx context.Context, form url.Values) (Authorization, registry.Client, *Refusal) {
	client, refusal := s.client(ctx, form.Get("client_id"))
	if refusal != nil {
		return Authorization{}, client, refusal
	}
	if form.Has("request_uri") {
		a, refusal := s.takePushed(ctx, client, form.Get("request_uri"))
		if refusal == nil { // its registration may have changed since
			refusal = params{RedirectURI: a.RedirectURI}.target(client)
		}
		if refusal != nil {
			a = Authorization{}
		}
		return a, client, refusal
	}
	p, unread := fromForm(form)
	if refusal := p.target(client); refusal != nil {
		return Authorization{}, client, refusal
	}
	if unread != nil {
		return Authorization{RedirectURI: p.RedirectURI, State: p.State}, client, unread
	}
	a, refusal := s.plain(client, p, form)
	a.RedirectURI, a.State = p.RedirectURI, p.State
	return a, client, refusal
}

// plain checks a request that was not pushed.
func (s *Server) plain(client registry.Client, p params, form url.Values) (Authorization, *Refusal) {
	switch {
	case form.Has("request"):
		return Authorization{}, refuse("request_not_supported", "request objects are taken at the PAR endpoint alone")
	case client.PAR:
		return Authorization{}, refuse("invalid_request", "this client must push its request")
	case len(p.Details) > 0:
		return Authorization{}, refuse("invalid_request", "authorization_details must be pushed")
	}
	a, refusal := p.authorization(client)
	if refusal == nil {
		refusal = s.claimed(client, p.asks(), &a)
	}
	s.youngest(&a)
	return a, refusal
}

// takePushed uses up a request_uri (RFC 9126, 4).
func (s *Server) takePushed(ctx context.Context, client registry.Client, uri string) (Authorization, *Refusal) {
	id, ok := strings.CutPrefix(uri, uriPrefix)
	if !ok {
		return Authorization{}, refuse("invalid_request", "request_uri is not one of ours")
	}
	pushed, err := s.Store.TakePushed(ctx, hash("request_uri", id), client.ID, s.now())
	if errors.Is(err, ErrGone) || err == nil && !lives(s.now(), pushed.Expires, pushedLife) {
		return Authorization{}, refuse("invalid_request", "request_uri is unknown, used or expired")
	}
	if err != nil {
		return Authorization{}, internal(err)
	}
	return pushed.Request, nil
}

// begin keeps the request, bound to this browser, and takes the first step.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, a Authorization, client registry.Client) {
	now := s.now()
	req := Request{
		ID: secret(), Authorization: a, Browser: s.browser(w, r),
		Done: map[string]bool{}, Created: now, Expires: now.Add(requestLife),
	}
	if hopeless(a) {
		s.answer(w, r, a, authResponse{Error: refuse(unmet, "no class of login that was insisted on is known here")})
		return
	}
	if s.Prefer != nil {
		s.Prefer(w, r, a.UILocales)
	}
	if err := s.signOn(r, &req); err != nil {
		s.page(w, r, internal(err))
		return
	}
	if client.Dynamic && req.Citizen != "" { // a session alone introduces nobody to who registered itself
		req.Prompt = append(slices.Clone(req.Prompt), oidc.PromptConsent)
	}
	if slices.Contains(a.Prompt, oidc.PromptNone) {
		refusal, err := s.silent(r.Context(), req)
		if err != nil {
			refusal = internal(err)
		}
		if refusal != nil {
			s.answer(w, r, a, authResponse{Error: refusal})
			return
		}
	}
	if err := s.Store.PutRequest(r.Context(), req); err != nil {
		s.page(w, r, internal(err))
		return
	}
	s.Logger.InfoContext(r.Context(), "authorization begun", "client", client.ID, "interaction", req.ID)
	http.Redirect(w, r, s.next(req), http.StatusSeeOther)
}

// signOn takes over the browser's session where the request lets it.
func (s *Server) signOn(r *http.Request, req *Request) error {
	if s.SessionFrom == nil || forced(*req) {
		return nil
	}
	session, err := s.SessionFrom(r)
	if errors.Is(err, ErrNobody) || err == nil && (session.Citizen == "" || !recent(*req, session.AuthTime, s.now())) {
		return nil
	}
	if err != nil {
		return err
	}
	if ok, err := s.isSubject(r.Context(), *req, session.Citizen); err != nil || !ok {
		return err
	}
	with := *req
	with.Citizen, with.AuthTime, with.AMR, with.Session = session.Citizen, session.AuthTime, session.AMR, session.ID
	if insists(with) { // another of the person's passkeys may do
		return nil
	}
	*req = with
	return nil
}

// recent says whether a login is within max_age (OpenID Connect Core 1.0, 3.1.2.1).
func recent(req Request, at, now time.Time) bool {
	return req.MaxAge == nil || now.Sub(at) <= time.Duration(min(*req.MaxAge, 1<<31))*time.Second
}

// silent is what prompt=none allows: an answer, or an error, but no page.
func (s *Server) silent(ctx context.Context, req Request) (*Refusal, error) {
	if req.Citizen == "" {
		return refuse(string(oidc.LoginRequired), "nobody is logged in who would do"), nil
	}
	if refusal, err := s.satisfied(ctx, req); err != nil || refusal != nil {
		return refusal, err
	}
	if s.next(req) != s.callbackURL(req.ID) {
		return refuse("consent_required", "the person must agree on a page"), nil
	}
	return nil, nil
}

// authResponse is what goes back to a client by redirect.
type authResponse struct {
	Code  string
	Error *Refusal
}

// answer sends the browser back to the client, with state and iss in success
// and error alike (RFC 9207, 2).
func (s *Server) answer(w http.ResponseWriter, r *http.Request, a Authorization, response authResponse) {
	if response.Error != nil {
		s.log(r.Context(), response.Error)
	}
	target, err := s.responseURL(a, response)
	if err != nil {
		s.page(w, r, internal(err))
		return
	}
	// 303: a POST that led here is not repeated at the client (FAPI 2.0, 5.3.2.2).
	http.Redirect(w, r, target, http.StatusSeeOther)
}

func (s *Server) responseURL(a Authorization, response authResponse) (string, error) {
	out := struct {
		Code        string `schema:"code,omitempty"`
		Error       string `schema:"error,omitempty"`
		Description string `schema:"error_description,omitempty"`
		State       string `schema:"state,omitempty"`
		Issuer      string `schema:"iss"`
	}{Code: response.Code, State: a.State, Issuer: s.Issuer}
	if response.Error != nil {
		out.Error, out.Description = response.Error.Code, ascii(response.Error.Description)
	}
	return op.AuthResponseURL(a.RedirectURI, oidc.ResponseTypeCode, oidc.ResponseModeQuery, &out, oidc.NewEncoder())
}

// page shows a person what cannot be sent back to a client.
func (s *Server) page(w http.ResponseWriter, r *http.Request, refusal *Refusal) {
	s.log(r.Context(), refusal)
	status := http.StatusBadRequest
	if refusal.ours() { // Page knows the rest by the error
		status = http.StatusInternalServerError
	}
	if s.Page != nil {
		s.Page(w, r, status, refusal)
		return
	}
	if refusal.ours() {
		status = codes[refusal.Code].status
	}
	retryAfter(w, refusal.after)
	http.Error(w, refusal.Error(), status)
}
