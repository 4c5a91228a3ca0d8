package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func send(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	var log bytes.Buffer
	f := New(Options{Service: "idp", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	f.Machine("/token")
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			f.Fail(w, r, http.StatusRequestEntityTooLarge, "web.error.bad_request", err)
			return
		}
		_, _ = io.WriteString(w, "ok")
	}
	mux.HandleFunc("/page", ok)
	mux.HandleFunc("/token", ok)
	mux.HandleFunc("GET /get", ok)
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	h := f.Handler(mux)

	cases := []struct {
		name, method, path, body string
		header                   []string
		status                   int
	}{
		{"it lets a page be read", "GET", "/page", "", nil, 200},
		{"it lets its own pages post", "POST", "/page", "", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"it lets programs post", "POST", "/page", "", nil, 200},
		{"it refuses another site's post", "POST", "/page", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"it refuses a sibling's post", "POST", "/page", "", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"it refuses another origin's post of an old browser", "POST", "/page", "", []string{"Origin", "https://evil.example"}, 403},
		{"it refuses a post without an origin", "POST", "/page", "", []string{"Origin", "null"}, 403},
		{"it lets machine endpoints decide themselves", "POST", "/token", "", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"it reads a body of the limit", "POST", "/page", strings.Repeat("a", BodyLimit), nil, 200},
		{"it reads no more", "POST", "/page", strings.Repeat("a", BodyLimit+1), nil, 413},
		{"it shows its own page where there is none", "GET", "/none", "", nil, 404},
		{"it says which methods there are", "PUT", "/get", "", nil, 405},
		{"it survives a panic", "GET", "/panic?secret=1", "", nil, 500},
		{"it serves its stylesheet", "GET", "/assets/mydata.css", "", nil, 200},
		{"it serves its script", "GET", "/assets/webauthn.js", "", nil, 200},
		{"it serves nothing else below", "GET", "/assets/../frame.go", "", nil, 404},
		{"it serves no folder", "GET", "/assets/", "", nil, 404},
		{"it takes no asset", "PUT", "/assets/mydata.css", "", nil, 405},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := send(h, c.method, c.path, c.body, c.header...)
			if w.Code != c.status {
				t.Errorf("%d, want %d: %s", w.Code, c.status, w.Body)
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
				"Referrer-Policy": "same-origin", "Strict-Transport-Security": "max-age=", "Cache-Control": "no-",
			} {
				if !strings.Contains(w.Header().Get(name), want) {
					t.Errorf("%s: %q", name, w.Header().Get(name))
				}
			}
			if c.status == 405 && !strings.Contains(w.Header().Get("Allow"), "GET") {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
			if (c.status == 404 || c.status == 405) && !strings.Contains(w.Body.String(), "<h1>") {
				t.Errorf("no page: %s", w.Body)
			}
			if id := w.Header().Get("X-Correlation-Id"); id == "" || !strings.Contains(log.String(), id) {
				t.Error("no correlation id, or not in the log")
			}
			if strings.Contains(w.Header().Get("Content-Security-Policy"), "unsafe") {
				t.Error("the policy allows inline code")
			}
		})
	}
	if w := send(h, "GET", "/panic?secret=1", ""); strings.Contains(w.Body.String(), "boom") || !strings.Contains(w.Body.String(), w.Header().Get("X-Correlation-Id")) {
		t.Errorf("a panic's page: %s", w.Body)
	}
	if strings.Contains(log.String(), "secret") {
		t.Error("the log holds a query")
	}
	if !strings.Contains(log.String(), "boom") {
		t.Error("the log does not say why")
	}
	dev := New(Options{Service: "idp", Development: true})
	if w := send(dev.Handler(mux), "GET", "/page", ""); w.Header().Get("Strict-Transport-Security") != "" {
		t.Error("development asks browsers for https")
	}
}

func TestETag(t *testing.T) {
	h := New(Options{Service: "idp", Logger: slog.New(slog.DiscardHandler)}).Handler(http.NotFoundHandler())
	w := send(h, "GET", "/assets/mydata.css", "")
	again := send(h, "GET", "/assets/mydata.css", "", "If-None-Match", w.Header().Get("ETag"))
	if again.Code != http.StatusNotModified {
		t.Errorf("%d", again.Code)
	}
}

