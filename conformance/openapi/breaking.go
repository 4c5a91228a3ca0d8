package openapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// Document is an OpenAPI document.
type Document struct{ root object }

// Parse reads a document.
func Parse(raw []byte) (Document, error) {
	var d Document
	if err := json.Unmarshal(raw, &d.root); err != nil {
		return d, fmt.Errorf("openapi: %w", err)
	}
	if v, _ := d.root["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		return d, fmt.Errorf("openapi: version %q is not 3.1", v)
	}
	return d, nil
}

// Version is info.version.
func (d Document) Version() string {
	v, _ := child(d.root, "info")["version"].(string)
	return v
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch"}

// Operations are "POST /path", sorted.
func (d Document) Operations() []string {
	var all []string
	for path, item := range child(d.root, "paths") {
		for method := range item.(object) {
			if slices.Contains(methods, method) {
				all = append(all, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(all)
	return all
}

func child(o object, name string) object {
	c, _ := o[name].(object)
	return c
}

// resolved follows a local reference.
func (d Document) resolved(v any) object {
	o, _ := v.(object)
	for ref, ok := o["$ref"].(string); ok; ref, ok = o["$ref"].(string) {
		o = d.root
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			o = child(o, part)
		}
	}
	return o
}

// comparison collects what breaks.
type comparison struct {
	old, next Document
	broken    []string
}

func (c *comparison) breaks(format string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}

// Breaking lists what a client of old could not do any more with next.
func Breaking(old, next Document) []string {
	c := &comparison{old: old, next: next}
	for path, item := range child(old.root, "paths") {
		for method, before := range item.(object) {
			if !slices.Contains(methods, method) {
				continue
			}
			at := strings.ToUpper(method) + " " + path
			after := child(child(child(next.root, "paths"), path), method)
			if after == nil {
				c.breaks("%s is gone", at)
				continue
			}
			c.parameters(at, before.(object), after)
			c.body(at, before.(object), after)
			c.responses(at, before.(object), after)
		}
	}
	slices.Sort(c.broken)
	return c.broken
}

func listed(d Document, operation object) map[string]object {
	all := map[string]object{}
	parameters, _ := operation["parameters"].([]any)
	for _, p := range parameters {
		o := d.resolved(p)
		all[fmt.Sprint(o["in"], " ", o["name"])] = o
	}
	return all
}

func (c *comparison) parameters(at string, before, after object) {
	old := listed(c.old, before)
	for name, p := range listed(c.next, after) {
		if p["required"] == true && (old[name] == nil || old[name]["required"] != true) {
			c.breaks("%s: parameter %s is required now", at, name)
		}
		if was := old[name]; was != nil {
			c.schema(at+": parameter "+name, was["schema"], p["schema"], true)
		}
	}
}

func (c *comparison) body(at string, before, after object) {
	old, next := c.old.resolved(before["requestBody"]), c.next.resolved(after["requestBody"])
	if next["required"] == true && old["required"] != true {
		c.breaks("%s: a body is required now", at)
	}
	c.content(at+": body", old, next, true)
}

func (c *comparison) responses(at string, before, after object) {
	for code, was := range child(before, "responses") {
		is, there := child(after, "responses")[code]
		if !there {
			c.breaks("%s: answer %s is gone", at, code)
			continue
		}
		c.content(at+": "+code, c.old.resolved(was), c.next.resolved(is), false)
	}
}

func (c *comparison) content(at string, old, next object, sent bool) {
	for kind, was := range child(old, "content") {
		is := child(child(next, "content"), kind)
		if is == nil {
			c.breaks("%s: %s is gone", at, kind)
			continue
		}
		c.schema(at+" "+kind, was.(object)["schema"], is["schema"], sent)
	}
}

func words(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = []string{v}
	case []any:
		for _, each := range v {
			out = append(out, fmt.Sprint(each))
		}
	}
	slices.Sort(out)
	return out
}

// within says that each of a is in b.
func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

// schema compares what is sent to us (sent: we may only ask for less) or by us
// (we may only give more).
func (c *comparison) schema(at string, old, next any, sent bool) {
	was, is := c.old.resolved(old), c.next.resolved(next)
	if was == nil {
		return
	}
	narrow, wide := is, was // what we give must fit what was promised
	if sent {
		narrow, wide = was, is // what was sent must fit what we take
	}
	for _, word := range []string{"type", "enum"} {
		if set := words(wide[word]); set != nil && (narrow[word] == nil || !within(words(narrow[word]), set)) {
			c.breaks("%s: %s is another", at, word)
		}
	}
	if sent && !within(words(is["required"]), words(was["required"])) {
		c.breaks("%s: more is required", at)
	}
	if !sent && !within(words(was["required"]), words(is["required"])) {
		c.breaks("%s: less is promised", at)
	}
	for _, word := range []string{"pattern", "minLength", "minimum"} {
		if sent && is[word] != nil && !reflect.DeepEqual(was[word], is[word]) {
			c.breaks("%s: %s is another", at, word)
		}
	}
	for name, property := range child(was, "properties") {
		if now, there := child(is, "properties")[name]; there {
			c.schema(at+"."+name, property, now, sent)
		} else if !sent {
			c.breaks("%s.%s is gone", at, name)
		}
	}
	if items := was["items"]; items != nil {
		c.schema(at+"[]", items, is["items"], sent)
	}
}
