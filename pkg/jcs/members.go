package jcs

import (
	"bytes"
	"math/bits"
	"reflect"
	"slices"
	"strings"
)

// field is a member of a struct, or of one that it embeds.
type field struct {
	path      []int
	bit       int
	step      step
	omitEmpty bool
	omitZero  bool
}

// fieldsOf are the members of a struct by name, and a bit for each that is always
// written. ok is false where encoding/json would treat one in a way of its own.
func fieldsOf(t reflect.Type) (fields map[string]*field, needed uint64, ok bool) {
	fields = map[string]*field{}
	for _, f := range reflect.VisibleFields(t) {
		tag := f.Tag.Get("json")
		if f.Anonymous {
			if _, own := (*plan)(nil).own(f.Type); own || f.Type.Kind() != reflect.Struct || tag != "" || hides(t, f) {
				return nil, 0, false
			}
			continue
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		one := &field{path: f.Index, bit: len(fields)}
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "":
			case "omitempty":
				one.omitEmpty = true
			case "omitzero":
				one.omitZero = true
			default:
				return nil, 0, false
			}
		}
		if !one.omitEmpty && !one.omitZero {
			needed |= 1 << one.bit
		}
		if fields[name] != nil || one.bit >= bits.UintSize {
			return nil, 0, false
		}
		fields[name] = one
	}
	return fields, needed, true
}

// hides tells that a member of an embedded struct is not visible by its Go name,
// which is not what encoding/json asks.
func hides(t reflect.Type, embedded reflect.StructField) bool {
	for i := range embedded.Type.NumField() {
		f, ok := t.FieldByName(embedded.Type.Field(i).Name)
		if !ok || !slices.Equal(f.Index, append(slices.Clip(embedded.Index), i)) {
			return true
		}
	}
	return false
}

// members reads a struct.
func (p *plan) members(t reflect.Type, within []reflect.Type) step {
	fields, needed, ok := fieldsOf(t)
	if !ok {
		return nil
	}
	for _, f := range fields {
		if f.step = p.of(t.FieldByIndex(f.path).Type, within); f.step == nil {
			return nil
		}
	}
	return func(r *reader, v reflect.Value) bool { return r.object(v, fields, needed) }
}

// object reads members; canonical text has none twice.
func (r *reader) object(v reflect.Value, fields map[string]*field, needed uint64) bool {
	if !r.byte('{') {
		return false
	}
	var seen uint64
	for first := true; !r.byte('}'); first = false {
		if !first && !r.byte(',') {
			return false
		}
		name, ok := r.text()
		if !ok || !r.byte(':') {
			return false
		}
		f := fields[string(name)]
		if f == nil {
			if r.exact || !r.skip() {
				return false
			}
			continue
		}
		value := f.of(v)
		if !f.step(r, value) || r.exact && f.left(value) {
			return false
		}
		seen |= 1 << f.bit
	}
	return !r.exact || seen&needed == needed
}

func (f *field) of(v reflect.Value) reflect.Value {
	if len(f.path) == 1 {
		return v.Field(f.path[0])
	}
	return v.FieldByIndex(f.path)
}

// left says that a member would not be written for what it holds.
func (f *field) left(v reflect.Value) bool {
	if f.omitEmpty {
		switch v.Kind() {
		case reflect.Slice, reflect.String:
			return v.Len() == 0
		case reflect.Struct:
		default:
			return v.IsZero()
		}
	}
	return f.omitZero && isZero(v)
}

func (r *reader) byte(c byte) bool {
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) word(w string) bool {
	if bytes.HasPrefix(r.data[r.at:], []byte(w)) {
		r.at += len(w)
		return true
	}
	return false
}

func (r *reader) number() []byte {
	start := r.at
	for r.at < len(r.data) && (r.data[r.at]-'0' <= 9 || r.data[r.at] == '-') {
		r.at++
	}
	return r.data[start:r.at]
}

// text is what stands between quotes, until the next is read. The escapes of
// canonical text that is plain are of one letter each.
func (r *reader) text() ([]byte, bool) {
	if !r.byte('"') {
		return nil, false
	}
	n := bytes.IndexByte(r.data[r.at:], '"')
	if n < 0 {
		return nil, false
	}
	text := r.data[r.at : r.at+n]
	if bytes.IndexByte(text, '\\') < 0 {
		r.at += n + 1
		return text, true
	}
	text = (*r.room)[:0]
	for at := r.at; at < len(r.data); at++ {
		switch c := r.data[at]; c {
		case '"':
			r.at, *r.room = at+1, text
			return text, true
		case '\\':
			if at++; at == len(r.data) {
				return nil, false
			}
			text = append(text, letters[r.data[at]])
		default:
			text = append(text, c)
		}
	}
	return nil, false
}

// letters are what the escapes of one letter stand for (RFC 8259, 7).
var letters = [256]byte{'"': '"', '\\': '\\', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// skip passes over a value.
func (r *reader) skip() bool {
	for depth := 0; r.at < len(r.data); {
		switch c := r.data[r.at]; c {
		case '"':
			if _, ok := r.text(); !ok {
				return false
			}
		case '{', '[':
			depth++
			r.at++
			continue
		case '}', ']':
			depth--
			r.at++
		case ',', ':':
			r.at++
			continue
		default: // a word or a number
			for r.at < len(r.data) && r.data[r.at] != ',' && r.data[r.at] != ']' && r.data[r.at] != '}' {
				r.at++
			}
		}
		if depth == 0 {
			return true
		}
	}
	return false
}
