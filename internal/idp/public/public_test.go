package public_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/idp/public"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/tlog"
)

// log is a log whose answers a test writes.
type log struct{ err error }

func (l log) Checkpoint(context.Context) ([]byte, error) { return []byte("note"), l.err }

func (l log) Tile(_ context.Context, t tlog.Tile) ([]byte, error) { return []byte(t.Path()), l.err }

func (l log) ProofOfLeaf(_ context.Context, leaf tlog.Hash) (tlog.Proof, error) {
	return tlog.Proof{Index: int64(leaf[0]), Checkpoint: []byte("note")}, l.err
}

func serve(l log) http.Handler {
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&public.Handler{Log: l, Frame: frame}).Mount(mux)
	return frame.Handler(mux)
}

func TestHandler(t *testing.T) {
	leaf := base64.RawURLEncoding.EncodeToString(append([]byte{7}, make([]byte, 31)...))
	broken := errors.New("secret detail")
	for _, tt := range []struct {
		name, path string
		err        error
		status     int
		body       string
		caching    string
	}{
		{"it serves the checkpoint", "/log/checkpoint", nil, 200, "note", "no-cache"},
		{"it serves a tile", "/log/tile/1/x001/234", nil, 200, "tile/1/x001/234", "immutable"},
		{"it serves a partial tile", "/log/tile/0/000.p/7", nil, 200, "tile/0/000.p/7", "immutable"},
		{"it serves a bundle", "/log/tile/entries/000", nil, 200, "tile/entries/000", "immutable"},
		{"it serves a proof", "/log/proof?leaf=" + leaf, nil, 200, "c2sp.org/tlog-proof@v1\nindex 7\n", "no-cache"},
		{"it has no checkpoint so far", "/log/checkpoint", sequencer.ErrPending, 404, "not_published", "no-store"},
		{"it has no such tile", "/log/tile/0/000", sequencer.ErrNone, 404, "no_such_tile", "no-store"},
		{"it has no such leaf", "/log/proof?leaf=" + leaf, sequencer.ErrPending, 404, "not_published", "no-store"},
		{"it refuses a path that is no tile", "/log/tile/0/7", nil, 404, "no_such_tile", "no-store"},
		{"it refuses a path that climbs", "/log/tile/0/..%2f..%2fcheckpoint", nil, 404, "no_such_tile", "no-store"},
		{"it refuses a short leaf", "/log/proof?leaf=AAAA", nil, 400, "invalid_leaf", "no-store"},
		{"it refuses a leaf that is no base64url", "/log/proof?leaf=%2B" + leaf[1:], nil, 400, "invalid_leaf", "no-store"},
		{"it serves a schema", "/schemas/terms.schema.json", nil, 200, `"$id": "urn:mydata:schema:terms:1"`, "public"},
		{"it has no other schema", "/schemas/other.schema.json", nil, 404, "no_such_schema", "no-store"},
		{"it refuses a schema that climbs", "/schemas/..%2fterms.go", nil, 404, "no_such_schema", "no-store"},
		{"it refuses no leaf", "/log/proof", nil, 400, "invalid_leaf", "no-store"},
		{"it keeps details to itself", "/log/checkpoint", broken, 500, "internal error", "no-store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodGet, "http://localhost:8080"+tt.path, nil)
			request.Header.Set("Origin", "https://auditor.example")
			recorder := httptest.NewRecorder()
			serve(log{tt.err}).ServeHTTP(recorder, request)
			response := recorder.Result()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status || !strings.Contains(string(body), tt.body) || strings.Contains(string(body), "secret") {
				t.Errorf("%d %q", response.StatusCode, body)
			}
			h := response.Header
			if !strings.Contains(h.Get("Cache-Control"), tt.caching) || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Set-Cookie") != "" {
				t.Errorf("%v", h)
			}
		})
	}
}
