package sdk

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// under gives the fixture's purpose these templates.
func (f *fixture) under(all ...catalogue.Template) {
	f.Helper()
	next := *f.world.Catalogue
	next.Version, next.Templates = next.Version+1, all
	f.world.Catalogue = &next
	f.world.Ledger.Catalogue = func() *catalogue.Catalogue { return f.world.Catalogue }
	f.open()
}

func fair(id string, version int) catalogue.Template {
	return catalogue.Template{
		ID: id, Version: version, Purpose: "driving-licence-renewal", Title: catalogue.Text{"en": "R", "ko": "R"}, MaxUses: 2, MaxDays: 30, KeepDays: 30,
		Extents: []catalogue.Extent{{DataSet: "health-checkup", Fields: []string{"vision_left", "vision_right", "hearing_left", "checked_on"}}},
	}
}

//clause:templates the provider holds the terms to it by its own copy of the catalogue
func TestTemplates(t *testing.T) {
	ctx := context.Background()
	t.Run("it asks by the only template of a purpose, in its newest version", func(t *testing.T) {
		f := newFixture(t)
		f.under(fair("renewal", 1), fair("renewal", 2))
		r, err := f.asked(f.need())
		if err != nil {
			t.Fatal(err)
		}
		row, err := kept[grantRow](ctx, f.consumer.config.Journal, "grant", r.GrantID)
		if err != nil || !strings.Contains(string(row.Terms), `"id":"renewal"`) || !strings.Contains(string(row.Terms), `"version":2`) {
			t.Errorf("%v %s", err, row.Terms)
		}
	})
	t.Run("it wants a name where there are several", func(t *testing.T) {
		f := newFixture(t)
		f.under(fair("renewal", 1), fair("other", 1))
		n := f.need()
		if _, err := f.consumer.Ask(ctx, n); err == nil || !strings.Contains(err.Error(), `["renewal" "other"]`) {
			t.Error(err)
		}
		n.Template = "other"
		if _, err := f.asked(n); err != nil {
			t.Error(err)
		}
	})
	t.Run("it is refused by the hub beyond the template", func(t *testing.T) {
		f := newFixture(t)
		narrow := fair("renewal", 1)
		narrow.Extents[0].Fields = []string{"vision_left", "vision_right", "checked_on"}
		f.under(narrow)
		var refused *Error
		if _, err := f.consumer.Ask(ctx, f.need()); !errors.As(err, &refused) || refused.By != "hub" || !strings.Contains(refused.Cause, `does not cover the field "hearing_left"`) {
			t.Error(err)
		}
	})
	t.Run("it is refused by the provider when the template is taken back", func(t *testing.T) {
		f := newFixture(t)
		f.under(fair("renewal", 1))
		c := f.call()
		if status, no, _ := c.send(); status != http.StatusOK {
			t.Fatalf("%d %+v", status, no)
		}
		c = f.call()
		f.under(fair("renewal", 2))
		if status, no, _ := c.send(); status == http.StatusOK || no.Check != transfer.CheckTemplate || !strings.Contains(no.Cause, "version 1 is no template") {
			t.Errorf("%d %+v", status, no)
		}
		if len(f.observed) != 1 {
			t.Error("it released")
		}
	})
}
