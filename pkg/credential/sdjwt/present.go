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
		if !t.mark(0, path, keep) {
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
func (t *Token) mark(node int, path Path, keep []bool) bool {
	if len(path) == 0 {
		t.markAll(node, keep)
		return true
	}
	switch step := path[0].(type) {
	case string:
		return t.markChild(t.property(node, step), path[1:], keep)
	case nil:
		found := false
		for _, c := range t.elements(node) {
			found = t.markChild(c, path[1:], keep) || found
		}
		return found
	default:
		elements := t.elements(node)
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

func (t *Token) markAll(node int, keep []bool) {
	if t.tree[node].kind == '{' {
		for i := node + 1; i < t.tree.next(node); i = t.tree.next(i) {
			if t.tree[i].name != "_sd" {
				t.markAll(i, keep)
			}
		}
		for _, c := range t.properties(node) {
			t.markChild(c, nil, keep)
		}
	}
	for _, c := range t.elements(node) {
		t.markChild(c, nil, keep)
	}
}

// child is a value below a node, in the clear (disclosure -1) or disclosed.
type child struct {
	value      int
	disclosure int
	found      bool
}

func (t *Token) property(node int, name string) child {
	if name == "_sd" {
		return child{}
	}
	if i, ok := t.tree.member(node, name); ok {
		return child{value: i, disclosure: -1, found: true}
	}
	for _, c := range t.properties(node) {
		if d := &t.disclosures[c.disclosure]; !d.element && d.name == name {
			return c
		}
	}
	return child{}
}

// properties are what an object's digests disclose.
func (t *Token) properties(node int) []child {
	digests, ok := t.tree.member(node, "_sd")
	if !ok || t.tree[digests].kind != '[' {
		return nil
	}
	var out []child
	for digest := digests + 1; digest < t.tree.next(digests); digest = t.tree.next(digest) {
		if c := t.disclosed(digest); c.found {
			out = append(out, c)
		}
	}
	return out
}

// elements of an array as the holder of all disclosures sees it; none of what is no array.
func (t *Token) elements(node int) []child {
	if t.tree[node].kind != '[' {
		return nil
	}
	var out []child
	for i := node + 1; i < t.tree.next(node); i = t.tree.next(i) {
		digest, hidden, _ := t.tree.elementDigest(i)
		if !hidden {
			out = append(out, child{value: i, disclosure: -1, found: true})
		} else if c := t.disclosed(digest); c.found {
			out = append(out, c)
		}
	}
	return out
}

func (t *Token) disclosed(digest int) child {
	i, ok := t.byDigest[t.tree.string(digest)]
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
