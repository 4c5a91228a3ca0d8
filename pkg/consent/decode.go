package consent

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// canonical is the JSON Canonicalization Scheme (RFC 8785) of a value.
func canonical(v any) ([]byte, error) { return jcs.Marshal(v) }

// Decode reads outside JSON of bounded length so that nothing is lost (jcs.Decode).
func Decode(data []byte, limit int, into any) error {
	if len(data) > limit {
		return fmt.Errorf("longer than %d bytes", limit)
	}
	return jcs.Decode(data, into)
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
	raw, ok := jws.OneSpelling(text)
	if !ok {
		return nil, errors.New("not base64url")
	}
	return raw, nil
}
