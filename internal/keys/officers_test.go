package keys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/govmydata/mydata/internal/keys"
)

// TestOfficersPublicKeys: a deployment has no more of its officers than this.
func TestOfficersPublicKeys(t *testing.T) {
	dir := t.TempDir()
	if err := keys.Generate(dir, keys.Options{Issuer: "http://localhost", LogOrigin: "test"}); err != nil {
		t.Fatal(err)
	}
	put := func(curve elliptic.Curve) *ecdsa.PrivateKey {
		t.Helper()
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		if err := os.WriteFile(filepath.Join(dir, "officers", "1.pem"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		return key
	}
	key := put(elliptic.P256())
	ring, err := keys.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("it reads a public key", func(t *testing.T) {
		officers, err := ring.Officers()
		if err != nil || len(officers) != 2 || !key.PublicKey.Equal(officers[0].Key) || officers[0].KeyID == officers[1].KeyID {
			t.Error(officers, err)
		}
	})
	t.Run("it cannot sign with one", func(t *testing.T) {
		if _, err := ring.OfficerSigners(); err == nil {
			t.Error("it can")
		}
	})
	t.Run("it leaves it where it is", func(t *testing.T) {
		if err := keys.Generate(dir, keys.Options{Issuer: "http://localhost", LogOrigin: "test"}); err != nil {
			t.Fatal(err)
		}
		if officers, err := ring.Officers(); err != nil || !key.PublicKey.Equal(officers[0].Key) {
			t.Error(err)
		}
	})
	t.Run("it refuses a key on another curve, and none", func(t *testing.T) {
		put(elliptic.P384())
		if _, err := ring.Officers(); err == nil {
			t.Error("taken")
		}
		if err := os.WriteFile(filepath.Join(dir, "officers", "1.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Officers(); err == nil {
			t.Error("taken")
		}
	})
}
