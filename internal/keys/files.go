package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/govmydata/mydata/internal/durable"
)

// The files below the data directory.
const (
	hubCA      = "hub-ca.pem"
	hubCAKey   = "keys/hub-ca.key.pem"
	logKey     = "keys/log.pem"
	logPublic  = "keys/log.vkey"
	nextLogKey = "keys/log-%d.pem" // with .vkey and .change beside it; the second log key is number 2
	secretFile = "keys/secret"
)

// The officers' keys, a file each; below "former" are those of whoever left.
const (
	officersDir = "officers"
	formerDir   = "officers/former"
)

// madeOfficers are the two that keygen makes where there is none.
var madeOfficers = []string{"officers/1.pem", "officers/2.pem"}

// keyFiles names the keys in a folder below dir, which need not be there.
func keyFiles(dir, folder string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && filepath.Ext(e.Name()) == ".pem" {
			names = append(names, filepath.Join(folder, e.Name()))
		}
	}
	return names, err
}

// ReadKey reads a P-256 private key (PEM, PKCS #8) that only its owner may read.
func ReadKey(path string) (crypto.Signer, error) { return readKey(path) }

// kind is what a key is, in the words of whoever has to replace it.
type kind string

const (
	p256   kind = "a P-256 key"
	rsaKey kind = "an RSA key of 2048 to 4096 bits"
)

// madeRSA is the length of RSA keys made here: as strong as P-256 (NIST SP 800-57).
const madeRSA = 3072

func (k kind) is(public crypto.PublicKey) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return k == p256 && key.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return k == rsaKey && key.N.BitLen() >= 2048 && key.N.BitLen() <= 4096
	}
	return false
}

func (k kind) generate() (crypto.Signer, error) {
	if k == rsaKey {
		return rsa.GenerateKey(rand.Reader, madeRSA)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// ReadChain reads an x5c chain (PEM, leaf first) and checks that its leaf is
// key's certificate.
func ReadChain(path string, key crypto.Signer) ([][]byte, error) {
	return readChain(path, key.Public())
}

func readKey(path string) (crypto.Signer, error) { return readSigner(path, p256) }

func readSigner(path string, k kind) (crypto.Signer, error) {
	parsed, err := readPKCS8(path)
	if err != nil {
		return nil, err
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok || !k.is(signer.Public()) {
		return nil, fmt.Errorf("%s: not %s", path, k)
	}
	return signer, nil
}

// readPublic reads a public key (PUBLIC KEY in PEM), or that of a private one.
func readPublic(path string, k kind) (crypto.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		signer, err := readSigner(path, k)
		if err != nil {
			return nil, err
		}
		return signer.Public(), nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !k.is(parsed) {
		return nil, fmt.Errorf("%s: not %s", path, k)
	}
	return parsed, nil
}

func readEd25519(path string) (ed25519.PrivateKey, error) {
	parsed, err := readPKCS8(path)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: not an Ed25519 key", path)
	}
	return key, nil
}

func readPKCS8(path string) (any, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s: not a PEM private key (PKCS #8)", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return parsed, nil
}

// readPrivate refuses a file that others may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it (mode %o); chmod 600 it", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

// ReadRoots reads trust anchors (PEM), each of them whole: x509.CertPool would leave
// out what it cannot read.
func ReadRoots(path string) (*x509.CertPool, error) {
	all, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for i, der := range all {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", path, i+1, err)
		}
		pool.AddCert(root)
	}
	return pool, nil
}

// readCertificates reads one or more, and nothing else.
func readCertificates(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var chain [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: a PEM block that is no certificate", path)
		}
		chain = append(chain, block.Bytes)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s: no certificate", path)
	}
	return chain, nil
}

func readChain(path string, key crypto.PublicKey) ([][]byte, error) {
	chain, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if public, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(key) {
		return nil, fmt.Errorf("%s: the certificate is for another key", path)
	}
	return chain, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s: no certificate", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

// missing says whether a file is not there; anything else than "not there" is
// an error, lest a key be made anew because a disk could not be read.
func missing(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// write makes a file whole or not at all, and never over another.
func write(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.Create(path, data, mode)
}

func keyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func chainPEM(chain ...[]byte) []byte {
	var out []byte
	for _, der := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}
