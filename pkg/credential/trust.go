package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"
)

// maxChain bounds an x5c.
const maxChain = 5

// chains remembers the paths that were verified: one issuer's chain comes with
// every credential of his, and costs as much as two signatures.
type chains struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]knownChain
}

type knownChain struct {
	roots       *x509.CertPool
	path        []*x509.Certificate
	key         *ecdsa.PublicKey // the leaf's
	thumbprint  string           // of that key
	anchor      string           // SHA-256 of the anchor
	from, until time.Time        // the times at which all of it is valid
}

// maxChains bounds what is remembered.
const maxChains = 256

// check is checkChain, remembered for the same x5c under the same roots while
// every certificate is valid.
func (c *chains) check(x5c [][]byte, roots *x509.CertPool, now time.Time) (knownChain, error) {
	h := sha256.New()
	var length [8]byte
	for _, der := range x5c {
		h.Write(binary.BigEndian.AppendUint64(length[:0], uint64(len(der))))
		h.Write(der)
	}
	var id [sha256.Size]byte
	h.Sum(id[:0])
	c.mu.Lock()
	k, ok := c.known[id]
	c.mu.Unlock()
	if ok && k.roots == roots && !now.Before(k.from) && !now.After(k.until) {
		return k, nil
	}
	path, err := checkChain(x5c, roots, now)
	if err != nil {
		return knownChain{}, err
	}
	key, _ := path[0].PublicKey.(*ecdsa.PublicKey) // checkLeaf saw to it
	k = knownChain{roots: roots, path: path, key: key, thumbprint: Thumbprint(key), anchor: anchorDigest(path[len(path)-1]),
		from: path[0].NotBefore, until: path[0].NotAfter}
	for _, cert := range path[1:] {
		if cert.NotBefore.After(k.from) {
			k.from = cert.NotBefore
		}
		if cert.NotAfter.Before(k.until) {
			k.until = cert.NotAfter
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxChains {
		c.known = make(map[[sha256.Size]byte]knownChain)
	}
	c.known[id] = k
	return k, nil
}

// checkChain takes an x5c (DER, leaf first) to one of the roots and returns the
// chain with its anchor. The x5c holds neither the anchor nor anything beside
// the path, and its leaf signs, is no authority and does not vouch for itself
// (HAIP 1.0, 6.1.1; SD-JWT VC draft, 2.5).
func checkChain(x5c [][]byte, roots *x509.CertPool, now time.Time) ([]*x509.Certificate, error) {
	if roots == nil {
		return nil, errors.New("no trust anchor is configured for this type")
	}
	if len(x5c) == 0 || len(x5c) > maxChain {
		return nil, fmt.Errorf("x5c has %d certificates", len(x5c))
	}
	certs := make([]*x509.Certificate, len(x5c))
	between := x509.NewCertPool()
	for i, der := range x5c {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("x5c: certificate %d cannot be read", i)
		}
		if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			return nil, fmt.Errorf("x5c: certificate %d is self-signed", i)
		}
		if certs[i] = cert; i > 0 {
			between.AddCert(cert)
		}
	}
	if err := checkLeaf(certs[0]); err != nil {
		return nil, err
	}
	chains, err := certs[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, fmt.Errorf("x5c: %w", err)
	}
	for _, chain := range chains {
		if len(chain) == len(certs)+1 && slices.EqualFunc(certs, chain[:len(certs)], (*x509.Certificate).Equal) {
			return chain, nil
		}
	}
	return nil, errors.New("x5c is not exactly the path below a trust anchor")
}

func checkLeaf(leaf *x509.Certificate) error {
	_, err := onP256(leaf.PublicKey)
	switch {
	case leaf.IsCA:
		return errors.New("x5c: the leaf is a certificate authority")
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("x5c: the leaf's key usage does not allow signatures")
	case err != nil:
		return errors.New("x5c: the leaf's key is not on P-256")
	}
	return nil
}

// checkIssuer ties the name in iss to the certificate: else any issuer under a
// root could speak as any other.
func checkIssuer(iss string, leaf *x509.Certificate) error {
	for _, uri := range leaf.URIs {
		if uri.String() == iss {
			return nil
		}
	}
	if u, err := url.Parse(iss); err == nil && u.Scheme == "https" && slices.Contains(leaf.DNSNames, u.Hostname()) {
		return nil
	}
	return errors.New("iss is not a name in the certificate")
}
