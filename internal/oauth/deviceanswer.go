package oauth

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// DeviceDone is the page that tells a citizen that the device will go on, or will
// not.
const DeviceDone = "/device/done"

// BeginDevice begins the interaction in which a citizen answers a device, and says
// where it goes on: to a login of their own with a passkey, always, for a session
// somebody left open must not answer. ErrUserCode for a code that nobody has; who
// guesses is charged.
func (s *Server) BeginDevice(w http.ResponseWriter, r *http.Request, typed string) (string, error) {
	ctx := r.Context()
	if err := s.Limits.Take(ctx, budgetUserCode, ""); err != nil {
		return "", err
	}
	now := s.now()
	d, err := Device{}, ErrGone
	if code := userCode(typed); code != "" {
		d, err = s.Store.DeviceOf(ctx, hash("user_code", code), now)
	}
	if errors.Is(err, ErrGone) || err == nil && !lives(now, d.Expires, deviceLife) {
		return "", ErrUserCode
	}
	s.Limits.Return(ctx, budgetUserCode, "")
	if err != nil {
		return "", err
	}
	req := Request{
		ID: secret(), Browser: s.browser(w, r), Done: map[string]bool{}, Created: now, Expires: d.Expires, Device: d.Hash,
		Authorization: Authorization{ClientID: d.Client, Scopes: d.Scopes, Prompt: []string{oidc.PromptLogin}},
	}
	if err := s.Store.PutRequest(ctx, req); err != nil {
		return "", err
	}
	s.Logger.InfoContext(ctx, "device answered by", "client", d.Client, "interaction", req.ID)
	return s.next(req), nil
}

// endDevice keeps a citizen's answer to a device and says where the browser goes.
func (s *Server) endDevice(r *http.Request, req Request, yes *DeviceAnswer) (string, error) {
	err := s.Store.AnswerDevice(r.Context(), req.ID, req.Version, req.Device, yes, s.now())
	if errors.Is(err, ErrGone) { // another tab or another person was first
		return "", ErrNoInteraction
	}
	if err != nil {
		return "", err
	}
	said := "no"
	if yes != nil {
		said = "yes"
	}
	return DeviceDone + "?" + url.Values{"said": {said}}.Encode(), nil
}

// deviceToken is the token endpoint for a device that waits (RFC 8628, 3.4).
func (s *Server) deviceToken(w http.ResponseWriter, r *http.Request, form url.Values) {
	if !s.Devices {
		s.writeRefusal(w, r, refuse("unsupported_grant_type", "no device may ask here"))
		return
	}
	ctx := r.Context()
	client, refusal := s.authenticate(ctx, credentialsOf(r, form))
	if refusal != nil {
		s.writeRefusal(w, r, refusal)
		return
	}
	response, err := ofClient(ctx, s, client, func() (*tokenResponse, error) {
		return s.redeemDevice(r, client, form.Get("device_code"))
	})
	var waits *pending
	switch {
	case errors.As(err, &waits):
		if !waits.early { // it does as it was told
			s.Limits.Return(ctx, budgetOAuth, "")
		}
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": waits.Error(), "error_description": "the citizen has not answered"})
	case err != nil:
		s.writeRefusal(w, r, err)
	default:
		writeJSON(w, http.StatusOK, response)
	}
}

// pending is no refusal: the citizen has not answered yet (RFC 8628, 3.5).
type pending struct{ early bool }

func (p *pending) Error() string {
	if p.early {
		return "slow_down"
	}
	return "authorization_pending"
}
