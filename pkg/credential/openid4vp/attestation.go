package openid4vp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// AttestationTyp is the JOSE typ of a verifier attestation (section 12).
const AttestationTyp = "verifier-attestation+jwt"

const (
	maxAttestation = 16 << 10
	skew           = time.Minute
)

// attestationClaims are those of section 12; others are ignored.
type attestationClaims struct {
	Iss          string   `json:"iss"`
	Sub          string   `json:"sub"`
	Iat          int64    `json:"iat"`
	Nbf          int64    `json:"nbf"`
	Exp          int64    `json:"exp"`
	RedirectURIs []string `json:"redirect_uris"`
	CNF          struct {
		JWK jose.JSONWebKey `json:"jwk"`
	} `json:"cnf"`
}

var errAttestation = errors.New("verifier attestation")

// peekAttestation reads an attestation without believing it.
func peekAttestation(text string) (attestationClaims, *jose.JSONWebSignature, error) {
	var c attestationClaims
	if len(text) > maxAttestation {
		return c, nil, fmt.Errorf("%w: longer than %d bytes", errAttestation, maxAttestation)
	}
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return c, nil, fmt.Errorf("%w: not a compact JWS signed with ES256", errAttestation)
	}
	var header struct {
		Typ string `json:"typ"`
	}
	if err := readHeader(text, &header); err != nil {
		return c, nil, fmt.Errorf("%w: %w", errAttestation, err)
	}
	if header.Typ != AttestationTyp {
		return c, nil, fmt.Errorf("%w: typ must be %s", errAttestation, AttestationTyp)
	}
	if err := decode(jws.UnsafePayloadWithoutVerification(), maxAttestation, &c); err != nil {
		return c, nil, fmt.Errorf("%w: %w", errAttestation, err)
	}
	key, ok := c.CNF.JWK.Key.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return c, nil, fmt.Errorf("%w: cnf.jwk must be a public key on P-256", errAttestation)
	}
	return c, jws, nil
}

// AttestedClient is the verifier that an attestation of one's own is about.
func AttestedClient(attestation string) (string, error) {
	c, _, err := peekAttestation(attestation)
	return c.Sub, err
}

// checkAttestation is the wallet's check: signed by whom it trusts to attest
// verifiers, about this client, in time.
func (t Trust) checkAttestation(text, subject string) (attestationClaims, error) {
	c, jws, err := peekAttestation(text)
	if err != nil {
		return c, err
	}
	keys, known := t.Attesters[c.Iss]
	if !known {
		return c, fmt.Errorf("%w: this wallet does not trust its issuer", errAttestation)
	}
	key, err := one(keys, jws.Signatures[0].Header.KeyID)
	if err != nil {
		return c, fmt.Errorf("%w: %w", errAttestation, err)
	}
	if _, err := jws.Verify(key); err != nil {
		return c, fmt.Errorf("%w: not signed by its issuer", errAttestation)
	}
	now := t.now()
	switch {
	case c.Sub != subject:
		return c, fmt.Errorf("%w: is about another verifier", errAttestation)
	case c.Exp == 0 || !now.Before(time.Unix(c.Exp, 0)):
		return c, fmt.Errorf("%w: has expired, or never does", errAttestation)
	case time.Unix(max(c.Iat, c.Nbf), 0).After(now.Add(skew)):
		return c, fmt.Errorf("%w: is not valid yet", errAttestation)
	}
	return c, nil
}

// one finds the key that a header names, or the only one there is.
func one(keys jose.JSONWebKeySet, kid string) (*ecdsa.PublicKey, error) {
	found := keys.Keys
	if kid != "" {
		found = keys.Key(kid)
	}
	if len(found) != 1 {
		return nil, errors.New("kid names no key, or the key is not named")
	}
	key, ok := found[0].Key.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() || found[0].Use == "enc" {
		return nil, errors.New("the key is not for ES256")
	}
	return key, nil
}

// readHeader reads the protected header of a compact JWS or JWE.
func readHeader(compact string, into any) error {
	encoded, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return errors.New("the header is not base64url")
	}
	return decode(raw, MaxRequest, into)
}
