package witness

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/pkg/tlog"
)

// The files of a witness, in its folder.
const (
	keyFile  = "witness.key"  // PKCS #8, PEM
	vkeyFile = "witness.vkey" // the verifier key, with the name
)

// Generate makes the folder, the Ed25519 key and the verifier key under this
// name, each only where it is missing, and gives the verifier key.
func Generate(folder, name string) (tlog.Key, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return tlog.Key{}, fmt.Errorf("witness key: %w", err)
	}
	file := filepath.Join(folder, keyFile)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		text, err := newKey()
		if err == nil {
			err = durable.Create(file, text, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrExist) { // another made it meanwhile
			return tlog.Key{}, fmt.Errorf("witness key: %w", err)
		}
	}
	file = filepath.Join(folder, vkeyFile)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		private, err := readKey(folder)
		if err != nil {
			return tlog.Key{}, err
		}
		key := tlog.WitnessKey(name, private.Public().(ed25519.PublicKey))
		if _, err := tlog.ParseKey(key.String()); err != nil {
			return tlog.Key{}, fmt.Errorf("witness key: %q cannot be a name: %w", name, err)
		}
		if err := durable.Create(file, []byte(key.String()+"\n"), 0o600); err != nil && !errors.Is(err, os.ErrExist) {
			return tlog.Key{}, fmt.Errorf("witness key: %w", err)
		}
	}
	_, key, err := Load(folder)
	return key, err
}

// Load reads what Generate made.
func Load(folder string) (crypto.Signer, tlog.Key, error) {
	private, err := readKey(folder)
	if err != nil {
		return nil, tlog.Key{}, err
	}
	text, err := os.ReadFile(filepath.Join(folder, vkeyFile))
	if err != nil {
		return nil, tlog.Key{}, fmt.Errorf("witness key: %w", err)
	}
	key, err := tlog.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, tlog.Key{}, fmt.Errorf("witness key: %s: %w", vkeyFile, err)
	}
	if !key.IsWitness() || !key.Public.Equal(private.Public()) {
		return nil, tlog.Key{}, fmt.Errorf("witness key: %s is not that of %s", vkeyFile, keyFile)
	}
	return private, key, nil
}

func readKey(folder string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(filepath.Join(folder, keyFile))
	if err != nil {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("witness key: %s is no PEM file", keyFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("witness key: %w", err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("witness key: %s is no Ed25519 key", keyFile)
	}
	return private, nil
}

func newKey() ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Lock keeps a second process from cosigning with the same state: two of them
// could vouch for two logs. It ends with Close, or with the process.
func Lock(stateFile string) (io.Closer, error) {
	file, err := os.OpenFile(stateFile+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("witness state: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("witness state %s is in use by another process: %w", stateFile, err), file.Close())
	}
	return file, nil
}
