package registry_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/registry"
)

func TestSessionMetadata(t *testing.T) {
	base := map[string]any{
		"client_id": "kiosk", "grant_types": []string{registry.GrantDevice}, "place#ko": "시청", "place#en": "City Hall",
		"post_logout_redirect_uris": []string{"https://rp.example/bye"}, "backchannel_logout_uri": "https://rp.example/out",
		"introspection_signed_response_alg": "ES256",
	}
	read := func(change map[string]any) (registry.Client, error) {
		all := maps.Clone(base)
		maps.Copy(all, change)
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := registry.ParseMetadata(text)
		return c, err
	}
	t.Run("it reads where a kiosk stands, and how logins end", func(t *testing.T) {
		c, err := read(nil)
		if err != nil || c.PlaceName("ko") != "시청" || c.PlaceName("fr") != "City Hall" || !c.MayReturn("https://rp.example/bye") ||
			c.MayReturn("https://rp.example/bye/") || c.BackchannelLogoutURI != "https://rp.example/out" || !c.IntrospectionSigned {
			t.Errorf("%+v, %v", c, err)
		}
	})
	for name, c := range map[string]struct {
		change map[string]any
		field  string
	}{
		"it refuses a kiosk of no place":                        {map[string]any{"place#ko": "", "place#en": ""}, "place"},
		"it refuses a kiosk that anybody may call itself":       {map[string]any{"token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true}, "grant_types"},
		"it refuses a place that reads from right to left":      {map[string]any{"place#en": "City \u202eHall"}, "place#en"},
		"it refuses a place of very many letters":               {map[string]any{"place#en": strings.Repeat("x", 513)}, "place#en"},
		"it refuses very many ways back":                        {map[string]any{"post_logout_redirect_uris": slices.Repeat([]string{"https://rp.example/bye"}, 17)}, "post_logout_redirect_uris"},
		"it refuses a way back that is neither https":           {map[string]any{"post_logout_redirect_uris": []string{"http://rp.example/"}}, "post_logout_redirect_uris"},
		"it refuses logout tokens over plain http":              {map[string]any{"backchannel_logout_uri": "http://rp.example/"}, "backchannel_logout_uri"},
		"it refuses a logout address with a fragment":           {map[string]any{"backchannel_logout_uri": "https://rp.example/#x"}, "backchannel_logout_uri"},
		"it refuses to sign introspection by another algorithm": {map[string]any{"introspection_signed_response_alg": "RS256"}, "introspection_signed_response_alg"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(c.change)
			if bad, ok := errors.AsType[*registry.MetadataError](err); !ok || bad.Field != c.field {
				t.Errorf("%v, want a refusal of %s", err, c.field)
			}
		})
	}
}
