package audit_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/audit"
)

// TestServers reads logs from servers that answer in other ways than a folder.
func TestServers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(t *testing.T, p *published)
		serve func(w http.ResponseWriter, file []byte)
		want  audit.Check
		says  string
	}{
		{"it takes full tiles where partial ones are gone", func(t *testing.T, p *published) {
			small := newLog(t)
			p.write(t, "checkpoint", small.publish(t, 300, entryOf))
			p.write(t, "tile/1/000.p/1", small.read(t, "tile/1/000.p/1"))
		}, nil, "", ""},
		{"it does not read what comes with a failure", nil, func(w http.ResponseWriter, file []byte) {
			w.WriteHeader(http.StatusBadGateway)
			w.Write(file)
		}, audit.Unreadable, "502"},
		{"it does not read without end", nil, func(w http.ResponseWriter, _ []byte) {
			w.Write(make([]byte, 256*(2+0xffff)+1))
		}, audit.Unreadable, "too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLog(t)
			p.publish(t, size, entryOf)
			if tt.alter != nil {
				tt.alter(t, p)
			}
			files := http.FileServer(http.Dir(p.folder))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.serve == nil {
					files.ServeHTTP(w, r)
					return
				}
				tt.serve(w, p.read(t, r.URL.Path))
			}))
			defer server.Close()
			a := audit.Audit{Log: audit.HTTP{Prefix: server.URL, Client: server.Client()}, Policy: p.policy}
			report, err := a.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, report, tt.want, tt.says)
		})
	}
}

// TestServersThatSendOn: a log may answer from another of its own addresses, and
// sends its reader to nobody else's.
func TestServersThatSendOn(t *testing.T) {
	p := newLog(t)
	p.publish(t, 10, entryOf)
	files := http.FileServer(http.Dir(p.folder))
	elsewhere := httptest.NewServer(files)
	defer elsewhere.Close()
	for _, tt := range []struct {
		name, to string
		want     audit.Check
	}{
		{"it follows within the host", "", ""}, {"it follows to no other", elsewhere.URL, audit.Unreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if inner, ok := strings.CutPrefix(r.URL.Path, "/log/"); ok {
					http.Redirect(w, r, tt.to+"/"+inner, http.StatusFound)
					return
				}
				files.ServeHTTP(w, r)
			}))
			defer server.Close()
			source, err := audit.NewHTTP(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			report, err := (&audit.Audit{Log: source, Policy: p.policy}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, report, tt.want, "")
		})
	}
}
