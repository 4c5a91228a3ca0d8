package openid4vci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// MediaTypeJWT is the content type of encrypted messages and of signed metadata
// (sections 10 and 12.2.2).
const MediaTypeJWT = "application/jwt"

// KeyAlgorithm is the one JWE alg of encrypted messages.
const KeyAlgorithm = jose.ECDH_ES

// ContentEncryptions are the JWE enc values that are spoken, both ways.
func ContentEncryptions() []string { return []string{string(jose.A128GCM), string(jose.A256GCM)} }

// RequestEncryption is the metadata's credential_request_encryption
// (section 12.2.4). No compression is offered: zip_values_supported is never
// there.
type RequestEncryption struct {
	JWKS               jose.JSONWebKeySet `json:"jwks"`
	EncValuesSupported []string           `json:"enc_values_supported"`
	EncryptionRequired bool               `json:"encryption_required"`
}

// ResponseEncryption is the metadata's credential_response_encryption.
type ResponseEncryption struct {
	AlgValuesSupported []string `json:"alg_values_supported"`
	EncValuesSupported []string `json:"enc_values_supported"`
	EncryptionRequired bool     `json:"encryption_required"`
}

// Encryption is a request's credential_response_encryption (section 8.2): to
// which key, and how, the answer is encrypted.
type Encryption struct {
	JWK jose.JSONWebKey `json:"jwk"`
	Enc string          `json:"enc"`
	Zip string          `json:"zip,omitempty"`
}

// ParseEncryption reads a credential_response_encryption. Refusals are *Error
// with InvalidEncryptionParameters.
func ParseEncryption(body stdjson.RawMessage) (*Encryption, error) {
	var shape struct {
		JWK json.RawMessage `json:"jwk"`
		Enc string          `json:"enc"`
		Zip *string         `json:"zip"`
	}
	if err := decode(body, &shape); err != nil {
		return nil, badEncryption("encryption", "%v", err)
	}
	switch {
	case len(shape.JWK) == 0:
		return nil, badEncryption("jwk", "missing")
	case !slices.Contains(ContentEncryptions(), shape.Enc):
		return nil, badEncryption("enc", "must be one of %v", ContentEncryptions())
	case shape.Zip != nil:
		return nil, badEncryption("zip", "no compression is offered")
	}
	e := &Encryption{Enc: shape.Enc}
	if err := e.JWK.UnmarshalJSON(shape.JWK); err != nil {
		return nil, badEncryption("jwk", "not a key")
	}
	public, ok := e.JWK.Key.(*ecdsa.PublicKey)
	switch {
	case !ok || !e.JWK.IsPublic() || !onCurve(public):
		return nil, badEncryption("jwk", "not a public key of P-256, P-384 or P-521")
	case e.JWK.Algorithm != string(KeyAlgorithm):
		return nil, badEncryption("alg", "the alg of the jwk must be %s", KeyAlgorithm)
	case e.JWK.Use != "" && e.JWK.Use != "enc":
		return nil, badEncryption("use", "the use of the jwk is not enc")
	}
	return e, nil
}

func onCurve(key *ecdsa.PublicKey) bool {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if key.Curve == curve {
			return true
		}
	}
	return false
}

// Seal encrypts a message (section 10): alg of the JWK, its kid repeated, no
// compression.
func (e *Encryption) Seal(message any) (string, error) {
	plain, err := json.Marshal(message)
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	recipient := jose.Recipient{Algorithm: KeyAlgorithm, Key: e.JWK.Key, KeyID: e.JWK.KeyID}
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(e.Enc), recipient, nil)
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	object, err := encrypter.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	return object.CompactSerialize()
}

// maxSealed bounds a JWE: a message, in base64url, with its header.
const maxSealed = MaxMessage*4/3 + 4096

// Open decrypts what Seal made, with one of the private keys, by kid. The header
// is read before anything is decrypted, so that nothing compressed, of another
// alg or enc, or for another key costs more than its reading. Refusals are
// *Error: InvalidEncryptionParameters for the header, InvalidCredentialRequest
// for what does not open.
func Open(jwe string, keys []jose.JSONWebKey) ([]byte, error) {
	if len(jwe) > maxSealed {
		return nil, refuse(InvalidCredentialRequest, "jwe", "longer than %d bytes", maxSealed)
	}
	key, err := sealedFor(jwe, keys)
	if err != nil {
		return nil, err
	}
	encryptions := []jose.ContentEncryption{jose.A128GCM, jose.A256GCM}
	object, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{KeyAlgorithm}, encryptions)
	if err != nil {
		return nil, refuse(InvalidCredentialRequest, "jwe", "not a compact JWE")
	}
	plain, err := object.Decrypt(key.Key)
	if err != nil {
		return nil, refuse(InvalidCredentialRequest, "jwe", "not for this key, or changed on its way")
	}
	return plain, nil
}

// sealedFor reads the header of a JWE and finds the key that it names.
func sealedFor(jwe string, keys []jose.JSONWebKey) (jose.JSONWebKey, error) {
	var none jose.JSONWebKey
	encoded, _, _ := strings.Cut(jwe, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || strings.Count(jwe, ".") != 4 {
		return none, refuse(InvalidCredentialRequest, "jwe", "not a compact JWE")
	}
	var header struct {
		Alg  string           `json:"alg"`
		Enc  string           `json:"enc"`
		Kid  *string          `json:"kid"`
		Zip  *string          `json:"zip"`
		Cty  *string          `json:"cty"`
		Crit *json.RawMessage `json:"crit"`
	}
	if err := decode(raw, &header); err != nil {
		return none, refuse(InvalidCredentialRequest, "jwe header", "%v", err)
	}
	switch {
	case header.Alg != string(KeyAlgorithm):
		return none, badEncryption("alg", "must be %s", KeyAlgorithm)
	case !slices.Contains(ContentEncryptions(), header.Enc):
		return none, badEncryption("enc", "must be one of %v", ContentEncryptions())
	case header.Zip != nil:
		return none, badEncryption("zip", "no compression is offered")
	case header.Cty != nil || header.Crit != nil:
		return none, badEncryption("header", "cty and crit are not understood")
	case header.Kid == nil:
		return none, badEncryption("kid", "missing; repeat that of the key in the metadata")
	}
	i := slices.IndexFunc(keys, func(k jose.JSONWebKey) bool { return k.KeyID == *header.Kid })
	if i < 0 {
		return none, badEncryption("kid", "no key of the metadata")
	}
	return keys[i], nil
}

func badEncryption(check, format string, args ...any) *Error {
	return refuse(InvalidEncryptionParameters, check, format, args...)
}

// RequestKeys are the public halves, as the metadata shows them.
func RequestKeys(keys []jose.JSONWebKey) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	for _, key := range keys {
		public := key.Public()
		if key.KeyID == "" || !public.Valid() {
			return set, errors.New("request keys: a key without kid, or not a private key")
		}
		public.Algorithm, public.Use = string(KeyAlgorithm), "enc"
		set.Keys = append(set.Keys, public)
	}
	return set, nil
}
