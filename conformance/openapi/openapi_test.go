package openapi

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root    = "../../"
	current = root + "docs/openapi/agency.json"
)

func read(t *testing.T, path string) (Document, []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(raw)
	if err != nil {
		t.Fatal(path, err)
	}
	return d, raw
}

// sources of what agencies call, as in conformance/pages.
var sources = []string{"internal/idp/agency/*.go", "internal/idp/public/*.go", "internal/oauth/server.go"}

// others are routes beside those that are for people, wallets and their logins.
var others = []string{
	"GET /agencies", "GET /statistics", // pages
	"POST /challenge", "POST /device_authorization", // for wallets and kiosks
	"GET /.well-known/openid-configuration", "POST /authorize", "GET /authorize/callback", "GET /userinfo", "POST /userinfo",
}

// A route is a literal, or a method and a constant of the same folder.
var (
	route   = regexp.MustCompile(`"((?:GET |POST )/[^"\s]*)"`)
	named   = regexp.MustCompile(`"(GET |POST )"\+(\w+)`)
	defined = regexp.MustCompile(`const (\w+) = "(/[^"\s]*)"`)
)

func routes(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range sources {
		files, err := filepath.Glob(root + pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		var text []byte
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			one, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, one...)
		}
		constants := map[string]string{}
		for _, m := range defined.FindAllSubmatch(text, -1) {
			constants[string(m[1])] = string(m[2])
		}
		literal := named.ReplaceAllStringFunc(string(text), func(s string) string {
			m := named.FindStringSubmatch(s)
			return strconv.Quote(m[1] + constants[m[2]])
		})
		for _, m := range route.FindAllStringSubmatch(literal, -1) {
			path := m[1]
			if strings.HasSuffix(path, "/") && path != "POST /agency/" { // all that lies below
				path += "{path}"
			}
			if !slices.Contains(others, path) && path != "POST /agency/" && !slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	return all
}

//clause:catalogue OpenAPI 3.1: the document is the routes; no version breaks an older one
func TestDocumentIsTheRoutes(t *testing.T) {
	d, raw := read(t, current)
	there := append(routes(t), "POST /release") // a provider's own door: sdk.Provider
	slices.Sort(there)
	for _, r := range there {
		if !slices.Contains(d.Operations(), r) {
			t.Errorf("%s is served, and not in docs/openapi/agency.json", r)
		}
	}
	for _, o := range d.Operations() {
		if !slices.Contains(there, o) {
			t.Errorf("%s is in docs/openapi/agency.json, and nobody serves it", o)
		}
	}
	if len(there) < 15 {
		t.Errorf("only %d routes found", len(there))
	}
	served, err := os.ReadFile(root + "internal/idp/public/openapi.json")
	if err != nil || !bytes.Equal(served, raw) {
		t.Error("what the hub serves is another document than docs/openapi/agency.json: copy it", err)
	}
}

// TestReferences: every $ref leads somewhere, every {wildcard} is described.
func TestReferences(t *testing.T) {
	d, raw := read(t, current)
	for _, m := range regexp.MustCompile(`"\$ref": "#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(raw), -1) {
		if child(child(child(d.root, "components"), "schemas"), m[1]) == nil {
			t.Errorf("%s is not there", m[0])
		}
	}
	ids := map[string]bool{}
	for path, item := range child(d.root, "paths") {
		for method, v := range item.(object) {
			o := v.(object)
			id, _ := o["operationId"].(string)
			if id == "" || ids[id] || o["summary"] == "" || len(child(o, "responses")) == 0 {
				t.Errorf("%s %s: operationId, summary or responses", method, path)
			}
			ids[id] = true
			for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if listed(d, o)["path "+m[1]] == nil {
					t.Errorf("%s %s: {%s} is not described", method, path, m[1])
				}
			}
		}
	}
}

func major(t *testing.T, version string) int {
	t.Helper()
	m := regexp.MustCompile(`^(\d+)\.\d+\.\d+$`).FindStringSubmatch(version)
	if m == nil {
		t.Fatalf("version %q", version)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNothingBreaks compares with every released version of the same major number.
//
//clause:catalogue OpenAPI 3.1: the document is the routes; no version breaks an older one
func TestNothingBreaks(t *testing.T) {
	now, raw := read(t, current)
	files, err := filepath.Glob(root + "docs/openapi/released/agency-*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing is released", err)
	}
	for _, file := range files {
		old, before := read(t, file)
		if want := "agency-" + old.Version() + ".json"; filepath.Base(file) != want {
			t.Errorf("%s holds version %s", file, old.Version())
		}
		if old.Version() == now.Version() && !bytes.Equal(before, raw) {
			t.Errorf("version %s is released: give the document another", now.Version())
		}
		if major(t, old.Version()) != major(t, now.Version()) {
			continue
		}
		for _, b := range Breaking(old, now) {
			t.Errorf("since %s: %s", old.Version(), b)
		}
	}
}

func TestBreaking(t *testing.T) {
	const base = `{"openapi":"3.1.0","info":{"version":"1.0.0"},"paths":{"/a":{"post":{
		"parameters":[{"name":"x","in":"query","schema":{"type":"string"}}],
		"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/In"}}}},
		"responses":{"200":{"content":{"application/json":{"schema":{"type":"object","required":["b"],"properties":{"b":{"type":"string","enum":["p","q"]},"c":{"type":"array","items":{"type":"integer"}}}}}}},"404":{}}}}},
		"components":{"schemas":{"In":{"type":"object","required":["i"],"properties":{"i":{"type":"string","enum":["m","n"]},"j":{"type":"string"}}}}}}`
	for _, c := range []struct{ name, from, to, want string }{
		{"it takes the same", "", "", ""},
		{"it takes a new path", `"paths":{`, `"paths":{"/new":{"get":{"responses":{}}},`, ""},
		{"it takes a new optional member", `"j":{"type":"string"}`, `"j":{"type":"string"},"k":{"type":"string"}`, ""},
		{"it takes a new answer", `"404":{}`, `"404":{},"409":{}`, ""},
		{"it takes what need not be sent any more", `"required":["i"]`, `"required":[]`, ""},
		{"it takes more words", `"enum":["m","n"]`, `"enum":["m","n","o"]`, ""},
		{"it takes fewer words of ours", `"enum":["p","q"]`, `"enum":["p"]`, ""},
		{"it names a path that is gone", `"/a"`, `"/b"`, "POST /a is gone"},
		{"it names a method that is gone", `"post"`, `"put"`, "POST /a is gone"},
		{"it names an answer that is gone", `,"404":{}`, ``, "answer 404 is gone"},
		{"it names a media type that is gone", `"content":{"application/json":{"schema":{"$ref"`, `"content":{"text/plain":{"schema":{"$ref"`, "application/json is gone"},
		{"it names a parameter that must be there now", `"in":"query"`, `"in":"query","required":true`, "query x is required now"},
		{"it names a new parameter that must be there", `"parameters":[`, `"parameters":[{"name":"y","in":"header","required":true},`, "header y is required now"},
		{"it names a body that must be there now", `"requestBody":{`, `"requestBody":{"required":true,`, "a body is required now"},
		{"it names a member that must be sent now", `"required":["i"]`, `"required":["i","j"]`, "more is required"},
		{"it names a word that is not taken any more", `"enum":["m","n"]`, `"enum":["m"]`, "enum is another"},
		{"it names a word that nobody knew", `"enum":["p","q"]`, `"enum":["p","q","r"]`, "enum is another"},
		{"it names a type that is another", `"items":{"type":"integer"}`, `"items":{"type":"string"}`, "c[]: type is another"},
		{"it names a member that is gone", `,"c":{"type":"array","items":{"type":"integer"}}`, ``, ".c is gone"},
		{"it names a member that need not come any more", `"required":["b"]`, `"required":[]`, "less is promised"},
		{"it names a pattern that was not asked for", `"j":{"type":"string"}`, `"j":{"type":"string","pattern":"x"}`, "pattern is another"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(base, c.from, c.to, 1)
			if c.from != "" && changed == base || !json.Valid([]byte(changed)) {
				t.Fatal("the case does not change the document", changed)
			}
			old, err := Parse([]byte(base))
			if err != nil {
				t.Fatal(err)
			}
			next, err := Parse([]byte(changed))
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(Breaking(old, next), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	for _, bad := range []string{`{`, `{"openapi":"3.0.3"}`} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