func TestCookies(t *testing.T) {
	for name, c := range map[string]struct {
		development bool
		want        []string
	}{
		"it binds cookies to the host":                {false, []string{"__Host-mydata_idp_session=v", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"}},
		"it names them per service in development":    {true, []string{"mydata_idp_session=v", "HttpOnly", "SameSite=Lax"}},
		"it gives them no domain, whoever may ask it": {false, []string{"Path=/; Max-Age=60; HttpOnly"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := New(Options{Service: "idp", Development: c.development})
			w := httptest.NewRecorder()
			f.SetCookie(w, "session", "v", time.Minute)
			got := w.Header().Get("Set-Cookie")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q lacks %q", got, want)
				}
			}
			if strings.Contains(got, "Domain") || c.development == strings.Contains(got, "Secure") || c.development == strings.HasPrefix(got, "__Host-") {
				t.Errorf("cookie %q", got)
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(&http.Cookie{Name: f.cookieName("session"), Value: "v"})
			if f.Cookie(r, "session") != "v" || f.Cookie(r, "other") != "" {
				t.Error("not read back")
			}
			r.AddCookie(&http.Cookie{Name: f.cookieName("session"), Value: "w"})
			if f.Cookie(r, "session") != "" {
				t.Error("two cookies of one name: one of them is somebody else's")
			}
			w = httptest.NewRecorder()
			f.SetCookie(w, "session", "v", 0)
			if !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") || strings.Contains(w.Header().Get("Set-Cookie"), "=v") {
				t.Errorf("deleting: %q", w.Header().Get("Set-Cookie"))
			}
		})
	}
}

