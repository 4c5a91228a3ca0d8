package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/registry"
)

// Who registered before a rule for addresses is named by it.
func TestOutdated(t *testing.T) {
	r := &registry.Registry{Store: newStore(t).Registry()}
	outside := "https://b\u0430nk.example/cb"
	for n := range 300 {
		c := registry.Client{ID: fmt.Sprintf("client-%03d", n), RedirectURIs: []string{"https://a.example/cb"}}
		switch n {
		case 7:
			c.RedirectURIs = append(c.RedirectURIs, outside)
		case 280:
			c.PostLogoutRedirectURIs = []string{outside}
		case 299:
			c.BackchannelLogoutURI = outside
		}
		if err := r.Store.AddClient(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]string{}
	if err := r.Outdated(t.Context(), func(id string, why error) { found[id] = why.Error() }); err != nil {
		t.Fatal(err)
	}
	for id, member := range map[string]string{"client-007": "redirect_uris", "client-280": "post_logout_redirect_uris", "client-299": "backchannel_logout_uri"} {
		if !strings.Contains(found[id], member+": ") || !strings.Contains(found[id], `b\u0430nk`) {
			t.Errorf("%s: %q", id, found[id])
		}
	}
	if len(found) != 3 {
		t.Errorf("found %v", found)
	}
}
