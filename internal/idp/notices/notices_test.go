package notices_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/idp/notices"
	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
)

type site struct {
	*testing.T
	server   http.Handler
	messages *notify.Messages
	citizen  string
	err      error
}

func newSite(t *testing.T) *site {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite::memory:")
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.Migrate(t.Context()))
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	smtp, err := notify.NewSMTP("smtp://127.0.0.1:9", "hub@hub.example", "", "", true) // nobody listens
	must(t, err)
	s := &site{T: t, citizen: "ada", messages: &notify.Messages{
		Choices: db.Signals(), Hub: "https://hub.example", Now: time.Now, Mail: smtp,
		Push: notify.NewWebPush(key, "https://hub.example", false), File: &notify.FileSink{Path: filepath.Join(t.TempDir(), "m")},
	}}
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&notices.Handler{Frame: frame, Messages: s.messages, PushKey: s.messages.Push.PublicKey(),
		Session: func(*http.Request) (string, error) { return s.citizen, s.err }}).Mount(mux)
	s.server = frame.Handler(mux)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) send(method, path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), method, path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w
}

func subscription() string {
	key, _ := ecdh.P256().GenerateKey(rand.Reader)
	return `{"endpoint":"https://push.example/1","keys":{"auth":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 16)) +
		`","p256dh":"` + base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()) + `"}}`
}

func TestChoosing(t *testing.T) {
	s := newSite(t)
	for lang, words := range map[string]string{"en": "How do you want to hear?", "ko": "어떻게 알려 드릴까요?"} {
		w := s.send(http.MethodGet, "/me/notices?lang="+lang, nil)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), words) || !strings.Contains(w.Body.String(), s.messages.Push.PublicKey()) {
			t.Errorf("%s: %d\n%s", lang, w.Code, w.Body)
		}
	}
	for _, form := range []url.Values{
		{"channel": {"file"}, "lang": {"ko"}},
		{"channel": {"push"}, "lang": {"en"}, "subscription": {subscription()}},
	} {
		w := s.send(http.MethodPost, "/me/notices", form)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/me/notices?saved" {
			t.Errorf("%v: %d %s", form, w.Code, w.Body)
		}
		c, err := s.messages.Choice(t.Context(), "ada")
		if err != nil || c.Channel != form.Get("channel") || c.Lang != form.Get("lang") {
			t.Errorf("%+v, %v", c, err)
		}
		page := s.send(http.MethodGet, "/me/notices?saved&lang=en", nil).Body.String()
		if !strings.Contains(page, `value="`+form.Get("channel")+`" checked`) || !strings.Contains(page, "Your choice is saved") {
			t.Errorf("the page does not show the choice:\n%s", page)
		}
	}
	s.citizen = "bea"
	if page := s.send(http.MethodGet, "/me/notices?lang=en", nil).Body.String(); !strings.Contains(page, `value="" checked`) {
		t.Errorf("somebody else's choice is shown:\n%s", page)
	}
	s.send(http.MethodPost, "/me/notices", url.Values{"channel": {""}})
	if _, err := s.messages.Choice(t.Context(), "ada"); err != nil {
		t.Errorf("somebody else's choice was dropped: %v", err)
	}
	s.citizen = "ada"
	s.send(http.MethodPost, "/me/notices", url.Values{"channel": {""}})
	if _, err := s.messages.Choice(t.Context(), "ada"); !errors.Is(err, notify.ErrNoChoice) {
		t.Errorf("after no more: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	s := newSite(t)
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for _, tt := range []struct {
		name, path string
		form       url.Values
		status     int
		header     []string
	}{
		{"it refuses a channel that is none", "/me/notices", form("channel", "pigeon"), http.StatusBadRequest, nil},
		{"it refuses an address that is none", "/me/notices", form("channel", "mail", "mail", "ada"), http.StatusBadRequest, nil},
		{"it refuses a subscription that is none", "/me/notices", form("channel", "push", "subscription", "{}"), http.StatusBadRequest, nil},
		{"it refuses a code that nobody asked for", "/me/notices/confirm", form("code", "1"), http.StatusBadRequest, nil},
		{"it refuses another site", "/me/notices", form("channel", ""), http.StatusForbidden, []string{"Sec-Fetch-Site", "cross-site"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if w := s.send(http.MethodPost, tt.path, tt.form, tt.header...); w.Code != tt.status {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	// The mail server is down: the code is not there, and a wrong one is refused.
	if w := s.send(http.MethodPost, "/me/notices", form("channel", "mail", "mail", "a@mail.example")); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "127.0.0.1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.send(http.MethodPost, "/me/notices", form("channel", "mail", "mail", "a@mail.example")); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.send(http.MethodPost, "/me/notices/confirm", form("code", "x")); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if page := s.send(http.MethodGet, "/me/notices?lang=en", nil).Body.String(); !strings.Contains(page, `name="code"`) || !strings.Contains(page, "a@mail.example") {
		t.Errorf("the page does not ask for the code:\n%s", page)
	}
	s.err = oauth.ErrNobody
	if w := s.send(http.MethodGet, "/me/notices", nil); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/login?next=") {
		t.Errorf("signed out: %d", w.Code)
	}
	if w := s.send(http.MethodPost, "/me/notices", form("channel", "")); w.Code != http.StatusUnauthorized {
		t.Errorf("signed out: %d", w.Code)
	}
	s.err = errors.New("database is down")
	if w := s.send(http.MethodGet, "/me/notices", nil); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "database") {
		t.Errorf("outage: %d", w.Code)
	}
}

func TestScripts(t *testing.T) {
	s := newSite(t)
	s.err = oauth.ErrNobody // a browser fetches a worker by itself
	w := s.send(http.MethodGet, "/me/notices/worker.js", nil)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") || !strings.Contains(w.Body.String(), "showNotification") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if strings.Contains(w.Body.String(), "fetch(") {
		t.Error("the worker fetches")
	}
	if w := s.send(http.MethodGet, "/assets/notices.js", nil); w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
}
