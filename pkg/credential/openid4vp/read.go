package openid4vp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// MaxRequest bounds a request object.
const MaxRequest = 64 << 10

// Link is a request as it reaches a wallet (section 5.7): by reference.
type Link struct {
	ClientID   string
	RequestURI string
	Post       bool
}

// Refusal is a wallet's refusal of a request: Code is what it may answer with
// (section 8.5), Check names the rule.
type Refusal struct {
	Code, Check, Cause string
}

func (r *Refusal) Error() string { return r.Check + ": " + r.Cause }

func refuse(check, format string, args ...any) *Refusal {
	return &Refusal{Code: "invalid_request", Check: check, Cause: fmt.Sprintf(format, args...)}
}

// ParseLink reads an openid4vp:// link.
func ParseLink(raw string) (Link, error) {
	if len(raw) > MaxRequest {
		return Link{}, refuse("link", "longer than %d bytes", MaxRequest)
	}
	scheme, rest, _ := strings.Cut(raw, "?")
	if scheme != Scheme && scheme != strings.TrimSuffix(Scheme, "//") && !strings.HasPrefix(scheme, Scheme) {
		return Link{}, refuse("link", "does not start with %s", Scheme)
	}
	query, err := url.ParseQuery(rest)
	if err != nil {
		return Link{}, refuse("link", "not a query string")
	}
	for _, name := range []string{"client_id", "request_uri"} {
		if len(query[name]) != 1 || query[name][0] == "" {
			return Link{}, refuse("link", "exactly one %s is needed", name)
		}
	}
	if query.Has("request") {
		return Link{}, refuse("link", "request and request_uri together")
	}
	u, err := url.Parse(query.Get("request_uri"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return Link{}, refuse("link", "request_uri is not a web address")
	}
	l := Link{ClientID: query.Get("client_id"), RequestURI: query.Get("request_uri")}
	switch method := query.Get("request_uri_method"); {
	case method == "post":
		l.Post = true
	case query.Has("request_uri_method") && method != "get":
		return Link{}, &Refusal{Code: "invalid_request_uri_method", Check: "link", Cause: "request_uri_method is neither get nor post"}
	}
	return l, nil
}

// Trust is what a wallet knows when it reads a request.
type Trust struct {
	ClientID    string         // of the link
	WalletNonce string         // that it sent, or ""
	Roots       *x509.CertPool // of verifiers; nil trusts none
	Now         func() time.Time
}

// Authorization is a request that a wallet has found in order.
type Authorization struct {
	ClientID    string // full, with its prefix
	ResponseURI string
	Nonce       string
	State       string
	Query       Query
	Verifier    *x509.Certificate // whose subject may be shown

	keys      jose.JSONWebKeySet
	encValues []string
}

// ReadRequest checks a request object (section 5, HAIP 1.0, 5): typ, ES256, the
// chain and x509_hash, signature, static aud, times, and that it asks for what
// this package answers. Only its parameters count, never the link's.
func ReadRequest(object string, t Trust) (Authorization, error) {
	leaf, payload, err := t.open(object)
	if err != nil {
		return Authorization{}, err
	}
	var c requestClaims
	if err := decode(payload, MaxRequest, &c); err != nil {
		return Authorization{}, refuse("request object", "%v", err)
	}
	if err := t.check(c, leaf); err != nil {
		return Authorization{}, err
	}
	query, err := ParseQuery(c.DCQLQuery)
	if err != nil {
		return Authorization{}, refuse("dcql_query", "%v", err)
	}
	return Authorization{
		ClientID: c.ClientID, ResponseURI: c.ResponseURI, Nonce: c.Nonce, State: c.State,
		Query: query, Verifier: leaf, keys: c.ClientMetadata.JWKS, encValues: c.ClientMetadata.EncValues,
	}, nil
}

// open checks the JWS: header, chain, signature.
func (t Trust) open(object string) (*x509.Certificate, []byte, error) {
	if len(object) > MaxRequest {
		return nil, nil, refuse("request object", "longer than %d bytes", MaxRequest)
	}
	jws, err := jose.ParseSignedCompact(object, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, nil, refuse("request object", "not a compact JWS signed with ES256")
	}
	encoded, _, _ := strings.Cut(object, ".")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	var header struct {
		Typ string   `json:"typ"`
		X5C []string `json:"x5c"`
	}
	if err := errors.Join(err, decode(raw, MaxRequest, &header)); err != nil {
		return nil, nil, refuse("request object", "%v", err)
	}
	if header.Typ != RequestTyp {
		return nil, nil, refuse("typ", "must be %s", RequestTyp)
	}
	leaf, err := t.leaf(header.X5C)
	if err != nil {
		return nil, nil, err
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, nil, refuse("signature", "the certificate's key is not for ES256")
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, nil, refuse("signature", "not made with the certificate's key")
	}
	return leaf, payload, nil
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

func (t Trust) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// check reads the claims as a wallet must.
func (t Trust) check(c requestClaims, leaf *x509.Certificate) error {
	now := t.now()
	switch {
	case !strings.HasPrefix(c.ClientID, prefixX509): // origin: is reserved (section 5.9.1)
		return refuse("client_id", "only the prefix x509_hash is known here")
	case c.ClientID != ClientID(leaf.Raw):
		return refuse("client_id", "is not the hash of the certificate")
	case c.ClientID != t.ClientID:
		return refuse("client_id", "the link names another")
	case c.Aud != Audience:
		return refuse("aud", "must be %s", Audience)
	case c.Exp != 0 && !now.Before(time.Unix(c.Exp, 0)):
		return refuse("exp", "the request has expired")
	case time.Unix(c.Iat, 0).After(now.Add(time.Minute)):
		return refuse("iat", "lies in the future")
	case c.WalletNonce != t.WalletNonce:
		return refuse("wallet_nonce", "is not the one sent")
	case c.ResponseType != responseType:
		return refuse("response_type", "must be %s", responseType)
	case c.ResponseMode != responseMode:
		return refuse("response_mode", "must be %s", responseMode)
	case c.RedirectURI != "":
		return refuse("redirect_uri", "together with response_uri")
	case c.Scope != "":
		return refuse("scope", "only dcql_query is known here")
	case len(c.ExpectedOrigins) > 0:
		return refuse("expected_origins", "belongs to the Digital Credentials API")
	case len(c.TransactionData) > 0:
		return &Refusal{Code: "invalid_transaction_data", Check: "transaction_data", Cause: "no type is known here"}
	case len(c.Nonce) < 16 || !urlSafe(c.Nonce):
		return refuse("nonce", "must be random, URL-safe ASCII")
	}
	u, err := url.Parse(c.ResponseURI)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return refuse("response_uri", "is not a web address")
	}
	_, err = Authorization{keys: c.ClientMetadata.JWKS}.encryptionKey()
	if err != nil {
		return refuse("client_metadata", "%v", err)
	}
	return nil
}

func urlSafe(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c))
	})
}
