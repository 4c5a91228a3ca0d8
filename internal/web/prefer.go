package web

import (
	"net/http"
	"slices"
	"time"

	"golang.org/x/text/language"
)

// preferred is how long pages speak the language that a service asked for.
const preferred = 30 * time.Minute

// Prefer has the pages that follow speak the first of these languages (BCP 47) that
// there is, to who chose none by the switch.
func (f *Frame) Prefer(w http.ResponseWriter, r *http.Request, locales []string) {
	if slices.Contains(languages, f.Cookie(r, languageCookie)) || r.URL.Query().Has("lang") {
		return
	}
	for _, locale := range locales {
		tag, err := language.Parse(locale)
		if err != nil {
			continue
		}
		if base, _ := tag.Base(); slices.Contains(languages, base.String()) {
			f.SetCookie(w, languageCookie, base.String(), preferred)
			return
		}
	}
}
