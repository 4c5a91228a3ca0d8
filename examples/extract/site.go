package main

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/sdk"
)

type site struct {
	issuer   *sdk.Issuer
	provider *sdk.Provider
	signals  *sdk.Signals
	hub      string
	wallet   string // of the demo; "" for none
	pages    *page.Site
}

// issued revokes all that the person has but the newest: one extract is good at a time.
// Of two issued at once each hears of both, so the one that goes may be this very one.
func (s *site) issued(d sdk.IssuedDocument) {
	ctx := context.Background()
	all, err := s.issuer.Documents(ctx, d.Sub)
	for _, old := range all[:max(0, len(all)-1)] {
		if err == nil && !old.Revoked {
			err = s.issuer.Revoke(ctx, old.ID)
		}
	}
	if err != nil {
		slog.Error("revoke the extract before", "document", d.ID, "error", err.Error())
	}
}

// line is one release as the page shows it: names in the reader's language.
type line struct {
	sdk.Released
	Who, Why      string
	Left, Dropped []string
}

type homeData struct {
	Offer    template.URL // for a wallet on this device
	Demo     string       // the demo wallet with the offer, or ""
	Issued   []sdk.IssuedDocument
	Released []line
	Hub      string
	Failed   string // an id that the log repeats
}

// home offers the extract, and lists what left, newest first.
func (s *site) home(w http.ResponseWriter, r *http.Request) {
	data, err := s.homeData(r)
	status := http.StatusOK
	if err != nil {
		status, data = http.StatusInternalServerError, homeData{Failed: page.Correlation(), Hub: s.hub}
		slog.ErrorContext(r.Context(), "page", "correlation", data.Failed, "error", err.Error())
	}
	s.pages.Render(w, r, status, "home.html", data)
}

func (s *site) homeData(r *http.Request) (homeData, error) {
	data := homeData{Hub: s.hub}
	link, err := s.issuer.Offer(extract)
	if err != nil {
		return data, err
	}
	data.Offer = template.URL(link) //nolint:gosec // G203: made by the SDK from our own configuration
	if s.wallet != "" {
		data.Demo = s.wallet + "/?" + url.Values{"offer": {link}}.Encode()
	}
	if data.Issued, err = s.issuer.Documents(r.Context(), ""); err != nil {
		return data, err
	}
	slices.Reverse(data.Issued)
	released, err := s.provider.Releases(r.Context())
	if err != nil {
		return data, err
	}
	cat, err := s.provider.Catalogue(r.Context())
	if err != nil { // then the plain names are shown
		slog.WarnContext(r.Context(), "no catalogue", "error", err.Error())
	}
	labels := sdk.LabelsOf(cat, s.pages.Lang(r), extract)
	for _, each := range slices.Backward(released) {
		data.Released = append(data.Released, line{Released: each, Who: labels.Of(each.Consumer), Why: labels.Of(each.Purpose),
			Left: labels.Each(each.Left), Dropped: labels.Each(each.Dropped)})
	}
	return data, nil
}
