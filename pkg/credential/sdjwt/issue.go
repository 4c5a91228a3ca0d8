package sdjwt

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	compact "github.com/govmydata/mydata/pkg/jws"
)

// saltBytes as RFC 9901, 9.3: 128 bits.
const saltBytes = 16

// Issue signs claims as an SD-JWT VC. Values wrapped in Hidden, at any depth,
// become disclosures with fresh salts; digests are sorted, so that their order
// tells nothing (RFC 9901, 4.2.4.1). A vct is required, and what SD-JWT VC
// keeps in the clear cannot be hidden.
func Issue(key Key, claims map[string]any) (string, error) {
	if vct, _ := claims["vct"].(string); vct == "" {
		return "", fmt.Errorf("issue: no vct")
	}
	b := builders.Get().(*builder)
	defer b.leave()
	var err error
	if b.payload, err = b.object(b.payload, claims, 0); err != nil {
		return "", fmt.Errorf("issue: %w", err)
	}
	if b.disclosures > MaxDisclosures {
		return "", fmt.Errorf("issue: more than %d disclosures", MaxDisclosures)
	}
	b.header = key.appendHeader(b.header)
	if b.signed, err = compact.AppendSigned(b.signed[:0], key.Signer, b.header, b.payload); err != nil {
		return "", fmt.Errorf("issue: %w", err)
	}
	if len(b.signed)+1+len(b.encoded) > MaxBytes {
		return "", fmt.Errorf("issue: longer than %d bytes", MaxBytes)
	}
	var out strings.Builder
	out.Grow(len(b.signed) + 1 + len(b.encoded))
	out.Write(b.signed)
	out.WriteByte('~')
	out.Write(b.encoded)
	return out.String(), nil
}

// appendHeader writes the JOSE header.
func (k Key) appendHeader(out []byte) []byte {
	out = append(out, `{"alg":"ES256","typ":"`+Type+`"`...)
	if k.KeyID != "" && len(k.X5C) == 0 { // a chain names the key; some verifiers take two names for an attack
		out = appendString(append(out, `,"kid":`...), k.KeyID)
	}
	for i, der := range k.X5C {
		start := `","`
		if i == 0 {
			start = `,"x5c":["`
		}
		out = base64.StdEncoding.AppendEncode(append(out, start...), der)
	}
	if len(k.X5C) > 0 {
		out = append(out, '"', ']')
	}
	return append(out, '}')
}

// builder writes the payload, and beside it the disclosures that its digests are of.
type builder struct {
	payload     []byte
	encoded     []byte // the disclosures, each with its tilde
	disclosures int
	fix         bool // inside a claim that must stay in the clear
	salts       [32 * saltBytes]byte
	left        int                 // of the salts, in bytes
	digests     [][sha256.Size]byte // of the objects that are open, innermost last
	scratch     []byte
	header      []byte
	signed      []byte
}

// builders are used again and again, each with nothing left of what it wrote.
var builders = sync.Pool{New: func() any { return new(builder) }}

func (b *builder) leave() {
	if cap(b.payload)+cap(b.encoded)+cap(b.signed) > maxRoom {
		return
	}
	for _, room := range [...][]byte{b.payload, b.encoded, b.scratch, b.signed, b.salts[:]} {
		clear(room[:cap(room)])
	}
	*b = builder{payload: b.payload[:0], encoded: b.encoded[:0], digests: b.digests[:0], scratch: b.scratch[:0], header: b.header[:0], signed: b.signed[:0]}
	builders.Put(b)
}

// maxRoom is how much room is worth keeping, in bytes.
const maxRoom = 32 << 10

// value appends v, which is in the clear where it stands.
func (b *builder) value(out []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth-4 { // leaves room for the wrapping of disclosures
		return nil, fmt.Errorf("nested deeper than %d", MaxDepth-4)
	}
	switch v := v.(type) {
	case map[string]any:
		return b.object(out, v, depth+1)
	case []any:
		return b.array(out, v, depth+1)
	case Hidden:
		return nil, errors.New("a hidden value inside a hidden value")
	}
	return appendScalar(out, v)
}

