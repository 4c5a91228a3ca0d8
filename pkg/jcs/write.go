package jcs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	whole "github.com/gowebpki/jcs"
)

// stroke writes a value in its canonical form, or answers nil for what it does not
// know: then encoding/json writes it, and Transform puts that in order.
type stroke func(out []byte, v reflect.Value) []byte

var strokes sync.Map // reflect.Type -> stroke, nil where the type is not known

// write answers nil where a value is not plain throughout.
func write(out []byte, v any) []byte {
	value := reflect.ValueOf(v)
	if !value.IsValid() {
		return nil
	}
	t := value.Type()
	known, ok := strokes.Load(t)
	if !ok {
		known, _ = strokes.LoadOrStore(t, strokeOf(t, nil))
	}
	if s := known.(stroke); s != nil {
		return s(out, value)
	}
	return nil
}

func strokeOf(t reflect.Type, within []reflect.Type) stroke {
	pointer := reflect.PointerTo(t)
	switch {
	case t.Kind() == reflect.Pointer: // what it points to decides
	case t == reflect.TypeFor[json.Number](): // a text that is a number
		return nil
	case t == reflect.TypeFor[jose.JSONWebKey]():
		return writeKey
	case t == reflect.TypeFor[time.Time](): // as its MarshalJSON, in quotes
		return writeAppended
	case t.Implements(marshaler):
		return writeOwn
	case pointer.Implements(marshaler): // which counts depends on where the value lies
		return nil
	case t.Implements(textAppender):
		return writeAppended
	case t.Implements(textMarshaler):
		return func(out []byte, v reflect.Value) []byte {
			text, err := ownOf(v).(encoding.TextMarshaler).MarshalText()
			if err != nil {
				return nil
			}
			return appendText(out, string(text))
		}
	case pointer.Implements(textMarshaler):
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		return func(out []byte, v reflect.Value) []byte { return appendText(out, v.String()) }
	case reflect.Bool:
		return func(out []byte, v reflect.Value) []byte { return strconv.AppendBool(out, v.Bool()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(out []byte, v reflect.Value) []byte {
			const most = 999_999_999_999_999 // of maxDigits
			if n := v.Int(); n <= most && n >= -most {
				return strconv.AppendInt(out, n, 10)
			}
			return nil
		}
	case reflect.Pointer:
		return orNull(strokeOf(t.Elem(), within), reflect.Value.Elem)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return writeBytes(t)
		}
		return writeList(strokeOf(t.Elem(), within))
	case reflect.Struct:
		if !slices.Contains(within, t) {
			return writeMembers(t, append(within, t))
		}
	}
	return nil
}

func orNull(inner stroke, of func(reflect.Value) reflect.Value) stroke {
	if inner == nil {
		return nil
	}
	return func(out []byte, v reflect.Value) []byte {
		if v.IsNil() {
			return append(out, "null"...)
		}
		return inner(out, of(v))
	}
}

func writeBytes(t reflect.Type) stroke {
	if e := reflect.PointerTo(t.Elem()); e.Implements(marshaler) || e.Implements(textMarshaler) {
		return nil
	}
	return orNull(func(out []byte, v reflect.Value) []byte {
		out = append(out, '"')
		return append(base64.StdEncoding.AppendEncode(out, v.Bytes()), '"')
	}, func(v reflect.Value) reflect.Value { return v })
}

func writeList(inner stroke) stroke {
	if inner == nil {
		return nil
	}
	return orNull(func(out []byte, v reflect.Value) []byte {
		out = append(out, '[')
		for i := range v.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			if out = inner(out, v.Index(i)); out == nil {
				return nil
			}
		}
		return append(out, ']')
	}, func(v reflect.Value) reflect.Value { return v })
}

// written is a member of a struct and how it begins: its name and a colon.
type written struct {
	*field
	begin  string
	stroke stroke
}

