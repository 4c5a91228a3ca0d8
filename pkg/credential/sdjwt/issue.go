package sdjwt

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
	var b builder
	payload, err := b.object(claims, 0)
	if err != nil {
		return "", fmt.Errorf("issue: %w", err)
	}
	if b.disclosures > MaxDisclosures {
		return "", fmt.Errorf("issue: more than %d disclosures", MaxDisclosures)
	}
	if b.disclosures > 0 {
		payload["_sd_alg"] = HashAlgorithm
	}
	data, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("issue: %w", err)
	}
	header := struct {
		Algorithm string   `json:"alg"`
		Type      string   `json:"typ"`
		KeyID     string   `json:"kid,omitempty"`
		X5C       []string `json:"x5c,omitempty"`
	}{Algorithm: "ES256", Type: Type, KeyID: key.KeyID}
	if len(key.X5C) > 0 { // the chain names the key; some verifiers take two names for an attack
		header.KeyID = ""
	}
	for _, der := range key.X5C {
		header.X5C = append(header.X5C, base64.StdEncoding.EncodeToString(der))
	}
	signed, err := sign(key.Signer, header, data)
	if err != nil {
		return "", fmt.Errorf("issue: %w", err)
	}
	out := slices.Concat(signed, []byte{'~'}, b.encoded)
	if len(out) > MaxBytes {
		return "", fmt.Errorf("issue: longer than %d bytes", MaxBytes)
	}
	return string(out), nil
}

type builder struct {
	encoded     []byte // the disclosures, each with its tilde
	disclosures int
	fix         bool // inside a claim that must stay in the clear
	scratch     []byte
}

func (b *builder) value(v any, depth int) (any, error) {
	if depth > MaxDepth-4 { // leaves room for the wrapping of disclosures
		return nil, fmt.Errorf("nested deeper than %d", MaxDepth-4)
	}
	switch v := v.(type) {
	case map[string]any:
		return b.object(v, depth+1)
	case []any:
		return b.array(v, depth+1)
	case Hidden:
		return nil, fmt.Errorf("a hidden value inside a hidden value")
	}
	return v, nil
}

func (b *builder) object(in map[string]any, depth int) (map[string]any, error) {
	out := make(map[string]any, len(in)+2)
	var digests []string
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if name == "_sd" || name == "..." || name == "_sd_alg" {
			return nil, fmt.Errorf("a claim must not be called %s", name)
		}
		v, outer := in[name], b.fix
		b.fix = b.fix || depth == 0 && undisclosable[name]
		if hidden, ok := v.(Hidden); ok {
			if name == "" {
				return nil, fmt.Errorf("a claim without a name cannot be hidden")
			}
			value, err := b.value(hidden.Value, depth)
			if err != nil {
				return nil, err
			}
			digest, err := b.disclose(name, value)
			if err != nil {
				return nil, err
			}
			digests = append(digests, digest)
		} else {
			value, err := b.value(v, depth)
			if err != nil {
				return nil, err
			}
			out[name] = value
		}
		b.fix = outer
	}
	if len(digests) > 0 {
		slices.Sort(digests)
		out["_sd"] = digests
	}
	return out, nil
}

func (b *builder) array(in []any, depth int) ([]any, error) {
	out := make([]any, len(in))
	for i, v := range in {
		hidden, isHidden := v.(Hidden)
		if isHidden {
			v = hidden.Value
		}
		value, err := b.value(v, depth)
		if err != nil {
			return nil, err
		}
		if isHidden {
			digest, err := b.disclose("", value)
			if err != nil {
				return nil, err
			}
			value = map[string]any{"...": digest}
		}
		out[i] = value
	}
	return out, nil
}

// disclose keeps a disclosure and returns its digest; no name: an element.
func (b *builder) disclose(name string, value any) (string, error) {
	if b.fix {
		return "", fmt.Errorf("%s must not be selectively disclosable", name)
	}
	var salt [saltBytes]byte
	rand.Read(salt[:])
	text := b.scratch[:0]
	text = append(text, '[', '"')
	text = append(b64.AppendEncode(text, salt[:]), '"', ',')
	if name != "" {
		text = append(appendString(text, name), ',')
	}
	if s, ok := value.(string); ok {
		text = appendString(text, s)
	} else {
		data, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		text = append(text, data...)
	}
	text = append(text, ']')
	b.scratch = text
	start := len(b.encoded)
	b.encoded = b64.AppendEncode(b.encoded, b.scratch)
	sum := sha256.Sum256(b.encoded[start:])
	b.encoded = append(b.encoded, '~')
	b.disclosures++
	return b64.EncodeToString(sum[:]), nil
}
