package openid4vp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// asker is who asks, as far as a signature says.
type asker struct {
	prefix string
	name   string
	leaf   *x509.Certificate
	client *Client
	// allowed are the response_uris it may use: all where nil.
	allowed func(responseURI string) bool
}

// header is what a request object's says of its signer. kid, jwk, jku and x5u
// lead to no key here.
type header struct {
	Typ string   `json:"typ"`
	Kid string   `json:"kid"`
	X5C []string `json:"x5c"`
	JWT string   `json:"jwt"`
}

// open checks the JWS: header, whose key, signature. The client identifier of
// the link says where the key comes from, and has to be that of the object.
func (t Trust) open(object string) ([]byte, asker, error) {
	if len(object) > MaxRequest {
		return nil, asker{}, refuse("request object", "longer than %d bytes", MaxRequest)
	}
	jws, err := jose.ParseSignedCompact(object, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, asker{}, refuse("request object", "not a compact JWS signed with ES256")
	}
	var h header
	if err := readHeader(object, &h); err != nil {
		return nil, asker{}, refuse("request object", "%v", err)
	}
	if h.Typ != RequestTyp {
		return nil, asker{}, refuse("typ", "must be %s", RequestTyp)
	}
	key, asker, err := t.authenticate(h)
	if err != nil {
		return nil, asker, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, asker, refuse("signature", "not made with the key of client_id")
	}
	return payload, asker, nil
}

// authenticate finds the key that client_id stands for (section 5.9.3).
func (t Trust) authenticate(h header) (*ecdsa.PublicKey, asker, error) {
	kind, rest := prefix(t.ClientID)
	switch kind {
	case PrefixX509Hash, PrefixX509SanDNS:
		return t.byCertificate(h, kind, rest)
	case PrefixAttestation:
		claims, err := t.checkAttestation(h.JWT, rest)
		if err != nil {
			return nil, asker{}, refuse("verifier attestation", "%v", err)
		}
		key, _ := claims.CNF.JWK.Key.(*ecdsa.PublicKey)
		a := asker{prefix: kind, name: rest}
		if claims.RedirectURIs != nil {
			a.allowed = func(uri string) bool { return slices.Contains(claims.RedirectURIs, uri) }
		}
		return key, a, nil
	case PrefixRedirectURI:
		return nil, asker{}, refuse("client_id", "a request of the prefix %s cannot be signed", kind)
	case PreRegistered:
		client, known := t.Clients[rest]
		if !known {
			return nil, asker{}, refuse("client_id", "has no prefix, and this wallet does not know it")
		}
		key, err := one(client.Keys, h.Kid)
		if err != nil {
			return nil, asker{}, refuse("signature", "%v", err)
		}
		return key, asker{prefix: kind, name: client.Name, client: &client,
			allowed: func(uri string) bool { return slices.Contains(client.ResponseURIs, uri) }}, nil
	}
	if cause, named := unspoken[kind]; named {
		return nil, asker{}, refuse("client_id", "%s", cause)
	}
	return nil, asker{}, refuse("client_id", "the prefix %.40q is not known here", kind)
}

func (t Trust) byCertificate(h header, kind, rest string) (*ecdsa.PublicKey, asker, error) {
	leaf, err := t.leaf(h.X5C)
	if err != nil {
		return nil, asker{}, err
	}
	a := asker{prefix: kind, name: leaf.Subject.CommonName, leaf: leaf}
	switch {
	case kind == PrefixX509Hash && t.ClientID != ClientID(leaf.Raw):
		return nil, a, refuse("client_id", "is not the hash of the certificate")
	case kind == PrefixX509SanDNS && !slices.Contains(leaf.DNSNames, rest):
		return nil, a, refuse("client_id", "is no DNS name in the certificate")
	case kind == PrefixX509SanDNS:
		a.allowed = func(uri string) bool {
			u, err := url.Parse(uri)
			return err == nil && strings.EqualFold(u.Hostname(), rest)
		}
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, a, refuse("signature", "the certificate's key is not for ES256")
	}
	return key, a, nil
}

// leaf checks x5c: a chain to a root that this wallet trusts, without the
// anchor itself (HAIP 1.0, 5).
func (t Trust) leaf(x5c []string) (*x509.Certificate, error) {
	var chain []*x509.Certificate
	for _, text := range x5c {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, refuse("x5c", "not base64")
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, refuse("x5c", "holds no certificate")
		}
		if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			return nil, refuse("x5c", "holds the trust anchor, or a leaf signed by itself")
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 || len(chain) > 5 {
		return nil, refuse("x5c", "1 to 5 certificates are needed")
	}
	if t.Roots == nil {
		return nil, refuse("verifier trusted", "this wallet trusts no verifier's certificate authority")
	}
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	if chain[0].IsCA || chain[0].KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return nil, refuse("x5c", "the leaf is not a certificate for signatures")
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: t.Roots, Intermediates: intermediates, CurrentTime: t.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, refuse("verifier trusted", "the certificate leads to no authority that this wallet trusts")
	}
	return chain[0], nil
}
