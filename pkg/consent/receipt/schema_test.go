package receipt_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// published are the schemas as read and as compiled, by the last word of $id.
type published struct {
	raw      map[string]map[string]any
	compiled map[string]*jsonschema.Schema
}

func schemas(t *testing.T) published {
	t.Helper()
	p := published{map[string]map[string]any{}, map[string]*jsonschema.Schema{}}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	names, err := fs.Glob(consent.Schemas(), "*")
	ok(t, "glob", err)
	for _, name := range names {
		text, err := fs.ReadFile(consent.Schemas(), name)
		ok(t, name, err)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		ok(t, name, err)
		doc := value.(map[string]any)
		ok(t, name, compiler.AddResource(doc["$id"].(string), doc))
		p.raw[doc["$id"].(string)] = doc
	}
	for id := range p.raw {
		p.compiled[id], err = compiler.Compile(id)
		ok(t, id, err)
	}
	return p
}

const (
	termsID   = "urn:mydata:schema:terms:1"
	recordID  = "urn:mydata:schema:record:1"
	receiptID = "urn:mydata:schema:receipt:1"
)

func (p published) check(t *testing.T, id string, v any) error {
	t.Helper()
	raw, err := json.Marshal(v)
	ok(t, "marshal", err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	ok(t, "unmarshal", err)
	return p.compiled[id].Validate(value)
}

// What is really written is what the schemas say: terms, records in each state,
// events, and both copies of a receipt.
//
//clause:consent JSON Schema 2020-12 of terms, record, receipt ([schemas](schemas)): takes what is written, refuses what is bent, names every member
func TestSchemasTakeWhatIsWritten(t *testing.T) {
	p := schemas(t)
	ctx := t.Context()
	w, id := story(t)
	made := citizens(t, w, id)
	consumers, err := assembler(w).ForConsumer(ctx, id, w.Consumer.ID)
	ok(t, "consumer's copy", err)
	for name, r := range map[string]receipt.Receipt{"citizen's": made, "consumer's": consumers} {
		if err := p.check(t, receiptID, r); err != nil {
			t.Errorf("%s copy: %v", name, err)
		}
	}
	passkey := w.People.Enrol("bea")
	offer, err := w.Ledger.Request(ctx, w.Request("bea", nil))
	ok(t, "request", err)
	records := []consent.Record{offer}
	granted := w.Granted(ctx, "bea", passkey)
	records = append(records, granted)
	for _, turn := range []func() (consent.Record, error){
		func() (consent.Record, error) { return w.Ledger.Pause(ctx, granted.Grant, "bea", "") },
		func() (consent.Record, error) { return w.Ledger.Resume(ctx, granted.Grant, "bea") },
		func() (consent.Record, error) { return w.Ledger.Invalidate(ctx, granted.Grant, "agency_closed") },
		func() (consent.Record, error) { return w.Ledger.TakeBack(ctx, offer.Grant, "bea") },
		func() (consent.Record, error) { r, _, err := w.Ledger.Account(ctx, id); return r, err },
	} {
		r, err := turn()
		ok(t, "turn", err)
		records = append(records, r)
	}
	for _, r := range records {
		if err := p.check(t, recordID, r); err != nil {
			t.Errorf("%s: %v", r.State, err)
		}
	}
	if err := p.check(t, termsID, granted.Agreed); err != nil {
		t.Errorf("terms: %v", err)
	}
}

// What differs in any member from real terms or a real receipt is refused: one
// that is gone, of another type, or unknown; the unknown one by the parser too.
//
//clause:consent JSON Schema 2020-12 of terms, record, receipt ([schemas](schemas)): takes what is written, refuses what is bent, names every member
func TestSchemasRefuseWhatIsBent(t *testing.T) {
	p := schemas(t)
	w, id := story(t)
	made := citizens(t, w, id)
	optional := strings.Fields("approval anchors proof sensitive optional law_ref notice_after orders code key nonce assertion")
	for name, c := range map[string]struct {
		id string
		of any
	}{"terms": {termsID, made.Terms}, "receipt": {receiptID, made}} {
		count := 0
		doc, _ := plain(t, c.of)
		nodesOf(doc, "", func(path string, node map[string]any) {
			if strings.HasSuffix(path, "/event/key") { // a JWK is its own specification's
				return
			}
			refused := func(what string) {
				count++
				if err := p.check(t, c.id, doc); err == nil {
					t.Errorf("%s of %s%s is taken", what, name, path)
				}
			}
			for _, key := range slices.Collect(maps.Keys(node)) {
				was := node[key]
				if delete(node, key); !slices.Contains(optional, key) && !(strings.Contains(path, "/event") && name == "receipt") {
					refused("the loss of " + key)
				}
				for _, other := range []any{nil, true, 1.5, "?", []any{}, map[string]any{"?": 1}} {
					if reflect.TypeOf(other) != reflect.TypeOf(was) {
						node[key] = other
						refused("another type of " + key)
					}
				}
				node[key] = was
			}
			node["unknown"] = 1
			refused("an unknown member")
			raw, err := json.Marshal(doc)
			ok(t, "marshal", err)
			if _, err := consent.ParseTerms(raw); name == "terms" && err == nil {
				t.Errorf("the parser takes an unknown member of terms%s", path)
			}
			if _, err := receipt.Parse(raw); name == "receipt" && err == nil {
				t.Errorf("the parser takes an unknown member of a receipt%s", path)
			}
			delete(node, "unknown")
		})
		if count < 100 {
			t.Errorf("%s: only %d bent", name, count)
		}
	}
	for member, value := range map[string]any{"mandate": map[string]any{}, "preview": true, "actor": "x", "schema_version": "mydata-terms/2", "max_uses": 0,
		"mode": "always", "grant_id": "short", "storage": "kr", "retention": "a month", "recipient": []any{}, "claims": []any{}} {
		doc, _ := plain(t, made.Terms)
		doc[member] = value
		if err := p.check(t, termsID, doc); err == nil {
			t.Errorf("%s = %v is taken", member, value)
		}
	}
}

// nodesOf calls f with each object of a document and its path.
func nodesOf(v any, path string, f func(string, map[string]any)) {
	switch x := v.(type) {
	case map[string]any:
		f(path, x)
		for key, value := range x {
			nodesOf(value, path+"/"+key, f)
		}
	case []any:
		if len(x) > 0 {
			nodesOf(x[0], path, f)
		}
	}
}

// Every member that the types can write has its place in the schemas. The other
// way round, what a schema names and no type writes would never be refused for
// its absence: such members are listed here until a type has them.
//
//clause:consent JSON Schema 2020-12 of terms, record, receipt ([schemas](schemas)): takes what is written, refuses what is bent, names every member
func TestSchemasNameEveryMember(t *testing.T) {
	p := schemas(t)
	later := strings.Fields("")
	var same func(path, doc string, node any, typ reflect.Type)
	same = func(path, doc string, node any, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		schema, isObject := node.(map[string]any)
		if !isObject {
			return // false: refused
		}
		if ref, found := schema["$ref"].(string); found {
			if id, at, _ := strings.Cut(ref, "#"); id != "" || at != "" {
				if id == "" {
					id = doc
				}
				target := any(p.raw[id])
				for part := range strings.SplitSeq(strings.Trim(at, "/"), "/") {
					if part != "" {
						target = target.(map[string]any)[part]
					}
				}
				same(path, id, target, typ)
				return
			}
		}
		switch {
		case typ == reflect.TypeFor[time.Time]() || typ == reflect.TypeFor[approval.Bytes]() || typ == reflect.TypeFor[json.RawMessage]():
			return
		case typ.Kind() == reflect.Slice && schema["items"] != nil:
			same(path+"[]", doc, schema["items"], typ.Elem())
			return
		case typ.Kind() != reflect.Struct || schema["properties"] == nil:
			return
		}
		properties := schema["properties"].(map[string]any)
		written := map[string]bool{}
		for i := range typ.NumField() {
			field := typ.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "-" || name == "" {
				continue
			}
			written[name] = true
			if _, named := properties[name]; !named {
				t.Errorf("%s/%s is in no schema", path, name)
				continue
			}
			same(path+"/"+name, doc, properties[name], field.Type)
		}
		for name := range properties {
			if !written[name] && !slices.Contains(later, name) {
				t.Errorf("%s/%s is written by no type", path, name)
			}
		}
	}
	same("terms", termsID, p.raw[termsID], reflect.TypeFor[consent.Terms]())
	same("record", recordID, p.raw[recordID], reflect.TypeFor[consent.Record]())
	same("receipt", receiptID, p.raw[receiptID], reflect.TypeFor[receipt.Receipt]())
}

// The documents show what is served, letter for letter.
func TestSchemasAreInTheDocuments(t *testing.T) {
	root, err := figure.Root()
	ok(t, "root", err)
	names, err := fs.Glob(consent.Schemas(), "*")
	ok(t, "glob", err)
	for _, name := range names {
		text, err := fs.ReadFile(consent.Schemas(), name)
		ok(t, name, err)
		figure.File(t, filepath.Join(root, "docs", "schemas", name), string(text))
	}
}
