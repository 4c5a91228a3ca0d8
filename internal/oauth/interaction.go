package oauth

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// The steps an interaction may have to pass beside login.
const (
	StepApproval = "approval"
	StepIssuance = "issuance"
)

// Interaction is an authorization request on its way through the pages.
type Interaction struct {
	ID        string
	Client    registry.Client
	Citizen   string // "" until logged in
	AuthTime  time.Time
	AMR       []string
	Scopes    []string
	Refs      map[string]string // authorization_details type -> References
	UILocales []string
	LoginHint string
	Prompt    []string
	Done      map[string]bool
	Device    bool      // it answers a device (RFC 8628)
	Until     time.Time // it waits for the person
	// Stranger is the host that the person is led back to by a client that registered
	// itself: nobody checked its name. It is empty for all others.
	Stranger string

	request Request // as it was read
}

// Interaction is the one with this id, if this browser began it; otherwise
// ErrNoInteraction or ErrOtherBrowser.
func (s *Server) Interaction(ctx context.Context, r *http.Request, id string) (Interaction, error) {
	req, err := s.request(ctx, r, id)
	if err != nil {
		return Interaction{}, err
	}
	client, err := s.Clients.Client(ctx, req.ClientID)
	if err != nil {
		return Interaction{}, err
	}
	in := Interaction{
		ID: req.ID, Client: client, Citizen: req.Citizen, AuthTime: req.AuthTime, AMR: req.AMR, Scopes: req.Scopes,
		Refs: req.Refs, UILocales: req.UILocales, LoginHint: req.LoginHint, Prompt: req.Prompt, Done: req.Done, Device: req.Device != "",
		Until: req.Expires, request: req,
	}
	if back, err := url.Parse(req.RedirectURI); client.Dynamic && err == nil {
		in.Stranger = back.Host
	}
	return in, nil
}

// Authenticated notes who logged in. A login older than the request allows
// (prompt, max_age) is ErrStale: the person must log in anew.
func (s *Server) Authenticated(ctx context.Context, r *http.Request, id, citizen string, authTime time.Time, amr []string) error {
	req, err := s.request(ctx, r, id)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, r, req, func(req *Request) error {
		if citizen == "" {
			return errors.New("oauth: authenticated without a citizen")
		}
		// Another person took over: what was done so far was not theirs.
		if req.Citizen != "" && req.Citizen != citizen {
			req.Done = map[string]bool{}
		}
		// One made for this very request is never too old for it, though max_age be 0.
		if !fresh(*req, authTime) && (forced(*req) || !recent(*req, authTime, s.now())) {
			return ErrStale
		}
		req.Citizen, req.AuthTime, req.AMR = citizen, authTime, amr
		return nil
	})
	return err
}

// Done notes that the person of an interaction, as this request of the browser
// found it, passed a step, and answers the URL of the next one. ErrNobody where
// nobody is logged in, or another by now.
func (s *Server) Done(ctx context.Context, r *http.Request, in Interaction, step string) (next string, err error) {
	req, err := s.change(ctx, r, in.request, func(req *Request) error {
		if req.Citizen == "" || req.Citizen != in.Citizen {
			return ErrNobody
		}
		done := maps.Clone(req.Done)
		if done == nil {
			done = map[string]bool{}
		}
		done[step] = true
		req.Done = done
		return nil
	})
	return s.next(req), err
}

// Deny ends an interaction and returns where to send the browser: the client,
// with access_denied, iss and state.
func (s *Server) Deny(ctx context.Context, r *http.Request, id string) (string, error) {
	req, err := s.request(ctx, r, id)
	if err != nil {
		return "", err
	}
	if req.Device != "" {
		return s.endDevice(r, req, nil)
	}
	err = s.Store.FinishRequest(ctx, req.ID, req.Version, nil)
	if errors.Is(err, ErrGone) { // another tab was first
		return "", ErrNoInteraction
	}
	if err != nil {
		return "", err
	}
	return s.responseURL(req.Authorization, authResponse{Error: refuse("access_denied", "the person said no")})
}

