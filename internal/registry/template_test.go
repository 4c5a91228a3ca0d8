package registry_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
)

//clause:templates a template is an object with an id and versions, under four eyes; a version is never changed
func TestTemplatesKeepTheirVersions(t *testing.T) {
	d := newDesk(t)
	var listed catalogue.Agency
	d.Publisher.AgencyRoots, listed = agencyOf(t, d.clock.Add(24*time.Hour).Truncate(time.Second))
	text := catalogue.Text{"en": "Why", "ko": "까닭"}
	of := func(version int64, all ...catalogue.Template) catalogue.Catalogue {
		c := purpose("renewal")
		c.Version, c.Agencies, c.Templates = version, []catalogue.Agency{listed}, all
		c.DataSets = []catalogue.DataSet{{
			ID: "checkup", Provider: listed.ID, Title: text, Schema: json.RawMessage(`{"type":"object"}`), Fields: []catalogue.Field{{Name: "left", Label: text}},
		}}
		c.Purposes[0].DataSets = []string{"checkup"}
		return c
	}
	eyes := catalogue.Template{
		ID: "eyes", Version: 1, Purpose: "renewal", Title: text, MaxUses: 1, MaxDays: 1, KeepDays: 1,
		Extents: []catalogue.Extent{{DataSet: "checkup", Fields: []string{"left"}}},
	}
	first := of(1, eyes)
	if err := d.PublishCatalogue(t.Context(), first, approvals(t, d.ring, d.Registry, first)...); err != nil {
		t.Fatal(err)
	}
	changed := eyes
	changed.KeepDays = 400
	t.Run("it refuses to propose and to publish another text under the same version", func(t *testing.T) {
		second := of(2, changed)
		raw, draft := proposal(t, d.Registry, second)
		_, proposed := d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve))
		published := d.PublishCatalogue(t.Context(), second, approvals(t, d.ring, d.Registry, second)...)
		for _, err := range []error{proposed, published} {
			if !errors.Is(err, registry.ErrRefused) || !strings.Contains(err.Error(), "version 1 is changed") {
				t.Error(err)
			}
		}
		if d.Catalogue().Version != 1 {
			t.Error("published")
		}
	})
	t.Run("it takes it as the next version, with four eyes", func(t *testing.T) {
		changed.Version = 2
		second := of(2, eyes, changed)
		one := d.proposed(t, second)
		if _, err := d.PublishProposal(t.Context(), one.id); !errors.Is(err, registry.ErrDecided) {
			t.Errorf("by one officer: %v", err)
		}
		if _, err := d.Decide(t.Context(), one.id, one.sign(t, d.ring, 1, catalogue.Approve)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.PublishProposal(t.Context(), one.id); err != nil {
			t.Fatal(err)
		}
		if found, ok := d.Catalogue().Template("eyes", 0); !ok || found.KeepDays != 400 {
			t.Errorf("%+v", found)
		}
	})
}
