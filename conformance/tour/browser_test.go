package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// The walk's own eyes, on a page made to offend them.
func TestEyes(t *testing.T) {
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Path {
		case "/good":
			w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title><meta name="viewport" content="width=device-width"></head><body><main><h1>Good</h1><p>` + r.Header.Get("Accept-Language") + `</p></main></body></html>`))
		case "/unlabelled":
			w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title></head><body><main><h1>Bad</h1><input name="a"></main></body></html>`))
		case "/wide":
			w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title><meta name="viewport" content="width=device-width, minimum-scale=1"></head><body><main><h1>Bad</h1><table><tr><td>` + strings.Repeat("wide", 60) + `</td></tr></table></main></body></html>`))
		case "/small":
			w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title><meta name="viewport" content="width=device-width"></head><body><main><h1>Bad</h1><p>A <a href="/a">link in a sentence</a>.</p><p><a href="/b">alone</a></p></main></body></html>`))
		case "/machine":
			w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title><meta name="viewport" content="width=device-width"></head><body><main><h1>Bad</h1><p>Until 2026-05-14</p><p><code>2026-05-15</code></p></main></body></html>`))
		case "/twice":
			w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title><meta name="viewport" content="width=device-width"></head><body><main><h1>Bad</h1><button style="padding:2em">Remove</button><button style="padding:2em">Remove</button></main></body></html>`))
		case "/inline":
			w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title><meta name="viewport" content="width=device-width"></head><body><main><h1>Bad</h1><script>1</script></main></body></html>`))
		}
	}
	server := httptest.NewServer(http.HandlerFunc(page))
	defer server.Close()
	b, err := openBrowser(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	axe, err := readAxe("../..")
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.person("en")
	if err != nil {
		t.Fatal(err)
	}
	defer p.cancel()
	w := &walk{person: p, lang: "en", out: t.TempDir(), axe: axe, say: t.Logf}
	here := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, c := range []struct{ name, path, want string }{
		{"it passes a good page", "/good", ""},
		{"it sees a field without a label", "/unlabelled", "axe-core label"},
		{"it sees a page wider than the phone", "/wide", "wider than a phone"},
		{"it sees a link too small for a finger, and lets those in a sentence be", "/small", " A alone"},
		{"it sees a date that is no language, outside of what is quoted", "/machine", "as a machine does: 2026-05-14"},
		{"it sees two buttons of one name", "/twice", "several of one name: button Remove"},
		{"it sees what the content security policy refused", "/inline", "Content Security Policy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := w.open(here + c.path); err != nil {
				t.Fatal(err)
			}
			err := w.page(strings.Trim(c.path, "/"))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("wanted %q, got %v", c.want, err)
			}
		})
	}
	t.Run("it speaks the language it was given", func(t *testing.T) {
		if err := w.open(here + "/good"); err != nil {
			t.Fatal(err)
		}
		if err := w.says("en-GB"); err != nil {
			t.Error(err)
		}
	})
	if found, err := os.ReadDir(w.out + "/en"); err != nil || len(found) == 0 {
		t.Errorf("no screenshot: %v", err)
	}
}
