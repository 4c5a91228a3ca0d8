package consenttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// NewKey makes a P-256 key.
func NewKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return key
}

// Authority is a CA.
type Authority struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes a self-signed CA.
func NewAuthority(name string, now time.Time) *Authority {
	key := NewKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(9, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return &Authority{cert, key}
}

// Pool is the CA as a trust anchor.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return pool
}

// PEM is the CA's certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Cert.Raw})
}

// Agency is an agency's identity: certificate key, chain, encryption key.
type Agency struct {
	ID         string
	Key        *ecdsa.PrivateKey
	Chain      [][]byte
	Encryption *ecdsa.PrivateKey
}

// Agency certifies one, with its id as the URI SAN.
func (a *Authority) Agency(id string) Agency {
	address, err := url.Parse(id)
	must(err)
	key := NewKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: id}, URIs: []*url.URL{address},
		NotBefore: a.Cert.NotBefore, NotAfter: a.Cert.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Cert, key.Public(), a.key)
	must(err)
	return Agency{ID: id, Key: key, Chain: [][]byte{der}, Encryption: NewKey()}
}

// EncryptionJWK is what the agency publishes.
func (a Agency) EncryptionJWK() jose.JSONWebKey {
	key := jose.JSONWebKey{Key: a.Encryption.Public(), Use: "enc", Algorithm: string(jose.ECDH_ES)}
	key.KeyID = thumbprint(key)
	return key
}

func public(key *ecdsa.PrivateKey) jose.JSONWebKey {
	jwk := jose.JSONWebKey{Key: key.Public(), Use: "sig", Algorithm: string(jose.ES256)}
	jwk.KeyID = thumbprint(jwk)
	return jwk
}

func thumbprint(key jose.JSONWebKey) string {
	kid, err := approval.Thumbprint(key)
	must(err)
	return kid
}

// Named certifies a key for one URI: a credential issuer's.
func (a *Authority) Named(uri string) (*ecdsa.PrivateKey, [][]byte) {
	named := a.Agency(uri)
	return named.Key, named.Chain
}
