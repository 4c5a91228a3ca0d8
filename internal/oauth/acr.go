package oauth

import (
	"context"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// The authentication context classes (OpenID Connect Core 1.0, 2). Every login is
// by a passkey that verified its user.
const (
	// ACRPasskey: some time in this session.
	ACRPasskey = "urn:mydata:acr:passkey"
	// ACRFresh: in the course of this very request.
	ACRFresh = "urn:mydata:acr:fresh-passkey"
	// ACRDevice: by a passkey that cannot leave its device (RFC 8176: hwk).
	ACRDevice = "urn:mydata:acr:device-passkey"
)

var acrs = []string{ACRPasskey, ACRFresh, ACRDevice}

// unmet is the error of OpenID Connect Core Error Code
// unmet_authentication_requirements 1.0.
const unmet = "unmet_authentication_requirements"

// StepConsent is the page that prompt=consent asks for where nothing else asks the
// person already.
const StepConsent = "consent"

// fresh says whether a login was made in the course of the request.
func fresh(req Request, at time.Time) bool { return !at.Before(req.Created.Truncate(time.Second)) }

// forced says whether the request wants a login of its own: by prompt, or by the
// class that it would like best, or that it insists on.
func forced(req Request) bool {
	if slices.Contains(req.Prompt, oidc.PromptLogin) || slices.Contains(req.Prompt, oidc.PromptSelectAccount) {
		return true
	}
	if slices.Contains(req.EssentialACR, ACRFresh) && !slices.Contains(req.EssentialACR, ACRPasskey) {
		return true
	}
	i := slices.IndexFunc(req.ACRValues, func(acr string) bool { return slices.Contains(acrs, acr) })
	return i >= 0 && req.ACRValues[i] == ACRFresh
}

// meets says whether a login is of a class.
func meets(req Request, acr string) bool {
	switch acr {
	case ACRPasskey:
		return true
	case ACRFresh:
		return fresh(req, req.AuthTime)
	case ACRDevice:
		return slices.Contains(req.AMR, "hwk")
	}
	return false
}

// acrOf is the class that is told: the first of those asked for that was met.
func acrOf(req Request) string {
	for _, acr := range req.ACRValues {
		if meets(req, acr) {
			return acr
		}
	}
	return ACRPasskey
}

// insists says that a class is insisted on and was not met.
func insists(req Request) bool {
	return len(req.EssentialACR) > 0 && !slices.ContainsFunc(req.EssentialACR, func(acr string) bool { return meets(req, acr) })
}

// satisfied says why somebody who is logged in does not do for a request: a class
// that it insists on was not met, or it is about somebody else.
func (s *Server) satisfied(ctx context.Context, req Request) (*Refusal, error) {
	if insists(req) {
		return refuse(unmet, "no class of login that was insisted on was met"), nil
	}
	ok, err := s.isSubject(ctx, req, req.Citizen)
	if err != nil || ok {
		return nil, err
	}
	return refuse(string(oidc.LoginRequired), "another person is logged in than was asked for"), nil
}

// hopeless says that no login of ours could be of a class that is insisted on.
func hopeless(a Authorization) bool {
	return len(a.EssentialACR) > 0 && !slices.ContainsFunc(a.EssentialACR, func(acr string) bool { return slices.Contains(acrs, acr) })
}

// isSubject says whether a citizen is whom the request is about, if it says so.
func (s *Server) isSubject(ctx context.Context, req Request, citizen string) (bool, error) {
	if req.Subject == "" {
		return true, nil
	}
	client, err := s.Clients.Client(ctx, req.ClientID)
	if err != nil {
		return false, err
	}
	sub, err := s.Accounts.Pairwise(ctx, citizen, client.Sector())
	return sub == req.Subject, err
}

// consents says whether a page must ask what no other page asks.
func (s *Server) consents(req Request) bool {
	return slices.Contains(req.Prompt, oidc.PromptConsent) && req.Device == "" && len(req.Refs) == 0 && !s.issues(req.Scopes)
}

// wantedOf are a grant's claims asked for one by one, out of what its owner says.
func (s *Server) wantedOf(ctx context.Context, citizen string, names []string) (map[string]any, error) {
	out := map[string]any{}
	if len(names) == 0 || s.UserInfo == nil {
		return out, nil
	}
	all, err := s.UserInfo(ctx, citizen, s.scopesOf(names))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if value, ok := all[name]; ok && name != "sub" {
			out[name] = value
		}
	}
	return out, nil
}
