package witness

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/govmydata/mydata/pkg/tlog"
)

// persist replaces a file: whole or not at all, and durable on return.
func persist(name string, data []byte) (err error) {
	folder := filepath.Dir(name)
	file, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Key loads the witness's Ed25519 key from witness.pem (PKCS #8) in a folder,
// and makes folder and key when they are missing.
func Key(folder, name string) (crypto.Signer, tlog.Key, error) {
	file := filepath.Join(folder, "witness.pem")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		if text, err = newKey(); err == nil {
			if err = os.MkdirAll(folder, 0o700); err == nil {
				err = persist(file, text)
			}
		}
	}
	if err != nil {
		return nil, tlog.Key{}, fmt.Errorf("witness key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, tlog.Key{}, fmt.Errorf("witness key: %s is no PEM file", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, tlog.Key{}, fmt.Errorf("witness key: %w", err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, tlog.Key{}, fmt.Errorf("witness key: %s is no Ed25519 key", file)
	}
	return private, tlog.WitnessKey(name, private.Public().(ed25519.PublicKey)), nil
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