func (b *builder) object(out []byte, in map[string]any, depth int) ([]byte, error) {
	first := len(b.digests)
	names := slices.AppendSeq(make([]string, 0, len(in)), maps.Keys(in))
	slices.Sort(names)
	out = append(out, '{')
	start := len(out)
	for _, name := range names {
		if name == "_sd" || name == "..." || name == "_sd_alg" {
			return nil, fmt.Errorf("a claim must not be called %s", name)
		}
		v, outer := in[name], b.fix
		b.fix = b.fix || depth == 0 && undisclosable[name]
		if hidden, ok := v.(Hidden); ok {
			if name == "" {
				return nil, errors.New("a claim without a name cannot be hidden")
			}
			digest, err := b.disclose(name, hidden.Value, depth)
			if err != nil {
				return nil, err
			}
			b.digests = append(b.digests, digest)
		} else {
			out = append(appendString(separated(out, start), name), ':')
			var err error
			if out, err = b.value(out, v, depth); err != nil {
				return nil, err
			}
		}
		b.fix = outer
	}
	if digests := b.digests[first:]; len(digests) > 0 {
		out = appendDigests(append(separated(out, start), `"_sd":[`...), digests)
		b.digests = b.digests[:first]
	}
	if depth == 0 && b.disclosures > 0 {
		out = append(separated(out, start), `"_sd_alg":"`+HashAlgorithm+`"`...)
	}
	return append(out, '}'), nil
}

func appendDigests(out []byte, digests [][sha256.Size]byte) []byte {
	slices.SortFunc(digests, func(a, c [sha256.Size]byte) int { return bytes.Compare(a[:], c[:]) })
	for i := range digests {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(b64.AppendEncode(append(out, '"'), digests[i][:]), '"')
	}
	return append(out, ']')
}

// separated appends a comma, save at the start.
func separated(out []byte, start int) []byte {
	if len(out) > start {
		return append(out, ',')
	}
	return out
}

func (b *builder) array(out []byte, in []any, depth int) ([]byte, error) {
	out = append(out, '[')
	start := len(out)
	for _, v := range in {
		out = separated(out, start)
		hidden, isHidden := v.(Hidden)
		if !isHidden {
			var err error
			if out, err = b.value(out, v, depth); err != nil {
				return nil, err
			}
			continue
		}
		digest, err := b.disclose("", hidden.Value, depth)
		if err != nil {
			return nil, err
		}
		out = append(b64.AppendEncode(append(out, `{"...":"`...), digest[:]), `"}`...)
	}
	return append(out, ']'), nil
}

// disclose keeps a disclosure and returns its digest; no name: an element. What is
// hidden within the value is kept before it.
func (b *builder) disclose(name string, value any, depth int) (digest [sha256.Size]byte, err error) {
	if b.fix {
		return digest, fmt.Errorf("%s must not be selectively disclosable", name)
	}
	text := b.scratch[:0]
	b.scratch = nil // in use: what is hidden within takes another
	text = append(text, '[', '"')
	text = append(b64.AppendEncode(text, b.salt()), '"', ',')
	if name != "" {
		text = append(appendString(text, name), ',')
	}
	if text, err = b.value(text, value, depth); err != nil {
		return digest, err
	}
	text = append(text, ']')
	start := len(b.encoded)
	b.encoded = b64.AppendEncode(b.encoded, text)
	digest = sha256.Sum256(b.encoded[start:])
	b.encoded = append(b.encoded, '~')
	b.disclosures++
	b.scratch = text
	return digest, nil
}

// salt takes the next of many that were drawn at once.
func (b *builder) salt() []byte {
	if b.left == 0 {
		b.left = len(b.salts)
		rand.Read(b.salts[:])
	}
	b.left -= saltBytes
	return b.salts[b.left : b.left+saltBytes]
}
