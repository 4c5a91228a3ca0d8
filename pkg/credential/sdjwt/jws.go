package sdjwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// b64 is base64url without padding (RFC 7515, 2) that refuses stray bits, so
// that one value has one spelling.
var b64 = base64.RawURLEncoding.Strict()

// jws is a compact JWS (RFC 7515, 7.1), decoded and unverified. This package
// has its own, and not go-jose's, since a header is read once here, with its
// x5c as bytes.
type jws struct {
	Header
	payload   []byte
	signed    string // what the signature covers
	signature []byte
}

func parseJWS(s string) (*jws, error) {
	head, rest, ok := strings.Cut(s, ".")
	body, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 { // a fourth part is no base64url
		return nil, fmt.Errorf("%w: a JWS has three parts", ErrMalformed)
	}
	j := &jws{signed: s[:len(head)+1+len(body)]}
	var header []byte
	for _, part := range []struct {
		from string
		to   *[]byte
	}{{head, &header}, {body, &j.payload}, {signature, &j.signature}} {
		decoded, err := b64.DecodeString(part.from)
		if err != nil {
			return nil, fmt.Errorf("%w: base64url: %w", ErrMalformed, err)
		}
		*part.to = decoded
	}
	return j, j.readHeader(header)
}

func (j *jws) readHeader(data []byte) error {
	raw, err := decodeObject(data)
	if err != nil {
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if _, critical := raw["crit"]; critical { // RFC 7515, 4.1.11: none is understood
		return fmt.Errorf("%w: header: crit is not supported", ErrMalformed)
	}
	for name, to := range map[string]*string{"alg": &j.Algorithm, "typ": &j.Type, "kid": &j.KeyID} {
		if err := stringMember(raw, name, to); err != nil {
			return fmt.Errorf("%w: header: %w", ErrMalformed, err)
		}
	}
	chain, given := raw["x5c"]
	if !given {
		return nil
	}
	list, ok := chain.([]any)
	if !ok {
		return fmt.Errorf("%w: header: x5c is not an array", ErrMalformed)
	}
	for _, c := range list {
		text, _ := c.(string)
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(der) == 0 {
			return fmt.Errorf("%w: header: x5c is not base64", ErrMalformed)
		}
		j.X5C = append(j.X5C, der)
	}
	return nil
}

// stringMember reads a member that, where it is present, has to be a string.
func stringMember(object map[string]any, name string, to *string) error {
	v, present := object[name]
	s, ok := v.(string)
	if present && !ok {
		return fmt.Errorf("%s is not a string", name)
	}
	*to = s
	return nil
}

// verify accepts ES256 and a P-256 key, nothing else (RFC 7518, 3.4).
func (j *jws) verify(key crypto.PublicKey) error {
	public, _ := key.(*ecdsa.PublicKey)
	if public == nil || public.Curve != elliptic.P256() {
		return fmt.Errorf("%w: the key is not on P-256", ErrSignature)
	}
	if j.Algorithm != "ES256" {
		return fmt.Errorf("%w: alg is not ES256", ErrSignature)
	}
	if len(j.signature) != 64 {
		return fmt.Errorf("%w: not 64 bytes", ErrSignature)
	}
	digest := sha256.Sum256([]byte(j.signed))
	r, s := new(big.Int).SetBytes(j.signature[:32]), new(big.Int).SetBytes(j.signature[32:])
	if !ecdsa.Verify(public, digest[:], r, s) {
		return ErrSignature
	}
	return nil
}

func sign(signer crypto.Signer, header any, payload []byte) ([]byte, error) {
	public, _ := signer.Public().(*ecdsa.PublicKey)
	if public == nil || public.Curve != elliptic.P256() {
		return nil, fmt.Errorf("sign: the key is not on P-256")
	}
	head, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	out := make([]byte, 0, b64.EncodedLen(len(head))+b64.EncodedLen(len(payload))+88)
	out = b64.AppendEncode(out, head)
	out = append(out, '.')
	out = b64.AppendEncode(out, payload)
	digest := sha256.Sum256(out)
	der, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	var signature [64]byte
	rs.R.FillBytes(signature[:32])
	rs.S.FillBytes(signature[32:])
	out = append(out, '.')
	return b64.AppendEncode(out, signature[:]), nil
}
