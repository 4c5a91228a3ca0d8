package consent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"
)

// canonical is the JSON Canonicalization Scheme (RFC 8785) of a value.
func canonical(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(plain)
}

// Decode reads outside JSON so that nothing is lost: a duplicate, an unknown
// member or another spelling of a known one is an error, since the value
// written back would differ.
func Decode(data []byte, limit int, into any) error {
	if len(data) > limit {
		return fmt.Errorf("longer than %d bytes", limit)
	}
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

// bytes32 reads an unpadded base64url value of 32 bytes in its one spelling.
func bytes32(text string) ([32]byte, error) {
	if len(text) != 43 {
		return [32]byte{}, errors.New("not 32 bytes of base64url")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != 32 {
		return [32]byte{}, errors.New("not 32 bytes of base64url")
	}
	return [32]byte(raw), nil
}

// decodeBytes reads unpadded base64url in its one spelling.
func decodeBytes(text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || Encode(raw) != text {
		return nil, errors.New("not base64url")
	}
	return raw, nil
}
