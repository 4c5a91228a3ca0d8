package openid4vci

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// KeyAttestationTyp is the JOSE typ of a key attestation (appendix D.1).
const KeyAttestationTyp = "key-attestation+jwt"

// maxAttestedKeys bounds one attestation, however many credentials are issued.
const maxAttestedKeys = 64

// KeyAttestations is what an issuer asks of key attestations. The zero value
// trusts nobody; a nil one asks for none and reads none.
type KeyAttestations struct {
	Roots []*x509.Certificate // whoever vouches for keys; none are built in
	// Required: no key is taken without one.
	Required bool
	// KeyStorage and UserAuthentication are the levels that will do (appendix
	// D.2), one of each list at least; an empty list asks nothing.
	KeyStorage         []string
	UserAuthentication []string
	MaxAge             time.Duration // of iat; 0 means no limit: the nonce says when
	// Status asks whether what an attestation's status claim points to still
	// stands (AttestationStatus); nil refuses attestations that have one, since
	// nobody looked.
	Status func(ctx context.Context, status []byte, root *x509.Certificate) error
}

// Metadata is the member of the issuer's metadata (section 12.2.4); nil where
// none is required.
func (k *KeyAttestations) Metadata() *KeyAttestationsRequired {
	if k == nil || !k.Required {
		return nil
	}
	return &KeyAttestationsRequired{KeyStorage: k.KeyStorage, UserAuthentication: k.UserAuthentication}
}

// KeyAttestationsRequired is key_attestations_required of a proof type.
type KeyAttestationsRequired struct {
	KeyStorage         []string `json:"key_storage,omitempty"`
	UserAuthentication []string `json:"user_authentication,omitempty"`
}

// KeyAttestation is one that passed every check.
type KeyAttestation struct {
	Keys               []jose.JSONWebKey
	KeyStorage         []string
	UserAuthentication []string
	Certification      string
	Nonce              string
	Expires            time.Time // zero: none
	Root               *x509.Certificate
}

// ReadKeyAttestation checks a key attestation (appendix D.1). withProof says
// that it came in the header of a jwt proof, and so must have exp. Its nonce is
// the issuer's to spend. Errors are *AttestationError.
func ReadKeyAttestation(ctx context.Context, compact string, k KeyAttestations, withProof bool, now time.Time) (KeyAttestation, error) {
	var a KeyAttestation
	open, err := openAttestation(compact, KeyAttestationTyp, k.Roots, now)
	if err != nil {
		return a, err
	}
	var c struct {
		IssuedAt           *float64          `json:"iat"`
		NotFrom            *float64          `json:"nbf"`
		Expires            *float64          `json:"exp"`
		Keys               []json.RawMessage `json:"attested_keys"`
		KeyStorage         *[]string         `json:"key_storage"`
		UserAuthentication *[]string         `json:"user_authentication"`
		Certification      string            `json:"certification"`
		Nonce              string            `json:"nonce"`
		Status             json.RawMessage   `json:"status"`
	}
	if err := decode(open.payload, &c); err != nil {
		return a, refuseAttestation("claims", "%v", err)
	}
	a = KeyAttestation{Certification: c.Certification, Nonce: c.Nonce, Root: open.root}
	if a.Expires, err = keyAttestationTimes(c.IssuedAt, c.NotFrom, c.Expires, withProof, k.MaxAge, now); err != nil {
		return a, err
	}
	if a.Keys, err = attestedKeys(c.Keys); err != nil {
		return a, err
	}
	if a.KeyStorage, err = level("key_storage", c.KeyStorage, k.KeyStorage); err != nil {
		return a, err
	}
	if a.UserAuthentication, err = level("user_authentication", c.UserAuthentication, k.UserAuthentication); err != nil {
		return a, err
	}
	if u, err := url.Parse(c.Certification); c.Certification != "" && (err != nil || !u.IsAbs()) {
		return a, refuseAttestation("certification", "is not a URL")
	}
	if len(c.Status) > 0 && (k.Status == nil || k.Status(ctx, c.Status, a.Root) != nil) {
		return a, refuseAttestation("status", "cannot be confirmed")
	}
	return a, nil
}

func keyAttestationTimes(iat, nbf, exp *float64, withProof bool, maxAge time.Duration, now time.Time) (time.Time, error) {
	if iat == nil {
		return time.Time{}, refuseAttestation("iat", "missing")
	}
	if exp == nil && withProof {
		return time.Time{}, refuseAttestation("exp", "missing; a jwt proof needs it")
	}
	expires, err := attestationTimes(iat, nbf, exp, 0, now)
	if err != nil {
		return expires, err
	}
	if issued := time.Unix(int64(*iat), 0); maxAge > 0 && now.Sub(issued) > maxAge {
		return expires, &AttestationError{Check: "iat", Cause: "it is too old", Stale: true}
	}
	return expires, nil
}

func attestedKeys(raw []json.RawMessage) ([]jose.JSONWebKey, error) {
	if len(raw) == 0 || len(raw) > maxAttestedKeys {
		return nil, refuseAttestation("attested_keys", "one to %d are needed", maxAttestedKeys)
	}
	var keys []jose.JSONWebKey
	for _, jwk := range raw {
		key, err := attestedKey(jwk)
		if err != nil {
			return nil, err
		}
		if holds(keys, key) {
			return nil, refuseAttestation("attested_keys", "one key is given twice")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// level compares what is asserted with what will do.
func level(claim string, given *[]string, accepted []string) ([]string, error) {
	if given == nil {
		if len(accepted) > 0 {
			return nil, refuseAttestation(claim, "missing")
		}
		return nil, nil
	}
	if len(*given) == 0 {
		return nil, refuseAttestation(claim, "must not be empty")
	}
	if len(accepted) > 0 && !slices.ContainsFunc(*given, func(v string) bool { return slices.Contains(accepted, v) }) {
		return nil, refuseAttestation(claim, "none of what this issuer accepts")
	}
	return *given, nil
}

func holds(keys []jose.JSONWebKey, key jose.JSONWebKey) bool {
	public, err := p256(key)
	return err == nil && slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool {
		other, err := p256(k)
		return err == nil && public.Equal(crypto.PublicKey(other))
	})
}

func p256(key jose.JSONWebKey) (*ecdsa.PublicKey, error) {
	public, ok := key.Key.(*ecdsa.PublicKey)
	if !ok {
		return nil, refuseAttestation("key", "not a public P-256 key")
	}
	return public, nil
}
