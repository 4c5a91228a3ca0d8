package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"path/filepath"
	"time"
)

// The lives of certificates.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 2 * 365 * 24 * time.Hour
)

// Authority is a development CA.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// Certificate is what is asked of an authority: a leaf whose URI name says who
// it is (agency id, issuer or verifier URL). A URL's host becomes its DNS name.
type Certificate struct {
	Key  crypto.PublicKey
	Name string
	URI  string
	Now  func() time.Time
}

// LoadHub opens the hub's CA.
func LoadHub(dir string) (*Authority, error) { return loadAuthority(dir, hubCA, hubCAKey) }

func loadAuthority(dir, certificate, key string) (*Authority, error) {
	cert, err := readCertificate(filepath.Join(dir, certificate))
	if err != nil {
		return nil, err
	}
	signer, err := readKey(filepath.Join(dir, key))
	return &Authority{Certificate: cert, Key: signer}, err
}

// IssueCertificate makes a leaf under the hub's CA.
func (r *Ring) IssueCertificate(c Certificate) ([][]byte, error) {
	return (&Authority{Certificate: r.ca, Key: r.caKey}).Issue(c)
}

// Issue makes a leaf and returns its x5c chain: the leaf alone, for a trust
// anchor is never sent (HAIP 1.0, 6.1.1).
func (a *Authority) Issue(c Certificate) ([][]byte, error) {
	uri, err := url.Parse(c.URI)
	if err != nil || !uri.IsAbs() {
		return nil, errors.New("the certificate's URI name is not an absolute URI")
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	template, err := template(c.Name, now(), leafLife)
	if err != nil {
		return nil, err
	}
	if end := a.Certificate.NotAfter; template.NotAfter.After(end) {
		template.NotAfter = end // no longer than what it stands on
	}
	if !template.NotAfter.After(now()) {
		return nil, fmt.Errorf("the certification authority ended at %s", a.Certificate.NotAfter.Format(time.RFC3339))
	}
	template.URIs = []*url.URL{uri}
	if name := host(c.URI); name != "" {
		template.DNSNames = []string{name}
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, c.Key, a.Key)
	if err != nil {
		return nil, err
	}
	return [][]byte{der}, nil
}

func selfSigned(key crypto.Signer, name string, now time.Time) ([]byte, error) {
	template, err := template(name, now, authorityLife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

func template(name string, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(life),

		BasicConstraintsValid: true,
	}, nil
}
