package public_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/idp/public"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// book answers what a test writes.
type book struct {
	fresh bool
	err   error
	took  int
}

func (b *book) Take(_ context.Context, proof []byte) (int64, bool, error) {
	b.took = len(proof)
	return 7, b.fresh, b.err
}
func (b *book) Newest(context.Context) ([]byte, error)    { return []byte("newest"), b.err }
func (b *book) Of(context.Context, int64) ([]byte, error) { return []byte("of 7"), b.err }

type spent struct{ err error }

func (s spent) Take(context.Context, string, string) error { return s.err }

type exceeded struct{}

func (exceeded) Error() string             { return "too much" }
func (exceeded) RetryAfter() time.Duration { return time.Second }

func TestAnchors(t *testing.T) {
	refusal := &endorsement.Error{Check: endorsement.CheckSignature, Cause: "wrong", Mender: endorsement.MenderProver}
	for _, tt := range []struct {
		name, method, path, body string
		book                     *book
		budget                   error
		status                   int
		want, caching            string
	}{
		{"it keeps a proof", "POST", "/anchors", "{}", &book{fresh: true}, nil, 201, `{"size":7}`, "no-store"},
		{"it has it already", "POST", "/anchors", "{}", &book{}, nil, 200, `{"size":7}`, "no-store"},
		{"it names the check of a wrong proof", "POST", "/anchors", "{}", &book{err: refusal}, nil, 400, endorsement.CheckSignature, "no-store"},
		{"it refuses another log's", "POST", "/anchors", "{}", &book{err: anchor.ErrOrigin}, nil, 400, "foreign_anchor", "no-store"},
		{"it says that the log is contradicted", "POST", "/anchors", "{}", &book{err: anchor.ErrContradicts}, nil, 409, "anchor_contradicts", "no-store"},
		{"it keeps one anchor a size", "POST", "/anchors", "{}", &book{err: anchor.ErrTaken}, nil, 409, "anchor_taken", "no-store"},
		{"it reads no more than a proof can be", "POST", "/anchors", strings.Repeat("x", endorsement.MaxProof+1), &book{}, nil, 413, "anchor_too_large", "no-store"},
		{"it bounds who brings many", "POST", "/anchors", "{}", &book{}, exceeded{}, 429, "rate_limited", "no-store"},
		{"it keeps details to itself", "POST", "/anchors", "{}", &book{err: io.ErrUnexpectedEOF}, nil, 500, "internal error", "no-store"},
		{"it takes none without trust", "POST", "/anchors", "{}", nil, nil, 404, "anchors_not_kept", "no-store"},
		{"it serves the newest", "GET", "/anchors/latest", "", &book{}, nil, 200, "newest", "no-cache"},
		{"it serves that of a size", "GET", "/anchors/7", "", &book{}, nil, 200, "of 7", "immutable"},
		{"it has none so far", "GET", "/anchors/latest", "", &book{err: anchor.ErrNotFound}, nil, 404, "no_such_anchor", "no-store"},
		{"it has none of a size", "GET", "/anchors/7", "", &book{err: anchor.ErrNotFound}, nil, 404, "no_such_anchor", "no-store"},
		{"it refuses a size with a sign", "GET", "/anchors/+7", "", &book{}, nil, 404, "no_such_anchor", "no-store"},
		{"it refuses no size", "GET", "/anchors/0", "", &book{}, nil, 404, "no_such_anchor", "no-store"},
		{"it has none without trust", "GET", "/anchors/latest", "", nil, nil, 404, "anchors_not_kept", "no-store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
			h := &public.Handler{Log: log{}, Frame: frame, Limits: spent{tt.budget}}
			if tt.book != nil {
				h.Anchors = tt.book
			}
			mux := http.NewServeMux()
			h.Mount(mux)
			request := httptest.NewRequest(tt.method, "http://localhost:8080"+tt.path, strings.NewReader(tt.body))
			request.Header.Set("Origin", "https://anchorer.example")
			recorder := httptest.NewRecorder()
			frame.Handler(mux).ServeHTTP(recorder, request)
			body := recorder.Body.String()
			if recorder.Code != tt.status || !strings.Contains(body, tt.want) || strings.Contains(body, "unexpected EOF") {
				t.Errorf("%d %q", recorder.Code, body)
			}
			if caching := recorder.Header().Get("Cache-Control"); !strings.Contains(caching, tt.caching) {
				t.Errorf("Cache-Control %q", caching)
			}
			if (tt.status >= 400 && tt.method == "POST" && tt.book != nil && tt.book.err == nil) && tt.book.took != 0 {
				t.Error("it looked at the proof all the same")
			}
		})
	}
}
