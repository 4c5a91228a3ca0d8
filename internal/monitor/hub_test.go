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

func TestHanded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"it gives an anchor that verifies", 200, "good", nil},
		{"it refuses one that does not", 200, "bad", monitor.ErrUnproven},
		{"it refuses one without end", 200, "good" + strings.Repeat(" ", 1<<20), monitor.ErrUnproven},
		{"it says that there is none", 404, "", fs.ErrNotExist},
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
			if !errors.Is(err, tt.want) || err == nil && a.Size != 7 {
				t.Errorf("%+v, %v", a, err)
			}
			server.Close()
			if _, err := h.Latest(t.Context()); err == nil || errors.Is(err, monitor.ErrUnproven) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("out of reach: %v", err)
			}
		})
	}
	if _, err := monitor.NewHanded("folder", nil); err == nil {
		t.Error("it takes a folder")
	}
}
