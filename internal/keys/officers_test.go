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

// Officers come and go by files; keygen adds none to those there are or were.
func TestOfficersComeAndGo(t *testing.T) {
	dir := t.TempDir()
	options := keys.Options{Issuer: "http://localhost", LogOrigin: "test"}
	count := func(now, former int) {
		t.Helper()
		if err := keys.Generate(dir, options); err != nil {
			t.Fatal(err)
		}
		ring, err := keys.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		officers, err := ring.Officers()
		gone, err2 := ring.FormerOfficers()
		if (err == nil) != (now >= 2) || err2 != nil || len(officers) != now || len(gone) != former {
			t.Errorf("%d officers (%v) and %d former (%v), not %d and %d", len(officers), err, len(gone), err2, now, former)
		}
	}
	move := func(from, to string) {
		t.Helper()
		to = filepath.Join(dir, "officers", to)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "officers", from), to); err != nil {
			t.Fatal(err)
		}
	}
	count(2, 0)
	move("1.pem", "lee.pem")
	count(2, 0)
	move("lee.pem", "former/lee.pem")
	count(1, 1)
	move("2.pem", "former/2.pem")
	count(0, 2)
	move("former/2.pem", "2.pem")
	move("former/lee.pem", "lee.pem")
	count(2, 0)
}
