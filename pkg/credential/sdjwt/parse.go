package sdjwt

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Token is a parsed SD-JWT, with or without key binding. Nothing in it has
// been verified.
type Token struct {
	issuer      *jws
	payload     map[string]any
	disclosures []disclosure
	byDigest    map[string]int
	binding     string // the key binding JWT, or empty
	presented   string // up to and with the last tilde: what sd_hash covers
}

// disclosure as RFC 9901, 4.2.1 and 4.2.2.
type disclosure struct {
	encoded string
	element bool // of an array; otherwise a property named name
	name    string
	value   any
}

// Parse reads the compact serialization (RFC 9901, 4) and the structure of
// every part of it. Whatever it refuses is ErrMalformed.
func Parse(s string) (*Token, error) {
	if len(s) > MaxBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, MaxBytes)
	}
	if strings.ContainsAny(s, "\r\n") { // the decoder of base64 would skip them
		return nil, fmt.Errorf("%w: line breaks", ErrMalformed)
	}
	if n := strings.Count(s, "~"); n == 0 || n > MaxDisclosures+1 {
		return nil, fmt.Errorf("%w: %d tildes", ErrMalformed, n)
	}
	last := strings.LastIndexByte(s, '~')
	t := &Token{presented: s[:last+1], binding: s[last+1:]}
	parts := strings.Split(s[:last], "~")
	var err error
	if t.issuer, err = parseJWS(parts[0]); err != nil {
		return nil, err
	}
	if t.payload, err = decodeObject(t.issuer.payload); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	return t, t.readDisclosures(parts[1:])
}

func (t *Token) readDisclosures(parts []string) error {
	t.disclosures = make([]disclosure, len(parts))
	t.byDigest = make(map[string]int, len(parts))
	for i, part := range parts {
		d, err := parseDisclosure(part)
		if err != nil {
			return err
		}
		digest := digestOf(part)
		if _, twice := t.byDigest[digest]; twice {
			return fmt.Errorf("%w: a disclosure is given twice", ErrMalformed)
		}
		t.disclosures[i], t.byDigest[digest] = d, i
	}
	return nil
}

func parseDisclosure(s string) (disclosure, error) {
	data, err := b64.DecodeString(s)
	if err != nil {
		return disclosure{}, fmt.Errorf("%w: disclosure is not base64url", ErrMalformed)
	}
	v, err := decodeJSON(data)
	if err != nil {
		return disclosure{}, fmt.Errorf("%w: disclosure: %w", ErrMalformed, err)
	}
	array, _ := v.([]any)
	if len(array) != 2 && len(array) != 3 {
		return disclosure{}, fmt.Errorf("%w: disclosure has %d elements", ErrMalformed, len(array))
	}
	if _, ok := array[0].(string); !ok {
		return disclosure{}, fmt.Errorf("%w: disclosure's salt is not a string", ErrMalformed)
	}
	d := disclosure{encoded: s, element: len(array) == 2, value: array[len(array)-1]}
	if d.element {
		return d, nil
	}
	name, ok := array[1].(string)
	if !ok || name == "_sd" || name == "..." || name == "_sd_alg" { // RFC 9901, 7.1, 3.c.ii.2
		return disclosure{}, fmt.Errorf("%w: disclosure's name is not allowed", ErrMalformed)
	}
	d.name = name
	return d, nil
}

// digestOf is RFC 9901, 4.2.3.
func digestOf(encoded string) string {
	sum := sha256.Sum256([]byte(encoded))
	return b64.EncodeToString(sum[:])
}

// Header of the issuer-signed JWT.
func (t *Token) Header() Header { return t.issuer.Header }

// String is the token as it was parsed.
func (t *Token) String() string { return t.presented + t.binding }

// HasKeyBinding tells whether a key binding JWT is appended.
func (t *Token) HasKeyBinding() bool { return t.binding != "" }

// Unverified is the processed payload of a token whose signature nobody
// checked: what a holder may show of its own credentials, never a verifier.
func (t *Token) Unverified() (map[string]any, error) { return t.process() }

// VCT is the type that the token claims to have, unverified: by it a verifier
// chooses whom to trust before it can verify anything.
func (t *Token) VCT() string {
	vct, _ := t.payload["vct"].(string)
	return vct
}

// Issuer is the issuer that the token claims to have, unverified: by it a
// verifier finds whose keys to ask for, if policy knows that issuer.
func (t *Token) Issuer() string {
	iss, _ := t.payload["iss"].(string)
	return iss
}
