package public

import (
	"embed"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
)

//go:embed page locale openapi.json
var files embed.FS

func (h *Handler) mountPages(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	h.mountCatalogue(mux)
	h.mountCounts(mux)
}

// openAPI serves the description of what agencies call (OpenAPI 3.1).
func (h *Handler) openAPI(w http.ResponseWriter, r *http.Request) {
	body, err := files.ReadFile("openapi.json")
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.tagged(w, r, "application/openapi+json", "no-cache, max-age=0", body)
}

const (
	perPage   = 20  // agencies
	maxSearch = 100 // letters
)

// listing is the page of agencies.
type listing struct {
	Query    string
	Version  int64
	Found    int
	Agencies []shownAgency
	More     string // the next page's address
	Less     string
}

type shownAgency struct {
	catalogue.Agency
	Holds []shownSet
}

type shownSet struct {
	catalogue.DataSet
	Secret   bool // sensitive, whole
	Purposes []shownPurpose
}

// shownPurpose is a purpose with what its templates let out of this data set.
type shownPurpose struct {
	catalogue.Purpose
	Templates []shownTemplate
}

type shownTemplate struct {
	catalogue.Template
	Labels []catalogue.Text
	Hours  int64 // between two uses, rounded up; 0 for no bound
}

// Days between two uses, where these are two or more and no hours remain.
func (t shownTemplate) Days() int64 {
	if t.Hours%24 != 0 || t.Hours < 48 {
		return 0
	}
	return t.Hours / 24
}

// templates are the newest of a purpose that cover a data set.
func templates(c *catalogue.Catalogue, purpose string, d catalogue.DataSet) []shownTemplate {
	var out []shownTemplate
	for _, t := range c.TemplatesOf(purpose) {
		for _, e := range t.Extents {
			if e.DataSet != d.ID {
				continue
			}
			shown := shownTemplate{Template: t, Hours: (t.Every + 3599) / 3600}
			for _, name := range e.Fields {
				if f, listed := d.Field(name); listed {
					shown.Labels = append(shown.Labels, f.Label)
				}
			}
			out = append(out, shown)
		}
	}
	return out
}

// agencies is the page for citizens: who holds what, for what it may be asked,
// how often and how long, by which law. It needs no script; ?q= searches names.
func (h *Handler) agencies(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	page := listing{Query: cut(query.Get("q"))}
	offset, err := strconv.Atoi(query.Get("from"))
	if err != nil || offset < 0 {
		offset = 0 // the first page is what a broken link gets
	}
	if c := h.Catalogues.Catalogue(); c != nil {
		page.Version = c.Version
		found := search(c, page.Query)
		page.Found = len(found)
		offset = min(offset, len(found))
		end := min(offset+perPage, len(found))
		page.Agencies = found[offset:end]
		link := func(from int) string {
			query := r.URL.Query()
			query.Set("q", page.Query)
			query.Set("from", strconv.Itoa(from))
			query.Del("lang")
			return "/agencies?" + query.Encode()
		}
		if end < len(found) {
			page.More = link(end)
		}
		if offset > 0 {
			page.Less = link(max(offset-perPage, 0))
		}
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	h.pages.Render(w, r, http.StatusOK, "agencies", page)
}

func cut(text string) string {
	letters := []rune(strings.ToValidUTF8(strings.TrimSpace(text), ""))
	return string(letters[:min(len(letters), maxSearch)])
}

// search finds the agencies that have the text in their names, or in those of
// what they hold, in either language.
func search(c *catalogue.Catalogue, text string) []shownAgency {
	sought := strings.ToLower(text)
	has := func(names catalogue.Text) bool {
		for _, name := range names {
			if strings.Contains(strings.ToLower(name), sought) {
				return true
			}
		}
		return false
	}
	var found []shownAgency
	for _, a := range c.Agencies {
		shown, hit := shownAgency{Agency: a}, has(a.Name)
		for _, d := range c.DataSets {
			newest, _ := c.DataSet(d.ID)
			if d.Provider != a.ID || d.Number() != newest.Number() {
				continue
			}
			set := shownSet{DataSet: d, Secret: d.Sensitivity == catalogue.Sensitive}
			for _, p := range c.Purposes {
				if p.Covers(d.ID) {
					set.Purposes = append(set.Purposes, shownPurpose{p, templates(c, p.Code, d)})
				}
			}
			hit = hit || has(d.Title)
			shown.Holds = append(shown.Holds, set)
		}
		if hit {
			found = append(found, shown)
		}
	}
	slices.SortStableFunc(found, func(a, b shownAgency) int { return strings.Compare(a.Name["ko"], b.Name["ko"]) })
	return found
}

// name is an agency's, or its id where the catalogue has lost it.
func (h *Handler) name(r *http.Request, id string) string {
	if c := h.Catalogues.Catalogue(); c != nil {
		if a, ok := c.Agency(id); ok {
			return a.Name.In(web.Lang(r))
		}
	}
	return id
}
