package catalogue

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/jws"
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

// chainKey names what was checked: exactly this text of certificates (x5c),
// against this very pool. A pool only ever grows, so what reached one of its roots
// does so still; as a key it stays in memory, so that no other can take its
// address.
type chainKey struct {
	roots *x509.CertPool
	x5c   [sha256.Size]byte
}

// maxHeld bounds the memory. Only chains under which an agency signed something
// get in: a stranger cannot fill it.
const maxHeld = 512

var memory = struct {
	sync.RWMutex
	held map[chainKey]held
}{held: map[chainKey]held{}}

func hold(key chainKey, h held) {
	memory.Lock()
	defer memory.Unlock()
	if len(memory.held) >= maxHeld {
		clear(memory.held)
	}
	memory.held[key] = h
}

// keyOf finds the certificates in a protected header that is written as SignAs
// writes it, with nothing else in it. Others are not remembered.
func keyOf(header, typ string, roots *x509.CertPool) (chainKey, bool) {
	raw, ok := jws.OneSpelling(header)
	if !ok {
		return chainKey{}, false
	}
	x5c, begins := bytes.CutPrefix(raw, []byte(`{"alg":"ES256","typ":"`+typ+`","x5c":[`))
	x5c, ends := bytes.CutSuffix(x5c, []byte(`]}`))
	if !begins || !ends || bytes.ContainsAny(x5c, `[]{}:\`) { // a list of plain texts
		return chainKey{}, false
	}
	return chainKey{roots, sha256.Sum256(x5c)}, true
}

// holding answers a payload that is signed under a chain that is known; its
// caller asks whether the chain holds at its moment. When anything is not as it
// should be it answers false, and openSigned says what.
func holding(compact, typ string, roots *x509.CertPool) (held, []byte, bool) {
	if roots == nil || len(compact) > maxSigned {
		return held{}, nil, false
	}
	header, _, _ := strings.Cut(compact, ".")
	key, ok := keyOf(header, typ, roots)
	if !ok {
		return held{}, nil, false
	}
	memory.RLock()
	h, ok := memory.held[key]
	memory.RUnlock()
	if !ok {
		return held{}, nil, false
	}
	payload, ok := jws.Verify(compact, h.key)
	return h, payload, ok
}
