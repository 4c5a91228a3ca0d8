package monitor_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/monitor"
)

func unproven(err error) bool { return errors.Is(err, monitor.ErrUnproven) }

func none(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func TestHanded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		is     func(error) bool
	}{
		{"it gives an anchor that verifies", 200, "good", func(err error) bool { return err == nil }},
		{"it gives one as long as may be", 200, "good" + strings.Repeat(" ", 1<<20-4), func(err error) bool { return err == nil }},
		{"it refuses one that does not", 200, "bad", unproven},
		{"it refuses one without end", 200, "good" + strings.Repeat(" ", 1<<20), unproven},
		{"it reads nothing that comes with a failure", 502, "good", func(err error) bool { return err != nil && !unproven(err) && !none(err) }},
		{"it says that there is none", 404, "", none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/anchors/latest" {
					t.Errorf("it asks for %s", r.URL.Path)
				}
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			}))
			defer server.Close()
			h, err := monitor.NewHanded(server.URL+"/log", func(proof []byte) (monitor.Anchor, error) {
				if !strings.HasPrefix(string(proof), "good") {
					return monitor.Anchor{}, errors.New("no")
				}
				return monitor.Anchor{Size: 7}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			a, err := h.Latest(t.Context())
			if !tt.is(err) || err == nil && a.Size != 7 {
				t.Errorf("%+v, %v", a, err)
			}
			server.Close()
			if _, err := h.Latest(t.Context()); err == nil || unproven(err) || none(err) {
				t.Errorf("out of reach: %v", err)
			}
		})
	}
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it goes where a hub sends it") }))
	defer inner.Close()
	sends := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusFound))
	defer sends.Close()
	if h, err := monitor.NewHanded(sends.URL, func([]byte) (monitor.Anchor, error) { return monitor.Anchor{}, nil }); err != nil {
		t.Error(err)
	} else if _, err := h.Latest(t.Context()); err == nil || unproven(err) || none(err) {
		t.Errorf("sent on: %v", err)
	}
	for _, bad := range []string{"", "folder", "ftp://hub.example", "http://", "https://", ":"} {
		if _, err := monitor.NewHanded(bad, nil); err == nil {
			t.Errorf("it takes %q", bad)
		}
	}
}
