package public

import (
	"io/fs"
	"net/http"

	"github.com/govmydata/mydata/pkg/consent"
)

// schema serves a published JSON Schema; its media type is that of JSON Schema
// 2020-12, 14.
func (h *Handler) schema(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	text, err := fs.ReadFile(consent.Schemas(), name)
	if err != nil {
		h.problem(w, r, http.StatusNotFound, "no_such_schema", "schema", "it is terms.schema.json, record.schema.json or receipt.schema.json", "reader", err)
		return
	}
	open(w, "application/schema+json", "public, max-age=3600")
	h.write(w, r, text)
}
