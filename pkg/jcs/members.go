package jcs

import (
	"bytes"
	"cmp"
	"math/bits"
	"reflect"
	"slices"
	"strings"
)

// field is a member of a struct, or of one that it embeds.
type field struct {
	name string
	path []int
	bit  int
	step step
	left func(reflect.Value) bool // not written for what it holds; nil: it always is
}

// fieldsOf are the members of a struct in order of their names, and a bit for each
// that is always written. ok is false where encoding/json would treat one in a way
// of its own.
func fieldsOf(t reflect.Type) (fields []*field, needed uint64, ok bool) {
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
		one := &field{name: name, path: f.Index, bit: len(fields)}
		switch options {
		case "":
			needed |= 1 << one.bit
		case "omitempty":
			if one.left = emptyOf(f.Type); one.left == nil {
				needed |= 1 << one.bit
			}
		case "omitzero":
			if one.left = zeroOf(f.Type); one.left == nil {
				return nil, 0, false
			}
		default:
			return nil, 0, false
		}
		if one.bit >= bits.UintSize {
			return nil, 0, false
		}
		fields = append(fields, one)
	}
	slices.SortFunc(fields, func(a, b *field) int { return cmp.Compare(a.name, b.name) })
	for i, f := range fields {
		if i > 0 && f.name == fields[i-1].name {
			return nil, 0, false
		}
	}
	return fields, needed, true
}

// emptyOf tells what encoding/json's omitempty leaves out; nil for what it always
// writes: a struct, and an array that has members.
func emptyOf(t reflect.Type) func(reflect.Value) bool {
	switch t.Kind() {
	case reflect.String, reflect.Slice:
		return func(v reflect.Value) bool { return v.Len() == 0 }
	case reflect.Struct:
		return nil
	case reflect.Array:
		if t.Len() > 0 {
			return nil
		}
	}
	return reflect.Value.IsZero
}

type zeroer interface{ IsZero() bool }

// zeroOf tells what encoding/json's omitzero leaves out; nil where only a pointer
// can tell.
func zeroOf(t reflect.Type) func(reflect.Value) bool {
	own := reflect.TypeFor[zeroer]()
	switch {
	case t.Kind() == reflect.Interface, !t.Implements(own) && reflect.PointerTo(t).Implements(own):
		return nil
	case !t.Implements(own):
		return reflect.Value.IsZero
	case t.Kind() == reflect.Pointer:
		return func(v reflect.Value) bool { return v.IsNil() || v.Interface().(zeroer).IsZero() }
	}
	return func(v reflect.Value) bool { return ownOf(v).(zeroer).IsZero() }
}

// ownOf is a value to call its methods on, without a copy where it can be had.
func ownOf(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	return v.Interface()
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
	byName := make(map[string]*field, len(fields))
	for _, f := range fields {
		if f.step = p.of(t.FieldByIndex(f.path).Type, within); f.step == nil {
			return nil
		}
		byName[f.name] = f
	}
	return func(r *reader, v reflect.Value) bool { return r.object(v, fields, byName, needed) }
}

// object reads members, none of them twice. As long as they come in order they are
// looked for where the last one was.
func (r *reader) object(v reflect.Value, fields []*field, byName map[string]*field, needed uint64) bool {
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
		for len(fields) > 0 && fields[0].name != string(name) {
			fields = fields[1:]
		}
		var f *field
		if len(fields) > 0 {
			f, fields = fields[0], fields[1:]
		} else {
			f = byName[string(name)]
		}
		if f == nil {
			if !r.other(name, others) {
				return false
			}
			continue
		}
		value := f.of(v)
		if seen&(1<<f.bit) != 0 || !f.step(r, value) || r.exact && f.left != nil && f.left(value) {
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
