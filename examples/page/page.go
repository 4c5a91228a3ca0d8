package page

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

//go:embed static templates
var own embed.FS

// Options are what differs between sites.
type Options struct {
	Service string // "licence": names the cookie and the brand text "brand"
	Files   fs.FS  // en.json, ko.json and *.html
	Leads   []string
	Secure  bool // https: cookies get __Host- and Secure
	Logger  *slog.Logger
}

// Site renders pages in Korean and English.
type Site struct {
	Options
	texts map[string]map[string]string
	pages map[string]*template.Template
}

// New reads templates and texts; it panics on broken ones, which are ours.
func New(o Options) *Site {
	s := &Site{Options: o, texts: map[string]map[string]string{}, pages: map[string]*template.Template{}}
	for _, lang := range []string{"en", "ko"} {
		texts := map[string]string{}
		for _, fsys := range []fs.FS{must(fs.Sub(own, "templates")), o.Files} {
			if err := json.Unmarshal(must(fs.ReadFile(fsys, lang+".json")), &texts); err != nil {
				panic(fmt.Sprintf("%s.json: %v", lang, err))
			}
		}
		s.texts[lang] = texts
	}
	frame := template.Must(template.New("frame").Funcs(s.functions("ko")).ParseFS(own, "templates/frame.html"))
	for _, name := range must(fs.Glob(o.Files, "*.html")) {
		s.pages[name] = template.Must(template.Must(frame.Clone()).ParseFS(o.Files, name))
	}
	s.pages[turnedAway] = template.Must(template.Must(frame.Clone()).ParseFS(own, "templates/"+turnedAway))
	return s
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Text is one text in a language, with its arguments.
func (s *Site) Text(lang, id string, args ...any) string {
	text, ok := s.texts[lang][id]
	if !ok {
		panic("no text " + id)
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Has says whether there is such a text.
func (s *Site) Has(id string) bool { _, ok := s.texts["en"][id]; return ok }

var seoul = time.FixedZone("KST", 9*60*60)

func (s *Site) functions(lang string) template.FuncMap {
	return template.FuncMap{
		"t":    func(id string, args ...any) string { return s.Text(lang, id, args...) },
		"lang": func() string { return lang },
		"day": func(value any) any {
			text, _ := value.(string)
			switch day, err := time.Parse(time.DateOnly, text); {
			case err != nil:
				return value
			case lang == "ko":
				return day.Format("2006년 1월 2일")
			default:
				return day.Format("2 January 2006")
			}
		},
		"time": func(t time.Time) template.HTML {
			layout := "2 January 2006, 15:04 Korean time"
			if lang == "ko" {
				layout = "2006년 1월 2일 15:04"
			}
			t = t.In(seoul)
			return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.Format(time.RFC3339), t.Format(layout))) //nolint:gosec // G203: times alone
		},
	}
}

// Lang is the page's language: the switch, else the cookie, else the browser's,
// else Korean.
func (s *Site) Lang(r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); lang == "en" || lang == "ko" {
		return lang
	}
	if lang := s.Cookie(r, "lang"); lang == "en" || lang == "ko" {
		return lang
	}
	for _, want := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		switch tag, _, _ := strings.Cut(strings.TrimSpace(want), "-"); strings.ToLower(strings.SplitN(tag, ";", 2)[0]) {
		case "ko":
			return "ko"
		case "en":
			return "en"
		}
	}
	return "ko"
}

// view is what frame.html gets.
type view struct {
	Data   any
	Switch template.URL // this page in the other language
	Other  string
}

// Render writes a page; the other language is one link away.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	lang := s.Lang(r)
	if r.URL.Query().Get("lang") == lang {
		s.SetCookie(w, "lang", lang, 365*24*time.Hour)
	}
	other := map[string]string{"ko": "en", "en": "ko"}[lang]
	path := "/"
	if r.Method == http.MethodGet { // escaped, since two slashes would lead to another host
		path = r.URL.EscapedPath()
	}
	v := view{Data: data, Other: other, Switch: template.URL(path + "?" + url.Values{"lang": {other}}.Encode())} //nolint:gosec // G203: an escaped path after one slash
	var out bytes.Buffer
	t := template.Must(s.pages[name].Clone()).Funcs(s.functions(lang))
	if err := t.ExecuteTemplate(&out, "frame", v); err != nil {
		s.Logger.ErrorContext(r.Context(), "page", "name", name, "error", err.Error())
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(out.Bytes())
}

// turnedAway is the page of who came to no page, or from another site.
const turnedAway = "away.html"

// Handler adds headers, styles, the health page, the page for what no pattern of
// mux serves, and the cross-origin check.
func (s *Site) Handler(mux *http.ServeMux) http.Handler {
	mux.Handle("GET /static/", http.FileServerFS(own))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.Render(w, r, http.StatusNotFound, turnedAway, "frame.nowhere")
	})
	policy := "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	if len(s.Leads) > 0 {
		policy += " " + strings.Join(s.Leads, " ")
	}
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Render(w, r, http.StatusForbidden, turnedAway, "frame.cross")
	}))
	protected := cross.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if s.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		protected.ServeHTTP(w, r)
	})
}

func (s *Site) cookieName(name string) string {
	if s.Secure {
		return "__Host-mydata_" + s.Service + suffix(name)
	}
	return "mydata_" + s.Service + suffix(name)
}

func suffix(name string) string {
	if name == "" {
		return ""
	}
	return "_" + name
}

// SetCookie sets a cookie of this service; the session's has the name "".
func (s *Site) SetCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	//nolint:gosec // G124: Secure wherever the service is reached by https.
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode})
}

// Cookie is a cookie's value, or "" when there is none or, which a browser never
// sends for one host, more than one.
func (s *Site) Cookie(r *http.Request, name string) string {
	found := r.CookiesNamed(s.cookieName(name))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// Correlation is an id that a page shows and the log repeats.
func Correlation() string { return rand.Text()[:12] }
