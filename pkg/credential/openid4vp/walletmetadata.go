package openid4vp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Limits on what a wallet posts to the request_uri (section 5.10).
const (
	MaxWalletMetadata = 16 << 10
	MaxWalletNonce    = 512
)

// Caller is the wallet that fetches a request object; the zero Caller said
// nothing about itself.
type Caller struct {
	Nonce    string
	Metadata *WalletMetadata
}

// WalletMetadata is what a wallet says it can do (section 10.1). Members that are
// absent leave it open: whoever followed the link can do what the link needs.
type WalletMetadata struct {
	Issuer        string             `json:"issuer,omitempty"`
	Formats       map[string]formats `json:"vp_formats_supported,omitempty"`
	Prefixes      []string           `json:"client_id_prefixes_supported,omitempty"`
	ResponseTypes []string           `json:"response_types_supported,omitempty"`
	ResponseModes []string           `json:"response_modes_supported,omitempty"`
	SigningAlgs   []string           `json:"request_object_signing_alg_values_supported,omitempty"`
	ObjectAlgs    []string           `json:"request_object_encryption_alg_values_supported,omitempty"`
	ObjectEncs    []string           `json:"request_object_encryption_enc_values_supported,omitempty"`
	ResponseAlgs  []string           `json:"authorization_encryption_alg_values_supported,omitempty"`
	ResponseEncs  []string           `json:"authorization_encryption_enc_values_supported,omitempty"`
	JWKS          *keySet            `json:"jwks,omitempty"`
}

// ErrWallet is what every refusal of a wallet's metadata is: it cannot be read,
// or the wallet cannot do what the request asks for.
var ErrWallet = errors.New("wallet_metadata")

// ParseWalletMetadata reads it. Unknown members are ignored.
func ParseWalletMetadata(body []byte) (*WalletMetadata, error) {
	var m WalletMetadata
	if err := decode(body, MaxWalletMetadata, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWallet, err)
	}
	return &m, nil
}

// OurWallet is what a wallet of this package can do; a key, if any, is what it
// wants request objects encrypted to.
func OurWallet(plain bool, key *jose.JSONWebKey) WalletMetadata {
	m := WalletMetadata{
		Formats: spoken(), Prefixes: []string{PrefixX509Hash, PrefixX509SanDNS, PrefixAttestation},
		ResponseTypes: []string{responseType}, ResponseModes: []string{DirectPostJWT},
		SigningAlgs: []string{string(jose.ES256)}, ResponseAlgs: []string{string(jose.ECDH_ES)},
		ResponseEncs: []string{string(jose.A256GCM), string(jose.A128GCM)},
	}
	if plain {
		m.ResponseModes = append(m.ResponseModes, DirectPost)
	}
	if key != nil {
		m.JWKS = setOf(key.Public())
		m.ObjectAlgs, m.ObjectEncs = m.ResponseAlgs, m.ResponseEncs
	}
	return m
}

// can tells whether the wallet could answer r.
func (m *WalletMetadata) can(r Request) error {
	if m == nil {
		return nil
	}
	kind, _ := prefix(r.ClientID)
	needs := []struct {
		what string
		of   []string
		one  []string
	}{
		{"client_id_prefixes_supported", m.Prefixes, []string{kind}},
		{"response_types_supported", m.ResponseTypes, []string{responseType}},
		{"response_modes_supported", m.ResponseModes, []string{r.Mode()}},
		{"request_object_signing_alg_values_supported", m.SigningAlgs, []string{string(jose.ES256)}},
	}
	if r.Mode() == DirectPostJWT {
		needs = append(needs, []struct {
			what string
			of   []string
			one  []string
		}{
			{"authorization_encryption_alg_values_supported", m.ResponseAlgs, []string{string(jose.ECDH_ES)}},
			{"authorization_encryption_enc_values_supported", m.ResponseEncs, []string{string(jose.A256GCM), string(jose.A128GCM)}},
		}...)
	}
	for _, n := range needs {
		if n.of != nil && !slices.ContainsFunc(n.one, func(value string) bool { return slices.Contains(n.of, value) }) {
			return fmt.Errorf("%w: %s has none of %v, which this request needs", ErrWallet, n.what, n.one)
		}
	}
	if m.Formats == nil {
		return nil
	}
	if format, there := m.Formats[FormatSDJWT]; !there || !format.with() {
		return fmt.Errorf("%w: vp_formats_supported has no %s with ES256", ErrWallet, FormatSDJWT)
	}
	return nil
}

// key is what request objects are encrypted to; none where the wallet gave none.
func (m *WalletMetadata) key() (*jose.JSONWebKey, error) {
	if m == nil || m.JWKS == nil {
		return nil, nil
	}
	for i, key := range m.JWKS.Keys {
		if ecdhES(key) && (m.ObjectAlgs == nil || slices.Contains(m.ObjectAlgs, string(jose.ECDH_ES))) {
			return &m.JWKS.Keys[i], nil
		}
	}
	return nil, fmt.Errorf("%w: jwks holds no P-256 key for ECDH-ES to encrypt the request to", ErrWallet)
}

// seal encrypts a request object where the wallet gave a key (RFC 9101, 6.1:
// signed, then encrypted).
func (m *WalletMetadata) seal(object string) (string, error) {
	key, err := m.key()
	if err != nil || key == nil {
		return object, err
	}
	enc, err := choose(m.ObjectEncs)
	if err != nil {
		return "", fmt.Errorf("%w: request_object_encryption_enc_values_supported: %w", ErrWallet, err)
	}
	options := (&jose.EncrypterOptions{}).WithContentType("JWT")
	encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}, options)
	if err != nil {
		return "", fmt.Errorf("encrypt request: %w", err)
	}
	jwe, err := encrypter.Encrypt([]byte(object))
	if err != nil {
		return "", fmt.Errorf("encrypt request: %w", err)
	}
	return jwe.CompactSerialize()
}

// ecdhES tells a public key on P-256 that is for ECDH-ES.
func ecdhES(key jose.JSONWebKey) bool {
	public, ok := key.Key.(*ecdsa.PublicKey)
	return ok && public.Curve == elliptic.P256() && key.Algorithm == string(jose.ECDH_ES) && key.Use != "sig"
}

// choose takes the better content encryption of those offered; A128GCM is the
// default where none is named (section 5.1).
func choose(offered []string) (jose.ContentEncryption, error) {
	if len(offered) == 0 {
		return jose.A128GCM, nil
	}
	for _, enc := range contentEncryption {
		if slices.Contains(offered, string(enc)) {
			return enc, nil
		}
	}
	return "", errors.New("no content encryption in common")
}
