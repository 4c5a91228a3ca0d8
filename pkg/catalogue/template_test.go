package catalogue_test

import (
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// eyes is a template of the world's one purpose.
func eyes(version int) catalogue.Template {
	return catalogue.Template{
		ID: "eyes", Version: version, Purpose: "renewal", Title: text("Eyes"), MaxUses: 2, MaxDays: 20, KeepDays: 9, Every: 3600,
		Extents: []catalogue.Extent{{DataSet: "checkup", Fields: []string{"left"}}},
	}
}

func templated(t *testing.T) catalogue.Catalogue {
	t.Helper()
	c := newWorld(t).catalogue
	c.Purposes[0].MaxUses, c.Purposes[0].MaxDays = 2, 30
	c.Templates = []catalogue.Template{eyes(1), eyes(2)}
	c.Templates[1].MaxDays = 10
	return c
}

//clause:templates fields, uses, time, time between, time kept: each bound alone refuses
func TestTemplateFits(t *testing.T) {
	c := templated(t)
	ok(t, "validate", c.Validate())
	fair := catalogue.Asked{
		Purpose: "renewal", Template: "eyes", Version: 1, DataSet: "checkup", Fields: []string{"left"},
		Uses: 2, Seconds: 20 * 86400, Every: 3600, KeepDays: 9,
	}
	for name, x := range map[string]struct {
		bend func(*catalogue.Asked)
		says string
	}{
		"it allows what is within":                 {func(*catalogue.Asked) {}, ""},
		"it allows one use without a time between": {func(a *catalogue.Asked) { a.Uses, a.Every = 1, 0 }, ""},
		"it demands a template where there is one": {func(a *catalogue.Asked) { a.Template, a.Version = "", 0 }, "none is named"},
		"it asks no template of another purpose":   {func(a *catalogue.Asked) { a.Purpose, a.Template = "other", "" }, ""},
		"it refuses an unknown template":           {func(a *catalogue.Asked) { a.Template = "ears" }, "is no template"},
		"it refuses an unknown version":            {func(a *catalogue.Asked) { a.Version = 3 }, "is no template"},
		"it refuses no version":                    {func(a *catalogue.Asked) { a.Version = 0 }, "is no template"},
		"it refuses another purpose's":             {func(a *catalogue.Asked) { a.Purpose = "other" }, "is no template"},
		"it holds each version to itself":          {func(a *catalogue.Asked) { a.Version = 2 }, "10 days"},
		"it refuses another data set":              {func(a *catalogue.Asked) { a.DataSet = "tax" }, "data set"},
		"it refuses another field":                 {func(a *catalogue.Asked) { a.Fields = []string{"left", "right"} }, `field "right"`},
		"it refuses more uses":                     {func(a *catalogue.Asked) { a.Uses = 3 }, "3 uses"},
		"it refuses a longer time":                 {func(a *catalogue.Asked) { a.Seconds++ }, "20 days"},
		"it refuses to keep longer":                {func(a *catalogue.Asked) { a.KeepDays = 10 }, "kept for 10"},
		"it refuses to keep for an unknown time":   {func(a *catalogue.Asked) { a.KeepDays = 0 }, "kept for 0"},
		"it refuses to come more often":            {func(a *catalogue.Asked) { a.Every = 3599 }, "3599 seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := fair
			x.bend(&asked)
			err := c.Fits(asked)
			if x.says == "" {
				ok(t, name, err)
				return
			}
			refusal(t, err, x.says)
		})
	}
}

