package inspect

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// leaf reads the signer's certificate of a JWS, of whose chain it checks what
// HAIP 1.0, 6.1.1 asks: the anchor is not in it, and the leaf is not self-signed.
func leaf(header map[string]any) (*x509.Certificate, error) {
	chain := texts(header["x5c"])
	if len(chain) == 0 {
		return nil, errors.New("no x5c")
	}
	var first *x509.Certificate
	for i, text := range chain {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("x5c: %w", err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("x5c: %w", err)
		}
		if bytes.Equal(certificate.RawIssuer, certificate.RawSubject) {
			return nil, fmt.Errorf("x5c: certificate %d is self-signed: a leaf must not be, and an anchor does not belong there", i)
		}
		if i == 0 {
			first = certificate
		}
	}
	return first, nil
}

// chained verifies a JWS by the first certificate of its own chain: whether that
// is to be trusted, only its reader can say.
func chained(compact string) (header, claims map[string]any, err error) {
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, nil, err
	}
	header, err = heading(compact)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := leaf(header)
	if err != nil {
		return nil, nil, err
	}
	key, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, nil, errors.New("the certificate's key is not on an elliptic curve")
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, nil, err
	}
	return header, claims, json.Unmarshal(payload, &claims)
}

// heading is the protected header as it stands.
func heading(compact string) (map[string]any, error) {
	first, _, _ := bytes.Cut([]byte(compact), []byte{'.'})
	data, err := base64.RawURLEncoding.DecodeString(string(first))
	if err != nil {
		return nil, fmt.Errorf("the header is no base64url: %w", err)
	}
	var header map[string]any
	return header, json.Unmarshal(data, &header)
}
