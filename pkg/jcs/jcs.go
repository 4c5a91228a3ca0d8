package jcs

import (
	"bytes"
	"encoding/json"
	"errors"

	whole "github.com/gowebpki/jcs"
)

// Marshal is the canonical JSON of a value.
func Marshal(v any) ([]byte, error) {
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false) // as RFC 8785, 3.2.2.2 wants it
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return Transform(plain.Bytes())
}

// Transform is the canonical form of a JSON text.
func Transform(data []byte) ([]byte, error) {
	p := plain{data: data, out: make([]byte, 0, len(data))}
	if p.value(0) && p.end() {
		return p.out, nil
	}
	return whole.Transform(data)
}

// Is tells that a JSON text is in its canonical form.
func Is(data []byte) bool {
	form, err := Transform(data)
	return err == nil && bytes.Equal(form, data)
}

// Decode reads outside JSON so that nothing is lost: a duplicate, an unknown
// member or another spelling of a known one is an error, since the value written
// back would differ. Its caller bounds data.
func Decode(data []byte, into any) error {
	given, err := Transform(data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(given, into); err != nil {
		return err
	}
	kept, err := Marshal(into)
	if err != nil {
		return err
	}
	if !bytes.Equal(given, kept) {
		return errors.New("unknown or non-canonical member")
	}
	return nil
}
