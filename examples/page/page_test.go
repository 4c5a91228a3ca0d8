package page

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func site() *Site {
	return New(Options{Service: "test", Leads: []string{"https://hub.example"}, Logger: slog.Default(), Files: fstest.MapFS{
		"en.json":   {Data: []byte(`{"brand":"Agency","title":"Hello %d"}`)},
		"ko.json":   {Data: []byte(`{"brand":"기관","title":"안녕하세요 %d"}`)},
		"home.html": {Data: []byte(`{{define "title"}}{{t "title" 1}}{{end}}{{define "main"}}<h1>{{t "title" 2}}</h1>{{.Data}}{{end}}`)},
	}})
}

func serve(s *Site, r *http.Request) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { s.Render(w, r, 200, "home.html", "<b>data</b>") })
	w := httptest.NewRecorder()
	s.Handler(mux).ServeHTTP(w, r)
	return w
}

func TestLanguage(t *testing.T) {
	for _, tt := range []struct {
		name, query, cookie, header, want string
	}{
		{"it is Korean when nobody says", "", "", "", "ko"},
		{"it is the browser's", "", "", "en-GB,ko;q=0.5", "en"},
		{"it is the first that the browser knows", "", "", "fr, ko;q=0.8, en;q=0.5", "ko"},
		{"it is the cookie's before the browser's", "", "en", "ko", "en"},
		{"it is the switch's before all", "?lang=ko", "en", "en", "ko"},
		{"it ignores nonsense", "?lang=xx", "", "xx", "ko"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := site()
			r := httptest.NewRequest("GET", "/"+tt.query, nil)
			r.Header.Set("Accept-Language", tt.header)
			if tt.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "mydata_test_lang", Value: tt.cookie})
			}
			body := serve(s, r).Body.String()
			if !strings.Contains(body, `<html lang="`+tt.want+`">`) {
				t.Errorf("%.80s", body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	w := serve(site(), httptest.NewRequest("GET", "/", nil))
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' https://hub.example"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy %q lacks %q", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script") {
		t.Errorf("policy %q", policy)
	}
	if body := w.Body.String(); strings.Contains(body, "<b>") || strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Errorf("page %s", body)
	}
}

func TestForeignFormsAreRefused(t *testing.T) {
	r := httptest.NewRequest("POST", "http://localhost:8083/", nil)
	r.Header.Set("Origin", "https://evil.example")
	if w := serve(site(), r); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
}

func TestCookies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		secure bool
		want   string
	}{
		{"it is plain in development", false, "mydata_test=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"},
		{"it is bound to its host by https", true, "__Host-mydata_test=x; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := site()
			s.Secure = tt.secure
			w := httptest.NewRecorder()
			s.SetCookie(w, "", "x", time.Minute)
			if got := w.Header().Get("Set-Cookie"); got != tt.want {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestCookie(t *testing.T) {
	for _, tt := range []struct {
		name, header, want string
	}{
		{"it reads its own", "other=1; mydata_test=a", "a"},
		{"it takes none of two, for one of them was planted", "mydata_test=a; mydata_test=b", ""},
		{"it reads nothing where there is none", "other=1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Cookie", tt.header)
			if got := site().Cookie(r, ""); got != tt.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestTurnedAway(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, lang, want string
		status                         int
	}{
		{"it says that there is no page", "GET", "/nowhere", "en", "There is no page at this address.", 404},
		{"it says so in Korean", "GET", "/nowhere", "ko", "이 주소에는 페이지가 없습니다.", 404},
		{"it says that another site asked", "POST", "/", "en", "Another site sent this request", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, nil)
			r.Header.Set("Accept-Language", tt.lang)
			if tt.method == "POST" {
				r.Header.Set("Sec-Fetch-Site", "cross-site")
			}
			w := serve(site(), r)
			if body := w.Body.String(); w.Code != tt.status || !strings.Contains(body, tt.want) || !strings.Contains(body, `<a class="button" href="/">`) {
				t.Errorf("%d %s", w.Code, body)
			}
		})
	}
}

func TestDevelopment(t *testing.T) {
	for _, tt := range []struct {
		name, url, listen string
		development, ok   bool
	}{
		{"it is development on this machine", "http://localhost:8083", "127.0.0.1:8083", true, true},
		{"it is not with https", "https://licence.example", "0.0.0.0:443", false, true},
		{"it refuses plain http elsewhere", "http://licence.example", "127.0.0.1:80", false, false},
		{"it refuses plain http that others reach", "http://localhost:8083", "0.0.0.0:8083", false, false},
		{"it refuses nonsense", "localhost", "127.0.0.1:8083", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Settings{URL: tt.url, Listen: tt.listen}
			got, err := s.Development()
			if got != tt.development || (err == nil) != tt.ok {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	var texts [2]map[string]string
	for i, lang := range []string{"en", "ko"} {
		raw, err := fs.ReadFile(own, "templates/"+lang+".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &texts[i]); err != nil {
			t.Fatal(err)
		}
	}
	for id := range texts[0] {
		if texts[1][id] == "" {
			t.Errorf("no Korean for %s", id)
		}
	}
	if len(texts[0]) != len(texts[1]) {
		t.Error("one language says more")
	}
}
