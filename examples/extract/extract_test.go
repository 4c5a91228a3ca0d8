package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

func TestRegister(t *testing.T) {
	records, err := readRegister(extracts)
	if err != nil {
		t.Fatal(err)
	}
	one, err := records.load(context.Background(), sdk.Subject{ResidentID: "resident-03"})
	other, err2 := records.load(context.Background(), sdk.Subject{ResidentID: "resident-07"})
	if err != nil || err2 != nil || one["name"] != other["name"] || one["address"] == other["address"] {
		t.Fatalf("the two of one name: %v %v", err, err2)
	}
	if region, err := derive["region"](one); err != nil || region != "대구광역시" {
		t.Errorf("region %v, %v", region, err)
	}
	for _, nobody := range []string{"", "resident-99", "김민준"} {
		if _, err := records.load(context.Background(), sdk.Subject{ResidentID: nobody}); !errors.Is(err, sdk.ErrNoMatch) {
			t.Errorf("%q: %v", nobody, err)
		}
	}
	records["resident-03"] = append(records["resident-03"], one)
	if _, err := records.load(context.Background(), sdk.Subject{ResidentID: "resident-03"}); !errors.Is(err, sdk.ErrSeveral) {
		t.Errorf("twice in the register: %v", err)
	}
	for _, broken := range []string{"", "resident,name,address,household\n", "resident,name,address,household\na,b,c,many\n", "resident,name,address,household\na,b,c\n"} {
		if _, err := readRegister([]byte(broken)); err == nil {
			t.Errorf("it read %q", broken)
		}
	}
}

// Of two extracts that are issued at once, one is good: neither's hook takes both.
func TestOneExtractIsGood(t *testing.T) {
	const url = "http://localhost:8085/documents"
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		hub := sdktest.New(t)
		journal, err := sdk.OpenFileJournal(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		s := &site{issuer: hub.MustIssuer(url, map[string]sdk.Document{extract: document(url, nil)}, func(c *sdk.IssuerConfig) { c.Journal = journal })}
		ctx := context.Background()
		var both []sdk.IssuedDocument
		for i := range 2 { // both are in the journal before either's hook runs
			d := sdk.IssuedDocument{ID: []string{"first", "second"}[i], Config: extract, Sub: "kim", DocumentCopy: sdk.DocumentCopy{Index: int64(i)}, At: hub.Now(), Expires: hub.Now().AddDate(1, 0, 0)}
			value, _ := json.Marshal(d)
			if err := journal.Create(ctx, sdk.Entry{Kind: "document", Key: d.ID, Value: value}); err != nil {
				t.Fatal(err)
			}
			both = append(both, d)
		}
		for _, i := range order {
			s.issued(both[i])
		}
		left, err := s.issuer.Documents(ctx, "kim")
		if err != nil || len(left) != 2 || !left[0].Revoked || left[1].Revoked {
			t.Errorf("%v: %v %+v", order, err, left)
		}
	}
}

func TestPage(t *testing.T) {
	hub := sdktest.New(t)
	records, err := readRegister(extracts)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{hub: hub.URL, wallet: "http://localhost:8084", provider: hub.MustProvider(map[string]sdk.DataSet{extract: {Load: records.load, Derive: derive}}),
		issuer: hub.MustIssuer("http://localhost:8085/documents", map[string]sdk.Document{extract: document("http://localhost:8085/documents", records)}),
		pages:  page.New(page.Options{Service: "extract", Files: pageFiles(), Logger: slog.New(slog.DiscardHandler)})}
	for lang, words := range map[string][]string{"en": {"Add to phone", "No extract was issued yet"}, "ko": {"휴대전화에 담기", "아직 발급된 초본이 없습니다"}} {
		w := httptest.NewRecorder()
		s.routes().ServeHTTP(w, httptest.NewRequest("GET", "/?lang="+lang, nil))
		for _, word := range append(words, `href="openid-credential-offer://?credential_offer=`, `href="http://localhost:8084/?offer=openid-credential-offer`) {
			if !strings.Contains(w.Body.String(), word) {
				t.Errorf("%s: the page lacks %q: %s", lang, word, w.Body)
			}
		}
	}
	for path, want := range map[string]int{"/.well-known/openid-credential-issuer/documents": 200, "/documents/status/9": 404, "/documents/other": 404} {
		w := httptest.NewRecorder()
		s.routes().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
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
	html, err := fs.ReadFile(files, "page/home.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range used.FindAllStringSubmatch(string(html), -1) {
		if texts["en"][m[1]] == "" || texts["ko"][m[1]] == "" {
			t.Errorf("the page asks for %q", m[1])
		}
	}
	if len(texts["en"]) != len(texts["ko"]) {
		t.Error("one language says more")
	}
}
