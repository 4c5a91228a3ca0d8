package tlog

import (
	"sync"

	"golang.org/x/mod/sumdb/note"
)

// Remembering is the policy for a checkpoint that is opened again with each
// cosignature that comes: each signature is checked once. What it remembers it keeps,
// so it is for one checkpoint alone.
func (p Policy) Remembering() Policy {
	p.right = new(sync.Map)
	return p
}

func (p Policy) verifier(k Key) note.Verifier {
	if p.right == nil {
		return verifier{k}
	}
	return remembering{verifier{k}, p.right}
}

// remembering knows which signatures were right: by these bytes, of these bytes, by
// this key.
type remembering struct {
	verifier
	right *sync.Map
}

type signature struct {
	public, text, sig string
}

func (r remembering) Verify(text, sig []byte) bool {
	s := signature{string(r.Public), string(text), string(sig)}
	if _, known := r.right.Load(s); known {
		return true
	}
	ok := r.verifier.Verify(text, sig)
	if ok {
		r.right.Store(s, nil)
	}
	return ok
}