func writeMembers(t reflect.Type, within []reflect.Type) stroke {
	fields, _, ok := fieldsOf(t)
	if !ok {
		return nil
	}
	all := make([]written, 0, len(fields))
	for _, f := range fields {
		w := written{f, `"` + f.name + `":`, strokeOf(t.FieldByIndex(f.path).Type, within)}
		if w.stroke == nil || !plainName(f.name) {
			return nil
		}
		all = append(all, w)
	}
	return func(out []byte, v reflect.Value) []byte {
		out = append(out, '{')
		first := true
		for i := range all {
			w := &all[i]
			value := w.of(v)
			if w.left != nil && w.left(value) {
				continue
			}
			if !first {
				out = append(out, ',')
			}
			first = false
			if out = w.stroke(append(out, w.begin...), value); out == nil {
				return nil
			}
		}
		return append(out, '}')
	}
}

func plainName(name string) bool {
	for i := range len(name) {
		if !ordinary[name[i]] {
			return false
		}
	}
	return true
}

// appendText writes a text whose escapes, if any, are of one letter.
func appendText(out []byte, s string) []byte {
	out = append(out, '"')
	from, wide := 0, false
	for at := 0; ; {
		end, more := run(s, at)
		wide = wide || more
		if end == len(s) {
			break
		}
		escape := strings.IndexByte("\"\\\b\f\n\r\t", s[end])
		if escape < 0 {
			return nil
		}
		out = append(append(out, s[from:end]...), '\\', `"\bfnrt`[escape])
		from, at = end+1, end+1
	}
	if wide && !utf8.ValidString(s) {
		return nil
	}
	return append(append(out, s[from:]...), '"')
}

// writeAppended puts the quotes around what is plain as it stands.
func writeAppended(out []byte, v reflect.Value) []byte {
	out = append(out, '"')
	from := len(out)
	out, err := ownOf(v).(encoding.TextAppender).AppendText(out)
	if err != nil || slices.ContainsFunc(out[from:], func(c byte) bool { return !ordinary[c] }) {
		return nil
	}
	return append(out, '"')
}

func writeOwn(out []byte, v reflect.Value) []byte {
	text, err := ownOf(v).(json.Marshaler).MarshalJSON()
	if err != nil {
		return nil
	}
	d := desks.Get().(*desk)
	defer d.leave()
	if d.write(text) {
		return append(out, d.out...)
	}
	form, err := whole.Transform(text)
	if err != nil {
		return nil
	}
	return append(out, form...)
}

// writeKey writes the JWK that ownKey reads.
func writeKey(out []byte, v reflect.Value) []byte {
	key := v.Interface().(jose.JSONWebKey)
	public, ok := key.Key.(*ecdsa.PublicKey)
	if !ok || public == nil || !key.Valid() || public.Curve != elliptic.P256() || key.Algorithm != "" || key.Use != "" || key.CertificatesURL != nil ||
		len(key.Certificates)+len(key.CertificateThumbprintSHA1)+len(key.CertificateThumbprintSHA256) > 0 {
		return writeOwn(out, v)
	}
	point, err := public.Bytes()
	if err != nil || len(point) != 65 {
		return writeOwn(out, v)
	}
	out = append(out, `{"crv":"P-256",`...)
	if key.KeyID != "" {
		if out = appendText(append(out, `"kid":`...), key.KeyID); out == nil {
			return nil
		}
		out = append(out, ',')
	}
	out = base64.RawURLEncoding.AppendEncode(append(out, `"kty":"EC","x":"`...), point[1:33])
	out = base64.RawURLEncoding.AppendEncode(append(out, `","y":"`...), point[33:])
	return append(out, `"}`...)
}

// form shows the canonical form of a value that is plain.
func (d *desk) form(v any, show func([]byte)) bool {
	out := write(d.out[:0], v)
	if out == nil {
		return false
	}
	d.out = out
	show(out)
	return true
}
