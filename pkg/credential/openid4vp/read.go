package openid4vp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// MaxRequest bounds a request object.
const MaxRequest = 64 << 10

// Refusal is a wallet's refusal of a request: Code is what it may answer with
// (section 8.5), Check names the rule.
type Refusal struct {
	Code, Check, Cause string
}

func (r *Refusal) Error() string { return r.Check + ": " + r.Cause }

func refuse(check, format string, args ...any) *Refusal {
	return &Refusal{Code: "invalid_request", Check: check, Cause: fmt.Sprintf(format, args...)}
}

// Trust is what a wallet knows when it reads a request. The zero Trust believes
// nobody; what goes beyond HAIP 1.0 has to be switched on.
type Trust struct {
	ClientID    string         // of the link
	WalletNonce string         // that it sent, or ""
	Roots       *x509.CertPool // of verifiers; nil trusts none
	// Attesters may attest verifiers (verifier_attestation), by their iss.
	Attesters map[string]jose.JSONWebKeySet
	// Clients are verifiers that this wallet knows beforehand.
	Clients map[string]Client
	// Issuer is this wallet's, where it publishes metadata under one.
	Issuer string
	// Key decrypts request objects; with it, none comes in plain.
	Key *jose.JSONWebKey
	// Types of transaction data that this wallet can show; none: refused.
	Types TransactionTypes
	// Plain takes requests for an answer that is not encrypted, Unsigned those
	// of nobody in particular, with the prefix redirect_uri.
	Plain, Unsigned bool
	Now             func() time.Time
}

// Client is a verifier known beforehand, whose metadata the request must not
// bring (section 5.9.2).
type Client struct {
	Name         string
	Keys         jose.JSONWebKeySet // that sign its requests
	Encryption   jose.JSONWebKeySet // to which answers are encrypted
	EncValues    []string
	ResponseURIs []string // exact
}

// Authorization is a request that a wallet has found in order.
type Authorization struct {
	ClientID    string // full, with its prefix
	Prefix      string
	Name        string // whom the wallet may show; the host alone where nobody vouches for it
	ResponseURI string
	Mode        string
	Nonce       string
	State       string
	Query       Query
	// Verifier is the certificate, with the prefixes x509_hash and x509_san_dns.
	Verifier     *x509.Certificate
	Transactions []Transaction
	VerifierInfo []VerifierInfo // shape alone was checked

	keys      []jose.JSONWebKey
	encValues []string
}

// Vouched tells whether anybody vouches for who asks.
func (a Authorization) Vouched() bool { return a.Prefix != PrefixRedirectURI }

// ReadRequest checks a request object (section 5, HAIP 1.0, 5): encryption where
// it was asked for, typ, ES256, whose it is, aud, times, and that it asks for
// what this package answers. Only its parameters count, never the link's.
func ReadRequest(object string, t Trust) (Authorization, error) {
	object, err := t.decrypt(object)
	if err != nil {
		return Authorization{}, err
	}
	payload, asker, err := t.open(object)
	if err != nil {
		return Authorization{}, err
	}
	var c requestClaims
	if err := decode(payload, MaxRequest, &c); err != nil {
		return Authorization{}, refuse("request object", "%v", err)
	}
	if err := t.checkObject(c); err != nil {
		return Authorization{}, err
	}
	return t.read(c, asker)
}

// ReadUnsigned checks a request that is its link's parameters alone: the prefix
// redirect_uri, where the wallet takes it (section 5.9.3).
func ReadUnsigned(parameters url.Values, t Trust) (Authorization, error) {
	kind, rest := prefix(parameters.Get("client_id"))
	if kind != PrefixRedirectURI {
		return Authorization{}, refuse("client_id", "an unsigned request needs the prefix %s", PrefixRedirectURI)
	}
	if !t.Unsigned {
		return Authorization{}, refuse("signature", "this wallet takes no unsigned request")
	}
	c, err := fromParameters(parameters)
	if err != nil {
		return Authorization{}, err
	}
	if c.ResponseURI == "" {
		c.ResponseURI = rest // may be left out
	}
	u, err := url.Parse(rest)
	if err != nil || u.Host == "" || c.ResponseURI != rest {
		return Authorization{}, refuse("client_id", "is not the response_uri")
	}
	return t.read(c, asker{prefix: kind, name: u.Host})
}

// fromParameters reads parameters whose objects are JSON texts (section 5.1).
func fromParameters(parameters url.Values) (requestClaims, error) {
	members := map[string]*json.RawMessage{} // by address: it marshals so alone
	for name, values := range parameters {
		switch name {
		case "dcql_query", "client_metadata", "transaction_data", "verifier_info", "expected_origins":
			var object json.RawMessage
			if len(values) != 1 || decode([]byte(values[0]), MaxRequest, &object) != nil {
				return requestClaims{}, refuse(name, "not JSON")
			}
			members[name] = &object
		case "client_id", "response_type", "response_mode", "response_uri", "redirect_uri", "scope", "nonce", "state":
			if len(values) != 1 {
				return requestClaims{}, refuse(name, "is there twice")
			}
			text, err := json.Marshal(values[0])
			if err != nil {
				return requestClaims{}, refuse(name, "%v", err)
			}
			members[name] = (*json.RawMessage)(&text)
		}
	}
	body, err := json.Marshal(members)
	var c requestClaims
	if err := errors.Join(err, decode(body, 2*MaxRequest, &c)); err != nil {
		return requestClaims{}, refuse("request", "%v", err)
	}
	return c, nil
}

// decrypt opens an encrypted request object (RFC 9101, 6.1). A wallet that asked
// for one takes no other.
func (t Trust) decrypt(object string) (string, error) {
	if len(object) > 2*MaxRequest {
		return "", refuse("request object", "longer than %d bytes", 2*MaxRequest)
	}
	encrypted := strings.Count(object, ".") == 4
	switch {
	case t.Key == nil && encrypted:
		return "", refuse("request encryption", "this wallet gave no key to encrypt to")
	case t.Key == nil:
		return object, nil
	case !encrypted:
		return "", refuse("request encryption", "this wallet asked for an encrypted request")
	}
	plain, err := open(object, *t.Key)
	if err != nil {
		return "", refuse("request encryption", "%v", err)
	}
	return string(plain), nil
}

func (t Trust) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// checkObject checks what only a request object has.
func (t Trust) checkObject(c requestClaims) error {
	now := t.now()
	switch {
	case c.ClientID != t.ClientID:
		return refuse("client_id", "the link names another")
	case c.Aud != Audience && (t.Issuer == "" || c.Aud != t.Issuer):
		return refuse("aud", "must be %s", Audience)
	case c.Exp != 0 && !now.Before(time.Unix(c.Exp, 0)):
		return refuse("exp", "the request has expired")
	case time.Unix(c.Iat, 0).After(now.Add(skew)):
		return refuse("iat", "lies in the future")
	case c.WalletNonce != t.WalletNonce:
		return refuse("wallet_nonce", "is not the one sent")
	case c.Request != nil || c.RequestURI != nil:
		return refuse("request object", "holds another request")
	}
	return nil
}
