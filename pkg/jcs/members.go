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
				one.omitEmpty = canBeEmpty(f.Type)
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

// canBeEmpty as encoding/json's omitempty has it, which leaves out no struct and no array.
func canBeEmpty(t reflect.Type) bool {
	return t.Kind() != reflect.Struct && (t.Kind() != reflect.Array || t.Len() == 0)
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

// object reads members, none of them twice.
func (r *reader) object(v reflect.Value, fields map[string]*field, needed uint64) bool {
	if !r.byte('{') {
		return false
	}
	var seen uint64
	others := len(r.names)
	for first := true; !r.byte('}'); first = false {
		if !first && !r.byte(',') {
			return false
		}
		quoted, ok := r.name()
		if !ok || !r.byte(':') {
			return false
		}
		name := quoted[1 : len(quoted)-1]
		f := fields[string(name)]
		if f == nil {
			if !r.other(name, others) {
				return false
			}
			continue
		}
		value := f.of(v)
		if seen&(1<<f.bit) != 0 || !f.step(r, value) || r.exact && f.left(value) {
			return false
		}
		seen |= 1 << f.bit
	}
	r.names = r.names[:others]
	return !r.exact || seen&needed == needed
}

// maxOthers is how many members that nobody asked for are told apart.
const maxOthers = 32

// other passes over a member that nobody asked for; others is where the names of
// those of the same object begin.
func (r *reader) other(name []byte, others int) bool {
	if r.exact || len(r.names)-others == maxOthers {
		return false
	}
	for _, before := range r.names[others:] {
		if bytes.Equal(before, name) {
			return false
		}
	}
	r.names = append(r.names, name)
	_, _, ok := r.value()
	return ok
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
		default:
			return v.IsZero()
		}
	}
	return f.omitZero && isZero(v)
}

// plain is what stands between quotes, until the next is read.
func (r *reader) plain() ([]byte, bool) {
	quoted, escaped, _, ok := r.text()
	if !ok {
		return nil, false
	}
	inside := quoted[1 : len(quoted)-1]
	if !escaped {
		return inside, true
	}
	text := r.desk.spare[:0]
	for at := 0; at < len(inside); at++ {
		c := inside[at]
		if c == '\\' {
			at++
			c = letters[inside[at]]
		}
		text = append(text, c)
	}
	r.desk.spare = text
	return text, true
}

// value passes over a value; it answers its text, and the canonical form of that
// until the next is read.
func (r *reader) value() (given, canonical []byte, ok bool) {
	r.space()
	if !r.desk.first(r.data[r.at:]) {
		return nil, nil, false
	}
	given = bytes.TrimRight(r.data[r.at:][:r.desk.at], " \t\r\n") // numbers and words look past their end
	r.at += r.desk.at
	return given, r.desk.out, true
}