//clause:templates a template is an object with an id and versions, under four eyes; a version is never changed
func TestTemplateRefuses(t *testing.T) {
	first := func(bend func(*catalogue.Template)) func(*catalogue.Catalogue) {
		return func(c *catalogue.Catalogue) { bend(&c.Templates[0]) }
	}
	for _, c := range []struct {
		name, says string
		bend       func(c *catalogue.Catalogue)
	}{
		{"it refuses a version twice", "twice", func(c *catalogue.Catalogue) { c.Templates[1].Version = 1 }},
		{"it refuses one template of two purposes", "two purposes", func(c *catalogue.Catalogue) {
			other := c.Purposes[0]
			other.Code = "other"
			c.Purposes, c.Templates[0].Purpose = append(c.Purposes, other), "other"
		}},
		{"it refuses too many", "more than 64", func(c *catalogue.Catalogue) {
			for v := range 64 {
				c.Templates = append(c.Templates, eyes(v+3))
			}
		}},
		{"it refuses a stray id", "plain name", func(c *catalogue.Catalogue) { c.Templates = c.Templates[:1]; c.Templates[0].ID = "E yes" }},
		{"it refuses no version", "no number", first(func(t *catalogue.Template) { t.Version = 0 })},
		{"it refuses a purpose that is not there", "is not there", func(c *catalogue.Catalogue) {
			c.Templates = c.Templates[:1]
			c.Templates[0].Purpose = "gone"
		}},
		{"it refuses more uses than the purpose", "bounds", first(func(t *catalogue.Template) { t.MaxUses = 3 })},
		{"it refuses more days than the purpose", "bounds", first(func(t *catalogue.Template) { t.MaxDays = 31 })},
		{"it refuses no bounds", "bounds", first(func(t *catalogue.Template) { t.MaxUses = 0 })},
		{"it refuses silence about keeping", "kept", first(func(t *catalogue.Template) { t.KeepDays = 0 })},
		{"it refuses a negative time between", "between two uses", first(func(t *catalogue.Template) { t.Every = -1 })},
		{"it refuses a time between that is longer than the grant", "between two uses", first(func(t *catalogue.Template) { t.Every = 20*86400 + 1 })},
		{"it refuses to cover nothing", "no data set", first(func(t *catalogue.Template) { t.Extents = nil })},
		{"it refuses a data set twice", "twice", first(func(t *catalogue.Template) { t.Extents = append(t.Extents, t.Extents[0]) })},
		{"it refuses a data set that is not the purpose's", "not the purpose's", first(func(t *catalogue.Template) { t.Extents[0].DataSet = "tax" })},
		{"it refuses to cover no field", "no field", first(func(t *catalogue.Template) { t.Extents[0].Fields = nil })},
		{"it refuses a field that is none", `"right"`, first(func(t *catalogue.Template) { t.Extents[0].Fields = []string{"right"} })},
		{"it refuses a field twice", `"left"`, first(func(t *catalogue.Template) { t.Extents[0].Fields = []string{"left", "left"} })},
		{"it refuses a title in one language", "text", first(func(t *catalogue.Template) { t.Title = catalogue.Text{"en": "a"} })},
	} {
		t.Run(c.name, func(t *testing.T) {
			bent := templated(t)
			c.bend(&bent)
			refusal(t, bent.Validate(), c.says)
		})
	}
}

//clause:templates a template is an object with an id and versions, under four eyes; a version is never changed
func TestTemplateKeeps(t *testing.T) {
	before, next := templated(t), templated(t)
	ok(t, "the first", next.Keeps(nil))
	ok(t, "the same", next.Keeps(&before))
	next.Templates = append(next.Templates[1:], eyes(3))
	ok(t, "a new version, an old one dropped", next.Keeps(&before))
	if all := next.TemplatesOf("renewal"); len(all) != 1 || all[0].Version != 3 {
		t.Errorf("the newest: %+v", all)
	}
	next.Templates[0].KeepDays++
	refusal(t, next.Keeps(&before), "version 2 is changed")
	changes, err := catalogue.Diff(&before, &next)
	ok(t, "diff", err)
	var all []string
	for _, c := range changes {
		all = append(all, c.String())
	}
	if text := strings.Join(all, "\n"); !strings.Contains(text, "- template eyes version 1: there") ||
		!strings.Contains(text, "~ template eyes version 2: keep_days: 9 -> 10") || !strings.Contains(text, "+ template eyes version 3: new") {
		t.Errorf("a reader of the difference does not see it:\n%s", text)
	}
}
