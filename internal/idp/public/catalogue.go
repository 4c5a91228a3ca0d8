package public

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// Catalogues is the registry, as far as everybody may read it.
type Catalogues interface {
	Catalogue() *catalogue.Catalogue // in force; nil before the first
	CatalogueJWS() string            // the same as published
	// CatalogueAt answers registry.ErrUnknown where no version has that number.
	CatalogueAt(ctx context.Context, version int64) (jws string, signatures []string, err error)
}

// mountCatalogue adds what is published of the catalogue: for programs as it is
// signed, the newest and each by its number, and for people as a page.
func (h *Handler) mountCatalogue(mux *http.ServeMux) {
	mux.HandleFunc("GET /catalogue", h.catalogue)
	mux.HandleFunc("GET /catalogue/{version}", h.catalogueAt)
	mux.HandleFunc("GET /catalogue/{version}/officers", h.officers)
	mux.HandleFunc("GET /openapi.json", h.openAPI)
	mux.HandleFunc("GET /agencies", h.agencies)
}

// catalogue serves the signed snapshot: whoever reads it checks the hub's
// signature and each agency's own.
func (h *Handler) catalogue(w http.ResponseWriter, r *http.Request) {
	jws := h.Catalogues.CatalogueJWS()
	if jws == "" {
		h.problem(w, r, http.StatusNotFound, "no_catalogue", "catalogue", "none is published yet", "operator", nil)
		return
	}
	h.tagged(w, r, "application/jose", "no-cache, max-age=0", []byte(jws))
}

// tagged serves what a reader may have already (RFC 9110, 8.8.3 and 13.1.2).
func (h *Handler) tagged(w http.ResponseWriter, r *http.Request, kind, caching string, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`
	open(w, kind, caching)
	w.Header().Set("ETag", tag)
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if known = strings.TrimPrefix(strings.TrimSpace(known), "W/"); known == tag || known == "*" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.write(w, r, body)
}

// numbered reads the version that a path names and answers it, or says why not.
func (h *Handler) numbered(w http.ResponseWriter, r *http.Request) (jws string, signatures []string, ok bool) {
	text := r.PathValue("version")
	version, err := strconv.ParseInt(text, 10, 64)
	if err == nil && (version < 1 || strconv.FormatInt(version, 10) != text) {
		err = registry.ErrUnknown
	}
	if err == nil {
		jws, signatures, err = h.Catalogues.CatalogueAt(r.Context(), version)
	}
	switch {
	case err == nil:
		return jws, signatures, true
	case errors.Is(err, registry.ErrUnknown) || errors.Is(err, strconv.ErrSyntax) || errors.Is(err, strconv.ErrRange):
		h.problem(w, r, http.StatusNotFound, "no_such_catalogue", "catalogue", "no version has this number", "reader", err)
	default:
		h.fail(w, r, err)
	}
	return "", nil, false
}

const forever = "public, max-age=31536000, immutable"

func (h *Handler) catalogueAt(w http.ResponseWriter, r *http.Request) {
	if jws, _, ok := h.numbered(w, r); ok {
		h.tagged(w, r, "application/jose", forever, []byte(jws))
	}
}

// officers answers the two signatures under which a version came in force; the
// versions of before four eyes have none.
func (h *Handler) officers(w http.ResponseWriter, r *http.Request) {
	_, signatures, ok := h.numbered(w, r)
	if !ok {
		return
	}
	if signatures == nil {
		signatures = []string{}
	}
	open(w, "application/json", forever)
	web.JSON(w, http.StatusOK, map[string][]string{"signatures": signatures})
}
