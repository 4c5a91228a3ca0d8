package consent

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"sync"

	"github.com/govmydata/mydata/pkg/jws"
)

// maxOpened bounds the memory of requests: some of each page that is looked at.
const maxOpened = 1024

// opened are requests that OpenRequest found good, by the digest of their text.
// That depends on the text and on the pool of roots, which only grows, and on no
// clock. A failure is never remembered.
type opened struct {
	mu    sync.Mutex
	roots *x509.CertPool
	known map[[sha256.Size]byte]RequestClaims
}

// openRequest is OpenRequest, which reads a request that came in once: it is
// looked at again for each page and each proposal.
func (l *Ledger) openRequest(compact string) (RequestClaims, error) {
	o, digest := &l.opened, jws.Sum(compact)
	o.mu.Lock()
	c, ok := o.known[digest]
	ok = ok && o.roots == l.AgencyRoots
	o.mu.Unlock()
	if ok {
		return c.clone(), nil
	}
	c, err := OpenRequest(compact, l.AgencyRoots)
	if err != nil {
		return c, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.roots != l.AgencyRoots || len(o.known) >= maxOpened {
		o.roots, o.known = l.AgencyRoots, nil
	}
	if o.known == nil {
		o.known = map[[sha256.Size]byte]RequestClaims{}
	}
	o.known[digest] = c
	return c.clone(), nil
}

// clone shares nothing that a caller could change by assigning to a detail.
func (c RequestClaims) clone() RequestClaims {
	c.Details = slices.Clone(c.Details)
	return c
}
