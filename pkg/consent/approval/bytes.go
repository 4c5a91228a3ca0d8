package approval

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/jcs"
)

// Bytes is a byte string that travels in JSON as unpadded base64url, the way
// WebAuthn's own JSON does (WebAuthn Level 3, 5.1.8).
type Bytes []byte

// MarshalText writes unpadded base64url; encoding/json puts it in quotes.
func (b Bytes) MarshalText() ([]byte, error) { return b.AppendText(nil) }

// AppendText writes it behind other text.
func (b Bytes) AppendText(text []byte) ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(text, b), nil
}

// UnmarshalText reads unpadded base64url and refuses stray trailing bits, so
// that one byte string has one spelling.
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, c := range text {
		if c == '\n' || c == '\r' { // the decoder would skip them
			return errors.New("base64url string: line break")
		}
	}
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("base64url string: %w", err)
	}
	*b = raw
	return nil
}

// decode reads outside JSON so that nothing is lost; its caller bounds data.
func decode(data []byte, into any) error { return jcs.Decode(data, into) }

// canonical is the JSON Canonicalization Scheme (RFC 8785) of a value.
func canonical(v any) ([]byte, error) { return jcs.Marshal(v) }
