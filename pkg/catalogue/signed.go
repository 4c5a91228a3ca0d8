package catalogue

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// maxSigned bounds an agency-signed object of any type.
const maxSigned = 64 << 10

// SignAs makes a compact JWS (ES256) of one of our types with an agency's key.
// chain is DER, leaf first, without the trust anchor (RFC 7515, 4.1.6).
func SignAs(typ string, payload []byte, key crypto.Signer, chain [][]byte) (string, error) {
	return jws.Sign(jws.Protected{Type: typ, X5C: chain}, payload, key)
}

// OpenSigned checks a compact JWS by an agency: its typ, ES256, the x5c chain to
// roots at a time, and the signature. It answers the agency's id, which is the
// one URI SAN of the leaf, and the payload. Whether payload.iss is that agency
// is the caller's check. at is the moment the certificates must be valid at: now, or for
// evidence its own iat (Issued), so that old receipts can still be checked.
func OpenSigned(compact, typ string, roots *x509.CertPool, at time.Time) (agency string, payload []byte, err error) {
	agency, payload, ok := openPlain(compact, typ, roots, func([]byte) (time.Time, bool) { return at, true })
	if ok {
		return agency, payload, nil
	}
	object, err := parseSigned(compact)
	if err != nil {
		return "", nil, err
	}
	return openSigned(object, typ, roots, at)
}

// OpenIssued is OpenSigned at the object's own iat, for evidence. read takes the
// payload apart, strictly, and answers its iat; it may be called twice.
func OpenIssued(compact, typ string, roots *x509.CertPool, read func(payload []byte) (iat int64, err error)) (agency string, err error) {
	agency, _, ok := openPlain(compact, typ, roots, func(payload []byte) (time.Time, bool) {
		if !jcs.Is(payload) { // what issued reads is what read reads
			return time.Time{}, false
		}
		iat, err := read(payload)
		return time.Unix(iat, 0), err == nil && iat > 0
	})
	if ok {
		return agency, nil
	}
	object, err := parseSigned(compact)
	if err != nil {
		return "", err
	}
	at, err := issued(object)
	if err != nil {
		return "", err
	}
	agency, payload, err := openSigned(object, typ, roots, at)
	if err != nil {
		return "", err
	}
	if _, err := read(payload); err != nil {
		return "", fmt.Errorf("payload: %w", err)
	}
	return agency, nil
}

func parseSigned(compact string) (*jose.JSONWebSignature, error) {
	if len(compact) > maxSigned {
		return nil, fmt.Errorf("longer than %d bytes", maxSigned)
	}
	if err := OneSpelling(compact); err != nil {
		return nil, err
	}
	return jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
}

func openSigned(object *jose.JSONWebSignature, typ string, roots *x509.CertPool, at time.Time) (agency string, payload []byte, err error) {
	if roots == nil {
		return "", nil, errors.New("no government CA is configured")
	}
	header := object.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ {
		return "", nil, fmt.Errorf("typ %v is not %s", header.ExtraHeaders[jose.HeaderType], typ)
	}
	chains, err := header.Certificates(x509.VerifyOptions{
		Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return "", nil, fmt.Errorf("certificate chain: %w", err)
	}
	id, key, err := agencyOf(chains[0][0])
	if err != nil {
		return "", nil, err
	}
	payload, err = object.Verify(key)
	if err != nil {
		return "", nil, errors.New("the signature is wrong")
	}
	return id, payload, nil
}

// OneSpelling refuses a compact JWS with stray bits or characters in its
// base64url, so that a digest of the text names one object.
func OneSpelling(compact string) error {
	for part := range strings.SplitSeq(compact, ".") {
		if _, ok := jws.OneSpelling(part); !ok {
			return errors.New("not unpadded base64url")
		}
	}
	return nil
}

// Issued reads iat (RFC 7519, 4.1.6) of a JWS without believing anything else.
func Issued(compact string) (time.Time, error) {
	object, err := parseSigned(compact)
	if err != nil {
		return time.Time{}, err
	}
	return issued(object)
}

func issued(object *jose.JSONWebSignature) (time.Time, error) {
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	if err := josejson.Unmarshal(object.UnsafePayloadWithoutVerification(), &claims); err != nil {
		return time.Time{}, err
	}
	if claims.IssuedAt <= 0 {
		return time.Time{}, errors.New("iat is missing")
	}
	return time.Unix(claims.IssuedAt, 0).UTC(), nil
}

func agencyOf(leaf *x509.Certificate) (string, *ecdsa.PublicKey, error) {
	if leaf.IsCA {
		return "", nil, errors.New("the leaf certificate is a CA's")
	}
	if len(leaf.URIs) != 1 {
		return "", nil, fmt.Errorf("the certificate has %d URI names instead of the agency's one", len(leaf.URIs))
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return "", nil, errors.New("the certificate's key is not on P-256")
	}
	return leaf.URIs[0].String(), key, nil
}
