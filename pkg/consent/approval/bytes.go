package approval

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"
)

// Bytes is a byte string that travels in JSON as unpadded base64url, the way
// WebAuthn's own JSON does (WebAuthn Level 3, 5.1.8).
type Bytes []byte

// MarshalJSON writes unpadded base64url.
func (b Bytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.RawURLEncoding.EncodeToString(b))
}

// UnmarshalJSON reads unpadded base64url and refuses stray trailing bits, so
// that one byte string has one spelling.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("base64url string: %w", err)
	}
	for i := range len(text) {
		if text[i] == '\n' || text[i] == '\r' { // the decoder would skip them
			return errors.New("base64url string: line break")
		}
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return fmt.Errorf("base64url string: %w", err)
	}
	*b = raw
	return nil
}

// decode reads outside JSON so that nothing is lost: an unknown member, another
// spelling of a known one, a duplicate or a non-canonical value is an error,
// because the value written back would differ. Its caller bounds data.
func decode(data []byte, into any) error {
	given, err := jcs.Transform(data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(given, into); err != nil {
		return err
	}
	kept, err := canonical(into)
	if err != nil {
		return err
	}
	if !bytes.Equal(given, kept) {
		return errors.New("unknown or non-canonical member")
	}
	return nil
}

// canonical is the JSON Canonicalization Scheme (RFC 8785) of a value.
func canonical(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(plain)
}
