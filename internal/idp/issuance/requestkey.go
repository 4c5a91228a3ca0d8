package issuance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// RequestKey is the key to which wallets encrypt their requests, made of a secret
// that all replicas have and that outlives a restart: wallets keep the metadata for
// a while.
func RequestKey(secret []byte) (jose.JSONWebKey, error) {
	for try := range 8 { // a scalar outside of the group's order: once in 2^32
		scalar, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("mydata/credential-request/%d", try), 32)
		if err != nil {
			return jose.JSONWebKey{}, fmt.Errorf("request key: %w", err)
		}
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err != nil {
			continue
		}
		jwk := jose.JSONWebKey{Key: key}
		sum, err := jwk.Thumbprint(crypto.SHA256)
		if err != nil {
			return jose.JSONWebKey{}, fmt.Errorf("request key: %w", err)
		}
		jwk.KeyID = base64.RawURLEncoding.EncodeToString(sum[:12])
		return jwk, nil
	}
	return jose.JSONWebKey{}, fmt.Errorf("request key: the secret gives no key")
}
