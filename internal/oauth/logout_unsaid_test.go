package oauth_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
)

// TestLogoutThatCannotBeSaid: clients for whom no token can be signed, since the key of
// their algorithm is gone, or whose rows make no sense, hold up nobody, and are given up
// as those that do not listen.
//
//clause:as Back-Channel Logout 1.0, 2.1 to 2.5: discovery; `sid` in id_tokens; the logout token's typ, claims and life; POST, 200 and 204, retries with backoff from rows, no redirect followed
func TestLogoutThatCannotBeSaid(t *testing.T) {
	h, l := newHub(t), newListener(t)
	h.registry.RS256 = true // it was so when it registered
	h.party("plain", l)
	h.add("mute", map[string]any{
		"agency": nil, "token_endpoint_auth_method": "client_secret_basic", "jwks": nil, "dpop_bound_access_tokens": false,
		"require_pushed_authorization_requests": false, "backchannel_logout_uri": l.URL, "id_token_signed_response_alg": "RS256",
	})
	check(t, h.store.Registry().AddClient(t.Context(), registry.Client{ID: "bent", Profile: "none such", BackchannelLogoutURI: l.URL}))
	ended := func(client string, n int) {
		for i := range n {
			id := fmt.Sprint(client, i)
			check(t, h.store.OAuth().PutGrant(t.Context(), oauth.Grant{
				ID: id, Client: client, Citizen: "ada", Subject: "sub", Session: client, SID: id, AuthTime: h.now(), Expires: h.now().Add(time.Hour),
			}, oauth.Tokens{Access: oauth.AccessToken{JTI: id, Expires: h.now().Add(time.Minute)}}))
		}
		check(t, h.oauth.EndSession(t.Context(), client))
		h.pass(time.Second)
	}
	ended("mute", 24)
	ended("bent", 1)
	ended("plain", 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go h.oauth.RunLogouts(ctx)
	for since := time.Now(); len(l.heard()) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(since) > 3*time.Second {
			t.Fatal("who can be told waits for those who cannot")
		}
	}
	stop()
	h.pass(8 * 24 * time.Hour)
	for range 4 {
		_ = h.oauth.TellLogouts(t.Context())
	}
	left, err := h.store.OAuth().DueLogouts(t.Context(), h.now().Add(time.Hour), h.now().Add(time.Hour), 100)
	check(t, err)
	if len(left) != 0 {
		t.Errorf("after a week %d are still tried", len(left))
	}
}
