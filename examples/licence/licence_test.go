package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/sdk"
)

// open makes the site on a journal that holds one release of one person; there
// is no hub.
func openSite(t *testing.T) *site {
	t.Helper()
	w := consenttest.New()
	dir := t.TempDir()
	journal, err := sdk.OpenFileJournal(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := sdk.OpenFileJournal(filepath.Join(dir, "records"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { journal.Close(); records.Close() })
	release := sdk.Release{GrantID: "grant-1", Use: 1, Uses: 2, IssuedAt: w.Now(), Expires: w.Now(), Withdraw: "https://hub.example/me/consents",
		Claims: map[string]any{"vision_ok": true, "hearing_ok": true, "checked_on": "2026-05-14"}}
	row, _ := json.Marshal(map[string]any{"grant_id": "grant-1", "use": 1, "done": release})
	if err := journal.Put(context.Background(), sdk.Entry{Kind: "send", Key: "grant-1/1", Value: row}); err != nil {
		t.Fatal(err)
	}
	consumer, err := sdk.NewConsumer(sdk.ConsumerConfig{Trust: w.Trust, Journal: journal, ClientID: clientID, RedirectURI: "https://licence.example/callback",
		Keys: sdk.Keys{Signer: w.Consumer.Key, Chain: w.Consumer.Chain}})
	if err != nil {
		t.Fatal(err)
	}
	pages := page.New(page.Options{Service: "licence", Files: pageFiles(), Logger: slog.Default()})
	s := &site{consumer: consumer, records: records, sessions: page.NewSessions[session](pages), pages: pages}
	for _, id := range []string{"grant-1", "grant-2"} {
		grant, _ := json.Marshal(map[string]string{"subject": "sub-1"})
		if err := journal.Put(context.Background(), sdk.Entry{Kind: "grant", Key: id, Value: grant}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *site) visit(method, path, sub string) *httptest.ResponseRecorder {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	r := httptest.NewRequest(method, path, nil).WithContext(ctx)
	if sub != "" {
		login := httptest.NewRecorder()
		s.sessions.Put(login, r, session{Sub: sub})
		r.AddCookie(login.Result().Cookies()[0])
	}
	w := httptest.NewRecorder()
	s.routes().ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, sub string
		status                  int
		words                   []string
	}{
		{"it greets a stranger", "GET", "/?lang=en", "", 200, []string{"Renew my licence", "What comes next"}},
		{"it greets a stranger in Korean", "GET", "/?lang=ko", "", 200, []string{"운전면허 갱신하기", "진행 순서"}},
		{"it lists a person's renewals", "GET", "/?lang=en", "sub-1", 200, []string{"/renewal/grant-1", "/renewal/grant-2/again", "Fetch the answer", "Sign out"}},
		{"it shows a renewal", "GET", "/renewal/grant-1?lang=en", "sub-1", 200, []string{"Eyesight sufficient", "1 of 2", "Use the second time", "https://hub.example/me/consents"}},
		{"it shows a renewal in Korean", "GET", "/renewal/grant-1?lang=ko", "sub-1", 200, []string{"총 2회 중 1회째", "두 번째로 확인하기", "<dd><bdi>2026"}},
		{"it shows no other person's renewal", "GET", "/renewal/grant-1?lang=en", "sub-2", 404, []string{"another login"}},
		{"it shows a stranger no renewal", "GET", "/renewal/grant-1?lang=en", "", 404, nil},
		{"it gives a stranger no receipt", "GET", "/renewal/grant-1/receipt?lang=en", "", 404, nil},
		{"it lets a stranger use nothing", "POST", "/renewal/grant-1/again?lang=en", "sub-2", 404, nil},
		{"it refuses a callback that it did not ask for", "GET", "/callback?code=x&state=y&lang=en", "", 409, []string{"another login"}},
		{"it says when the hub is not there", "POST", "/renew?lang=en", "", 503, []string{"does not answer"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := openSite(t).visit(tt.method, tt.path, tt.sub)
			if w.Code != tt.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for _, word := range append(tt.words, `<h1>`, `<main id="main"`) {
				if !strings.Contains(w.Body.String(), word) {
					t.Errorf("the page lacks %q", word)
				}
			}
		})
	}
}

func TestRefusalIsNamed(t *testing.T) {
	s := openSite(t)
	release, err := s.consumer.Last(context.Background(), "grant-1")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.show(w, httptest.NewRequest("GET", "/renewal/grant-1?lang=en", nil), 409, release,
		&sdk.Error{By: "hub", Reason: "withdrawn", Cause: "the citizen has withdrawn the consent"})
	for _, word := range []string{"<bdi>withdrawn</bdi>: <bdi>the citizen has withdrawn the consent</bdi>", `role="alert"`, "begin a new renewal"} {
		if !strings.Contains(w.Body.String(), word) {
			t.Errorf("the page lacks %q", word)
		}
	}
	if strings.Contains(w.Body.String(), "/again") {
		t.Error("the page offers what cannot be")
	}
}

var used = regexp.MustCompile(`\{\{t "([a-z0-9_.]+)"|"(error\.[a-z_]+)"`)

func TestBothLanguagesSayTheSame(t *testing.T) {
	texts := map[string]map[string]string{}
	for _, lang := range []string{"en", "ko"} {
		raw, err := fs.ReadFile(files, "page/"+lang+".json")
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		texts[lang] = m
	}
	for id := range texts["en"] {
		if texts["ko"][id] == "" {
			t.Errorf("no Korean for %s", id)
		}
	}
	if len(texts["en"]) != len(texts["ko"]) {
		t.Error("one language says more")
	}
	pages, _ := fs.Glob(files, "page/*.html")
	for _, name := range pages {
		raw, _ := fs.ReadFile(files, name)
		for _, m := range used.FindAllStringSubmatch(string(raw), -1) {
			if id := m[1] + m[2]; texts["en"][id] == "" {
				t.Errorf("%s asks for %q", name, id)
			}
		}
	}
}
