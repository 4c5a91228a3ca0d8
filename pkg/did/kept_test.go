package did

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/fetch"
)

//clause:trust did:web: a document is kept five minutes, so that its issuer is not told of each use; a failure a second
func TestKept(t *testing.T) {
	asked, down := 0, false
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		at := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/did.json")
		_, _ = io.WriteString(w, `{"id":"`+ids[0]+":"+at+`"}`)
	}))
	defer server.Close()
	root, err := FromURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ids = []string{root}
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	kept := &Kept{Resolver: &Resolver{Development: true}, Now: func() time.Time { return now }}
	for _, c := range []struct {
		name  string
		later time.Duration
		down  bool
		asked int
		fails bool
	}{
		{"it asks the first time", 0, false, 1, false},
		{"it keeps what it found", keptLife - time.Second, true, 1, false},
		{"it asks again after five minutes, and hears of a failure", time.Second, true, 2, true},
		{"it keeps a failure for a second", fetch.FailedLife - 1, false, 2, true},
		{"it asks again after a failure", 1, false, 3, false},
		{"it asks again when the clock went back", -time.Hour, false, 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, down = now.Add(c.later), c.down
			document, err := kept.Resolve(t.Context(), root+":a")
			if asked != c.asked || (err != nil) != c.fails || err == nil && document.ID != root+":a" {
				t.Errorf("asked %d times, %q, %v", asked, document.ID, err)
			}
		})
	}
	if _, err := (&Kept{Resolver: &Resolver{}}).Resolve(t.Context(), "did:key:none"); err == nil {
		t.Error("it finds what is none")
	}
}
