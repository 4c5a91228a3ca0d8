package consent_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// template is one of the demo purpose, for all that the demo asks.
func template(version int) catalogue.Template {
	return catalogue.Template{
		ID: "licence-renewal", Version: version, Purpose: "driving-licence-renewal", Title: catalogue.Text{"en": "R", "ko": "R"},
		MaxUses: 2, MaxDays: 30, KeepDays: 30, Extents: []catalogue.Extent{{
			DataSet: "health-checkup", Fields: []string{"vision_left", "vision_right", "hearing_left", "checked_on"},
		}},
	}
}

func templated(w *consenttest.World, all ...catalogue.Template) {
	next := *w.Catalogue
	next.Templates = all
	w.Catalogue = &next
	w.Ledger.Catalogue = func() *catalogue.Catalogue { return &next }
}

func named(version int, bend func(*consent.Detail)) func(*consent.RequestClaims) {
	return detail(func(d *consent.Detail) {
		d.Template = &consent.TemplateRef{ID: "licence-renewal", Version: version}
		if bend != nil {
			bend(d)
		}
	})
}

//clause:templates the hub holds a request to it, and writes nothing when it does not fit; terms and exports name it
func TestTemplate(t *testing.T) {
	narrower := template(1)
	narrower.MaxUses, narrower.Every = 1, 86400
	for name, c := range map[string]struct {
		all  []catalogue.Template
		bend func(*consent.RequestClaims)
		says string // "" when it is taken in
	}{
		"it takes what a template allows":            {[]catalogue.Template{template(1)}, named(1, nil), ""},
		"it takes none where there is none":          {nil, nil, ""},
		"it refuses to be asked beside the template": {[]catalogue.Template{template(1)}, nil, "none is named"},
		"it refuses a template that is not there":    {nil, named(1, nil), "is no template"},
		"it refuses an old version":                  {[]catalogue.Template{template(1), template(2)}, named(1, nil), "version 2 by now"},
		"it refuses no version":                      {[]catalogue.Template{template(1)}, named(0, nil), "name its id and its version"},
		"it refuses no id":                           {[]catalogue.Template{template(1)}, named(1, func(d *consent.Detail) { d.Template.ID = "" }), "name its id and its version"},
		"it refuses more uses":                       {[]catalogue.Template{narrower}, named(1, nil), "2 uses, \"licence-renewal\" allows 1"},
		"it refuses another field": {[]catalogue.Template{template(1)}, named(1, func(d *consent.Detail) {
			d.Actions[0], d.Claims = consent.ActionRelease, []consent.RequestedClaim{{Name: "remarks"}}
		}), `does not cover the field "remarks"`},
		"it refuses to keep longer": {[]catalogue.Template{template(1)}, named(1, func(d *consent.Detail) { d.Retention = "P31D" }), "kept for 31 days"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := world(t)
			templated(w, c.all...)
			_, err := w.Ledger.Request(t.Context(), w.Request(ada, c.bend))
			if c.says == "" {
				ok(t, name, err)
				return
			}
			says(t, name, err, "template", c.says)
			if head, _ := w.Store.Head(t.Context(), ada); head != 0 {
				t.Error("something was written")
			}
		})
	}
	t.Run("it is in the terms, in the export and under Narrow", func(t *testing.T) {
		w, _ := world(t)
		templated(w, template(1))
		in := w.Request(ada, named(1, nil))
		r, err := w.Ledger.Request(t.Context(), in)
		ok(t, "request", err)
		p, err := w.Ledger.Propose(t.Context(), r.Grant, ada, consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "en"})
		ok(t, "propose", err)
		if p.Terms.Template != (consent.Template{MaxUses: 2, MaxDays: 30, ID: "licence-renewal", Version: 1}) {
			t.Errorf("%+v", p.Terms.Template)
		}
		agreed, err := consent.Details(p.Terms)
		ok(t, "details", err)
		if ref := agreed[0].Template; ref == nil || *ref != (consent.TemplateRef{ID: "licence-renewal", Version: 1}) {
			t.Errorf("exported: %+v", ref)
		}
		request, err := consent.OpenRequest(in.JWS, w.Trust.AgencyRoots)
		ok(t, "open", err)
		ok(t, "narrow", consent.Narrow(request, p.Terms, w.Catalogue))
		other := p.Terms
		other.Template.Version = 2
		check(t, "another version in the terms", consent.Narrow(request, renotice(t, other), nil), "template")
		gone := *w.Catalogue
		gone.Version, gone.Templates = gone.Version+1, nil
		says(t, "taken out of the catalogue", consent.Narrow(request, p.Terms, &gone), "template", "is no template")
		gone.Templates = []catalogue.Template{template(1), template(2)}
		ok(t, "an older version that is still listed", consent.Narrow(request, p.Terms, &gone))
	})
}
