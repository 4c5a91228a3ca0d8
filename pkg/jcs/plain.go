package jcs

import (
	"bytes"
	"slices"
)

// Beyond these the short way gives up.
const (
	maxDepth  = 64
	maxDigits = 15 // each such number is exact in a double (RFC 8785, 3.2.2.3)
)

// plain writes data to out with the members of each object in order. Its methods
// answer false for all that is not plain, good JSON or not.
type plain struct {
	scan
	out     []byte
	members []member // of the objects that are open, innermost last
	spare   []byte
}

// member is a name and its value, where they stand in out.
type member struct{ start, name, end int } // out[start:name] is the name in quotes

// write answers whether all of data was plain: out holds its canonical form.
func (p *plain) write(data []byte) bool { return p.first(data) && p.end() }

// first writes the value that data begins with.
func (p *plain) first(data []byte) bool {
	p.scan, p.out, p.members = scan{data: data}, p.out[:0], p.members[:0]
	return p.value(0)
}

// take writes the next byte if it is this one.
func (p *plain) take(c byte) bool {
	if !p.byte(c) {
		return false
	}
	p.out = append(p.out, c)
	return true
}

func (p *plain) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch c := p.next(); {
	case c == '"':
		quoted, _, _, ok := p.text()
		p.out = append(p.out, quoted...)
		return ok
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == 't':
		return p.literal("true")
	case c == 'f':
		return p.literal("false")
	case c == 'n':
		return p.literal("null")
	}
	digits, ok := p.number()
	p.out = append(p.out, digits...)
	return ok
}

func (p *plain) literal(w string) bool {
	p.out = append(p.out, w...)
	return p.word(w)
}

func (p *plain) array(depth int) bool {
	p.take('[')
	if p.take(']') {
		return true
	}
	for {
		if !p.value(depth + 1) {
			return false
		}
		if p.take(']') {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}

func (p *plain) object(depth int) bool {
	p.take('{')
	if p.take('}') {
		return true
	}
	base, begin, sorted := len(p.members), len(p.out), true
	for {
		m := member{start: len(p.out)}
		name, ok := p.name()
		if !ok {
			return false
		}
		p.out = append(p.out, name...)
		m.name = len(p.out)
		if !p.take(':') || !p.value(depth+1) {
			return false
		}
		m.end = len(p.out)
		sorted = sorted && (len(p.members) == base || p.less(p.members[len(p.members)-1], m) < 0)
		p.members = append(p.members, m)
		if p.next() == '}' {
			break
		}
		if !p.take(',') {
			return false
		}
	}
	ok := sorted || p.sort(p.members[base:], begin)
	p.members = p.members[:base]
	return ok && p.take('}')
}

// less compares names less their quotes: a quote sorts below much that a longer
// name goes on with, not below all.
func (p *plain) less(a, b member) int {
	return bytes.Compare(p.out[a.start+1:a.name-1], p.out[b.start+1:b.name-1])
}

// sort writes the members again in order. A name that comes twice is not plain.
func (p *plain) sort(members []member, begin int) bool {
	slices.SortFunc(members, p.less)
	p.spare = append(p.spare[:0], p.out[begin:]...)
	p.out = p.out[:begin]
	for i, m := range members {
		if i > 0 {
			p.out = append(p.out, ',')
		}
		from := p.spare[m.start-begin : m.end-begin]
		if i > 0 {
			last := members[i-1]
			if bytes.Equal(p.spare[last.start-begin:last.name-begin], from[:m.name-m.start]) {
				return false
			}
		}
		p.out = append(p.out, from...)
	}
	return true
}
