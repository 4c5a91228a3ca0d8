package credential

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/did"
)

// Policy says whom a verifier believes, type by type. The zero Policy believes
// nobody. A credential takes one path, which its header names: a certificate
// chain (x5c), else a DID (kid), else the keys that its issuer publishes (iss);
// what that path refuses, no other is asked about (SD-JWT VC draft, Issuer
// Signature Mechanisms: one that policy permits).
type Policy struct {
	// Roots are the trust anchors of certificate chains for each type (vct).
	Roots map[string]*x509.CertPool
	// Certificates says what a leaf has to show beside a path to one of the
	// roots, for each type; a type that is not in it asks no more.
	Certificates map[string]Certificate
	// Issuers are those whose published keys are believed, for each type: values
	// of iss, compared byte for byte.
	Issuers map[string][]string
	// DIDs are those whose keys for assertions are believed, for each type. They
	// are a path beside the other two; no profile asks for it.
	DIDs map[string][]string
	// WithoutStatus are the types that may come without a status. A status
	// that is named is always asked for.
	WithoutStatus map[string]bool
	// Keys are the keys that the issuers' log names; nil: they need not be there.
	Keys *KeyHistory
}

// Certificate is what the certificate of an issuer has to show. The zero
// Certificate asks nothing.
type Certificate struct {
	// Names are subject alternative names (URIs or DNS names), one of which the
	// leaf has to bear.
	Names []string
	// Policies are certificate policies (RFC 5280, 4.2.1.4), one of which the leaf
	// has to name.
	Policies []asn1.ObjectIdentifier
}

func (c Certificate) check(leaf *x509.Certificate) error {
	named := slices.ContainsFunc(leaf.URIs, func(u *url.URL) bool { return slices.Contains(c.Names, u.String()) }) ||
		slices.ContainsFunc(leaf.DNSNames, func(name string) bool { return slices.Contains(c.Names, name) })
	if len(c.Names) > 0 && !named {
		return errors.New("the certificate bears none of the names that the policy asks for")
	}
	under := slices.ContainsFunc(leaf.Policies, func(oid x509.OID) bool {
		return slices.ContainsFunc(c.Policies, oid.EqualASN1OID)
	})
	if len(c.Policies) > 0 && !under {
		return errors.New("the certificate is under none of the certificate policies that are asked for")
	}
	return nil
}

// IssuerKeys finds the public keys that an issuer publishes; *IssuerMetadata is
// one. Any error refuses the credential. It may be called concurrently.
type IssuerKeys interface {
	Keys(ctx context.Context, issuer string) ([]jose.JSONWebKey, error)
}

// Documents resolves DIDs; *did.Resolver is one. Any error refuses the
// credential. It may be called concurrently.
type Documents interface {
	Resolve(ctx context.Context, id string) (did.Document, error)
}

// TrustPath is the way by which an issuer was believed.
type TrustPath string

// The trust paths.
const (
	PathX509     TrustPath = "x5c"
	PathMetadata TrustPath = "jwt-vc-issuer"
	PathDID      TrustPath = "did"
)

// Thumbprint names a key on P-256 (RFC 7638, SHA-256, base64url): the members in
// order, without space.
func Thumbprint(key *ecdsa.PublicKey) string {
	point, err := key.Bytes()
	if err != nil || key.Curve != elliptic.P256() {
		return ""
	}
	const size = 43 // of 32 bytes in base64url
	text := make([]byte, 0, 2*size+40)
	text = append(text, `{"crv":"P-256","kty":"EC","x":"`...)
	text = base64.RawURLEncoding.AppendEncode(text, point[1:33])
	text = append(text, `","y":"`...)
	text = base64.RawURLEncoding.AppendEncode(text, point[33:])
	text = append(text, `"}`...)
	return digest(text)
}

// anchorDigest is how a Check names a trust anchor.
func anchorDigest(anchor *x509.Certificate) string {
	sum := sha256.Sum256(anchor.Raw)
	return hex.EncodeToString(sum[:])
}

// onP256 is what every key of an issuer has to be: ES256 is the one algorithm.
func onP256(key crypto.PublicKey) (*ecdsa.PublicKey, error) {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("the issuer's key is not on P-256")
	}
	return public, nil
}
