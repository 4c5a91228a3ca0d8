package offline_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/govmydata/mydata/internal/idp/offline"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

const ada = "resident-01"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checker is built once, as `make page` builds it, into a folder of this test.
var checker = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mydata-checker-")
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(dir, "built"), 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "run", "./wasm", "--out", filepath.Join(dir, "built")).CombinedOutput()
	if err != nil {
		return "", &os.PathError{Op: "make", Path: string(out), Err: err}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := checker(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// world is a hub that has a grant, its trust folder, and receipts to check.
type world struct {
	*consenttest.World
	whole receipt.Receipt
	files map[string][]byte
	dir   string // of the trust folder
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: consenttest.New(), files: map[string][]byte{}, dir: filepath.Join(t.TempDir(), "trust")}
	r := w.Granted(t.Context(), ada, w.People.Enrol(ada))
	commit := w.Commit(r, 1, nil)
	_, err := w.Ledger.Use(t.Context(), commit)
	must(t, err)
	_, err = w.Ledger.Received(t.Context(), w.Received(r, 1, commit, nil))
	must(t, err)
	w.whole = w.copyOf(t, r.Grant)
	must(t, consent.WriteTrust(w.dir, w.Files))
	for _, name := range []string{consent.HubFile, consent.AgencyCAFile, consent.IssuerCAFile, consent.LogPolicyFile} {
		w.files[name], err = os.ReadFile(filepath.Join(w.dir, name))
		must(t, err)
	}
	return w
}

func (w *world) copyOf(t testing.TB, id consent.GrantID) receipt.Receipt {
	t.Helper()
	r, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log}.ForCitizen(t.Context(), id, ada)
	must(t, err)
	return r
}

func (w *world) handler(built fs.FS) http.Handler {
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&offline.Handler{Frame: frame, Built: built, Trust: func(context.Context) (map[string][]byte, error) { return w.files, nil }}).Mount(mux)
	return frame.Handler(mux)
}

func ask(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	must(t, err)
	return string(raw)
}

// A stand-in for what `make page` makes: the handler serves bytes.
var some = func() fstest.MapFS {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte("\x00asm"))
	_ = w.Close()
	return fstest.MapFS{"built/checker.wasm.gz": {Data: b.Bytes()}, "built/wasm_exec.js": {Data: []byte("globalThis.Go = 1;")}}
}()

func TestServed(t *testing.T) {
	w := newWorld(t)
	h := w.handler(some)
	page := ask(h, "/receipt")
	policy := page.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self' 'wasm-unsafe-eval';") || strings.Contains(policy, "'unsafe") || strings.Contains(policy, "blob:") {
		t.Errorf("policy: %s", policy)
	}
	if text := page.Body.String(); strings.Contains(text, "<script>") || strings.Contains(text, "<style") || !strings.Contains(text, `src="/assets/receipt.js"`) {
		t.Errorf("page: %s", text)
	}
	for _, c := range []struct{ name, path, kind, want string }{
		{"it serves the worker, with Go's loader in front", "/receipt/worker.js", "text/javascript; charset=utf-8", "globalThis.Go = 1;\n// The checker's worker"},
		{"it serves the checker", "/receipt/checker.wasm", "application/wasm", "\x00asm"},
		{"it serves texts and trust", "/receipt/page.json", "application/json", `"log-policy.txt":"bG9nIGh1Yi5leGFtcGxl`},
		{"it serves one file", "/receipt/offline.html", "text/html; charset=utf-8", "connect-src 'none'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ask(h, c.path)
			if got := r.Body.String(); r.Code != http.StatusOK || r.Header().Get("Content-Type") != c.kind || !strings.Contains(got, c.want) {
				t.Errorf("%d %s %.200s", r.Code, r.Header().Get("Content-Type"), got)
			}
		})
	}
	for accept, coded := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "": false, "br": false, "gzip;q=0": false, "gzip; q=0.0": false, "x-gzip": false} {
		r := ask(h, "/receipt/checker.wasm", "Accept-Encoding", accept)
		if got := r.Header().Get("Content-Encoding") == "gzip"; got != coded {
			t.Errorf("accepting %q: coded %t", accept, got)
		}
	}
	tag := ask(h, "/receipt/worker.js").Header().Get("ETag")
	if r := ask(h, "/receipt/worker.js", "If-None-Match", tag); r.Code != http.StatusNotModified {
		t.Errorf("with its tag: %d", r.Code)
	}
	if r := ask(h, "/assets/receipt.js"); strings.Contains(r.Header().Get("Content-Security-Policy"), "wasm") {
		t.Error("other addresses allow wasm too")
	}
}

func TestNotBuiltIn(t *testing.T) {
	w := newWorld(t)
	h := w.handler(fstest.MapFS{"built/README.md": {Data: []byte("x")}})
	page := ask(h, "/receipt", "Accept-Language", "en")
	if text := page.Body.String(); page.Code != http.StatusOK || !strings.Contains(text, "not built into this program") ||
		!strings.Contains(text, "idp receipt verify mydata-receipt.json --trust trust") || !strings.Contains(text, "make page") || strings.Contains(text, "/assets/receipt.js") {
		t.Errorf("%d %s", page.Code, text)
	}
	if strings.Contains(page.Header().Get("Content-Security-Policy"), "wasm") {
		t.Error("it allows what it does not use")
	}
	for _, path := range []string{"/receipt/worker.js", "/receipt/checker.wasm", "/receipt/offline.html"} {
		if r := ask(h, path); r.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.Code)
		}
	}
}

// The page's own words are in both languages, and the file has all of them.
func TestTexts(t *testing.T) {
	w := newWorld(t)
	var got struct {
		Texts map[string]map[string]string
		Trust map[string][]byte
	}
	must(t, json.Unmarshal(ask(w.handler(some), "/receipt/page.json").Body.Bytes(), &got))
	if len(got.Texts["ko"]) != len(got.Texts["en"]) || len(got.Texts["ko"]) < 50 || len(got.Trust) != 4 ||
		!bytes.Equal(got.Trust[consent.HubFile], w.files[consent.HubFile]) {
		t.Errorf("%d and %d texts, %d files", len(got.Texts["ko"]), len(got.Texts["en"]), len(got.Trust))
	}
	script, err := os.ReadFile("static/receipt.js")
	must(t, err)
	for _, part := range strings.Split(string(script), `"receipt.`)[1:] {
		id, _, _ := strings.Cut("receipt."+part, `"`)
		if strings.HasSuffix(id, ".") { // a family
			continue
		}
		if got.Texts["ko"][id] == "" || got.Texts["en"][id] == "" {
			t.Errorf("no text %s", id)
		}
	}
}
