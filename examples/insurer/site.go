package main

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/sdk"
)

type site struct {
	provider *sdk.Provider
	signals  *sdk.Signals
	hub      string
	pages    *page.Site
}

// line is one release as the page shows it: names in the reader's language.
type line struct {
	sdk.Released
	Who, Why      string
	Left, Dropped []string
}

type homeData struct {
	Lines  []line
	Hub    string
	Failed string // an id that the log repeats
}

// home lists what left and what stayed, newest first.
func (s *site) home(w http.ResponseWriter, r *http.Request) {
	data := homeData{Hub: s.hub}
	released, err := s.provider.Releases(r.Context())
	if err != nil {
		data.Failed = page.Correlation()
		slog.ErrorContext(r.Context(), "page", "correlation", data.Failed, "error", err.Error())
		s.pages.Render(w, r, http.StatusInternalServerError, "home.html", data)
		return
	}
	labels := s.labels(r)
	for _, each := range slices.Backward(released) {
		data.Lines = append(data.Lines, line{Released: each,
			Who: labels.of(each.Consumer), Why: labels.of(each.Purpose),
			Left: labels.each(each.Left), Dropped: labels.each(each.Dropped)})
	}
	s.pages.Render(w, r, http.StatusOK, "home.html", data)
}

// names are the catalogue's texts in one language.
type names map[string]string

func (n names) of(id string) string {
	if text, ok := n[id]; ok {
		return text
	}
	return id
}

func (n names) each(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, n.of(id))
	}
	return out
}

// labels come from the catalogue; without one the plain names are shown.
func (s *site) labels(r *http.Request) names {
	found, lang := names{}, s.pages.Lang(r)
	cat, err := s.provider.Catalogue(r.Context())
	if err != nil {
		slog.WarnContext(r.Context(), "no catalogue", "error", err.Error())
		return found
	}
	for _, a := range cat.Agencies {
		found[a.ID] = a.Name.In(lang)
	}
	for _, p := range cat.Purposes {
		found[p.Code] = p.Text.In(lang)
	}
	for _, d := range cat.DataSets {
		for _, c := range d.Derived {
			found[c.Claim] = c.Label.In(lang)
		}
		for _, f := range d.Fields {
			found[f.Name] = f.Label.In(lang)
		}
	}
	return found
}
