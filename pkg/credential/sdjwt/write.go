package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// MarshalJSON refuses: where a Hidden is not found by Issue, as in a struct or a map
// of another kind, its value must not end up in the clear.
func (Hidden) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a hidden value where none is looked for")
}

// appendScalar writes what claims are mostly made of itself, and leaves the rest to
// encoding/json.
func appendScalar(out []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendString(out, v), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case nil:
		return append(out, "null"...), nil
	case jose.JSONWebKey:
		if key, ok := v.Key.(*ecdsa.PublicKey); ok && key.Curve == elliptic.P256() && v.KeyID == "" && v.Algorithm == "" && v.Use == "" &&
			v.Certificates == nil && v.CertificatesURL == nil && v.CertificateThumbprintSHA1 == nil && v.CertificateThumbprintSHA256 == nil {
			return appendKey(out, key)
		}
	}
	data, err := json.Marshal(v)
	return append(out, data...), err
}

// appendKey writes a public key on P-256 as a JWK (RFC 7518, 6.2.1).
func appendKey(out []byte, key *ecdsa.PublicKey) ([]byte, error) {
	point, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	out = append(out, `{"kty":"EC","crv":"P-256","x":"`...)
	out = b64.AppendEncode(out, point[1:33])
	out = b64.AppendEncode(append(out, `","y":"`...), point[33:])
	return append(out, `"}`...), nil
}

// appendString writes a JSON string.
func appendString(out []byte, s string) []byte {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == '"' || c == '\\' || c == 0x7f {
			return appendQuoted(out, s)
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		return appendQuoted(out, s)
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}

func appendQuoted(out []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("sdjwt: " + err.Error()) // a string always marshals
	}
	return append(out, quoted...)
}
