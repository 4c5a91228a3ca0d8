package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/sdk"
)

func TestLoad(t *testing.T) {
	records, err := readTable(checkups)
	if err != nil {
		t.Fatal(err)
	}
	find := func(id string) (sdk.Record, error) {
		return records.load(context.Background(), sdk.Subject{ResidentID: id})
	}
	one, err := find("resident-03")
	other, err2 := find("resident-07")
	if err != nil || err2 != nil || one["name"] != other["name"] {
		t.Fatalf("the two of one name: %v %v", err, err2)
	}
	for name, want := range map[string]bool{"resident-03": false, "resident-07": true, "resident-01": true} {
		record, _ := find(name)
		if got, err := derive["vision_ok"](record); err != nil || got != want {
			t.Errorf("vision_ok of %s = %v, %v", name, got, err)
		}
	}
	if record, _ := find("resident-05"); true {
		if got, _ := derive["hearing_ok"](record); got != false {
			t.Error("hearing_ok of resident-05")
		}
	}
	paid, err := readTable(premiums)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"resident-01": true, "resident-03": false} {
		record, _ := paid.load(context.Background(), sdk.Subject{ResidentID: id})
		if got, err := derivePremium["income_low"](record); err != nil || got != want {
			t.Errorf("income_low of %s = %v, %v", id, got, err)
		}
	}
	for _, nobody := range []string{"", "resident-99", "김민준"} {
		if _, err := find(nobody); !errors.Is(err, sdk.ErrNoMatch) {
			t.Errorf("%q: %v", nobody, err)
		}
	}
	records["resident-03"] = append(records["resident-03"], one)
	if _, err := find("resident-03"); !errors.Is(err, sdk.ErrSeveral) {
		t.Errorf("twice in the book: %v", err)
	}
}

func TestReadTableRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"it refuses a reading that is no number", "resident,vision_left\nresident-01,good\n"},
		{"it refuses a line that is too short", "resident,vision_left\nresident-01\n"},
		{"it refuses an empty book", "resident\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readTable([]byte(tt.text)); err == nil {
				t.Error("it read it")
			}
		})
	}
}

func TestPageShowsNamesAlone(t *testing.T) {
	ctx := context.Background()
	w := consenttest.New()
	journal, err := sdk.OpenFileJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	row, _ := json.Marshal(map[string]any{"at": w.Now(), "grant_id": "g", "use": 1, "consumer": "urn:mydata:agency:driving-licence",
		"purpose": "driving-licence-renewal", "data_set": "health-checkup", "left": []string{"vision_ok"}, "dropped": []string{"remarks"}, "promise": "a.b.c"})
	if err := journal.Put(ctx, sdk.Entry{Kind: "use", Key: "g/1", Value: row}); err != nil {
		t.Fatal(err)
	}
	provider, err := sdk.NewProvider(sdk.ProviderConfig{Trust: w.Trust, Journal: journal,
		Keys:     sdk.Keys{Signer: w.Provider.Key, Chain: w.Provider.Chain, Encryption: w.Provider.Encryption},
		DataSets: map[string]sdk.DataSet{"health-checkup": {Load: table{}.load}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{provider: provider, hub: "https://hub.example", pages: page.New(page.Options{Service: "insurer", Files: pageFiles(), Logger: slog.Default()})}
	for lang, words := range map[string][]string{"en": {"Was sent", "Stayed here"}, "ko": {"제공된 항목", "제공되지 않은 항목"}} {
		quick, cancel := context.WithCancel(ctx)
		cancel() // there is no hub: the page shows plain names
		rec := httptest.NewRecorder()
		s.routes().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/?lang="+lang, nil).WithContext(quick))
		for _, word := range append(words, "vision_ok", "remarks") {
			if !strings.Contains(rec.Body.String(), word) {
				t.Errorf("%s: the page lacks %q", lang, word)
			}
		}
	}
	rec := httptest.NewRecorder()
	s.routes().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/release", strings.NewReader("{}")))
	if rec.Code != http.StatusUnsupportedMediaType {
		t.Errorf("POST /release: %d", rec.Code)
	}
}
