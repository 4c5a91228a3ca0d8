package catalogue

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/legible"
)

// Change is one difference between two snapshots, as a person reads it. Before
// or After is "" where the thing is new or gone.
type Change struct {
	What   string `json:"what"` // "purpose driving-licence-renewal: max_days"
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

func (c Change) String() string {
	switch {
	case c.Before == "":
		return "+ " + c.What + ": " + c.After
	case c.After == "":
		return "- " + c.What + ": " + c.Before
	}
	return "~ " + c.What + ": " + c.Before + " -> " + c.After
}

// Diff lists what next changes of before (nil: there was none), thing by thing
// and member by member, nothing left out: two snapshots without a difference
// have the same digest but for their version. What cannot be read at a glance
// (keys, signed entries, schemas) is shown with its digest or its text.
func Diff(before, next *Catalogue) ([]Change, error) {
	if before == nil {
		before = &Catalogue{}
	}
	a, err := things(before)
	if err != nil {
		return nil, err
	}
	b, err := things(next)
	if err != nil {
		return nil, err
	}
	var out []Change
	for _, name := range a.names {
		if b.byName[name] == nil {
			out = append(out, Change{What: name, Before: "there"})
		}
	}
	for _, name := range b.names {
		old := a.byName[name]
		if old == nil {
			out = append(out, Change{What: name, After: "new"})
		}
		out = compare(out, name, old, b.byName[name])
	}
	if order := strings.Join(a.names, ", "); len(out) == 0 && order != strings.Join(b.names, ", ") {
		out = append(out, Change{What: "order", Before: order, After: strings.Join(b.names, ", ")})
	}
	return out, nil
}

type listed struct {
	names  []string
	byName map[string]map[string]any
}

// things are the parts of a snapshot under names that a person uses.
func things(c *Catalogue) (listed, error) {
	l := listed{byName: map[string]map[string]any{}}
	add := func(name string, thing any) error {
		raw, err := json.Marshal(thing)
		if err != nil {
			return fmt.Errorf("catalogue: %w", err)
		}
		var members map[string]any
		if err := json.Unmarshal(raw, &members); err != nil {
			return fmt.Errorf("catalogue: %w", err)
		}
		l.names, l.byName[name] = append(l.names, name), members
		return nil
	}
	for _, a := range c.Agencies {
		if err := add("agency "+a.ID, a); err != nil {
			return l, err
		}
	}
	for _, d := range c.DataSets {
		name := "data set " + d.ID
		if d.Number() > 1 {
			name += " version " + strconv.Itoa(d.Number())
		}
		if err := add(name, d); err != nil {
			return l, err
		}
	}
	for _, p := range c.Purposes {
		if err := add("purpose "+p.Code, p); err != nil {
			return l, err
		}
	}
	for _, t := range c.Templates {
		if err := add("template "+t.ID+" version "+strconv.Itoa(t.Version), t); err != nil {
			return l, err
		}
	}
	return l, nil
}

// compare descends into objects, and into arrays of named objects.
func compare(out []Change, at string, before, after any) []Change {
	if reflect.DeepEqual(before, after) {
		return out
	}
	a, isA := before.(map[string]any)
	b, isB := after.(map[string]any)
	isA, isB = isA || before == nil, isB || after == nil
	if isA && isB && len(a)+len(b) > 0 {
		var keys []string
		for key := range a {
			keys = append(keys, key)
		}
		for key := range b {
			if _, both := a[key]; !both {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			out = compare(out, at+": "+key, a[key], b[key])
		}
		return out
	}
	listA, namedA := named(before)
	listB, namedB := named(after)
	if namedA && namedB {
		if n := len(out); len(compare(out, at, listA, listB)) > n { // otherwise the order alone is another
			return compare(out, at, listA, listB)
		}
	}
	return append(out, Change{What: at, Before: shown(before), After: shown(after)})
}

// named is an array of objects under their names.
func named(v any) (map[string]any, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, v == nil
	}
	out := map[string]any{}
	for _, each := range list {
		object, _ := each.(map[string]any)
		name, isField := object["name"].(string)
		if !isField {
			name, _ = object["claim"].(string)
		}
		if _, twice := out[name]; name == "" || twice {
			return nil, false
		}
		out[name] = object
	}
	return out, true
}

// maxShown is the longest value shown whole; of longer ones the beginning and the
// length, so that a screen holds a difference.
const maxShown = 2000

func shown(v any) string {
	if v == nil {
		return ""
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	text, err := jcs.Transform(plain)
	if err != nil {
		text = plain
	}
	if legible.Check(string(text)) != nil { // what turns or hides letters is spelt out
		text = []byte(strconv.QuoteToASCII(string(text)))
	}
	if len(text) > maxShown {
		return strings.ToValidUTF8(string(text[:maxShown]), "") + "… (" + strconv.Itoa(len(text)) + " bytes)"
	}
	return string(text)
}
