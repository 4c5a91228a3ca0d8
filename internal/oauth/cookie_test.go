package oauth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBrowserCookie(t *testing.T) {
	own, planted := strings.Repeat("a", 43), strings.Repeat("b", 43)
	for _, c := range []struct {
		name, cookies string
		development   bool
		fresh         bool
	}{
		{"it knows a browser by its cookie", "__Host-mydata_idp_authorization=" + own, false, false},
		{"it knows one in development", "mydata_idp_authorization=" + own, true, false},
		{"it takes no cookie that another host could set", "mydata_idp_authorization=" + own, false, true},
		{"it takes no cookie that is none of its own", "__Host-mydata_idp_authorization=evil", false, true},
		{"it takes none of two", "__Host-mydata_idp_authorization=" + own + "; __Host-mydata_idp_authorization=" + planted, false, true},
		{"it gives a new browser one", "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Server{Config: Config{Development: c.development}}
			r := httptest.NewRequest(http.MethodGet, "/authorize", nil)
			r.Header.Set("Cookie", c.cookies)
			w := httptest.NewRecorder()
			id := s.browser(w, r)
			set := w.Header().Get("Set-Cookie")
			if (set != "") != c.fresh || (id == hash("browser", own)) == c.fresh || id == hash("browser", planted) {
				t.Errorf("set %q", set)
			}
			if known := s.sameBrowser(r, Request{Browser: hash("browser", own)}); known == c.fresh {
				t.Errorf("the same browser: %v", known)
			}
			if c.fresh && (!strings.HasPrefix(set, "__Host-mydata_idp_authorization=") || !strings.HasSuffix(set, "; Path=/; HttpOnly; Secure; SameSite=Lax")) {
				t.Errorf("set %q", set)
			}
		})
	}
}
