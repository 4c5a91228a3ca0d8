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
	cat, err := s.provider.Catalogue(r.Context())
	if err != nil { // then the plain names are shown
		slog.WarnContext(r.Context(), "no catalogue", "error", err.Error())
	}
	for _, each := range slices.Backward(released) {
		labels := sdk.LabelsOf(cat, s.pages.Lang(r), each.DataSet)
		data.Lines = append(data.Lines, line{Released: each,
			Who: labels.Of(each.Consumer), Why: labels.Of(each.Purpose),
			Left: labels.Each(each.Left), Dropped: labels.Each(each.Dropped)})
	}
	s.pages.Render(w, r, http.StatusOK, "home.html", data)
}
