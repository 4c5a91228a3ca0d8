package catalogue

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
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

// plainChain finds the certificates in a protected header that begins and ends as
// SignAs writes it: a list, less its brackets, if it is what certificates reads.
func plainChain(header, typ string) ([]byte, bool) {
	raw, ok := jws.OneSpelling(header)
	if !ok {
		return nil, false
	}
	x5c, begins := bytes.CutPrefix(raw, []byte(`{"alg":"ES256","typ":"`+typ+`","x5c":[`))
	x5c, ends := bytes.CutSuffix(x5c, []byte(`]}`))
	return x5c, begins && ends
}

// certificates reads such a list (RFC 7515, 4.1.6).
func certificates(x5c []byte) (chain []*x509.Certificate, ok bool) {
	for text := range bytes.SplitSeq(x5c, []byte{','}) {
		text, begins := bytes.CutPrefix(text, []byte{'"'})
		text, ends := bytes.CutSuffix(text, []byte{'"'})
		der, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
		if err != nil || !begins || !ends || base64.StdEncoding.EncodedLen(len(der)) != len(text) { // the decoder skips line breaks
			return nil, false
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, false
		}
		chain = append(chain, c)
	}
	return chain, true
}

// reaching is a chain from the leaf, the first, to one of the roots at a time.
func reaching(chain []*x509.Certificate, roots *x509.CertPool, at time.Time) ([]*x509.Certificate, bool) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, false
	}
	return chains[0], true
}

// openPlain opens what is written as SignAs writes it, under a chain that is held
// or that reaches the roots; at finds the moment in a payload that the leaf signed.
// When anything is not as it should be it answers false, and openSigned says what.
func openPlain(compact, typ string, roots *x509.CertPool, at func(payload []byte) (time.Time, bool)) (agency string, payload []byte, ok bool) {
	if roots == nil || len(compact) > maxSigned {
		return "", nil, false
	}
	header, _, _ := strings.Cut(compact, ".")
	x5c, ok := plainChain(header, typ)
	if !ok {
		return "", nil, false
	}
	name := chainKey{roots, sha256.Sum256(x5c)}
	memory.RLock()
	h, known := memory.held[name]
	memory.RUnlock()
	var chain []*x509.Certificate
	if !known {
		if chain, ok = certificates(x5c); !ok {
			return "", nil, false
		}
		var err error
		if h.agency, h.key, err = agencyOf(chain[0]); err != nil {
			return "", nil, false
		}
	}
	if payload, ok = jws.Verify(compact, h.key); !ok {
		return "", nil, false
	}
	moment, ok := at(payload)
	if !ok {
		return "", nil, false
	}
	if !known {
		if chain, ok = reaching(chain, roots, moment); !ok {
			return "", nil, false
		}
		h = h.within(chain)
		hold(name, h)
	}
	return h.agency, payload, h.at(moment)
}
