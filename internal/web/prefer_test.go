package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

//clause:as 3.1.2.1: `id_token_hint`, `login_hint` (not believed), `ui_locales`, `display` (ignored)
func TestPrefer(t *testing.T) {
	f := New(Options{Service: "idp", Development: true})
	for _, c := range []struct {
		name, target, cookie string
		locales              []string
		want                 string
	}{
		{"it takes the first language that there is", "/", "", []string{"fr", "en-GB", "ko"}, "en"},
		{"it takes none where there is none", "/", "", []string{"fr", "x!"}, ""},
		{"it leaves who chose by the switch", "/", "ko", []string{"en"}, ""},
		{"it leaves who chooses now", "/?lang=ko", "", []string{"en"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, c.target, nil)
			if c.cookie != "" {
				r.AddCookie(&http.Cookie{Name: f.cookieName(languageCookie), Value: c.cookie})
			}
			f.Prefer(w, r, c.locales)
			got := ""
			for _, cookie := range w.Result().Cookies() {
				got = cookie.Value
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
