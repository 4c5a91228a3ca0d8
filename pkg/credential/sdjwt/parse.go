package sdjwt

import (
	"errors"
	"fmt"
	"strings"

	compact "github.com/govmydata/mydata/pkg/jws"
)

// Token is a parsed SD-JWT, with or without key binding. Nothing in it has
// been verified.
type Token struct {
	issuer      *jws
	tree        tree // the payload at 0, then the disclosures' values
	disclosures []disclosure
	byDigest    map[string]int
	binding     string // the key binding JWT, or empty
	presented   string // up to and with the last tilde: what sd_hash covers
}

// disclosure as RFC 9901, 4.2.1 and 4.2.2.
type disclosure struct {
	encoded string
	end     int  // of its text, among all
	element bool // of an array; otherwise a property named name
	name    string
	value   int // in the tree
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
	tildes := strings.Count(s, "~")
	if tildes == 0 || tildes > MaxDisclosures+1 {
		return nil, fmt.Errorf("%w: %d tildes", ErrMalformed, tildes)
	}
	last := strings.LastIndexByte(s, '~')
	t := &Token{presented: s[:last+1], binding: s[last+1:]}
	head, rest, more := strings.Cut(s[:last], "~")
	var err error
	if t.issuer, err = parseJWS(head); err != nil {
		return nil, err
	}
	if t.tree, err = make(tree, 0, some(t.issuer.payload)+tildes-1).readObject(t.issuer.payload); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	if !more {
		t.byDigest = map[string]int{}
		return t, nil
	}
	return t, t.readDisclosures(rest, tildes-1)
}

// readDisclosures decodes and digests all n into two texts, of which names, values
// and digests are parts.
func (t *Token) readDisclosures(rest string, n int) error {
	var plain, digests strings.Builder
	plain.Grow(len(rest) * 3 / 4)
	digests.Grow(n * digestSize)
	t.disclosures = make([]disclosure, n)
	for i := range t.disclosures {
		d := &t.disclosures[i]
		d.encoded, rest, _ = strings.Cut(rest, "~")
		if err := decode(&plain, d.encoded); err != nil {
			return fmt.Errorf("%w: disclosure is not base64url", ErrMalformed)
		}
		d.end = plain.Len()
		digest := digestOf(d.encoded)
		digests.Write(digest[:])
	}
	t.byDigest = make(map[string]int, n)
	text, names, start := plain.String(), digests.String(), 0
	for i := range t.disclosures {
		d := &t.disclosures[i]
		d.value = len(t.tree)
		var err error
		if t.tree, err = d.parse(text[start:d.end], t.tree); err != nil {
			return fmt.Errorf("%w: disclosure: %w", ErrMalformed, err)
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
func (d *disclosure) parse(text string, t tree) (tree, error) {
	v := decoder{data: text}
	if !v.next('[') {
		return nil, errors.New("not an array")
	}
	if !v.quoted() {
		return nil, errors.New("its salt is not a string")
	}
	if _, err := v.str(); err != nil {
		return nil, err
	}
	if !v.next(',') {
		return nil, errors.New("it has no value")
	}
	t, err := v.value(t, "", 1)
	if err != nil {
		return nil, err
	}
	if !v.next(',') {
		d.element = true
		return t, v.closed()
	}
	if t[d.value].kind != '"' {
		return nil, errors.New("its name is not a string")
	}
	d.name, t = t[d.value].text, t[:d.value]
	if d.name == "_sd" || d.name == "..." || d.name == "_sd_alg" { // RFC 9901, 7.1, 3.c.ii.2
		return nil, errors.New("its name is not allowed")
	}
	if t, err = v.value(t, "", 1); err != nil {
		return nil, err
	}
	return t, v.closed()
}

// quoted tells whether a string comes next.
func (d *decoder) quoted() bool {
	d.space()
	return d.pos < len(d.data) && d.data[d.pos] == '"'
}

// closed asks that an array, and the text, end here.
func (d *decoder) closed() error {
	if !d.next(']') {
		return errors.New("neither two elements nor three")
	}
	if d.space(); d.pos != len(d.data) {
		return errors.New("bytes after the JSON text")
	}
	return nil
}

// digestOf is RFC 9901, 4.2.3.
func digestOf(encoded string) (digest [digestSize]byte) {
	sum := compact.Sum(encoded)
	b64.Encode(digest[:], sum[:])
	return digest
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
func (t *Token) VCT() string { return t.claimed("vct") }

// Issuer is the issuer that the token claims to have, unverified: by it a
// verifier finds whose keys to ask for, if policy knows that issuer.
func (t *Token) Issuer() string { return t.claimed("iss") }

// claimed is a text of the payload, or empty.
func (t *Token) claimed(name string) string {
	i, _ := t.tree.member(0, name)
	return t.tree.string(i) // the payload itself is none
}
