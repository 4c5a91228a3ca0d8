package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func testFrame(t *testing.T) *Frame {
	t.Helper()
	f := New(Options{Service: "idp", Development: true})
	f.Messages(fstest.MapFS{
		"locale/en.json": {Data: []byte(`{"x.title":"Hello {{.Name}} & co","x.n":"{{.N}} things"}`)},
		"locale/ko.json": {Data: []byte(`{"x.title":"안녕하세요 {{.Name}}","x.n":"{{.N}}개"}`)},
	})
	return f
}

func testPages(f *Frame) *Pages {
	return f.Pages(fstest.MapFS{"page/x.html": {Data: []byte(
		`{{define "title"}}{{t "x.n" "N" (len .)}}{{end}}{{define "main"}}<h1>{{t "x.title" "Name" .}}</h1><p title="{{t "x.title" "Name" .}}">{{t "x.n" "N" (len .)}}</p>{{qr "hello" "alt"}}{{end}}`)}}, "page/*.html")
}

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRender(t *testing.T) {
	f := testFrame(t)
	p := testPages(f)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /x", func(w http.ResponseWriter, r *http.Request) { p.Render(w, r, 200, "x", `<b>"Kim`) })
	h := f.Handler(mux)
	cases := []struct {
		name, path, accept, want string
	}{
		{"it speaks Korean when nothing says otherwise", "/x", "", "안녕하세요 <bdi>&lt;b&gt;&#34;Kim</bdi>"},
		{"it follows the browser's language", "/x", "en-GB,en;q=0.8", "Hello <bdi>&lt;b&gt;&#34;Kim</bdi> &amp; co"},
		{"it falls back to Korean for a language it does not have", "/x", "fr", "안녕하세요"},
		{"it keeps elements out of attributes", "/x", "en", `title="Hello &lt;b&gt;&#34;Kim &amp; co"`},
		{"it lets the reader switch", "/x?lang=en", "ko", "7 things"},
		{"it marks the language of the page", "/x", "en", `<html lang="en">`},
		{"it draws the QR code with a text alternative", "/x", "en", `role="img" aria-label="alt"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := get(t, h, c.path, "Accept-Language", c.accept)
			if w.Code != 200 || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("status %d, want %q in\n%s", w.Code, c.want, w.Body)
			}
		})
	}
}
