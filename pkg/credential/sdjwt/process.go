package sdjwt

import (
	"crypto"
	"fmt"
)

// undisclosable are the claims that neither themselves nor in their parts may
// be selectively disclosed (SD-JWT VC draft, 2.2.2.3).
var undisclosable = map[string]bool{
	"iss": true, "nbf": true, "exp": true, "cnf": true, "vct": true,
	"vct#integrity": true, "aka_vcts": true, "status": true,
}

// Verify checks the issuer's signature over an SD-JWT VC and returns the
// processed payload: what is disclosed, without the marks of disclosure.
// Whether issuer is the issuer's key, and whether the credential is still
// valid, is the caller's to know.
func (t *Token) Verify(issuer crypto.PublicKey) (map[string]any, error) {
	if t.issuer.Type != Type {
		return nil, fmt.Errorf("%w: typ is not %s", ErrMalformed, Type)
	}
	if t.VCT() == "" {
		return nil, fmt.Errorf("%w: no vct", ErrMalformed)
	}
	if !namesTypes(t.payload["aka_vcts"]) {
		return nil, fmt.Errorf("%w: aka_vcts is not an array of types", ErrMalformed)
	}
	return t.verify(issuer)
}

// namesTypes tells whether a claim, if it is there, lists types.
func namesTypes(claim any) bool {
	list, ok := claim.([]any)
	for _, v := range list {
		vct, isText := v.(string)
		ok = ok && isText && vct != ""
	}
	return ok || claim == nil
}

// verify is RFC 9901, 7.1, for any profile.
func (t *Token) verify(issuer crypto.PublicKey) (map[string]any, error) {
	if err := t.issuer.verify(issuer); err != nil {
		return nil, err
	}
	return t.process()
}

// process is RFC 9901, 7.1, steps 2 to 5.
func (t *Token) process() (map[string]any, error) {
	if alg, ok := t.payload["_sd_alg"]; ok && alg != HashAlgorithm {
		return nil, fmt.Errorf("%w: _sd_alg is not %s", ErrMalformed, HashAlgorithm)
	}
	p := processor{Token: t, used: make([]bool, len(t.disclosures))}
	claims, err := p.object(t.payload, 0)
	if err != nil {
		return nil, err
	}
	for i, used := range p.used { // step 5
		if !used {
			return nil, fmt.Errorf("%w: disclosure %d belongs to no digest", ErrMalformed, i)
		}
	}
	return claims, nil
}

type processor struct {
	*Token
	seen map[string]bool // digests met of what is not disclosed, decoys too
	used []bool          // disclosures met by their digests
	fix  bool            // inside a claim that must not be disclosed selectively
}

func (p *processor) value(v any, depth int) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		return p.object(v, depth+1)
	case []any:
		return p.array(v, depth+1)
	}
	return v, nil
}

func (p *processor) object(in map[string]any, depth int) (map[string]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrMalformed, MaxDepth)
	}
	out := make(map[string]any, len(in)+hidden(in))
	for name, v := range in {
		switch {
		case name == "_sd", name == "_sd_alg" && depth == 0:
			continue
		case name == "...", name == "_sd_alg":
			return nil, fmt.Errorf("%w: %s where it has no meaning", ErrMalformed, name)
		}
		outer := p.fix
		p.fix = p.fix || depth == 0 && undisclosable[name]
		processed, err := p.value(v, depth)
		if err != nil {
			return nil, err
		}
		p.fix = outer
		out[name] = processed
	}
	return out, p.disclose(in, out, depth)
}

// hidden is how many claims an object may have beside those in the clear.
func hidden(in map[string]any) int {
	digests, _ := in["_sd"].([]any)
	return len(digests)
}

// disclose replaces the digests of one object's _sd (step 3.c.ii).
func (p *processor) disclose(in, out map[string]any, depth int) error {
	raw, ok := in["_sd"]
	if !ok {
		return nil
	}
	digests, ok := raw.([]any)
	if !ok {
		return fmt.Errorf("%w: _sd is not an array", ErrMalformed)
	}
	for _, digest := range digests {
		d, err := p.take(digest)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		if d.element {
			return fmt.Errorf("%w: an array element disclosed as a property", ErrMalformed)
		}
		if _, taken := out[d.name]; taken { // step 3.c.ii.3
			return fmt.Errorf("%w: a disclosed name is there already", ErrMalformed)
		}
		if depth == 0 && undisclosable[d.name] {
			return fmt.Errorf("%w: %s must not be selectively disclosed", ErrMalformed, d.name)
		}
		value, err := p.value(d.value, depth)
		if err != nil {
			return err
		}
		out[d.name] = value
	}
	return nil
}

func (p *processor) array(in []any, depth int) ([]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrMalformed, MaxDepth)
	}
	out := make([]any, 0, len(in))
	for _, v := range in {
		digest, hidden, err := elementDigest(v)
		if err != nil {
			return nil, err
		}
		if hidden {
			d, err := p.take(digest)
			if err != nil {
				return nil, err
			}
			if d == nil {
				continue // step 3.d: not disclosed
			}
			if !d.element {
				return nil, fmt.Errorf("%w: a property disclosed as an array element", ErrMalformed)
			}
			v = d.value
		}
		processed, err := p.value(v, depth)
		if err != nil {
			return nil, err
		}
		out = append(out, processed)
	}
	return out, nil
}

// elementDigest tells whether an array's element is {"...": digest}.
func elementDigest(v any) (digest any, hidden bool, err error) {
	object, _ := v.(map[string]any)
	digest, hidden = object["..."]
	if hidden && len(object) != 1 {
		return nil, false, fmt.Errorf("%w: ... beside other names", ErrMalformed)
	}
	return digest, hidden, nil
}

// take finds the disclosure of a digest; each digest may be met once (step 4).
func (p *processor) take(raw any) (*disclosure, error) {
	digest, ok := raw.(string)
	if !ok {
		return nil, fmt.Errorf("%w: a digest is not a string", ErrMalformed)
	}
	i, disclosed := p.byDigest[digest]
	if disclosed && p.used[i] || !disclosed && p.seen[digest] {
		return nil, fmt.Errorf("%w: a digest occurs twice", ErrMalformed)
	}
	if p.fix {
		return nil, fmt.Errorf("%w: a claim that must not be selectively disclosed has digests", ErrMalformed)
	}
	if !disclosed {
		if p.seen == nil {
			p.seen = map[string]bool{}
		}
		p.seen[digest] = true
		return nil, nil // not disclosed, or a decoy
	}
	p.used[i] = true
	return &p.disclosures[i], nil
}
