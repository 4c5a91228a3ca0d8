package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	insurerID  = "urn:mydata:agency:health-insurance"
	licenceID  = "urn:mydata:agency:driving-licence"
	townHallID = "urn:mydata:agency:town-hall"
	housingID  = "urn:mydata:agency:housing-benefit"
)

// An agency as its own office holds it: the certified key that signs, the key
// to which others encrypt.
type agency struct {
	id         string
	dir        string
	key        *ecdsa.PrivateKey
	encryption *ecdsa.PrivateKey
	chain      []*x509.Certificate // leaf first, no trust anchor
}

// governmentCA plays the CA that certifies agencies. The hub has no part in it:
// it is told the certificate, as every agency is.
type governmentCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func openCA(dir string, now time.Time) (*governmentCA, error) {
	key, err := openKey(filepath.Join(dir, "ca-key.pem"))
	if err != nil {
		return nil, err
	}
	cert, err := openCertificate(filepath.Join(dir, "ca.pem"), func() ([]byte, error) {
		template := &x509.Certificate{
			SerialNumber:          serial(),
			Subject:               pkix.Name{Country: []string{"KR"}, Organization: []string{"MyData demo"}, CommonName: "Government CA (demo)"},
			NotBefore:             now.Add(-time.Hour),
			NotAfter:              now.AddDate(10, 0, 0),
			IsCA:                  true,
			BasicConstraintsValid: true,
			MaxPathLenZero:        true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	})
	return &governmentCA{key: key, cert: cert}, err
}

// openAgency makes what is missing of an agency's office. Its certificate
// carries the agency id as a URI SAN.
func (ca *governmentCA) openAgency(dir, id, name string, now time.Time) (*agency, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, err := openKey(filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, err
	}
	encryption, err := openKey(filepath.Join(dir, "encryption.pem"))
	if err != nil {
		return nil, err
	}
	cert, err := openCertificate(filepath.Join(dir, "chain.pem"), func() ([]byte, error) {
		uri, err := url.Parse(id)
		if err != nil {
			return nil, err
		}
		template := &x509.Certificate{
			SerialNumber: serial(),
			Subject:      pkix.Name{Country: []string{"KR"}, Organization: []string{name}, CommonName: name},
			NotBefore:    now.Add(-time.Hour),
			NotAfter:     now.AddDate(2, 0, 0),
			URIs:         []*url.URL{uri},
			KeyUsage:     x509.KeyUsageDigitalSignature,
		}
		return x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	})
	if err != nil {
		return nil, err
	}
	return &agency{id: id, dir: dir, key: key, encryption: encryption, chain: []*x509.Certificate{cert}}, nil
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // crypto/rand does not fail
	return n.Add(n, big.NewInt(1))
}

func openKey(path string) (*ecdsa.PrivateKey, error) {
	block, err := openPEM(path, "PRIVATE KEY", 0o600, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(key)
	})
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: want an EC key", path)
	}
	return ec, nil
}

func openCertificate(path string, create func() ([]byte, error)) (*x509.Certificate, error) {
	block, err := openPEM(path, "CERTIFICATE", 0o644, create)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(block)
}

// openPEM returns the first block of the file, which it makes when missing.
func openPEM(path, kind string, mode fs.FileMode, create func() ([]byte, error)) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		der, err := create()
		if err != nil {
			return nil, err
		}
		return der, writeFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: no %s in it; delete it to have a new one made", path, kind)
	}
	return block.Bytes, nil
}

// writeFile puts a file in place whole, so that an interrupted start leaves none half written.
func writeFile(path string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
