package sdjwt

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// decodeJSON reads one JSON text (RFC 8259) into nil, bool, float64, string,
// []any and map[string]any. This package has its own reader, since a
// presentation is two dozen small texts and reading them with reflection costs
// as much as a signature check; strings are parts of the text, and cost nothing. It is stricter than encoding/json: a name
// given twice, bytes that are not UTF-8, and nesting deeper than MaxDepth are
// refused. A fuzz test holds it to encoding/json otherwise.
func decodeJSON(data string) (any, error) {
	d := decoder{data: data}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.pos != len(d.data) {
		return nil, errors.New("bytes after the JSON text")
	}
	return v, nil
}

func decodeObject(data string) (map[string]any, error) {
	v, err := decodeJSON(data)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return object, nil
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

func (d *decoder) value(depth int) (any, error) {
	d.space()
	if d.pos == len(d.data) {
		return nil, errJSON
	}
	if depth > MaxDepth {
		return nil, errors.New("nested too deep")
	}
	switch c := d.data[d.pos]; c {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		return d.str()
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	}
	return d.number()
}

func (d *decoder) word(w string) error {
	if len(d.data)-d.pos < len(w) || d.data[d.pos:d.pos+len(w)] != w {
		return errJSON
	}
	d.pos += len(w)
	return nil
}

func (d *decoder) object(depth int) (map[string]any, error) {
	d.pos++
	out := map[string]any{}
	if d.next('}') {
		return out, nil
	}
	for {
		if d.space(); d.pos == len(d.data) || d.data[d.pos] != '"' {
			return nil, errJSON
		}
		name, err := d.str()
		if err != nil {
			return nil, err
		}
		if _, twice := out[name]; twice {
			return nil, errors.New("a name is given twice")
		}
		if !d.next(':') {
			return nil, errJSON
		}
		if out[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
		if d.next('}') {
			return out, nil
		}
		if !d.next(',') {
			return nil, errJSON
		}
	}
}

func (d *decoder) array(depth int) ([]any, error) {
	d.pos++
	out := []any{}
	if d.next(']') {
		return out, nil
	}
	for {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if d.next(']') {
			return out, nil
		}
		if !d.next(',') {
			return nil, errJSON
		}
	}
}

func (d *decoder) str() (string, error) {
	start, plain, ascii := d.pos+1, true, true
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			if !ascii && !utf8.ValidString(d.data[start:i]) {
				return "", errors.New("not UTF-8")
			}
			if plain {
				return d.data[start:i], nil
			}
			var s string
			err := json.Unmarshal([]byte(d.data[start-1:d.pos]), &s)
			return s, err
		case c == '\\':
			plain = false
			i++
		case c < 0x20:
			return "", errJSON
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", errJSON
}

func (d *decoder) number() (float64, error) {
	start := d.pos
	d.accept('-', '-')
	if !d.accept('0', '0') && d.digits() == 0 {
		return 0, errJSON
	}
	if d.accept('.', '.') && d.digits() == 0 {
		return 0, errJSON
	}
	if d.accept('e', 'e') || d.accept('E', 'E') {
		if !d.accept('+', '+') {
			d.accept('-', '-')
		}
		d.digits() // none: ParseFloat refuses
	}
	return strconv.ParseFloat(d.data[start:d.pos], 64)
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
