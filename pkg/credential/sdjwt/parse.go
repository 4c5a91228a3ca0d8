package sdjwt

import (
	"bytes"
	"crypto/sha256"
	"errors"
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
	raw         []byte // both, as bytes to hash
}

// disclosure as RFC 9901, 4.2.1 and 4.2.2.
type disclosure struct {
	encoded string
	end     int  // of its text, among all
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
	if strings.IndexByte(s, '\r') >= 0 || strings.IndexByte(s, '\n') >= 0 { // the decoder of base64 would skip them
		return nil, fmt.Errorf("%w: line breaks", ErrMalformed)
	}
	if n := strings.Count(s, "~"); n == 0 || n > MaxDisclosures+1 {
		return nil, fmt.Errorf("%w: %d tildes", ErrMalformed, n)
	}
	last := strings.LastIndexByte(s, '~')
	t := &Token{presented: s[:last+1], binding: s[last+1:], raw: []byte(s)}
	head, rest, more := bytes.Cut(t.raw[:last], []byte{'~'})
	var err error
	if t.issuer, err = parseJWS(head); err != nil {
		return nil, err
	}
	if t.payload, err = decodeObject(t.issuer.payload); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	if !more {
		t.byDigest = map[string]int{}
		return t, nil
	}
	return t, t.readDisclosures(rest)
}

// readDisclosures decodes and digests them all into two texts, of which names,
// values and digests are parts.
func (t *Token) readDisclosures(rest []byte) error {
	n := bytes.Count(rest, []byte{'~'}) + 1
	plain, digests := make([]byte, 0, len(rest)*3/4), make([]byte, 0, n*digestSize)
	encoded := t.presented[len(t.presented)-1-len(rest):]
	t.disclosures = make([]disclosure, n)
	for i := range t.disclosures {
		part, after, _ := bytes.Cut(rest, []byte{'~'})
		var err error
		if plain, err = b64.AppendDecode(plain, part); err != nil {
			return fmt.Errorf("%w: disclosure is not base64url", ErrMalformed)
		}
		sum := sha256.Sum256(part)
		digests = b64.AppendEncode(digests, sum[:])
		d := &t.disclosures[i]
		d.encoded, encoded, rest, d.end = encoded[:len(part)], encoded[len(part)+1:], after, len(plain)
	}
	t.byDigest = make(map[string]int, n)
	text, names, start := string(plain), string(digests), 0
	for i := range t.disclosures {
		d := &t.disclosures[i]
		if err := d.parse(text[start:d.end]); err != nil {
			return err
		}
		start = d.end
		t.byDigest[names[i*digestSize:(i+1)*digestSize]] = i
	}
	if len(t.byDigest) != n {
		return fmt.Errorf("%w: a disclosure is given twice", ErrMalformed)
	}
	return nil
}

// digestSize is the length of a SHA-256 in base64url.
const digestSize = 43

// parse reads the array of a disclosure (RFC 9901, 4.2.1 and 4.2.2): salt, name and
// value, or salt and value.
func (d *disclosure) parse(text string) error {
	v := decoder{data: text}
	refuse := func(err error) error { return fmt.Errorf("%w: disclosure: %w", ErrMalformed, err) }
	if !v.next('[') {
		return refuse(errors.New("not an array"))
	}
	if !v.quoted() {
		return refuse(errors.New("its salt is not a string"))
	}
	if _, err := v.str(); err != nil {
		return refuse(err)
	}
	if !v.next(',') {
		return refuse(errors.New("it has no value"))
	}
	var err error
	if v.quoted() { // a name, or a value that is a text
		if d.name, err = v.str(); err != nil {
			return refuse(err)
		}
		if !v.next(',') {
			d.element, d.name, d.value = true, "", d.name
			return v.closed()
		}
		if d.name == "_sd" || d.name == "..." || d.name == "_sd_alg" { // RFC 9901, 7.1, 3.c.ii.2
			return refuse(errors.New("its name is not allowed"))
		}
	} else {
		d.element = true
	}
	if d.value, err = v.value(1); err != nil {
		return refuse(err)
	}
	return v.closed()
}

// quoted tells whether a string comes next.
func (d *decoder) quoted() bool {
	d.space()
	return d.pos < len(d.data) && d.data[d.pos] == '"'
}

// closed asks that an array, and the text, end here.
func (d *decoder) closed() error {
	if !d.next(']') {
		return fmt.Errorf("%w: disclosure: neither two elements nor three", ErrMalformed)
	}
	if d.space(); d.pos != len(d.data) {
		return fmt.Errorf("%w: disclosure: bytes after the JSON text", ErrMalformed)
	}
	return nil
}

// digestOf is RFC 9901, 4.2.3.
func digestOf[T string | []byte](encoded T) string {
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
