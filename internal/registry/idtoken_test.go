package registry_test

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/registry"
)

// Who registers itself and says nothing of algorithms gets what OpenID Connect
// promises; whoever the operator registers, and every row of before, ES256.
//
//clause:as OpenID Connect Dynamic Registration 1.0, 2: `id_token_signed_response_alg`, RS256 where it is left out; echoed; not for FAPI 2.0 and HAIP 1.0
func TestIDTokenAlgorithm(t *testing.T) {
	const field = "id_token_signed_response_alg"
	r := &registry.Registry{Store: newStore(t).Registry(), RS256: true}
	bare := &registry.Registry{Store: newStore(t).Registry()}
	said := func(more string) json.RawMessage {
		return json.RawMessage(`{"redirect_uris":["https://a.example/cb"]` + more + `}`)
	}
	key, err := json.Marshal(jwks(newKey(t, elliptic.P256()).Public()))
	if err != nil {
		t.Fatal(err)
	}
	fapi := `,"profile":"fapi2","token_endpoint_auth_method":"private_key_jwt","jwks":` + string(key)
	wallet := `,"token_endpoint_auth_method":"attest_jwt_client_auth","dpop_bound_access_tokens":true,"require_pushed_authorization_requests":true`
	for name, c := range map[string]struct {
		hub        *registry.Registry
		more, want string
	}{
		"it gives RS256 to who says nothing":                       {r, ``, "RS256"},
		"it gives RS256 to who says so":                            {r, `,"id_token_signed_response_alg":"RS256"`, "RS256"},
		"it gives ES256 to who says so":                            {r, `,"id_token_signed_response_alg":"ES256"`, "ES256"},
		"it gives ES256 to a client of FAPI 2.0":                   {r, fapi, "ES256"},
		"it gives ES256 to a wallet":                               {r, wallet, "ES256"},
		"it gives ES256 to all where there is no key of the other": {bare, ``, "ES256"},
	} {
		t.Run(name, func(t *testing.T) {
			given, err := c.hub.Register(t.Context(), initialToken(t, c.hub, 1), said(c.more))
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := c.hub.Client(t.Context(), given.Client.ID); err != nil || kept.SignedBy() != c.want || given.Client.Metadata()[field] != c.want {
				t.Errorf("%q, it says %v: %v", kept.SignedBy(), given.Client.Metadata()[field], err)
			}
		})
	}
	for name, c := range map[string]struct {
		hub         *registry.Registry
		more, cause string
	}{
		"an algorithm that is none":         {r, `,"id_token_signed_response_alg":"none"`, "not one of ES256, RS256"},
		"one that we have no key of":        {r, `,"id_token_signed_response_alg":"PS256"`, "not one of ES256, RS256"},
		"RS256 for a client of FAPI 2.0":    {r, fapi + `,"id_token_signed_response_alg":"RS256"`, "contradicts profile fapi2"},
		"RS256 for a client of HAIP 1.0":    {r, strings.Replace(fapi, "fapi2", "haip", 1) + `,"id_token_signed_response_alg":"RS256"`, "contradicts profile haip"},
		"RS256 for a wallet":                {r, wallet + `,"id_token_signed_response_alg":"RS256"`, "contradicts attest_jwt_client_auth"},
		"RS256 where there is no key of it": {bare, `,"id_token_signed_response_alg":"RS256"`, "its operator makes one"},
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			_, dynamic := c.hub.Register(t.Context(), initialToken(t, c.hub, 1), said(c.more))
			_, _, command := c.hub.AddClient(t.Context(), said(c.more+`,"client_id":"`+strings.ReplaceAll(name, " ", "-")+`"`))
			for _, err := range []error{dynamic, command} {
				var refusal *registry.MetadataError
				if !errors.As(err, &refusal) || refusal.Field != field || !strings.Contains(refusal.Cause, c.cause) {
					t.Errorf("%v, want %s", err, c.cause)
				}
			}
		})
	}
	t.Run("it changes at a replacement, to RS256 where nothing is said", func(t *testing.T) {
		given, err := r.Register(t.Context(), initialToken(t, r, 1), said(`,"id_token_signed_response_alg":"ES256"`))
		if err != nil {
			t.Fatal(err)
		}
		again, err := r.Reregister(t.Context(), given.Client.ID, given.Token, said(`,"client_id":"`+given.Client.ID+`"`))
		if err != nil || again.Client.SignedBy() != "RS256" {
			t.Errorf("%q %v", again.Client.SignedBy(), err)
		}
	})
	t.Run("it leaves the operator's clients and rows of before by ES256", func(t *testing.T) {
		kept, _, err := r.AddClient(t.Context(), said(`,"client_id":"kept"`))
		if err != nil || kept.SignedBy() != "ES256" {
			t.Errorf("%q %v", kept.SignedBy(), err)
		}
		row, err := json.Marshal(kept)
		if err != nil || slices.Contains(strings.Split(string(row), `"`), "IDTokenAlg") {
			t.Errorf("the row is another than before: %s %v", row, err)
		}
		if c, _, err := r.AddClient(t.Context(), said(`,"client_id":"named","id_token_signed_response_alg":"RS256"`)); err != nil || c.SignedBy() != "RS256" {
			t.Errorf("%q %v", c.SignedBy(), err)
		}
	})
	t.Run("it holds a row of FAPI 2.0 to ES256, whatever the row says", func(t *testing.T) {
		c, ok := registry.Client{Profile: registry.ProfileFAPI2, AuthMethod: registry.AuthPrivateKeyJWT, IDTokenAlg: "RS256"}.Strict()
		if !ok || c.SignedBy() != "ES256" {
			t.Errorf("%q %v", c.SignedBy(), ok)
		}
	})
}
