package openid4vci

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// The limits of an attestation: what fits the header field of a request.
const (
	maxAttestation = 16 << 10
	maxChain       = 5
)

// AttestationError is an attestation, or the proof beside it, refused. Check
// names the rule, Cause says what is wrong; whoever made the attestation mends it.
type AttestationError struct {
	Check string
	Cause string
	// Stale: it was good once; a newer one would do.
	Stale bool
}

func (e *AttestationError) Error() string { return e.Check + ": " + e.Cause }

func refuseAttestation(check, format string, args ...any) *AttestationError {
	return &AttestationError{Check: check, Cause: fmt.Sprintf("%.200s", fmt.Sprintf(format, args...))}
}

// opened is an attestation whose signature leads to one of the roots.
type opened struct {
	payload []byte
	root    *x509.Certificate
}

// openAttestation takes the key of an attestation from its x5c alone, and that
// chain to one of the roots (HAIP 1.0, 4.4.1 and 4.5.1): a key that the header
// brings or points to is refused, whatever else is there.
func openAttestation(compact, typ string, roots []*x509.Certificate, now time.Time) (opened, error) {
	header, err := attestationHeader(compact, typ)
	if err != nil {
		return opened{}, err
	}
	for name, given := range map[string]json.RawMessage{"jwk": header.JWK, "jku": header.JKU, "x5u": header.X5U} {
		if given != nil {
			return opened{}, refuseAttestation("key", "the header must not hold %s: the key is that of x5c", name)
		}
	}
	key, root, err := attesterKey(header.X5C, roots, now)
	if err != nil {
		return opened{}, err
	}
	payload, err := verifyES256(compact, key)
	return opened{payload, root}, err
}

// joseHeader is what is read of a header; the rest is ignored.
type joseHeader struct {
	Alg string          `json:"alg"`
	Typ string          `json:"typ"`
	X5C []string        `json:"x5c"`
	JWK json.RawMessage `json:"jwk"`
	JKU json.RawMessage `json:"jku"`
	X5U json.RawMessage `json:"x5u"`

	Crit json.RawMessage `json:"crit"`
	B64  json.RawMessage `json:"b64"`
}

// attestationHeader reads a header before anything is believed.
func attestationHeader(compact, typ string) (joseHeader, error) {
	var h joseHeader
	if len(compact) > maxAttestation {
		return h, refuseAttestation("jwt", "longer than %d bytes", maxAttestation)
	}
	encoded, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.Count(compact, ".") != 2 {
		return h, refuseAttestation("jwt", "not a compact JWS")
	}
	if err := decode(raw, &h); err != nil {
		return h, refuseAttestation("header", "%v", err)
	}
	if h.Typ != typ {
		return h, refuseAttestation("typ", "must be %s", typ)
	}
	if h.Alg != string(jose.ES256) {
		return h, refuseAttestation("alg", "must be ES256")
	}
	// RFC 7515, 4.1.11: no extension is understood here.
	if h.Crit != nil || h.B64 != nil {
		return h, refuseAttestation("crit", "no extension is understood")
	}
	return h, nil
}

func verifyES256(compact string, key *ecdsa.PublicKey) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, refuseAttestation("jwt", "not a compact JWS")
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, refuseAttestation("signature", "not made with the key it must be made with")
	}
	return payload, nil
}

// attesterKey takes an x5c, leaf first, to a root. It holds neither the anchor
// nor a certificate that vouches for itself, and nothing beside the path.
func attesterKey(x5c []string, roots []*x509.Certificate, now time.Time) (*ecdsa.PublicKey, *x509.Certificate, error) {
	certs, err := readChain(x5c)
	if err != nil {
		return nil, nil, err
	}
	leaf, between, anchors := certs[0], x509.NewCertPool(), x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	for _, root := range roots {
		if slices.ContainsFunc(certs, root.Equal) {
			return nil, nil, refuseAttestation("x5c", "holds the trust anchor")
		}
		anchors.AddCert(root)
	}
	public, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 || !ok || public.Curve != elliptic.P256() {
		return nil, nil, refuseAttestation("x5c", "the leaf is not a P-256 key for signatures")
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: anchors, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, nil, refuseAttestation("trust", "x5c leads to no trusted root")
	}
	for _, chain := range chains {
		if len(chain) == len(certs)+1 && slices.EqualFunc(certs, chain[:len(certs)], (*x509.Certificate).Equal) {
			return public, chain[len(certs)], nil
		}
	}
	return nil, nil, refuseAttestation("x5c", "is not exactly the path below the root")
}

func readChain(x5c []string) ([]*x509.Certificate, error) {
	if len(x5c) == 0 || len(x5c) > maxChain {
		return nil, refuseAttestation("x5c", "one to %d certificates are needed", maxChain)
	}
	var certs []*x509.Certificate
	for _, text := range x5c {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, refuseAttestation("x5c", "is not base64")
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, refuseAttestation("x5c", "holds no certificate")
		}
		if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			return nil, refuseAttestation("x5c", "holds a self-signed certificate")
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// attestedKey reads a public P-256 JWK: a private member is refused, and
// whatever stands beside the key is left behind.
func attestedKey(jwk json.RawMessage) (jose.JSONWebKey, error) {
	key, err := embeddedKey(jwk)
	var refused *Error
	if errors.As(err, &refused) {
		return key, refuseAttestation(refused.Check, "a key is not a public P-256 JWK")
	}
	return key, err
}

// numericDate reads a time that a claim must hold, if it is there at all.
func numericDate(claim *float64) (t time.Time, given bool, err error) {
	if claim == nil {
		return time.Time{}, false, nil
	}
	if math.Abs(*claim) > 1<<40 || math.IsNaN(*claim) {
		return time.Time{}, true, refuseAttestation("claims", "a time is not in seconds")
	}
	return time.Unix(int64(*claim), 0), true, nil
}

// Fingerprint names a root in logs and in what is told of a check.
func Fingerprint(root *x509.Certificate) string {
	return fmt.Sprintf("%x", sha256.Sum256(root.Raw))
}