func TestFailures(t *testing.T) {
	f := New(Options{Service: "idp", Logger: slog.New(slog.DiscardHandler)})
	secret := errors.New("a secret detail")
	mux := http.NewServeMux()
	mux.HandleFunc("/fail", func(w http.ResponseWriter, r *http.Request) {
		f.Fail(w, r, 400, "web.error.bad_request", secret)
	})
	mux.HandleFunc("/problem", func(w http.ResponseWriter, r *http.Request) {
		f.Problem(w, r, Problem{Status: 409, Code: "withdrawn", Check: "grant", Cause: "it is withdrawn", Mender: "citizen"}, secret)
	})
	h := f.Handler(mux)
	cases := []struct {
		name, path string
		header     []string
		media      string
		want       string
	}{
		{"it shows people a page", "/fail", []string{"Accept", "text/html,application/json;q=0.9"}, "text/html", "The request could not be read."},
		{"it speaks their language", "/fail", []string{"Accept-Language", "ko"}, "text/html", "요청을 읽을 수 없습니다."},
		{"it gives programs a problem", "/fail", []string{"Accept", "application/json"}, "application/problem+json", `"code":"bad_request"`},
		{"it gives our script a sentence", "/fail", []string{"Content-Type", "application/json; charset=utf-8"}, "application/problem+json", `"message":"The request could not be read."`},
		{"it names the check", "/problem", nil, "application/problem+json", `"type":"urn:mydata:problem:withdrawn","status":409,"code":"withdrawn","check":"grant","cause":"it is withdrawn","mender":"citizen"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			header := c.header
			if c.want != "요청을 읽을 수 없습니다." {
				header = append(header, "Accept-Language", "en")
			}
			w := send(h, "POST", c.path, "{}", header...)
			if w.Code < 400 || !strings.HasPrefix(w.Header().Get("Content-Type"), c.media) || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
			}
			if strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), w.Header().Get("X-Correlation-Id")) {
				t.Errorf("the answer tells too much or too little: %s", w.Body)
			}
		})
	}
}

func TestAllowForm(t *testing.T) {
	f := New(Options{Service: "idp"})
	w := httptest.NewRecorder()
	maps.Copy(w.Header(), f.security)
	AllowForm(w, "http://localhost:8083", "", "https://x.example; script-src *", "https://*.example", "https://ok.example/cb?x=1", "https://ok.example/other", "app:cb", "/cb", "https://a;b.example/")
	got := w.Header().Get("Content-Security-Policy")
	if !strings.HasSuffix(got, "form-action 'self' http://localhost:8083 https://ok.example") {
		t.Errorf("policy %q", got)
	}
}

func TestBrokenFlowsPanic(t *testing.T) {
	page := func(body string) fstest.MapFS { return fstest.MapFS{"page/x.html": {Data: []byte(body)}} }
	texts := func(en, ko string) fstest.MapFS {
		return fstest.MapFS{"l/en.json": {Data: []byte(en)}, "l/ko.json": {Data: []byte(ko)}}
	}
	for name, do := range map[string]func(f *Frame){
		"it refuses a text in one language only": func(f *Frame) { f.Messages(texts(`{"a":"a"}`, `{}`)) },
		"it refuses broken texts":                func(f *Frame) { f.Messages(texts(`{`, `{}`)) },
		"it refuses missing texts":               func(f *Frame) { f.Messages(fstest.MapFS{}) },
		"it refuses no pages":                    func(f *Frame) { f.Pages(fstest.MapFS{}, "page/*.html") },
		"it refuses a page without a title":      func(f *Frame) { f.Pages(page(`{{define "main"}}{{end}}`), "page/*.html") },
		"it refuses a page with a hole": func(f *Frame) {
			f.Pages(page(`{{define "title"}}{{end}}{{define "main"}}{{template "none"}}{{end}}`), "page/*.html")
		},
		"it refuses a page that does not parse": func(f *Frame) { f.Pages(page(`{{define "main"}}`), "page/*.html") },
		"it refuses a text that would be a template": func(f *Frame) {
			f.Messages(texts("{\"a\":\"{{`{{t 1}}`}}\"}", `{"a":"a"}`))
			f.Pages(page(`{{define "title"}}{{end}}{{define "main"}}{{t "a"}}{{end}}`), "page/*.html")
		},
		"it refuses a text that nobody wrote": func(f *Frame) {
			f.Pages(page(`{{define "title"}}{{end}}{{define "main"}}{{t "a"}}{{end}}`), "page/*.html")
		},
		"it refuses a text that names more than it is given": func(f *Frame) {
			f.Messages(texts(`{"a":"{{.Who}} and {{.Whom}}"}`, `{"a":"{{.Who}}"}`))
			f.Pages(page(`{{define "title"}}{{end}}{{define "main"}}{{t "a" "Who" .}}{{end}}`), "page/*.html")
		},
		"it refuses a text that is given what is no value": func(f *Frame) {
			f.Messages(texts(`{"a":"{{.Who}}"}`, `{"a":"{{.Who}}"}`))
			f.Pages(page(`{{define "title"}}{{end}}{{define "main"}}{{t "a" "Who" "ada"}}{{end}}`), "page/*.html")
		},
		"it refuses an asset's name twice": func(f *Frame) {
			f.Assets(fstest.MapFS{"static/mydata.css": {Data: []byte("x")}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := New(Options{Service: "idp", Logger: slog.New(slog.DiscardHandler)})
			defer func() {
				if recover() == nil {
					t.Error("it starts")
				}
			}()
			do(f)
		})
	}
}

func TestShared(t *testing.T) {
	f := New(Options{Service: "verifier", Logger: slog.New(slog.DiscardHandler)})
	p := f.Pages(fstest.MapFS{
		"page/shared.html": {Data: []byte(`{{define "nav"}}<nav>n</nav>{{end}}`)},
		"page/x.html":      {Data: []byte(`{{define "title"}}T{{end}}{{define "main"}}<h1>{{text .}}</h1>{{end}}`)},
	}, "page/*.html")
	w := httptest.NewRecorder()
	p.Render(w, httptest.NewRequest("GET", "/?lang=en", nil), 200, "x", map[string]string{"ko": "가", "en": "a"})
	if !strings.Contains(w.Body.String(), "<nav>n</nav>") || !strings.Contains(w.Body.String(), "<h1>a</h1>") {
		t.Error(w.Body)
	}
}

// A text without arguments stands in the page from the start, as safe as others.
func TestFixedTexts(t *testing.T) {
	f := New(Options{Service: "verifier", Logger: slog.New(slog.DiscardHandler)})
	f.Messages(fstest.MapFS{
		"l/en.json": {Data: []byte(`{"x.mark":"<b> & \"so\" 'it'","x.name":"to {{.Who}}"}`)},
		"l/ko.json": {Data: []byte(`{"x.mark":"가<b>","x.name":"{{.Who}}"}`)},
	})
	p := f.Pages(fstest.MapFS{"page/x.html": {Data: []byte(
		`{{define "title"}}{{t "x.mark"}}{{end}}{{define "main"}}<p title="{{t "x.mark"}}">{{t "x.mark"}}, {{t "x.name" "Who" .}}</p><p>{{t (print "x." "name") "Who" .}}, {{t (print "x." "name") "Who" 7}}</p>{{end}}`)}}, "page/*.html")
	for lang, want := range map[string]string{
		"en": `<p title="&lt;b&gt; &amp; &#34;so&#34; &#39;it&#39;">&lt;b&gt; &amp; &#34;so&#34; &#39;it&#39;, to <bdi>&lt;i&gt;</bdi></p><p>to <bdi>&lt;i&gt;</bdi>, to 7</p>`,
		"ko": `<p title="가&lt;b&gt;">가&lt;b&gt;, <bdi>&lt;i&gt;</bdi></p><p><bdi>&lt;i&gt;</bdi>, 7</p>`,
	} {
		w := httptest.NewRecorder()
		p.Render(w, httptest.NewRequest("GET", "/?lang="+lang, nil), 200, "x", "<i>")
		if !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "&lt;b&gt;") {
			t.Errorf("%s: %s", lang, w.Body)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 11, 22, 15, 4, 0, 0, time.UTC)
	if got := string(stamp(at, seoul(), "ko", true)); got != `<time datetime="2026-11-23T00:04:00+09:00">2026년 11월 23일 00:04</time>` {
		t.Error(got)
	}
	if got := string(stamp(at, seoul(), "en", false)); got != `<time datetime="2026-11-23T00:04:00+09:00">23 November 2026</time>` {
		t.Error(got)
	}
	if stamp(time.Time{}, seoul(), "en", true) != "" {
		t.Error("the zero time is shown")
	}
}

func TestQRCode(t *testing.T) {
	svg := string(drawQR(strings.Repeat("a", 100), `x" onload="alert(1)`))
	if !strings.Contains(svg, `role="img"`) || strings.Contains(svg, `" onload="`) || strings.Contains(svg, "style=") {
		t.Error(svg)
	}
	if QRCode(strings.Repeat("a", 5000)) != "" {
		t.Error("a text too long for a QR code is drawn")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"a":"x"}`)
	f.Add(`{"a":"x","a":"y"}`)
	f.Add(`{"A":"x"}`)
	f.Add(`{"a":1} x`)
	f.Fuzz(func(t *testing.T, body string) {
		var v struct {
			A string `json:"a"`
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if Decode(httptest.NewRecorder(), r, &v) != nil {
			return
		}
		if !json.Valid([]byte(body)) || strings.Count(body, `"a"`) > 1 && !strings.Contains(body, "{\"") {
			t.Errorf("accepted %q", body)
		}
	})
}

func TestDecodeOnly(t *testing.T) {
	for body, ok := range map[string]bool{`{"a":"x"}`: true, `{}`: true, `{"a":"x","b":1}`: false, `{"a":"x","a":"y"}`: false, `{"A":"x"}`: false, `{"a":1}`: false, `{"a":"x"}{}`: false, ``: false} {
		var v struct {
			A string `json:"a"`
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if err := DecodeOnly(httptest.NewRecorder(), r, &v); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ media, body string }{
		"it refuses a name twice":          {"application/json", `{"a":"x","a":"y"}`},
		"it refuses what follows":          {"application/json", `{"a":"x"}{}`},
		"it refuses another type":          {"application/json", `{"a":1}`},
		"it refuses another media type":    {"text/plain", `{"a":"x"}`},
		"it refuses a body over the limit": {"application/json", `{"a":"` + strings.Repeat("x", BodyLimit) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var v struct {
				A string `json:"a"`
			}
			r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.media)
			if err := Decode(httptest.NewRecorder(), r, &v); err == nil {
				t.Error("accepted")
			}
		})
	}
	var v struct {
		A string `json:"a"`
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"A":"x"}`))
	r.Header.Set("Content-Type", "application/json")
	if err := Decode(httptest.NewRecorder(), r, &v); err != nil || v.A != "" {
		t.Errorf("another spelling is taken: %q, %v", v.A, err)
	}
}
