package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
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

// openSite makes the portal on a journal that holds the answers of one person, of
// whom one permission came through and one did not; there is no hub.
func openSite(t *testing.T) *site {
	t.Helper()
	w := consenttest.New()
	open := func(name string) *sdk.FileJournal {
		j, err := sdk.OpenFileJournal(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { j.Close() })
		return j
	}
	journal := open("journal")
	release := sdk.Release{GrantID: "grant-1", Use: 1, Uses: 12, IssuedAt: w.Now(), Expires: w.Now(), Withdraw: "https://hub.example/me/consents",
		Claims: map[string]any{"household": 3, "region": "Seoul"}}
	row, _ := json.Marshal(map[string]any{"grant_id": "grant-1", "use": 1, "done": release})
	if err := journal.Put(context.Background(), sdk.Entry{Kind: "send", Key: "grant-1/1", Value: row}); err != nil {
		t.Fatal(err)
	}
	consumer, err := sdk.NewConsumer(sdk.ConsumerConfig{Trust: w.Trust, Journal: journal, ClientID: clientID, RedirectURI: "https://portal.example/callback",
		Keys: sdk.Keys{Signer: w.Consumer.Key, Chain: w.Consumer.Chain}})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{consumer: consumer, records: open("records")}
	s.show(page.Options{Service: "portal", Files: pageFiles(), Logger: slog.New(slog.DiscardHandler)})
	if err := s.keep(context.Background(), kindApplication, "sub-1", application{At: w.Now(), Grants: []string{"grant-1", "grant-2"}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) visit(method, path, sub string) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // nobody waits for a hub that is not there
	if method == http.MethodPost {
		ctx = context.Background()
	}
	r := httptest.NewRequest(method, path, nil).WithContext(ctx)
	if sub != "" {
		cookie := httptest.NewRecorder()
		s.sessions.Put(cookie, r, session{Sub: sub})
		r.AddCookie(cookie.Result().Cookies()[0])
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
		{"it greets a stranger", "GET", "/?lang=en", "", 200, []string{"What comes next", "decide on each"}},
		{"it greets a stranger in Korean", "GET", "/?lang=ko", "", 200, []string{"신청하기", "진행 순서"}},
		{"it shows a person the way to the application", "GET", "/?lang=en", "sub-1", 200, []string{`href="/application"`, "Sign out"}},
		{"it shows an application", "GET", "/application?lang=en", "sub-1", 200, []string{"nothing is decided yet", "1 of 12", "Seoul", "/grants/grant-1/again", "Fetch the answer now", "https://hub.example/me/consents"}},
		{"it shows an application in Korean", "GET", "/application?lang=ko", "sub-1", 200, []string{"총 12회 중 1회째", "지금 답변 받기"}},
		{"it shows no other person's application", "GET", "/application?lang=en", "sub-2", 404, []string{"nothing here for this login"}},
		{"it shows a stranger no application", "GET", "/application?lang=en", "", 404, nil},
		{"it gives a stranger no receipt", "GET", "/grants/grant-1/receipt?lang=en", "sub-2", 404, nil},
		{"it lets a stranger use nothing", "POST", "/grants/grant-1/again?lang=en", "", 404, nil},
		{"it refuses a callback that it did not ask for", "GET", "/callback?code=x&state=y&lang=en", "", 409, []string{"nothing here for this login"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := openSite(t).visit(tt.method, tt.path, tt.sub)
			if w.Code != tt.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for _, word := range append(tt.words, `<h1>`, `<main id="main"`) {
				if !strings.Contains(w.Body.String(), word) {
					t.Errorf("the page lacks %q: %s", word, w.Body)
				}
			}
		})
	}
}

// A signal stops what rests on a permission, also when it comes twice, and one of
// its resuming lets it go on.
func TestSignals(t *testing.T) {
	s := openSite(t)
	ctx := context.Background()
	hear := func(kind sdk.SignalKind) string {
		t.Helper()
		for range 2 {
			if err := s.heard(ctx, sdk.Signal{Kind: kind, Grant: "grant-1", At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		return s.visit("GET", "/application?lang=en", "sub-1").Body.String()
	}
	const stopped = "you stopped this consent"
	if strings.Contains(hear(sdk.UseReceived), stopped) {
		t.Error("a receipt stops it")
	}
	if !strings.Contains(hear(sdk.GrantPaused), stopped) || strings.Contains(hear(sdk.GrantResumed), stopped) || !strings.Contains(hear(sdk.GrantWithdrawn), stopped) {
		t.Error("it is not stopped, or does not go on")
	}
}

func TestEntitled(t *testing.T) {
	with := func(low any) part { return part{Release: &sdk.Release{Claims: map[string]any{"income_low": low}}} }
	for want, parts := range map[string][]part{"yes": {with(nil), with(true)}, "no": {with(nil), with(false)}, "open": {with(nil), {}}} {
		if got := entitled(parts); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := entitled([]part{with(nil), with("true")}); got != "no" {
		t.Errorf("a fact of another kind entitles: %s", got)
	}
}

var used = regexp.MustCompile(`\{\{t "([a-z0-9_.]+)"`)

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
			if texts["en"][m[1]] == "" {
				t.Errorf("%s asks for %q", name, m[1])
			}
		}
	}
}
