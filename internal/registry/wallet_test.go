package registry_test

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/govmydata/mydata/internal/registry"
)

//clause:as the list of wallet providers: empty by default, whole or not at all; a registered wallet
func TestAttestedWallets(t *testing.T) {
	wallet := func(change map[string]any) (registry.Client, error) {
		m := map[string]any{"client_id": "https://wallet.example/app", "redirect_uris": []string{"https://wallet.example/cb"},
			"token_endpoint_auth_method": "attest_jwt_client_auth", "dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true}
		maps.Copy(m, change)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := registry.ParseMetadata(text)
		return c, err
	}
	if c, err := wallet(nil); err != nil || c.AuthMethod != registry.AuthAttestation || registry.CheckWallet(c) != nil {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, c := range map[string]struct {
		change map[string]any
		field  string
	}{
		"it refuses a wallet whose tokens are not bound":        {map[string]any{"dpop_bound_access_tokens": false}, "token_endpoint_auth_method"},
		"it refuses a wallet that need not push its requests":   {map[string]any{"require_pushed_authorization_requests": false}, "token_endpoint_auth_method"},
		"it refuses a wallet that asks about others' tokens":    {map[string]any{"roles": []string{"introspect"}}, "roles"},
		"it refuses a wallet whose id has a space":              {map[string]any{"client_id": "a wallet"}, "client_id"},
		"it refuses an id with a colon of who sends a password": {map[string]any{"token_endpoint_auth_method": "client_secret_basic"}, "client_id"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wallet(c.change)
			if why, ok := errors.AsType[*registry.MetadataError](err); !ok || why.Field != c.field {
				t.Errorf("%v, want %s", err, c.field)
			}
		})
	}
	listed, err := wallet(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		bend  func(*registry.Client)
		field string
	}{
		"it refuses a listed wallet without an id":                   {func(c *registry.Client) { c.ID = "" }, "client_id"},
		"it refuses a listed wallet with a name that cannot be seen": {func(c *registry.Client) { c.Name = map[string]string{"": "\u3164"} }, "client_name"},
		"it refuses a listed wallet whose tokens are not bound":      {func(c *registry.Client) { c.DPoP = false }, "token_endpoint_auth_method"},
		"it refuses a listed wallet of an unknown grant":             {func(c *registry.Client) { c.GrantTypes = []string{"implicit"} }, "grant_types"},
		"it refuses a listed wallet that comes back without https":   {func(c *registry.Client) { c.RedirectURIs = []string{"http://wallet.example/"} }, "redirect_uris"},
	} {
		t.Run(name, func(t *testing.T) {
			bent := listed
			c.bend(&bent)
			if why, ok := errors.AsType[*registry.MetadataError](registry.CheckWallet(bent)); !ok || why.Field != c.field {
				t.Errorf("%v, want %s", why, c.field)
			}
		})
	}
}