// Next is the one dispatcher: the URL of the step to take now.
func (s *Server) Next(ctx context.Context, id string) (string, error) {
	req, err := s.Store.Request(ctx, id, s.now())
	if errors.Is(err, ErrGone) {
		return "", ErrNoInteraction
	}
	if err != nil {
		return "", err
	}
	return s.next(req), nil
}

// next: login, then the citizen's approval of what authorization_details ask, on
// the page of whoever owns them,
// then the leave to issue credentials, then back to the client.
func (s *Server) next(req Request) string {
	switch {
	case req.Citizen == "":
		return "/login?request=" + url.QueryEscape(req.ID)
	case req.Device != "" && !req.Done[StepDevice]:
		return "/device/" + url.PathEscape(req.ID)
	case len(req.Refs) > 0 && !req.Done[s.step(req.Refs)]:
		return "/" + s.step(req.Refs) + "/" + url.PathEscape(req.ID)
	case s.consents(req) && !req.Done[StepConsent]:
		return "/consent/" + url.PathEscape(req.ID)
	case s.issues(req.Scopes) && !req.Done[StepIssuance]:
		return "/issuance/" + url.PathEscape(req.ID)
	}
	return s.callbackURL(req.ID)
}

func (s *Server) issues(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(s.IssuanceScopes, scope) })
}

func (s *Server) callbackURL(id string) string {
	return "/authorize/callback?id=" + url.QueryEscape(id)
}

// request loads one's own interaction.
func (s *Server) request(ctx context.Context, r *http.Request, id string) (Request, error) {
	req, err := s.Store.Request(ctx, id, s.now())
	if errors.Is(err, ErrGone) || err == nil && !lives(s.now(), req.Expires, requestLife) {
		return Request{}, ErrNoInteraction
	}
	if err != nil {
		return Request{}, err
	}
	if !s.sameBrowser(r, req) {
		return Request{}, ErrOtherBrowser
	}
	if err := s.registered(ctx, req); err != nil {
		return Request{}, err
	}
	return s.present(ctx, r, req)
}

// registered refuses to go on for a client that is registered no more, or not with the
// address that the person was to be led back to.
func (s *Server) registered(ctx context.Context, req Request) error {
	client, err := s.Clients.Client(ctx, req.ClientID)
	if errors.Is(err, registry.ErrUnknown) || err == nil && req.Device == "" && !client.MayRedirect(req.RedirectURI) {
		return ErrNoInteraction
	}
	return err
}

// present sends back to the login what somebody began who has logged out since,
// or whose place at this browser another took: a step may need no passkey, and
// must not be passed in an absent person's name. So it does where a page was left
// open for longer than the login may be old for what is asked there.
func (s *Server) present(ctx context.Context, r *http.Request, req Request) (Request, error) {
	if req.Citizen == "" || s.SessionFrom == nil {
		return req, nil
	}
	session, err := s.SessionFrom(r)
	age, bounded := s.oldest(req.Authorization)
	old := bounded && s.now().Sub(req.AuthTime) > age
	if err == nil && session.Citizen == req.Citizen && !old {
		req.Session = session.ID
		return req, nil
	}
	if err != nil && !errors.Is(err, ErrNobody) {
		return Request{}, err
	}
	req.Citizen, req.AuthTime, req.AMR, req.Done = "", time.Time{}, nil, map[string]bool{}
	switch err := s.Store.UpdateRequest(ctx, req); {
	case err == nil:
		req.Version++
	case !errors.Is(err, ErrConflict): // another tab was first: what follows will notice
		return Request{}, err
	}
	return req, nil
}

// change updates an interaction as it was read, and again when another tab was
// first.
func (s *Server) change(ctx context.Context, r *http.Request, req Request, f func(*Request) error) (Request, error) {
	for try := range 3 {
		if try > 0 {
			var err error
			if req, err = s.request(ctx, r, req.ID); err != nil {
				return req, err
			}
		}
		if err := f(&req); err != nil {
			return req, err
		}
		if err := s.Store.UpdateRequest(ctx, req); !errors.Is(err, ErrConflict) {
			return req, err
		}
	}
	return req, ErrConflict
}
