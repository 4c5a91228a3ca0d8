package sdjwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

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
	signature string
	signed    string // what the signature covers
}

func parseJWS(text string) (*jws, error) {
	head, rest, ok := strings.Cut(text, ".")
	body, signature, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 { // a fourth part is no base64url
		return nil, fmt.Errorf("%w: a JWS has three parts", ErrMalformed)
	}
	var plain strings.Builder
	plain.Grow(len(text) * 3 / 4)
	var at [3]int
	for i, part := range [3]string{head, body, signature} {
		if err := decode(&plain, part); err != nil {
			return nil, fmt.Errorf("%w: base64url: %w", ErrMalformed, err)
		}
		at[i] = plain.Len()
	}
	all := plain.String()
	j := &jws{payload: all[at[0]:at[1]], signature: all[at[1]:], signed: text[:len(head)+1+len(body)]}
	return j, j.readHeader(all[:at[0]])
}

// decode appends what base64url says, whole groups of four at a time; no line
// breaks are in the text.
func decode(to *strings.Builder, text string) error {
	var plain [768]byte
	for len(text) > 0 {
		part := text[:min(len(text), len(plain)/3*4)]
		n, err := b64.Decode(plain[:], []byte(part))
		if err != nil {
			return err
		}
		to.Write(plain[:n])
		text = text[len(part):]
	}
	return nil
}

func (j *jws) readHeader(text string) error {
	var few [8]node
	t, err := tree(few[:0]).readObject(text)
	if err != nil {
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if _, critical := t.member(0, "crit"); critical { // RFC 7515, 4.1.11: none is understood
		return fmt.Errorf("%w: header: crit is not supported", ErrMalformed)
	}
	if err := errors.Join(t.stringMember("alg", &j.Algorithm), t.stringMember("typ", &j.Type), t.stringMember("kid", &j.KeyID)); err != nil {
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	chain, given := t.member(0, "x5c")
	if !given {
		return nil
	}
	if t[chain].kind != '[' {
		return fmt.Errorf("%w: header: x5c is not an array", ErrMalformed)
	}
	for c := chain + 1; c < t.next(chain); c = t.next(c) {
		der, err := base64.StdEncoding.Strict().DecodeString(t.string(c))
		if err != nil || len(der) == 0 {
			return fmt.Errorf("%w: header: x5c is not base64", ErrMalformed)
		}
		j.X5C = append(j.X5C, der)
	}
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
	digest := compact.Sum(j.signed)
	var rs [64]byte
	copy(rs[:], j.signature)
	var der [72]byte
	if !ecdsa.VerifyASN1(public, digest[:], compact.AppendDER(der[:0], rs[:])) {
		return ErrSignature
	}
	return nil
}
