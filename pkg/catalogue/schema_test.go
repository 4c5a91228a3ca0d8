package catalogue_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// bomb is a schema of a few lines that asks for two to the power of n checks.
func bomb(n int) string {
	defs := []string{`"d0":{"type":"integer"}`}
	for i := range n {
		defs = append(defs, fmt.Sprintf(`"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i+1, i, i))
	}
	return fmt.Sprintf(`{"$defs":{%s},"$ref":"#/$defs/d%d"}`, strings.Join(defs, ","), n)
}

//clause:catalogue JSON Schema 2020-12, no other dialect, nothing loaded
func TestSchemaBounds(t *testing.T) {
	bombs := []struct{ name, schema, says string }{
		{"it refuses one too long", `{"title":"` + strings.Repeat("a", 64<<10) + `"}`, "size at #: "},
		{"it refuses one too deep", strings.Repeat(`{"not":`, 33) + `true` + strings.Repeat(`}`, 33), "depth"},
		{"it refuses two values", `{} {}`, "more than one value"},
		{"it refuses what doubles with each line", bomb(30), "more than 10000 parts"},
		{"it refuses what leads back to itself", `{"$ref":"#"}`, "leads back to itself"},
		{"it refuses what leads back by another", `{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"properties":{"x":{"$ref":"#/$defs/a"}}}},"$ref":"#/$defs/a"}`, "leads back to itself"},
		{"it refuses what leads back through a list", `{"allOf":[{"$ref":"#"}]}`, "leads back to itself"},
		{"it refuses such a pattern in a list", `{"allOf":[{"pattern":"(a+)+$"}]}`, "#/allOf/0/pattern"},
		{"it refuses a reference elsewhere", `{"$ref":"https://x.example/s"}`, "leads outside itself"},
		{"it refuses a relative reference", `{"$ref":"other.json"}`, "leads outside itself"},
		{"it refuses a reference by a name", `{"$ref":"#name"}`, "leads outside itself"},
		{"it refuses a reference to nothing", `{"$ref":"#/$defs/none"}`, "leads nowhere"},
		{"it refuses a reference past an array", `{"allOf":[true],"$ref":"#/allOf/01"}`, "leads nowhere"},
		{"it refuses a reference below a leaf", `{"title":"x","$ref":"#/title/x"}`, "leads nowhere"},
		{"it refuses a name of its own", `{"$id":"https://x.example/s"}`, "$id is not taken"},
		{"it refuses an anchor", `{"$anchor":"a"}`, "$anchor is not taken"},
		{"it refuses a reference at run time", `{"$dynamicRef":"#a"}`, "$dynamicRef is not taken"},
		{"it refuses another dialect", `{"$schema":"http://json-schema.org/draft-07/schema#"}`, "dialect"},
		{"it refuses a number of a million digits", `{"minimum":1e1000000}`, "exponent"},
		{"it refuses a number of a million places", `{"multipleOf":1e-1000000}`, "exponent"},
		{"it refuses an exponent that overflows", `{"multipleOf":1e99999999999999999999}`, "exponent"},
		{"it refuses a number too long to compare", `{"minimum":1` + strings.Repeat("0", 50) + `}`, "40 characters"},
		{"it refuses a pattern too long", `{"pattern":"` + strings.Repeat("a", 201) + `"}`, "200 characters"},
		{"it refuses a pattern that is none", `{"pattern":"("}`, "pattern"},
		{"it refuses a pattern that goes back", `{"pattern":"(a+)+$"}`, "repetition within a repetition without end"},
		{"it refuses a pattern that goes back by a choice", `{"pattern":"(a|aa)+$"}`, "alternative within"},
		{"it refuses a pattern with a bounded choice within", `{"pattern":"(a{1,20}){1,20}$"}`, "repetition within a repetition"},
		{"it refuses a pattern with an optional part within", `{"pattern":"(a?)*$"}`, "repetition within a repetition without end"},
		{"it refuses many repetitions in a row", `{"pattern":".*.*.*.*x"}`, "more than 3 repetitions"},
		{"it refuses very many repetitions", `{"pattern":"(a{40}){40}"}`, "invalid repeat count"},
		{"it refuses such a pattern of names", `{"patternProperties":{"(a+)+$":true}}`, "repetition within"},
		{"it refuses such a pattern in a definition", `{"$defs":{"x":{"pattern":"(a+)+$"}}}`, "#/$defs/x/pattern"},
	}
	for _, c := range bombs {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.catalogue.DataSets[0].Schema = json.RawMessage(c.schema)
			began := time.Now()
			err := w.catalogue.Validate()
			refusal(t, err, c.says)
			if refused, ok := errors.AsType[*catalogue.SchemaError](err); !ok || refused.Check == "" || refused.Mender() != "agency" {
				t.Errorf("%T is not a SchemaError", err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	figure.Hold(t, "schema-bombs", len(bombs), "schemas that would harm whoever reads them, each refused")
	for name, schema := range map[string]string{
		"it takes references within itself": `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"a/b":{"type":"string"}},"properties":{"left":{"$ref":"#/$defs/a~1b"},"$id":{"type":"string"},"pattern":{"type":"string"}}}`,
		"it takes a resident number":        `{"pattern":"^[0-9]{6}-[1-8][0-9]{6}$"}`,
		"it takes groups":                   `{"pattern":"^([0-9]{3},)*[0-9]+$"}`,
		"it takes a doubling that is small": bomb(5),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.catalogue.DataSets[0].Schema = json.RawMessage(schema)
			ok(t, "validate", w.catalogue.Validate())
		})
	}
	t.Run("it bounds records too", func(t *testing.T) {
		d := newWorld(t).catalogue.DataSets[0]
		ok(t, "record", d.Check([]byte(`{"left":1}`)))
		for _, record := range []string{
			`{"left":1e1000000}`, `{"left":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, `{"left":1,"x":"` + strings.Repeat("a", 4<<20) + `"}`,
		} {
			refusal(t, d.Check([]byte(record)), "out of bounds")
		}
	})
}

