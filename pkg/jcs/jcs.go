package jcs

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"sync"

	josejson "github.com/go-jose/go-jose/v4/json"
	whole "github.com/gowebpki/jcs"
)

// Marshal is the canonical JSON of a value.
func Marshal(v any) ([]byte, error) {
	var form []byte
	err := with(v, func(text []byte) { form = bytes.Clone(text) })
	return form, err
}

// Sum is the SHA-256 of tags and, after them, a value's canonical JSON.
func Sum(v any, tags ...[]byte) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for _, tag := range tags {
		h.Write(tag)
	}
	if err := with(v, func(text []byte) { h.Write(text) }); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// Transform is the canonical form of a JSON text.
func Transform(data []byte) ([]byte, error) {
	d := desks.Get().(*desk)
	defer d.leave()
	if d.write(data) {
		return bytes.Clone(d.out), nil
	}
	return whole.Transform(data)
}

// desk is room to work in, used again and again.
type desk struct {
	plain
	text bytes.Buffer
}

var desks = sync.Pool{New: func() any { return new(desk) }}

// maxDesk is how much room is worth keeping.
const maxDesk = 256 << 10

func (d *desk) leave() {
	if d.data = nil; max(cap(d.out), cap(d.spare), d.text.Cap()) <= maxDesk {
		desks.Put(d)
	}
}

// with shows a value's canonical JSON; the text is not kept.
func with(v any, show func(text []byte)) error {
	d := desks.Get().(*desk)
	defer d.leave()
	if d.form(v, show) {
		return nil
	}
	d.text.Reset()
	encoder := json.NewEncoder(&d.text)
	encoder.SetEscapeHTML(false) // as RFC 8785, 3.2.2.2 wants it
	if err := encoder.Encode(v); err != nil {
		return err
	}
	if d.write(d.text.Bytes()) {
		show(d.out)
		return nil
	}
	text, err := whole.Transform(d.text.Bytes())
	if err == nil {
		show(text)
	}
	return err
}

// Is tells that a JSON text is in its canonical form.
func Is(data []byte) bool {
	d := desks.Get().(*desk)
	defer d.leave()
	if d.write(data) {
		return bytes.Equal(d.out, data)
	}
	form, err := whole.Transform(data)
	return err == nil && bytes.Equal(form, data)
}

// Compact tells that a text is JSON without space between its parts; false where it
// is not plain, good or not.
func Compact(data []byte) bool {
	d := desks.Get().(*desk)
	defer d.leave()
	return d.write(data) && len(d.out) == len(data)
}

// Decode reads outside JSON so that nothing is lost: a duplicate, an unknown
// member or another spelling of a known one is an error, since the value written
// back would differ. Its caller bounds data.
func Decode(data []byte, into any) error {
	if short(data, into, true) {
		return nil
	}
	return decode(data, into)
}

// Unmarshal reads JSON that may hold more than is asked for: names are exact, and
// none comes twice. Its caller bounds data.
func Unmarshal(data []byte, into any) error {
	if short(data, into, false) {
		return nil
	}
	return josejson.Unmarshal(data, into)
}

// short reads what is plain throughout.
func short(data []byte, into any, exact bool) bool {
	d := desks.Get().(*desk)
	defer d.leave()
	return d.read(data, into, exact)
}

// decode reads, writes back, and compares.
func decode(data []byte, into any) error {
	given, err := Transform(data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(given, into); err != nil {
		return err
	}
	same := false
	if err := with(into, func(kept []byte) { same = bytes.Equal(given, kept) }); err != nil {
		return err
	}
	if !same {
		return errors.New("unknown or non-canonical member")
	}
	return nil
}
