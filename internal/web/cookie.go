package web

import (
	"net/http"
	"time"
)

// SessionCookie holds the token of a citizen's session; login sets it.
const SessionCookie = "session"

// cookieName is per service, because browsers do not part the ports of one
// host; outside development the __Host- prefix binds it to this very host.
func (f *Frame) cookieName(name string) string {
	full := "mydata_" + f.service + "_" + name
	if f.development {
		return full
	}
	return "__Host-" + full
}

// SetCookie sets a cookie for this host alone: HttpOnly, SameSite=Lax, and
// Secure outside development. An age of zero or less deletes it.
func (f *Frame) SetCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	c := &http.Cookie{ //nolint:gosec // G124: Secure outside development
		Name:     f.cookieName(name),
		Value:    value,
		Path:     "/",
		MaxAge:   int(age / time.Second),
		HttpOnly: true,
		Secure:   !f.development,
		SameSite: http.SameSiteLaxMode,
	}
	if age <= 0 {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(w, c)
}

// Cookie is the value of that cookie, empty when there is none or, which a
// browser never sends for one host, more than one.
func (f *Frame) Cookie(r *http.Request, name string) string {
	found := r.CookiesNamed(f.cookieName(name))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}
