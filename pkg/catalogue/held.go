package catalogue

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"sync"
	"time"
)

// held is what a certificate chain was found to say, and while all of it is
// valid: from the latest beginning to the earliest end in the chain.
type held struct {
	agency      string
	key         *ecdsa.PublicKey
	from, until time.Time
}

func (h held) within(chain []*x509.Certificate) held {
	h.from, h.until = chain[0].NotBefore, chain[0].NotAfter
	for _, c := range chain[1:] {
		if c.NotBefore.After(h.from) {
			h.from = c.NotBefore
		}
		if c.NotAfter.Before(h.until) {
			h.until = c.NotAfter
		}
	}
	return h
}

func (h held) at(t time.Time) bool { return !t.Before(h.from) && !t.After(h.until) }

// headerKey names what was checked: exactly these bytes of a protected header
// (typ, alg and certificates), as this typ, against this very pool. A pool only
// ever grows, so what reached one of its roots does so still; as a key it stays
// in memory, so that no other can take its address.
type headerKey struct {
	roots  *x509.CertPool
	typ    string
	header [sha256.Size]byte
}

// maxHeld bounds the memory. Only headers under which an agency signed something
// get in: a stranger cannot fill it.
const maxHeld = 512

var memory = struct {
	sync.RWMutex
	held map[headerKey]held
}{held: map[headerKey]held{}}

func keyOf(compact, typ string, roots *x509.CertPool) (headerKey, string, bool) {
	header, rest, ok := strings.Cut(compact, ".")
	return headerKey{roots, typ, sha256.Sum256([]byte(header))}, rest, ok
}

func hold(compact, typ string, roots *x509.CertPool, h held) {
	key, _, _ := keyOf(compact, typ, roots)
	memory.Lock()
	defer memory.Unlock()
	if len(memory.held) >= maxHeld {
		clear(memory.held)
	}
	memory.held[key] = h
}

// holding answers a payload that is signed under a header whose chain is known;
// its caller asks whether the chain holds at its moment. When anything is not as
// it should be it answers false, and openSigned says what.
func holding(compact, typ string, roots *x509.CertPool) (held, []byte, bool) {
	if roots == nil || len(compact) > maxSigned {
		return held{}, nil, false
	}
	key, rest, ok := keyOf(compact, typ, roots)
	if !ok {
		return held{}, nil, false
	}
	memory.RLock()
	h, ok := memory.held[key]
	memory.RUnlock()
	if !ok {
		return held{}, nil, false
	}
	body, tail, _ := strings.Cut(rest, ".")
	payload, ok := oneSpelling(body)
	if !ok {
		return held{}, nil, false
	}
	signature, ok := oneSpelling(tail)
	if !ok || len(signature) != 64 {
		return held{}, nil, false
	}
	digest := sha256.Sum256([]byte(compact[:len(compact)-len(tail)-1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return h, payload, ecdsa.Verify(h.key, digest[:], r, s) // RFC 7518, 3.4
}

// oneSpelling reads unpadded base64url. The decoder skips line breaks: then the
// text is longer than its bytes need.
func oneSpelling(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil && base64.RawURLEncoding.EncodedLen(len(raw)) == len(text)
}
