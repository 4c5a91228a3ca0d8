package web

import (
	"net/http"
	"strings"
	"testing"
)

// Whose login ended is led back to where they were, never to another site.
func TestWayIn(t *testing.T) {
	for _, c := range []struct {
		name, service, referer string
		status                 int
		want                   string
	}{
		{"it leads back to the page of before", "idp", "http://example.com/me/consents/g/withdraw?x", 401, `href="/login?next=%2Fme%2Fconsents%2Fg%2Fwithdraw"`},
		{"it leads to the login where nothing says from where", "idp", "", 401, `href="/login"`},
		{"it takes no address of another site", "idp", "http://elsewhere.example/me", 401, `href="/login"`},
		{"it offers no login for what is no matter of one", "idp", "http://example.com/me", 404, ""},
		{"it offers none where there is none", "verifier", "http://example.com/me", 401, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := New(Options{Service: c.service, Development: true})
			h := f.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f.Fail(w, r, c.status, "web.error.not_found", nil)
			}))
			body := send(h, "POST", "/me/lost", "", "Referer", c.referer).Body.String()
			if found := strings.Contains(body, `href="/login`); found != (c.want != "") || !strings.Contains(body, c.want) {
				t.Errorf("wanted %q in\n%s", c.want, body)
			}
		})
	}
}
