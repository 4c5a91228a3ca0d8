package sdjwt

import (
	"fmt"
	"strings"
)

// Present keeps the disclosures that the paths need, and those of everything
// beneath them, in the issuer's order, and drops the rest together with any
// key binding. ErrNoSuchPath: this credential does not have the claim.
func (t *Token) Present(paths ...Path) (string, error) {
	keep := make([]bool, len(t.disclosures))
	for _, path := range paths {
		if !t.mark(t.payload, path, keep) {
			return "", fmt.Errorf("%w: %v", ErrNoSuchPath, []any(path))
		}
	}
	var out strings.Builder
	head, _, _ := strings.Cut(t.presented, "~")
	out.WriteString(head)
	out.WriteByte('~')
	for i, d := range t.disclosures {
		if keep[i] {
			out.WriteString(d.encoded)
			out.WriteByte('~')
		}
	}
	return out.String(), nil
}

// mark keeps what lies on the path from node; false: the path leads nowhere,
// and nothing of it is kept.
func (t *Token) mark(node any, path Path, keep []bool) bool {
	if len(path) == 0 {
		t.markAll(node, keep)
		return true
	}
	object, _ := node.(map[string]any)
	array, _ := node.([]any)
	switch step := path[0].(type) {
	case string:
		return t.markChild(t.property(object, step), path[1:], keep)
	case nil:
		found := false
		for _, c := range t.elements(array) {
			found = t.markChild(c, path[1:], keep) || found
		}
		return found
	default:
		elements := t.elements(array)
		i, ok := index(step)
		return ok && i < len(elements) && t.markChild(elements[i], path[1:], keep)
	}
}

func (t *Token) markChild(c child, path Path, keep []bool) bool {
	if !c.found || !t.mark(c.value, path, keep) {
		return false
	}
	if c.disclosure >= 0 {
		keep[c.disclosure] = true
	}
	return true
}

func (t *Token) markAll(node any, keep []bool) {
	switch node := node.(type) {
	case map[string]any:
		for name, v := range node {
			if name != "_sd" {
				t.markAll(v, keep)
			}
		}
		digests, _ := node["_sd"].([]any)
		for _, digest := range digests {
			if c := t.disclosed(digest); c.found {
				t.markChild(c, nil, keep)
			}
		}
	case []any:
		for _, c := range t.elements(node) {
			t.markChild(c, nil, keep)
		}
	}
}

// child is a value below a node, in the clear (disclosure -1) or disclosed.
type child struct {
	value      any
	disclosure int
	found      bool
}

func (t *Token) property(object map[string]any, name string) child {
	if name == "_sd" {
		return child{}
	}
	if v, ok := object[name]; ok {
		return child{value: v, disclosure: -1, found: true}
	}
	digests, _ := object["_sd"].([]any)
	for _, digest := range digests {
		if c := t.disclosed(digest); c.found && !t.disclosures[c.disclosure].element && t.disclosures[c.disclosure].name == name {
			return c
		}
	}
	return child{}
}

// elements of an array as the holder of all disclosures sees it.
func (t *Token) elements(array []any) []child {
	var out []child
	for _, v := range array {
		digest, hidden, _ := elementDigest(v)
		if !hidden {
			out = append(out, child{value: v, disclosure: -1, found: true})
		} else if c := t.disclosed(digest); c.found {
			out = append(out, c)
		}
	}
	return out
}

func (t *Token) disclosed(digest any) child {
	s, _ := digest.(string)
	i, ok := t.byDigest[s]
	if !ok {
		return child{}
	}
	return child{value: t.disclosures[i].value, disclosure: i, found: true}
}

func index(step any) (int, bool) {
	switch n := step.(type) {
	case int:
		return n, n >= 0
	case int64:
		return int(n), n >= 0 && n < MaxBytes
	case float64: // from JSON
		return int(n), n >= 0 && n < MaxBytes && n == float64(int(n))
	}
	return 0, false
}
