package jcs

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// reader reads plain text into a value, in one pass. Its steps answer false for all
// that they do not know, good or not: then the value is read anew by encoding/json
// or go-jose's, which also say what is wrong.
type reader struct {
	scan
	exact bool // refuse what the value, written back, would not hold
	desk  *desk
	names [][]byte // of the members that nobody asked for, of the open objects
}

// step reads one value.
type step func(r *reader, v reflect.Value) bool

var steps sync.Map // reflect.Type -> *plan

// plan is how a type is read; step is nil where it is not known how.
type plan struct{ step step }

// read fills in a value that is zero, or leaves it zero.
func (d *desk) read(data []byte, into any, exact bool) bool {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || !v.Elem().IsZero() {
		return false
	}
	p := planOf(v.Elem().Type())
	if p.step == nil {
		return false
	}
	r := reader{scan: scan{data: data}, exact: exact, desk: d}
	if p.step(&r, v.Elem()) && r.end() {
		return true
	}
	v.Elem().SetZero()
	return false
}

func planOf(t reflect.Type) *plan {
	if known, ok := steps.Load(t); ok {
		return known.(*plan)
	}
	p := &plan{}
	p.step = p.of(t, nil)
	known, _ := steps.LoadOrStore(t, p)
	return known.(*plan)
}

// of answers nil for types it does not know. within are the structs around it: a
// type that holds itself is not known.
func (p *plan) of(t reflect.Type, within []reflect.Type) step {
	if own, is := p.own(t); is {
		return own
	}
	switch t.Kind() {
	case reflect.String:
		return func(r *reader, v reflect.Value) bool {
			text, ok := r.plain()
			v.SetString(string(text))
			return ok
		}
	case reflect.Bool:
		return func(r *reader, v reflect.Value) bool {
			v.SetBool(r.word("true"))
			return v.Bool() || r.word("false")
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(r *reader, v reflect.Value) bool {
			digits, ok := r.number()
			if !ok {
				return false
			}
			n, err := strconv.ParseInt(string(digits), 10, 64)
			v.SetInt(n)
			return err == nil && !v.OverflowInt(n)
		}
	case reflect.Pointer:
		return p.pointer(t.Elem(), within)
	case reflect.Slice:
		return p.slice(t.Elem(), within)
	case reflect.Struct:
		if slices.Contains(within, t) {
			return nil
		}
		return p.members(t, append(within, t))
	}
	return nil
}

var (
	marshaler       = reflect.TypeFor[json.Marshaler]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textAppender    = reflect.TypeFor[encoding.TextAppender]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// own are types that read and write themselves.
func (p *plan) own(t reflect.Type) (step, bool) {
	pointer := reflect.PointerTo(t)
	reads, writes := pointer.Implements(unmarshaler), pointer.Implements(marshaler)
	readsText, writesText := pointer.Implements(textUnmarshaler), pointer.Implements(textMarshaler)
	switch {
	case t.Kind() == reflect.Pointer: // what it points to decides
		return nil, false
	case t == reflect.TypeFor[json.Number](): // a text that is a number
		return nil, true
	case t == reflect.TypeFor[jose.JSONWebKey]():
		return ownKey, true
	case t == reflect.TypeFor[jwt.Audience]():
		return ownAudience, true
	case reads && writes:
		return ownJSON, true
	case reads || writes:
		return nil, true
	case readsText && writesText:
		return ownText, true
	}
	return nil, readsText || writesText
}

func ownJSON(r *reader, v reflect.Value) bool {
	given, canonical, ok := r.value()
	if !ok || given[0] == 'n' { // null is a matter of its own
		return false
	}
	value := v.Addr().Interface()
	if !r.exact {
		return value.(json.Unmarshaler).UnmarshalJSON(given) == nil
	}
	if value.(json.Unmarshaler).UnmarshalJSON(canonical) != nil {
		return false
	}
	again, err := value.(json.Marshaler).MarshalJSON()
	if err != nil {
		return false
	}
	if !bytes.Equal(again, canonical) {
		again, err = Transform(again)
	}
	return err == nil && bytes.Equal(again, canonical)
}

func ownText(r *reader, v reflect.Value) bool {
	text, ok := r.plain()
	if !ok {
		return false
	}
	value := v.Addr().Interface()
	if value.(encoding.TextUnmarshaler).UnmarshalText(text) != nil {
		return false
	}
	if !r.exact {
		return true
	}
	again, err := value.(encoding.TextMarshaler).MarshalText()
	return err == nil && bytes.Equal(again, text)
}

func (p *plan) pointer(t reflect.Type, within []reflect.Type) step {
	inner := p.of(t, within)
	if inner == nil {
		return nil
	}
	return func(r *reader, v reflect.Value) bool {
		if r.word("null") {
			return true
		}
		v.Set(reflect.New(t))
		return inner(r, v.Elem())
	}
}

func (p *plan) slice(t reflect.Type, within []reflect.Type) step {
	if t.Kind() == reflect.Uint8 {
		if _, is := p.own(t); is {
			return nil
		}
		return base64Text
	}
	inner := p.of(t, within)
	if inner == nil {
		return nil
	}
	return func(r *reader, v reflect.Value) bool {
		if r.word("null") {
			return true
		}
		if !r.byte('[') {
			return false
		}
		if r.byte(']') {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			return true
		}
		for n := 0; ; n++ {
			if n == v.Cap() {
				v.Grow(1)
			}
			v.SetLen(n + 1)
			if !inner(r, v.Index(n)) {
				return false
			}
			if r.byte(']') {
				return true
			}
			if !r.byte(',') {
				return false
			}
		}
	}
}

// base64Text is how encoding/json spells bytes.
func base64Text(r *reader, v reflect.Value) bool {
	if r.word("null") {
		return true
	}
	text, ok := r.plain()
	if !ok {
		return false
	}
	raw, err := base64.StdEncoding.Strict().AppendDecode([]byte{}, text)
	v.SetBytes(raw)
	return err == nil && base64.StdEncoding.EncodedLen(len(raw)) == len(text)
}
