package sdk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Keys are an agency's own: the key of its certificate, the certificate with
// its chain, and, for a provider, the key to which the hub encrypts.
type Keys struct {
	Agency string        // the agency's id, from the certificate
	Signer crypto.Signer // P-256; a file's key, or an HSM's
	Chain  [][]byte      // DER, leaf first, without the trust anchor
	// Encryption is the private half of the key in your catalogue entry: an
	// *ecdsa.PrivateKey, or a jose.OpaqueKeyDecrypter for an HSM; nil for who
	// only asks.
	Encryption any
}

// LoadKeys reads key.pem (PKCS #8), chain.pem (leaf first) and, if it is there,
// encryption.pem (PKCS #8) from a folder. Keys in an HSM need no file: fill Keys
// yourself.
func LoadKeys(dir string) (Keys, error) {
	var k Keys
	var err error
	if k.Chain, err = loadChain(filepath.Join(dir, "chain.pem")); err != nil {
		return k, fmt.Errorf("load keys: %w", err)
	}
	if k.Signer, err = loadSigner(filepath.Join(dir, "key.pem")); err != nil {
		return k, fmt.Errorf("load keys: %w", err)
	}
	if err := k.loadEncryption(filepath.Join(dir, "encryption.pem")); err != nil {
		return k, fmt.Errorf("load keys: %w", err)
	}
	if err := k.complete(); err != nil {
		return k, fmt.Errorf("load keys from %s: %w", dir, err)
	}
	return k, nil
}

// LoadDocumentKeys reads documents.pem (PKCS #8) and documents-chain.pem (leaf
// first): IssuerConfig's Signer and Chain. The key is another than the agency's,
// certified by the CA of credential issuers for the issuer's URL.
func LoadDocumentKeys(dir string) (crypto.Signer, [][]byte, error) {
	chain, err := loadChain(filepath.Join(dir, "documents-chain.pem"))
	if err != nil {
		return nil, nil, fmt.Errorf("load document keys: %w", err)
	}
	signer, err := loadSigner(filepath.Join(dir, "documents.pem"))
	if err != nil {
		return nil, nil, fmt.Errorf("load document keys: %w", err)
	}
	return signer, chain, nil
}

func loadChain(path string) (chain [][]byte, err error) {
	text, err := os.ReadFile(path)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
	return chain, err
}

func loadSigner(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if key, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			return nil, fmt.Errorf("%s holds no PKCS #8 key", path)
		}
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key in %s cannot sign", path)
	}
	return signer, nil
}

func (k *Keys) loadEncryption(path string) error {
	key, err := loadSigner(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, ok := key.(*ecdsa.PrivateKey); err == nil && !ok {
		err = fmt.Errorf("the key in %s is not on P-256", path)
	}
	k.Encryption = key
	return err
}

// complete checks that key and certificate belong together, and reads the
// agency's id: the one URI name of the certificate.
func (k *Keys) complete() error {
	if k.Signer == nil || len(k.Chain) == 0 {
		return errors.New("key and certificate are needed")
	}
	leaf, err := x509.ParseCertificate(k.Chain[0])
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	public, ok := k.Signer.Public().(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return errors.New("the key is not on P-256")
	}
	if !public.Equal(leaf.PublicKey) {
		return errors.New("the certificate is for another key")
	}
	if len(leaf.URIs) != 1 {
		return errors.New("the certificate does not name one agency")
	}
	if id := leaf.URIs[0].String(); k.Agency == "" {
		k.Agency = id
	} else if k.Agency != id {
		return fmt.Errorf("the certificate is for %s", id)
	}
	return nil
}
