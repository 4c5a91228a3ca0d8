package oauth

import (
	"crypto/subtle"
	"net/http"
)

// cookieName is __Host- bound wherever there is https; in development cookie
// names differ by service, for ports do not separate cookies.
func (s *Server) cookieName() string {
	if s.Development {
		return "mydata_idp_authorization"
	}
	return "__Host-mydata_idp_authorization"
}

// browser returns the hash of this browser's cookie, setting one if there is
// none. It is one for all interactions of a browser, so that two tabs do not
// disturb each other, and holds nothing but randomness.
func (s *Server) browser(w http.ResponseWriter, r *http.Request) string {
	if known := s.browserCookie(r); sha256Text(known) {
		return hash("browser", known)
	}
	value := secret()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure outside development
		Name: s.cookieName(), Value: value, Path: "/",
		HttpOnly: true, Secure: !s.Development, SameSite: http.SameSiteLaxMode,
	})
	return hash("browser", value)
}

// sameBrowser says whether a request comes from the browser that began.
func (s *Server) sameBrowser(r *http.Request, req Request) bool {
	return subtle.ConstantTimeCompare([]byte(hash("browser", s.browserCookie(r))), []byte(req.Browser)) == 1
}

// browserCookie is this browser's cookie, or "" where there is none or more than one,
// which a browser never sends for one host: one of the two was planted.
func (s *Server) browserCookie(r *http.Request) string {
	if found := r.CookiesNamed(s.cookieName()); len(found) == 1 {
		return found[0].Value
	}
	return ""
}
