package account

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// parameters are the algorithms offered to authenticators, dearest first: those
// that approval.RelyingParty.Verify can check.
func parameters() []protocol.CredentialParameter {
	var out []protocol.CredentialParameter
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		out = append(out, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: alg})
	}
	return out
}

// publicJWK turns a COSE_Key (RFC 9052, 7; RFC 9053, 7; RFC 8230, 4) into a JWK
// whose kid is its RFC 7638 thumbprint. A key that approvals could not be
// checked with is refused.
func publicJWK(cose []byte) (jose.JSONWebKey, error) {
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("COSE key: %w", err)
	}
	key := jose.JSONWebKey{}
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		key.Key, err = p256(k)
	case webauthncose.OKPPublicKeyData:
		key.Key, err = edwards(k)
	case webauthncose.RSAPublicKeyData:
		key.Key, err = rsaKey(k)
	default:
		err = fmt.Errorf("of type %T", parsed)
	}
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("COSE key: %w", err)
	}
	key.KeyID, err = approval.Thumbprint(key)
	return key, err
}

func p256(k webauthncose.EC2PublicKeyData) (*ecdsa.PublicKey, error) {
	if webauthncose.COSEAlgorithmIdentifier(k.Algorithm) != webauthncose.AlgES256 || len(k.XCoord) != 32 || len(k.YCoord) != 32 {
		return nil, errors.New("an elliptic key other than ES256 on P-256")
	}
	point := append([]byte{4}, append(append([]byte{}, k.XCoord...), k.YCoord...)...)
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

func edwards(k webauthncose.OKPPublicKeyData) (ed25519.PublicKey, error) {
	if webauthncose.COSEAlgorithmIdentifier(k.Algorithm) != webauthncose.AlgEdDSA || len(k.XCoord) != ed25519.PublicKeySize {
		return nil, errors.New("an octet key other than Ed25519")
	}
	return ed25519.PublicKey(k.XCoord), nil
}

func rsaKey(k webauthncose.RSAPublicKeyData) (*rsa.PublicKey, error) {
	e, err := webauthncose.ParseRSAPublicKeyDataExponent(&k)
	if err != nil {
		return nil, err
	}
	n := new(big.Int).SetBytes(k.Modulus)
	if webauthncose.COSEAlgorithmIdentifier(k.Algorithm) != webauthncose.AlgRS256 || n.BitLen() < 2048 || n.BitLen() > 8192 {
		return nil, errors.New("an RSA key other than RS256 of 2048 to 8192 bits")
	}
	return &rsa.PublicKey{N: n, E: e}, nil
}
