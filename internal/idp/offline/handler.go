package offline

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/internal/web"
)

//go:embed page locale static
var files embed.FS

// built holds what `make page` made, or its README alone.
//
//go:embed built
var built embed.FS

// The files of a built checker.
const (
	packedFile = "built/checker.wasm.gz"
	loaderFile = "built/wasm_exec.js"
)

// Handler serves the flow.
type Handler struct {
	Frame *web.Frame
	// Trust is the hub's trust folder, by path there. What lies in its folder
	// fabric has anchors checked too.
	Trust func(ctx context.Context) (map[string][]byte, error)
	// Built is where the checker is; nil: what is built into this program.
	Built fs.FS

	pages  *web.Pages
	packed []byte // the checker, gzip; nil when it was not built
	worker []byte // Go's loader and our worker
	single *single
}

// Mount adds the flow's pages. A checker that is there and cannot be read panics.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.Frame.Assets(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	if err := h.load(); err != nil {
		panic("offline: " + err.Error())
	}
	mux.HandleFunc("GET /receipt", h.page)
	mux.HandleFunc("GET /receipt/worker.js", h.checker("text/javascript; charset=utf-8", func() []byte { return h.worker }))
	mux.HandleFunc("GET /receipt/checker.wasm", h.wasm)
	mux.HandleFunc("GET /receipt/page.json", h.words)
	mux.HandleFunc("GET /receipt/offline.html", h.whole)
}

func (h *Handler) load() error {
	if h.Built == nil {
		h.Built = built
	}
	packed, err := fs.ReadFile(h.Built, packedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	loader, err := fs.ReadFile(h.Built, loaderFile)
	if err != nil {
		return err
	}
	own, err := fs.ReadFile(files, "page/worker.js")
	if err != nil {
		return err
	}
	h.packed, h.worker = packed, append(append(loader, '\n'), own...)
	h.single, err = newSingle(h.Frame, h.packed, h.worker)
	return err
}

// allow is the frame's policy with what the checker needs: to be compiled.
func allow(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", 1))
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request) {
	if h.packed != nil {
		allow(w)
	}
	h.pages.Render(w, r, http.StatusOK, "check", struct{ Built, Single bool }{Built: h.packed != nil})
}

// checker serves a part of the checker, or says that there is none.
func (h *Handler) checker(kind string, part func() []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if h.packed == nil {
			h.missing(w, r)
			return
		}
		allow(w)
		w.Header().Set("Content-Type", kind)
		serve(w, r, part())
	}
}

func (h *Handler) wasm(w http.ResponseWriter, r *http.Request) {
	if h.packed == nil {
		h.missing(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/wasm")
	w.Header().Add("Vary", "Accept-Encoding")
	if accepts(r, "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		serve(w, r, h.packed)
		return
	}
	plain, err := gzip.NewReader(bytes.NewReader(h.packed))
	if err != nil {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		return
	}
	_, _ = io.Copy(w, plain) //nolint:gosec // G110: what we packed ourselves
}

// accepts reads Accept-Encoding (RFC 9110, 12.5.3) as far as q=0.
func accepts(r *http.Request, coding string) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, parameter, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.ReplaceAll(parameter, " ", "")
			return q != "q=0" && strings.TrimRight(q, "0") != "q=0."
		}
	}
	return false
}

// words serves what the page's script needs: its texts and the trust folder.
func (h *Handler) words(w http.ResponseWriter, r *http.Request) {
	folder, err := h.folder(r.Context())
	if err != nil {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		return
	}
	texts, err := texts()
	if err != nil {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		return
	}
	web.JSON(w, http.StatusOK, map[string]any{"texts": texts, "trust": folder})
}

// folder is the trust folder, which JSON carries in base64.
func (h *Handler) folder(ctx context.Context) (map[string][]byte, error) {
	files, err := h.Trust(ctx)
	if err != nil {
		return nil, fmt.Errorf("trust folder: %w", err)
	}
	return files, nil
}

// whole serves the page as one file.
func (h *Handler) whole(w http.ResponseWriter, r *http.Request) {
	if h.single == nil {
		h.missing(w, r)
		return
	}
	folder, err := h.folder(r.Context())
	if err != nil {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		return
	}
	body, err := h.single.file(web.Lang(r), folder)
	if err != nil {
		h.Frame.Fail(w, r, http.StatusInternalServerError, "web.error.internal", err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="mydata-receipt-check.html"`)
	serve(w, r, body)
}

// texts are all texts of the page, by language and id.
func texts() (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	for _, lang := range []string{"ko", "en"} {
		raw, err := fs.ReadFile(files, "locale/"+lang+".json")
		if err != nil {
			return nil, err
		}
		var of map[string]string
		if err := json.Unmarshal(raw, &of); err != nil {
			return nil, err
		}
		all[lang] = of
	}
	return all, nil
}

func (h *Handler) missing(w http.ResponseWriter, r *http.Request) {
	h.Frame.Fail(w, r, http.StatusNotFound, "receipt.missing", nil)
}

// serve answers with a tag, so that who has it need not load it again.
func serve(w http.ResponseWriter, r *http.Request, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(body)
}
