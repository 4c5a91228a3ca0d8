package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

type diskFull struct{}

func (diskFull) Error() string     { return "the disk of db-7.internal is full" }
func (diskFull) Unavailable() bool { return true }

type limit time.Duration

func (limit) Error() string               { return "too much" }
func (l limit) RetryAfter() time.Duration { return time.Duration(l) }

func TestOutage(t *testing.T) {
	f := New(Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	f.Machine("/machine/")
	var failure error
	status := http.StatusInternalServerError
	mux := http.NewServeMux()
	mux.HandleFunc("/fail", func(w http.ResponseWriter, r *http.Request) { f.Fail(w, r, status, "web.error.internal", failure) })
	mux.HandleFunc("/machine/problem", func(w http.ResponseWriter, r *http.Request) {
		f.Problem(w, r, Problem{Status: status, Code: "internal", Mender: "operator"}, failure)
	})
	mux.HandleFunc("/machine/fail", func(w http.ResponseWriter, r *http.Request) { f.Fail(w, r, status, "web.error.internal", failure) })
	handler := f.Handler(mux)
	wrapped := fmt.Errorf("store once: %w", diskFull{})
	for _, tt := range []struct {
		name, path, accept string
		err                error
		from               int
		status             int
		retry, code, page  string
	}{
		{"it answers an outage to a program", "/machine/problem", "", wrapped, 500, 503, "5", "unavailable", ""},
		{"it answers an outage to a script", "/fail", "application/json", wrapped, 500, 503, "5", "unavailable", ""},
		{"it answers an outage to a program that says nothing of pages", "/machine/fail", "*/*", wrapped, 500, 503, "5", "unavailable", ""},
		{"it answers an outage to a person", "/fail", "text/html", wrapped, 500, 503, "5", "", "잠시 후 다시 시도해 주세요"},
		{"it answers an outage to a person at a program's address", "/machine/fail", "text/html", wrapped, 500, 503, "5", "", "이미 처리되었는지"},
		{"it takes a request that ran out of time for an outage", "/machine/problem", "", context.DeadlineExceeded, 500, 503, "5", "unavailable", ""},
		{"it answers a limit", "/machine/problem", "", fmt.Errorf("token: %w", limit(90*time.Second)), 500, 429, "90", "rate_limited", ""},
		{"it rounds the wait up", "/machine/problem", "", limit(1100 * time.Millisecond), 500, 429, "2", "rate_limited", ""},
		{"it waits a second at least", "/machine/problem", "", limit(0), 500, 429, "1", "rate_limited", ""},
		{"it answers a limit to a person", "/fail", "text/html", limit(time.Minute), 500, 429, "60", "", "요청이 너무 많이"},
		{"it leaves a face's own word alone", "/machine/problem", "", wrapped, 409, 409, "", "internal", ""},
		{"it adds Retry-After to a face's own 503", "/machine/problem", "", errors.New("busy"), 503, 503, "5", "internal", ""},
		{"it takes no other fault for an outage", "/machine/problem", "", errors.New("nil map"), 500, 500, "", "internal", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			failure, status = tt.err, tt.from
			r := httptest.NewRequest(http.MethodGet, tt.path, nil)
			r.Header.Set("Accept", tt.accept)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tt.status || w.Header().Get("Retry-After") != tt.retry {
				t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
			if strings.Contains(w.Body.String(), "db-7") {
				t.Error("the reader sees what only the log may hold")
			}
			if tt.page != "" {
				if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/html") || !strings.Contains(w.Body.String(), tt.page) {
					t.Errorf("%s: %s", kind, w.Body)
				}
				return
			}
			var p struct{ Code string }
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code != tt.code {
				t.Errorf("%v, code %q: %s", err, p.Code, w.Body)
			}
		})
	}
}

func TestAdmitted(t *testing.T) {
	type key struct{}
	served := false
	f := New(Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler), Deadline: 20 * time.Millisecond,
		Admit: func(r *http.Request) (context.Context, error) {
			if r.URL.Path == "/often" {
				return nil, limit(time.Second)
			}
			return context.WithValue(r.Context(), key{}, "who"), nil
		}})
	mux := http.NewServeMux()
	mux.HandleFunc("/often", func(http.ResponseWriter, *http.Request) { served = true })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		served = r.Context().Value(key{}) == "who"
		<-r.Context().Done()
		f.Fail(w, r, http.StatusInternalServerError, "web.error.internal", r.Context().Err())
	})
	for _, tt := range []struct {
		name, path, coding string
		status             int
		served             bool
	}{
		{"it gives every request an end", "/slow", "", 503, true},
		{"it takes identity for no coding", "/slow", "identity", 503, true},
		{"it refuses who is not admitted, unheard", "/often", "", 429, false},
		{"it refuses a compressed body, unheard", "/slow", "gzip", 415, false},
		{"it refuses a compressed body by any name", "/slow", "br", 415, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			served = false
			r := httptest.NewRequest(http.MethodPost, tt.path, strings.NewReader("x"))
			if tt.coding != "" {
				r.Header.Set("Content-Encoding", tt.coding)
			}
			w := httptest.NewRecorder()
			f.Handler(mux).ServeHTTP(w, r)
			if w.Code != tt.status || served != tt.served {
				t.Errorf("%d, served %v", w.Code, served)
			}
		})
	}
}
