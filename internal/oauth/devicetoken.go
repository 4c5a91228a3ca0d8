package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/govmydata/mydata/internal/registry"
)

// redeemDevice gives a device its tokens, once. What is told before the citizen
// has answered is a *pending.
func (s *Server) redeemDevice(r *http.Request, c registry.Client, code string) (*tokenResponse, error) {
	ctx := r.Context()
	if !c.MayGrant(registry.GrantDevice) {
		return nil, refuse("unauthorized_client", "this client may not use the device grant")
	}
	if code == "" {
		return nil, refuse("invalid_request", "device_code is missing")
	}
	d, err := s.answered(ctx, c, hash("device", code))
	if err != nil {
		return nil, err
	}
	jkt, err := s.possession(r, c, "")
	if err != nil {
		return nil, err
	}
	g := Grant{
		ID: d.Grant, Client: c.ID, Citizen: d.Answer.Citizen, Scopes: d.Scopes, JKT: jkt,
		AuthTime: d.Answer.AuthTime, AMR: d.Answer.AMR, ACR: ACRFresh, Expires: s.now().Add(accessLife), Instance: instanceOf(ctx),
	}
	if g.Subject, err = s.Accounts.Pairwise(ctx, g.Citizen, c.Sector()); err != nil || g.Subject == "" {
		return nil, fmt.Errorf("oauth: no subject for the citizen: %w", err)
	}
	s.within(&g, c, d.Answer.Session)
	response, tokens, err := s.grant(ctx, c, g, g.Scopes, jkt, nil)
	if err != nil {
		return nil, err
	}
	if response.IDToken, err = s.idToken(ctx, c, g, "", response.AccessToken); err != nil {
		return nil, err
	}
	err = s.Store.RedeemDevice(ctx, d.Hash, g, tokens)
	if errors.Is(err, ErrUsed) {
		return nil, s.reused(ctx, d.Grant, "device_code")
	}
	if err != nil {
		return nil, err
	}
	return response, nil
}

// answered is a device's request that a citizen said yes to; otherwise why not yet,
// or never.
func (s *Server) answered(ctx context.Context, c registry.Client, hashed string) (Device, error) {
	d, err := s.Store.Device(ctx, hashed)
	switch {
	case errors.Is(err, ErrGone):
		return d, refuse("invalid_grant", "device_code: unknown")
	case err != nil:
		return d, err
	case d.Client != c.ID:
		return d, refuse("invalid_grant", "device_code: of another client")
	case d.Instance != instanceOf(ctx):
		return d, refuse("invalid_grant", "device_code: of another instance of this client")
	case d.State == DeviceUsed:
		return d, s.reused(ctx, d.Grant, "device_code")
	case !lives(s.now(), d.Expires, deviceLife):
		return d, refuse("expired_token", "device_code: expired; ask anew when somebody wants to")
	case d.State == DeviceDenied:
		return d, &Refusal{Code: "access_denied", Description: "the person said no", status: http.StatusBadRequest}
	case d.State == DeviceApproved:
		return d, nil
	}
	d, err = s.Store.PollDevice(ctx, hashed, s.now(), devicePause, maxPause)
	if err != nil {
		return d, err
	}
	if d.State != DevicePending { // meanwhile: the next poll will tell
		d.Early = false
	}
	return d, &pending{d.Early}
}
