package main

import (
	"bytes"
	"crypto/rand"
	"embed"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/conformance/wallet"
)

//go:embed page static locale
var files embed.FS

// phone is the page.
type phone struct {
	wallet *wallet.Wallet
	host   string
	hub    string
	texts  texts
	pages  map[string]*template.Template // by language and page
	held   held
}

func newPhone(w *wallet.Wallet, host, hub string) http.Handler {
	p := &phone{wallet: w, host: host, hub: hub, texts: loadTexts(files), pages: map[string]*template.Template{}}
	p.held.items = map[string]heldItem{}
	for l := range p.texts {
		funcs := template.FuncMap{
			"t":    func(id string) string { return p.text(l, id) },
			"lang": func() string { return l },
			"day":  func(t time.Time) string { return day(t, l) },
			"in":   func(text string) template.HTMLAttr { return in(l, text) },
		}
		for _, name := range []string{"home", "offer", "later", "request", "card", "message"} {
			p.pages[l+"/"+name] = template.Must(template.New("").Funcs(funcs).ParseFS(files, "page/layout.html", "page/"+name+".html"))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /open", p.open)
	mux.HandleFunc("GET /offer", p.offer)
	mux.HandleFunc("POST /accept", p.accept)
	mux.HandleFunc("GET /callback", p.callback)
	mux.HandleFunc("POST /collect", p.collect)
	mux.HandleFunc("GET /request", p.request)
	mux.HandleFunc("POST /answer", p.answer)
	mux.HandleFunc("GET /cards/{id}", p.card)
	mux.HandleFunc("POST /cards/{id}/delete", p.remove)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
	})
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err)
	}
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServerFS(static)))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.say(w, r, http.StatusNotFound, message{Title: "fail.title", Text: "fail.nowhere"})
	})
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.say(w, r, http.StatusForbidden, message{Title: "fail.title", Text: "fail.cross"})
	}))
	return p.guard(cross.Handler(mux))
}

const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// guard bounds bodies, answers to its own name alone (another name at the
// loop-back is DNS rebinding), and sets the headers.
func (p *phone) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.Host != p.host && r.URL.Path != "/healthz" {
			http.Error(w, "this wallet is at "+p.host, http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		next.ServeHTTP(w, r)
	})
}

// follow lets the form of this page end at the origins of these addresses.
func follow(w http.ResponseWriter, addresses ...string) {
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil && (u.Scheme == "https" || u.Scheme == "http") && !strings.ContainsAny(u.Host, " ;,'*\"") {
			w.Header().Set("Content-Security-Policy", w.Header().Get("Content-Security-Policy")+" "+u.Scheme+"://"+u.Host)
		}
	}
}

func (p *phone) text(lang, id string) string {
	if text := p.texts[lang][id]; text != "" {
		return text
	}
	return id
}

// view is what the layout sees.
type view struct {
	Data   any
	Other  string
	Switch string
}

func (p *phone) render(w http.ResponseWriter, r *http.Request, status int, page string, data any) {
	l := lang(w, r)
	v := view{Data: data, Other: "en"}
	if l == "en" {
		v.Other = "ko"
	}
	q := url.Values{}
	if r.Method == http.MethodGet {
		q = r.URL.Query()
	}
	q.Set("lang", v.Other)
	v.Switch = "/?lang=" + v.Other
	if r.Method == http.MethodGet { // escaped, since two slashes would lead to another host
		v.Switch = r.URL.EscapedPath() + "?" + q.Encode()
	}
	var out bytes.Buffer
	if err := p.pages[l+"/"+page].ExecuteTemplate(&out, "layout", v); err != nil {
		slog.ErrorContext(r.Context(), "render", "page", page, "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", l)
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// held keeps what a person is looking at until the button is pressed, for a
// quarter of an hour and not too much of it.
type held struct {
	mu    sync.Mutex
	items map[string]heldItem
}

type heldItem struct {
	value any
	until time.Time
}

const maxHeld = 64

func (h *held) put(value any) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest, at := "", time.Time{}
	for id, item := range h.items {
		if oldest == "" || item.until.Before(at) {
			oldest, at = id, item.until
		}
	}
	if len(h.items) >= maxHeld {
		delete(h.items, oldest)
	}
	id := rand.Text()
	h.items[id] = heldItem{value: value, until: time.Now().Add(15 * time.Minute)}
	return id
}

func (h *held) get(id string) any {
	h.mu.Lock()
	defer h.mu.Unlock()
	item, ok := h.items[id]
	if !ok || time.Now().After(item.until) {
		return nil
	}
	return item.value
}

func (h *held) drop(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.items, id)
}
