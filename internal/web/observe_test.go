package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestObserve(t *testing.T) {
	type key struct{}
	var seen []Observation
	var began []string
	observer := func(ctx context.Context, correlation string) (context.Context, func(Observation)) {
		began = append(began, correlation)
		return context.WithValue(ctx, key{}, correlation), func(o Observation) { seen = append(seen, o) }
	}
	var log bytes.Buffer
	f := New(Options{Service: "idp", Logger: slog.New(slog.NewTextHandler(&log, nil)), Observe: Observe(observer, observer)})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /offers/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(key{}) != Correlation(r.Context()) {
			t.Error("the observer's context is lost")
		}
	})
	mux.HandleFunc("POST /refuse/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.Problem(w, r, Problem{Status: 409, Code: "withdrawn", Check: "grant state"}, nil)
		Refused(r.Context(), "later")
	})
	mux.HandleFunc("GET /fail", func(w http.ResponseWriter, r *http.Request) { f.Fail(w, r, 400, "web.error.bad_request", nil) })
	mux.HandleFunc("GET /panic/{id}", func(http.ResponseWriter, *http.Request) { panic("boom") })
	h := f.Handler(mux)

	for _, c := range []struct {
		name, method, path string
		want               Observation
	}{
		{"it names the route, not the address", "GET", "/offers/secret", Observation{Route: "GET /offers/{id}", Method: "GET", Status: 200}},
		{"it names the check that failed first", "POST", "/refuse/secret", Observation{"POST /refuse/{id}", "POST", 409, 0, "grant state"}},
		{"it names the code where there is no check", "GET", "/fail", Observation{"GET /fail", "GET", 400, 0, "bad_request"}},
		{"it does not name an address that nobody serves", "GET", "/secret", Observation{"", "GET", 404, 0, "not_found"}},
		{"it does not name a method that nobody knows", "SECRET", "/offers/secret", Observation{"", "OTHER", 405, 0, "method"}},
		{"it hears of a panic", "GET", "/panic/secret", Observation{"GET /panic/{id}", "GET", 500, 0, "internal"}},
		{"it hears of assets", "GET", "/assets/mydata.css", Observation{"/assets/", "GET", 200, 0, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen, began = nil, nil
			w := send(h, c.method, c.path, "")
			if len(seen) != 2 || seen[0] != seen[1] || len(began) != 2 || began[0] != w.Header().Get("X-Correlation-Id") {
				t.Fatalf("began %q, seen %+v", began, seen)
			}
			seen[0].Took = 0
			if seen[0] != c.want {
				t.Errorf("%+v, want %+v", seen[0], c.want)
			}
		})
	}
	if strings.Contains(strings.ToLower(log.String()), "secret") {
		t.Errorf("the log holds an address:\n%s", &log)
	}
}

func TestCorrelated(t *testing.T) {
	var log bytes.Buffer
	engine := slog.New(Correlated(slog.NewTextHandler(&log, nil))).With("a", 1).WithGroup("g")
	h := New(Options{Service: "idp", Logger: slog.New(slog.DiscardHandler)}).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		engine.InfoContext(r.Context(), "x", "b", 2)
	}))
	w := send(h, "GET", "/", "")
	if id := w.Header().Get("X-Correlation-Id"); !strings.Contains(log.String(), "correlation_id="+id) {
		t.Errorf("%s does not hold %s", &log, id)
	}
	log.Reset()
	if engine.Info("x"); strings.Contains(log.String(), "correlation_id") {
		t.Errorf("%s", &log)
	}
}

func TestBare(t *testing.T) {
	var log bytes.Buffer
	library := slog.New(Bare(slog.NewTextHandler(&log, nil))).With("a", "secret").WithGroup("secret")
	library.Warn("request error", "error", "grant_type secret not allowed")
	if text := log.String(); !strings.Contains(text, "library: request error") || !strings.Contains(text, "WARN") || strings.Contains(text, "secret") {
		t.Errorf("%s", text)
	}
}
