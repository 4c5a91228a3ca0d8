package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzHeaders: whatever a browser claims, a page has one of our languages, and
// its switch to the other leads to this site.
func FuzzHeaders(f *testing.F) {
	f.Add("ko-KR,ko;q=0.9,en;q=0.8", "text/html", "/me", "lang=en")
	f.Add("x-\x00", "application/json;q=;", "//evil.example/", "lang=ko&lang=en")
	f.Add(strings.Repeat("a-", 999), "*/*", "/\\evil.example", "%zz")
	f.Fuzz(func(t *testing.T, language, accept, path, query string) {
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: path, RawQuery: query}
		r.Header.Set("Accept-Language", language)
		r.Header.Set("Accept", accept)
		if lang := Lang(r); !slices.Contains(languages, lang) {
			t.Errorf("language %q", lang)
		}
		_ = WantsJSON(r)
		to := switchURL(r, "en")
		u, err := (&url.URL{Scheme: "https", Host: "hub.example", Path: "/"}).Parse(to)
		if err != nil || u.Host != "hub.example" || strings.HasPrefix(to, "/\\") {
			t.Errorf("the switch on %q leads to %q", path, to)
		}
	})
}
