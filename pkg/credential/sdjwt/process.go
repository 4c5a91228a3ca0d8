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
	if !t.namesTypes() {
		return nil, fmt.Errorf("%w: aka_vcts is not an array of types", ErrMalformed)
	}
	return t.verify(issuer)
}

// namesTypes tells whether aka_vcts, if it is there, lists types.
func (t *Token) namesTypes() bool {
	claim, given := t.tree.member(0, "aka_vcts")
	ok := !given || t.tree[claim].kind == '['
	if given && ok {
		for i := claim + 1; i < t.tree.next(claim); i = t.tree.next(i) {
			ok = ok && t.tree.string(i) != ""
		}
	}
	return ok
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
	if alg, ok := t.tree.member(0, "_sd_alg"); ok && t.tree.string(alg) != HashAlgorithm {
		return nil, fmt.Errorf("%w: _sd_alg is not %s", ErrMalformed, HashAlgorithm)
	}
	p := processor{Token: t, used: make([]bool, len(t.disclosures))}
	claims, err := p.object(0, 0)
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

func (p *processor) value(at, depth int) (any, error) {
	switch n := &p.tree[at]; n.kind {
	case '{':
		return p.object(at, depth+1)
	case '[':
		return p.array(at, depth+1)
	case '"':
		return n.text, nil
	case 't', 'f':
		return n.kind == 't', nil
	case 'n':
		return nil, nil
	default:
		return n.number(), nil
	}
}

func (p *processor) object(at, depth int) (map[string]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrMalformed, MaxDepth)
	}
	digests, hides := p.tree.member(at, "_sd")
	size := p.tree.count(at)
	if hides {
		size += p.tree.count(digests)
	}
	out := make(map[string]any, size)
	for i := at + 1; i < p.tree.next(at); i = p.tree.next(i) {
		name := p.tree[i].name
		switch {
		case name == "_sd", name == "_sd_alg" && depth == 0:
			continue
		case name == "...", name == "_sd_alg":
			return nil, fmt.Errorf("%w: %s where it has no meaning", ErrMalformed, name)
		}
		outer := p.fix
		p.fix = p.fix || depth == 0 && undisclosable[name]
		processed, err := p.value(i, depth)
		if err != nil {
			return nil, err
		}
		p.fix = outer
		out[name] = processed
	}
	if !hides {
		return out, nil
	}
	return out, p.disclose(digests, out, depth)
}

// disclose replaces the digests of one object's _sd (step 3.c.ii).
func (p *processor) disclose(digests int, out map[string]any, depth int) error {
	if p.tree[digests].kind != '[' {
		return fmt.Errorf("%w: _sd is not an array", ErrMalformed)
	}
	for digest := digests + 1; digest < p.tree.next(digests); digest = p.tree.next(digest) {
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

func (p *processor) array(at, depth int) ([]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrMalformed, MaxDepth)
	}
	out := []any{}
	for i := at + 1; i < p.tree.next(at); i = p.tree.next(i) {
		v := i
		digest, hidden, err := p.tree.elementDigest(v)
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
func (t tree) elementDigest(at int) (digest int, hidden bool, err error) {
	digest, hidden = t.member(at, "...")
	if hidden && (digest != at+1 || t[digest].end != t[at].end) {
		return 0, false, fmt.Errorf("%w: ... beside other names", ErrMalformed)
	}
	return digest, hidden, nil
}

// take finds the disclosure of a digest; each digest may be met once (step 4).
func (p *processor) take(at int) (*disclosure, error) {
	if p.tree[at].kind != '"' {
		return nil, fmt.Errorf("%w: a digest is not a string", ErrMalformed)
	}
	digest := p.tree[at].text
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
