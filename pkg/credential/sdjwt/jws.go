package sdjwt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	compact "github.com/govmydata/mydata/pkg/jws"
)

// b64 is base64url without padding (RFC 7515, 2) that refuses stray bits, so
// that one value has one spelling.
var b64 = base64.RawURLEncoding.Strict()

// jws is a compact JWS (RFC 7515, 7.1), decoded and unverified. This package
// has its own, and not go-jose's, since a header is read once here, with its
// x5c as bytes.
type jws struct {
	Header
	payload   string
	signed    []byte // what the signature covers
	signature []byte
}

func parseJWS(text []byte) (*jws, error) {
	head, rest, ok := bytes.Cut(text, []byte{'.'})
	body, signature, ok2 := bytes.Cut(rest, []byte{'.'})
	if !ok || !ok2 { // a fourth part is no base64url
		return nil, fmt.Errorf("%w: a JWS has three parts", ErrMalformed)
	}
	j := &jws{signed: text[:len(head)+1+len(body)]}
	decoded := make([]byte, 0, len(text)*3/4)
	var at [3]int
	for i, part := range [3][]byte{head, body, signature} {
		var err error
		if decoded, err = b64.AppendDecode(decoded, part); err != nil {
			return nil, fmt.Errorf("%w: base64url: %w", ErrMalformed, err)
		}
		at[i] = len(decoded)
	}
	j.signature = decoded[at[1]:]
	plain := string(decoded[:at[1]])
	j.payload = plain[at[0]:]
	return j, j.readHeader(plain[:at[0]])
}

func (j *jws) readHeader(text string) error {
	raw, err := decodeObject(text)
	if err != nil {
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if _, critical := raw["crit"]; critical { // RFC 7515, 4.1.11: none is understood
		return fmt.Errorf("%w: header: crit is not supported", ErrMalformed)
	}
	if err := errors.Join(stringMember(raw, "alg", &j.Algorithm), stringMember(raw, "typ", &j.Type),
		stringMember(raw, "kid", &j.KeyID)); err != nil {
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
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
	digest := sha256.Sum256(j.signed)
	var der [72]byte
	if !ecdsa.VerifyASN1(public, digest[:], compact.AppendDER(der[:0], j.signature)) {
		return ErrSignature
	}
	return nil
}

// sign makes a compact JWS, with room for more bytes after it.
func sign(signer crypto.Signer, header, payload []byte, more int) ([]byte, error) {
	public, _ := signer.Public().(*ecdsa.PublicKey)
	if public == nil || public.Curve != elliptic.P256() {
		return nil, fmt.Errorf("sign: the key is not on P-256")
	}
	out := make([]byte, 0, b64.EncodedLen(len(header))+b64.EncodedLen(len(payload))+90+more)
	out = b64.AppendEncode(out, header)
	out = append(out, '.')
	out = b64.AppendEncode(out, payload)
	digest := sha256.Sum256(out)
	der, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	var signature [64]byte
	if err := fromDER(&signature, der); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	out = append(out, '.')
	return b64.AppendEncode(out, signature[:]), nil
}

// fromDER is the reverse of compact.AppendDER, of what a signer of ours made.
func fromDER(signature *[64]byte, der []byte) error {
	if len(der) < 2 || der[0] != 0x30 || int(der[1]) != len(der)-2 {
		return errors.New("the signer's answer is no signature on P-256")
	}
	der = der[2:]
	for half := range 2 {
		if len(der) < 2 || der[0] != 2 || int(der[1]) > len(der)-2 {
			return errors.New("the signer's answer is not r and s")
		}
		n := der[2 : 2+int(der[1])]
		der = der[2+len(n):]
		for len(n) > 0 && n[0] == 0 {
			n = n[1:]
		}
		if len(n) > 32 {
			return errors.New("the signer's answer is of another curve")
		}
		copy(signature[half*32+32-len(n):(half+1)*32], n)
	}
	return nil
}