func FuzzSchema(f *testing.F) {
	for _, seed := range []string{`{"type":"object"}`, bomb(4), `{"pattern":"(a+)+"}`, `{"$ref":"#/$defs/a","$defs":{"a":{"minimum":1e300}}}`, `true`} {
		f.Add([]byte(seed), []byte(`{"left":1}`))
	}
	f.Fuzz(func(t *testing.T, schema, record []byte) {
		began := time.Now()
		_ = catalogue.DataSet{ID: "d", Schema: schema}.Check(record)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// versioned is a catalogue with two versions of one data set.
func versioned(t testing.TB, bend func(next *catalogue.DataSet)) (*world, catalogue.DataSet) {
	w := newWorld(t)
	old := w.catalogue.DataSets[0]
	next := old
	next.Version = 2
	next.Schema = json.RawMessage(`{"type":"object","required":["left"],"properties":{"left":{"type":"number"},"right":{"type":"number"}}}`)
	next.Fields = append([]catalogue.Field{{Name: "right", Label: text("Right")}}, old.Fields...)
	bend(&next)
	w.catalogue.DataSets = append(w.catalogue.DataSets, next)
	return w, old
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		name, claim string
		bend        func(next *catalogue.DataSet)
		field, says string
	}{
		{"it serves an old request whose field stayed the same", "left", func(*catalogue.DataSet) {}, "", ""},
		{"it serves an old request whose answer stayed the same", "ok", func(*catalogue.DataSet) {}, "", ""},
		{"it names a field that is gone", "left", func(d *catalogue.DataSet) { d.Fields = d.Fields[:1]; d.Derived = nil }, "left", "it is gone between version 1 and 2"},
		{"it names a field of another type", "left", func(d *catalogue.DataSet) {
			d.Schema = json.RawMessage(`{"type":"object","required":["left"],"properties":{"left":{"type":"string"}}}`)
		}, "left", "its schema changed"},
		{"it names a field that need not be there any more", "left", func(d *catalogue.DataSet) {
			d.Schema = json.RawMessage(`{"type":"object","properties":{"left":{"type":"number"}}}`)
		}, "left", "its schema changed"},
		{"it names a field that changed by what it refers to", "ok", func(d *catalogue.DataSet) {
			d.Schema = json.RawMessage(`{"type":"object","required":["left"],"$defs":{"n":{"type":"integer"}},"properties":{"left":{"$ref":"#/$defs/n"}}}`)
		}, "left", "its schema changed"},
		{"it names an answer that is had from other fields", "ok", func(d *catalogue.DataSet) {
			d.Derived = []catalogue.Derived{{Claim: "ok", Label: text("OK"), From: []string{"left", "right"}}}
		}, "ok", "derived from other fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, old := versioned(t, c.bend)
			ok(t, "validate", w.catalogue.Validate())
			set, err := w.catalogue.Negotiate("checkup", old.Hash(), []string{c.claim})
			if c.says == "" {
				if err != nil || set.Number() != 2 {
					t.Error(set.Number(), err)
				}
				return
			}
			refusal(t, err, c.says)
			if drift, ok := errors.AsType[*catalogue.DriftError](err); !ok || drift.Field != c.field || drift.From != 1 || drift.To != 2 {
				t.Errorf("%+v", drift)
			}
		})
	}
	t.Run("it reads the newest, and the older by name", func(t *testing.T) {
		w, old := versioned(t, func(*catalogue.DataSet) {})
		if newest, _ := w.catalogue.DataSet("checkup"); newest.Number() != 2 {
			t.Error(newest.Number())
		}
		if all := w.catalogue.Versions("checkup"); len(all) != 2 || all[1].Hash() != old.Hash() {
			t.Error(len(all))
		}
		if set, err := w.catalogue.Negotiate("checkup", w.catalogue.DataSets[1].Hash(), nil); err != nil || set.Number() != 2 {
			t.Error(err)
		}
	})
	t.Run("it compares no schema beyond the bounds", func(t *testing.T) {
		w, _ := versioned(t, func(*catalogue.DataSet) {})
		w.catalogue.DataSets[0].Schema = json.RawMessage(`{"$anchor":"a","properties":{"left":{"type":"number"}},"required":["left"]}`)
		_, err := w.catalogue.Negotiate("checkup", w.catalogue.DataSets[0].Hash(), []string{"left"})
		refusal(t, err, "$anchor is not taken")
	})
	t.Run("it refuses a version that is not listed, and no data set at all", func(t *testing.T) {
		w, _ := versioned(t, func(*catalogue.DataSet) {})
		_, err := w.catalogue.Negotiate("checkup", "AAAA", nil)
		refusal(t, err, "of no version")
		_, err = w.catalogue.Negotiate("tax", "AAAA", nil)
		refusal(t, err, "not in the catalogue")
	})
	for name, c := range map[string]struct {
		says string
		bend func(*catalogue.DataSet)
	}{
		"it refuses a version twice":              {"version 1 twice", func(d *catalogue.DataSet) { d.Version = 1 }},
		"it refuses another provider":             {"two providers", func(d *catalogue.DataSet) { d.Provider = "urn:mydata:agency:b" }},
		"it refuses a schema twice":               {"one schema under two versions", func(d *catalogue.DataSet) { d.Schema = newWorld(t).catalogue.DataSets[0].Schema }},
		"it refuses a version below one":          {"no number", func(d *catalogue.DataSet) { d.Version = -1 }},
		"it refuses a sensitivity of its own":     {"sensitivity", func(d *catalogue.DataSet) { d.Sensitivity = "harmless" }},
		"it refuses a law without a name":         {"law", func(d *catalogue.DataSet) { d.Law = &catalogue.Law{Name: catalogue.Text{"en": "Act"}} }},
		"it refuses a law's address of two lines": {"law", func(d *catalogue.DataSet) { d.Law = &catalogue.Law{Name: text("Act"), Ref: "a\nb"} }},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := versioned(t, c.bend)
			refusal(t, w.catalogue.Validate(), c.says)
		})
	}
	t.Run("it refuses very many versions", func(t *testing.T) {
		w := newWorld(t)
		for n := range 17 {
			d := w.catalogue.DataSets[0]
			d.Version, d.Schema = n+2, json.RawMessage(fmt.Sprintf(`{"title":"%d"}`, n))
			w.catalogue.DataSets = append(w.catalogue.DataSets, d)
		}
		refusal(t, w.catalogue.Validate(), "more than 16")
	})
	t.Run("it refuses a purpose's law without a name", func(t *testing.T) {
		w := newWorld(t)
		w.catalogue.Purposes[0].Law = &catalogue.Law{}
		refusal(t, w.catalogue.Validate(), "law")
	})
}
