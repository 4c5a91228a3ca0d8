package jcs

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Beyond these the short way gives up.
const (
	maxDepth  = 64
	maxDigits = 15 // each such number is exact in a double (RFC 8785, 3.2.2.3)
)

// plain writes data to out with the members of each object in order. Its methods
// answer false for all that is not plain, good JSON or not.
type plain struct {
	data    []byte
	at      int
	out     []byte
	members []member // of the objects that are open, innermost last
	spare   []byte
	sorted  int // how deep the deepest object lies whose members had to be sorted; 0: none had
}

// member is a name and its value, where they stand in out.
type member struct{ start, name, end int } // out[start:name] is the name in quotes

// write answers whether all of data was plain: out holds its canonical form.
func (p *plain) write(data []byte) bool {
	p.data, p.at, p.out, p.members, p.sorted = data, 0, p.out[:0], p.members[:0], 0
	return p.value(0) && p.end()
}

func (p *plain) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next is the next byte that is not space, which stays; 0 at the end.
func (p *plain) next() byte {
	p.space()
	if p.at == len(p.data) {
		return 0
	}
	return p.data[p.at]
}

func (p *plain) end() bool { return p.next() == 0 && p.at == len(p.data) }

// take writes the next byte if it is this one.
func (p *plain) take(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	p.out = append(p.out, c)
	return true
}

func (p *plain) value(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch c := p.next(); {
	case c == '"':
		return p.text(false)
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == 't':
		return p.word("true")
	case c == 'f':
		return p.word("false")
	case c == 'n':
		return p.word("null")
	}
	return p.number()
}

func (p *plain) word(w string) bool {
	if !bytes.HasPrefix(p.data[p.at:], []byte(w)) {
		return false
	}
	p.at += len(w)
	p.out = append(p.out, w...)
	return p.closed()
}

// closed: a word or number ends where it may.
func (p *plain) closed() bool {
	switch p.next() {
	case 0, ',', ']', '}':
		return true
	}
	return false
}

// number takes whole numbers in their one spelling.
func (p *plain) number() bool {
	start := p.at
	if p.at < len(p.data) && p.data[p.at] == '-' {
		p.at++
	}
	first := p.at
	for p.at < len(p.data) && p.data[p.at]-'0' <= 9 {
		p.at++
	}
	digits := p.at - first
	if digits == 0 || digits > maxDigits || p.data[first] == '0' && p.at-start > 1 {
		return false
	}
	p.out = append(p.out, p.data[start:p.at]...)
	return p.closed()
}

// ordinary bytes stand in a text as they are.
var ordinary = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
	}
	return is
}()

// eight tells that eight bytes are ordinary. A byte that is not may lend to its
// neighbours: then they are looked at one by one.
func eight(w uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, escape := w^ones*'"', w^ones*'\\'
	return (w|(w-ones*' ')|(quote-ones)|(escape-ones))&high == 0
}

// word is the first eight bytes, which there must be.
func word[T string | []byte](s T) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// text takes a string whose escapes, if any, are those of one letter that RFC
// 8785, 3.2.2.2 keeps. A name is in ASCII, without escapes, so that the order of
// its bytes is the order of its UTF-16 units.
func (p *plain) text(name bool) bool {
	data, at, wide := p.data, p.at+1, false
	for {
		for at+8 <= len(data) && eight(word(data[at:])) {
			at += 8
		}
		for at < len(data) && ordinary[data[at]] {
			at++
		}
		if at == len(data) {
			return false
		}
		switch c := data[at]; {
		case c == '"':
			word := data[p.at : at+1]
			p.at = at + 1
			p.out = append(p.out, word...)
			return !wide || utf8.Valid(word)
		case name || c < ' ':
			return false
		case c == '\\':
			at++
			if at == len(data) || !bytes.ContainsRune([]byte(`"\bfnrt`), rune(data[at])) {
				return false
			}
		default:
			wide = true
		}
		at++
	}
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
		if p.next() != '"' || !p.text(true) {
			return false
		}
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
	if !sorted {
		p.sorted = max(p.sorted, depth+1)
	}
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
