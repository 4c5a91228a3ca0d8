package approval_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// TestThumbprint: it is go-jose's, whatever the kind of the key.
func TestThumbprint(t *testing.T) {
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	ok(t, "key", err)
	wide, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	ok(t, "key", err)
	factors, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, "key", err)
	narrow, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, "key", err)
	for _, key := range []jose.JSONWebKey{
		{Key: narrow.Public(), KeyID: "another", Use: "sig"}, {Key: wide.Public(), Algorithm: "ES512"}, {Key: edwards}, {Key: factors.Public()},
	} {
		sum, err := key.Thumbprint(crypto.SHA256)
		ok(t, "thumbprint", err)
		if got, err := approval.Thumbprint(key); err != nil || got != base64.RawURLEncoding.EncodeToString(sum) {
			t.Errorf("%T: %q (%v)", key.Key, got, err)
		}
	}
	for _, key := range []jose.JSONWebKey{{}, {Key: &ecdsa.PublicKey{Curve: elliptic.P256()}}, {Key: "text"}} {
		if got, err := approval.Thumbprint(key); err == nil {
			t.Errorf("%#v is named %q", key.Key, got)
		}
	}
}
