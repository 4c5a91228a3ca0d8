package openid4vp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// Client identifier prefixes (section 5.9.3). PreRegistered is the name that
// wallets' metadata has for no prefix at all (section 10.1).
const (
	PrefixX509Hash    = "x509_hash"
	PrefixX509SanDNS  = "x509_san_dns"
	PrefixRedirectURI = "redirect_uri"
	PrefixAttestation = "verifier_attestation"
	PreRegistered     = "pre-registered"
)

// unspoken are the prefixes that are known by name and refused by it.
var unspoken = map[string]string{
	"origin":                   "the prefix origin is never taken from a request",
	"decentralized_identifier": "the prefix decentralized_identifier is not spoken here",
	"openid_federation":        "the prefix openid_federation is not spoken here",
}

// prefix splits a client identifier at its first colon.
func prefix(clientID string) (prefix, rest string) {
	prefix, rest, found := strings.Cut(clientID, ":")
	if !found {
		return PreRegistered, clientID
	}
	return prefix, rest
}

// ClientID is the client identifier of the holder of a certificate: prefix
// x509_hash and the SHA-256 of the leaf (section 5.9.3).
func ClientID(leaf []byte) string {
	sum := sha256.Sum256(leaf)
	return PrefixX509Hash + ":" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Identity is who asks, and how a wallet can tell. With the prefix redirect_uri
// there is nothing to tell it by: Key, Chain and Attestation are empty, and
// requests go out unsigned.
type Identity struct {
	ClientID    string
	Key         crypto.Signer
	Chain       [][]byte // DER, leaf first, without the trust anchor
	Attestation string   // a verifier attestation JWT (section 12)
}

// ErrIdentity says that an identity cannot speak for its client identifier.
var ErrIdentity = errors.New("client identifier")

// Check tells whether wallets could believe the identity: what they would refuse
// is better refused where it is configured.
func (i Identity) Check() error {
	kind, rest := prefix(i.ClientID)
	switch kind {
	case PrefixX509Hash, PrefixX509SanDNS:
		leaf, err := i.leaf()
		if err != nil {
			return err
		}
		if kind == PrefixX509Hash && i.ClientID != ClientID(leaf.Raw) {
			return fmt.Errorf("%w: the certificate is not that of client_id", ErrIdentity)
		}
		if kind == PrefixX509SanDNS && !slices.Contains(leaf.DNSNames, rest) {
			return fmt.Errorf("%w: %.60q is no name in the certificate", ErrIdentity, rest)
		}
		return i.holds(leaf.PublicKey)
	case PrefixAttestation:
		claims, _, err := peekAttestation(i.Attestation)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrIdentity, err)
		}
		if claims.Sub != rest {
			return fmt.Errorf("%w: the attestation is of another verifier", ErrIdentity)
		}
		return i.holds(claims.CNF.JWK.Key)
	case PrefixRedirectURI:
		if i.Key != nil {
			return fmt.Errorf("%w: a request of redirect_uri cannot be signed", ErrIdentity)
		}
		return nil
	}
	return fmt.Errorf("%w: the prefix %.40q is not spoken here", ErrIdentity, kind)
}

func (i Identity) leaf() (*x509.Certificate, error) {
	var leaf *x509.Certificate
	for at, der := range i.Chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d cannot be read", ErrIdentity, at)
		}
		if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			return nil, fmt.Errorf("%w: certificate %d is a trust anchor, or vouches for itself", ErrIdentity, at)
		}
		if at == 0 {
			leaf = cert
		}
	}
	if leaf == nil {
		return nil, fmt.Errorf("%w: a certificate is needed", ErrIdentity)
	}
	return leaf, nil
}

func (i Identity) holds(public any) error {
	if key, ok := public.(*ecdsa.PublicKey); !ok || i.Key == nil || !key.Equal(i.Key.Public()) {
		return fmt.Errorf("%w: the key is not the one that is vouched for", ErrIdentity)
	}
	return nil
}

// sign makes a JWS with what tells the wallet whose it is: x5c, or the
// attestation in jwt.
func (i Identity) sign(body []byte) (string, error) {
	options := (&jose.SignerOptions{}).WithType(RequestTyp)
	if i.Attestation != "" {
		options.WithHeader("jwt", i.Attestation)
	} else {
		x5c := make([]string, len(i.Chain))
		for at, der := range i.Chain {
			x5c[at] = base64.StdEncoding.EncodeToString(der)
		}
		options.WithHeader("x5c", x5c)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(i.Key)}, options)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(body)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}
