package sdjwt

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tree is JSON texts (RFC 8259) as they were read: each value before those that are in
// it. This package has its own reader, since a presentation is two dozen small texts
// and reading them with reflection, or into maps of which most are thrown away, costs
// as much as a signature check; strings are parts of the text, and cost nothing. It is
// stricter than encoding/json: a name given twice, bytes that are not UTF-8, and
// nesting deeper than MaxDepth are refused. A fuzz test holds it to encoding/json
// otherwise.
type tree []node

type node struct {
	kind byte   // the byte that begins it, one of { [ " t f n; 0 for a number
	end  int32  // where the next value is that is not in this one
	name string // of a member
	text string // of a string, without its quotes; of a number, as it was
}

// read appends a JSON text's values; the text's own is the first.
func (t tree) read(text string) (tree, error) {
	d := decoder{data: text}
	t, err := d.value(t, "", 0)
	if d.space(); err == nil && d.pos != len(d.data) {
		err = errors.New("bytes after the JSON text")
	}
	return t, err
}

// readObject appends a text's values to an empty tree; the text has to be an object,
// which is then at 0.
func (t tree) readObject(text string) (tree, error) {
	t, err := t.read(text)
	if err == nil && t[0].kind != '{' {
		err = errors.New("not a JSON object")
	}
	return t, err
}

// some are about as many values as a text has.
func some(text string) int {
	return min(64, 1+strings.Count(text, ",")+strings.Count(text, "{")+strings.Count(text, "["))
}

// next is where a value follows that is not in this one. What is in it are those
// from the one behind it to there.
func (t tree) next(at int) int { return int(t[at].end) }

// count is how many members an object has, or elements an array.
func (t tree) count(at int) (n int) {
	for i := at + 1; i < t.next(at); i = t.next(i) {
		n++
	}
	return n
}

// member finds a member of an object.
func (t tree) member(at int, name string) (int, bool) {
	if t[at].kind == '{' {
		for i := at + 1; i < t.next(at); i = t.next(i) {
			if t[i].name == name {
				return i, true
			}
		}
	}
	return 0, false
}

// string is a string's text; of all else it is empty.
func (t tree) string(at int) string {
	if t[at].kind != '"' {
		return ""
	}
	return t[at].text
}

// stringMember reads a member that, where it is present, has to be a string.
func (t tree) stringMember(name string, to *string) error {
	i, present := t.member(0, name)
	if !present {
		return nil
	}
	if t[i].kind != '"' {
		return fmt.Errorf("%s is not a string", name)
	}
	*to = t[i].text
	return nil
}

var errJSON = errors.New("not JSON")

type decoder struct {
	data string
	pos  int
}

func (d *decoder) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// next skips space and takes the byte c, if it is there.
func (d *decoder) next(c byte) bool {
	d.space()
	if d.pos < len(d.data) && d.data[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

// value appends what comes next, and all that is in it.
func (d *decoder) value(t tree, name string, depth int) (tree, error) {
	d.space()
	if d.pos == len(d.data) {
		return nil, errJSON
	}
	if depth > MaxDepth {
		return nil, errors.New("nested too deep")
	}
	at := len(t)
	n := node{kind: d.data[d.pos], name: name, end: int32(at + 1)} //nolint:gosec // a text has at most MaxBytes values
	var err error
	switch n.kind {
	case '{', '[':
		if t, err = d.inside(append(t, n), n.kind, depth); err != nil {
			return nil, err
		}
		t[at].end = int32(len(t)) //nolint:gosec // as above
		if n.kind == '{' && !t.distinct(at) {
			return nil, errors.New("a name is given twice")
		}
		return t, nil
	case '"':
		n.text, err = d.str()
	case 't':
		err = d.word("true")
	case 'f':
		err = d.word("false")
	case 'n':
		err = d.word("null")
	default:
		n.kind = 0
		n.text, err = d.number()
	}
	return append(t, n), err
}

func (d *decoder) word(w string) error {
	if len(d.data)-d.pos < len(w) || d.data[d.pos:d.pos+len(w)] != w {
		return errJSON
	}
	d.pos += len(w)
	return nil
}

// inside reads an object or an array, from its first byte to its last.
func (d *decoder) inside(t tree, kind byte, depth int) (tree, error) {
	d.pos++
	last := kind + 2 // as ASCII has them
	if d.next(last) {
		return t, nil
	}
	for {
		var name string
		var err error
		if kind == '{' {
			if !d.quoted() {
				return nil, errJSON
			}
			if name, err = d.str(); err != nil {
				return nil, err
			}
			if !d.next(':') {
				return nil, errJSON
			}
		}
		if t, err = d.value(t, name, depth+1); err != nil {
			return nil, err
		}
		if d.next(last) {
			return t, nil
		}
		if !d.next(',') {
			return nil, errJSON
		}
	}
}

// distinct tells whether an object's names differ. A few are compared with each
// other.
func (t tree) distinct(at int) bool {
	var few [12]string
	names := few[:0]
	var many map[string]bool
	for i := at + 1; i < t.next(at); i = t.next(i) {
		name := t[i].name
		if len(names) == len(few) && many == nil {
			many = make(map[string]bool, 2*len(few))
			for _, earlier := range names {
				many[earlier] = true
			}
		}
		if many == nil && slices.Contains(names, name) || many[name] {
			return false
		}
		if many != nil {
			many[name] = true
		} else {
			names = append(names, name)
		}
	}
	return true
}

// str reads a string, of which the first byte is a quote.
func (d *decoder) str() (string, error) {
	start := d.pos + 1
	if n := strings.IndexByte(d.data[start:], '"'); n >= 0 && plain(d.data[start:start+n]) {
		d.pos = start + n + 1
		return d.data[start : start+n], nil
	}
	escaped := false
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			if !utf8.ValidString(d.data[start:i]) {
				return "", errors.New("not UTF-8")
			}
			if !escaped {
				return d.data[start:i], nil
			}
			var s string
			err := json.Unmarshal([]byte(d.data[start-1:d.pos]), &s)
			return s, err
		case c == '\\':
			escaped = true
			i++
		case c < 0x20:
			return "", errJSON
		}
	}
	return "", errJSON
}

// plain tells whether s is of ASCII's printing characters alone, and no escape is in
// it; eight bytes at a time.
func plain(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		escape := w ^ ones*'\\'
		if (w|(w-ones*0x20)|(escape-ones))&high != 0 { // a borrow may refuse more than it must
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// number reads one that a float64 can hold.
func (d *decoder) number() (string, error) {
	start := d.pos
	d.accept('-', '-')
	if !d.accept('0', '0') && d.digits() == 0 {
		return "", errJSON
	}
	if d.accept('.', '.') && d.digits() == 0 {
		return "", errJSON
	}
	if d.accept('e', 'e') || d.accept('E', 'E') {
		if !d.accept('+', '+') {
			d.accept('-', '-')
		}
		d.digits() // none: ParseFloat refuses
	}
	text := d.data[start:d.pos]
	_, err := strconv.ParseFloat(text, 64)
	return text, err
}

// number is what a number's text says.
func (n *node) number() float64 {
	f, _ := strconv.ParseFloat(n.text, 64) // it was read
	return f
}

// accept takes one byte from lo to hi.
func (d *decoder) accept(lo, hi byte) bool {
	if d.pos < len(d.data) && d.data[d.pos] >= lo && d.data[d.pos] <= hi {
		d.pos++
		return true
	}
	return false
}

func (d *decoder) digits() (n int) {
	for d.accept('0', '9') {
		n++
	}
	return n
}
