package openid4vci

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// attested reads the key attestation in the header of a jwt proof that is
// otherwise good (appendix F.1): the key that signed the proof must be among
// those attested. It answers with these, and with the attestation's nonce.
func (p ProofPolicy) attested(ctx context.Context, proof string, key jose.JSONWebKey) ([]jose.JSONWebKey, []string, error) {
	if p.KeyAttestations == nil {
		return nil, nil, nil
	}
	raw, err := keyAttestationOf(proof)
	if err != nil {
		return nil, nil, err
	}
	if raw == nil {
		if p.KeyAttestations.Required {
			return nil, nil, refuse(InvalidProof, "key attestation", "missing: this issuer takes attested keys alone")
		}
		return nil, nil, nil
	}
	a, err := p.read(ctx, *raw, true)
	if err != nil {
		return nil, nil, err
	}
	if !holds(a.Keys, key) {
		return nil, nil, refuse(InvalidProof, "key attestation", "the proof is not signed by an attested key")
	}
	return a.Keys, []string{a.Nonce}, nil
}

// keyAttestationOf is the key_attestation of a proof's header; nil: it has none.
func keyAttestationOf(proof string) (*string, error) {
	encoded, _, _ := strings.Cut(proof, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	var header struct {
		KeyAttestation json.RawMessage `json:"key_attestation"`
	}
	if err != nil || decode(raw, &header) != nil {
		return nil, refuse(InvalidProof, "header", "cannot be read")
	}
	if header.KeyAttestation == nil {
		return nil, nil //nolint:nilnil // none is an answer
	}
	var text string
	if json.Unmarshal(header.KeyAttestation, &text) != nil || text == "" {
		return nil, refuse(InvalidProof, "key attestation", "must be a JWT")
	}
	return &text, nil
}

// attestationAlone is the proof type attestation (appendix F.3): the keys that
// it attests, without a proof of possession of any.
func (p ProofPolicy) attestationAlone(ctx context.Context, proofs *Proofs) ([]jose.JSONWebKey, error) {
	if p.KeyAttestations == nil {
		return nil, refuse(InvalidProof, "proof type", "this issuer takes jwt proofs alone")
	}
	if len(proofs.JWT) > 0 || len(proofs.Attestation) != 1 {
		return nil, refuse(InvalidProof, "proof type", "one attestation alone")
	}
	a, err := p.read(ctx, proofs.Attestation[0], false)
	if err != nil {
		return nil, err
	}
	if err := p.spend(ctx, []string{a.Nonce}); err != nil {
		return nil, err
	}
	return p.batch(nil, a.Keys), nil
}

// read checks a key attestation up to its nonce.
func (p ProofPolicy) read(ctx context.Context, compact string, withProof bool) (KeyAttestation, error) {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	a, err := ReadKeyAttestation(ctx, compact, *p.KeyAttestations, withProof, now())
	var why *AttestationError
	if errors.As(err, &why) {
		return a, refuse(InvalidProof, "key attestation", "%v", why)
	}
	if err != nil {
		return a, err
	}
	if a.Nonce == "" {
		return a, refuse(InvalidNonce, "nonce", "missing in the key attestation; fetch one from the nonce endpoint")
	}
	return a, nil
}

// batch are the keys that get a credential: those that were proven first, then
// the others, as many as one request may have.
func (p ProofPolicy) batch(keys, attested []jose.JSONWebKey) []jose.JSONWebKey {
	for _, key := range attested {
		if len(keys) < max(p.Batch, 1) && !holds(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}
