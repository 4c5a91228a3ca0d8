package openid4vci

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ProofTyp is the JOSE typ of a key proof (appendix F.1).
const ProofTyp = "openid4vci-proof+jwt"

// ErrNonce is what ProofPolicy.Nonce answers for a nonce that is unknown,
// spent or too old. Any other error of it is passed on as it is: the issuer
// could not tell.
var ErrNonce = errors.New("nonce not live")

// ProofPolicy is what an issuer expects of key proofs.
type ProofPolicy struct {
	Issuer     string                                        // Credential Issuer Identifier: the aud
	ClientID   string                                        // of the access token; "" for anonymous pre-authorized access: then iss must be absent
	Algorithms []jose.SignatureAlgorithm                     // nil: ES256
	Batch      int                                           // greatest number of proofs; 0 means 1
	Nonce      func(ctx context.Context, nonce string) error // spends a live c_nonce, atomically; see ErrNonce
	KeyByID    func(kid string) (jose.JSONWebKey, error)     // for kid; nil refuses kid
	Chain      func(chain []*x509.Certificate) error         // trust in x5c; nil refuses x5c
	MaxAge     time.Duration                                 // of iat; 0 means 5 minutes
	Now        func() time.Time                              // nil means time.Now
	// KeyAttestations is what is asked of key attestations; nil: none are read.
	KeyAttestations *KeyAttestations
}

// VerifyProofs checks the proofs of one request (appendix F.4) and answers
// with the holder keys in the same order, and after them the further keys of
// their key attestation, Batch of them at most: a credential each. All proofs
// must carry one c_nonce, which is spent last and once, so that a bad proof
// cannot burn it; a key attestation may carry another. Refusals are *Error with
// InvalidProof or InvalidNonce.
func VerifyProofs(ctx context.Context, proofs *Proofs, p ProofPolicy) ([]jose.JSONWebKey, error) {
	if proofs != nil && len(proofs.Attestation) > 0 {
		return p.attestationAlone(ctx, proofs)
	}
	if proofs == nil || len(proofs.JWT) == 0 {
		return nil, refuse(InvalidProof, "proofs", "a jwt proof is required")
	}
	if len(proofs.JWT) > max(p.Batch, 1) {
		return nil, refuse(InvalidProof, "batch size", "%d proofs, at most %d", len(proofs.JWT), max(p.Batch, 1))
	}
	var keys, attested []jose.JSONWebKey
	var nonces, last []string
	for i, proof := range proofs.JWT {
		key, n, err := p.verify(proof)
		if err != nil {
			return nil, err
		}
		if i > 0 && n != nonces[0] {
			return nil, refuse(InvalidNonce, "nonce", "the proofs of one request carry different nonces")
		}
		if holds(keys, key) {
			return nil, refuse(InvalidProof, "key", "two proofs of one key")
		}
		more, n2, err := p.attested(ctx, proof, key)
		if err != nil {
			return nil, err
		}
		keys, attested, nonces, last = append(keys, key), append(attested, more...), []string{n}, append(last, n2...)
	}
	if err := p.spend(ctx, append(nonces, last...)); err != nil {
		return nil, err
	}
	return p.batch(keys, attested), nil
}

// spend spends each nonce once.
func (p ProofPolicy) spend(ctx context.Context, nonces []string) error {
	if p.Nonce == nil {
		return fmt.Errorf("proof policy: no nonce check")
	}
	for i, nonce := range nonces {
		if slices.Contains(nonces[:i], nonce) {
			continue
		}
		switch err := p.Nonce(ctx, nonce); {
		case errors.Is(err, ErrNonce):
			return refuse(InvalidNonce, "nonce", "unknown, used or too old; fetch a new one")
		case err != nil:
			return fmt.Errorf("spend nonce: %w", err)
		}
	}
	return nil
}

// VerifyProof is VerifyProofs for one proof.
func VerifyProof(ctx context.Context, proof string, p ProofPolicy) (jose.JSONWebKey, error) {
	keys, err := VerifyProofs(ctx, &Proofs{JWT: []string{proof}}, p)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	return keys[0], nil
}
