package wallettest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// Provider is a wallet provider with a certificate authority of its own. It
// vouches for whatever it is asked to. Its fields may be changed between
// requests.
type Provider struct {
	Authority *Authority
	Name      string

	// The knobs that bend what it says.
	WalletHeader func(header map[string]any)
	WalletClaims func(claims map[string]any)
	KeyHeader    func(header map[string]any)
	KeyClaims    func(claims map[string]any)
	SignWith     *ecdsa.PrivateKey // instead of the certified key
	KeySignWith  *ecdsa.PrivateKey // the same, for attestations of keys alone
	Now          func() time.Time

	key   *ecdsa.PrivateKey
	chain [][]byte
}

// NewProvider makes one.
func NewProvider(t testing.TB, name string) *Provider {
	t.Helper()
	p := &Provider{Authority: NewAuthority(t), Name: name, key: Key(t), Now: time.Now}
	p.chain = p.Authority.Leaf(t, p.key.Public(), name, "https://"+name)
	return p
}

// Key is the key that its certificate is for.
func (p *Provider) Key() *ecdsa.PrivateKey { return p.key }

// Base64 is DER as an x5c holds it.
func Base64(der []byte) string { return base64.StdEncoding.EncodeToString(der) }

// Chain is its certificate chain.
func (p *Provider) Chain() [][]byte { return p.chain }

// X5C is its certificate chain as a header holds it.
func (p *Provider) X5C() []string {
	var out []string
	for _, der := range p.chain {
		out = append(out, base64.StdEncoding.EncodeToString(der))
	}
	return out
}

// AttestWallet vouches for an instance of a wallet.
func (p *Provider) AttestWallet(_ context.Context, clientID string, instance crypto.PublicKey) (string, error) {
	jwk, err := publicJWK(instance)
	if err != nil {
		return "", err
	}
	now := p.Now()
	return p.sign(openid4vci.WalletAttestationTyp, map[string]any{
		"iss": "https://" + p.Name, "sub": clientID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"cnf": map[string]any{"jwk": jwk}, "wallet_name": p.Name,
	}, p.WalletHeader, p.WalletClaims)
}

// AttestKeys vouches for keys, as well kept as can be.
func (p *Provider) AttestKeys(_ context.Context, keys []crypto.PublicKey, nonce string) (string, error) {
	var jwks []any
	for _, key := range keys {
		jwk, err := publicJWK(key)
		if err != nil {
			return "", err
		}
		jwks = append(jwks, jwk)
	}
	now := p.Now()
	if p.KeySignWith != nil {
		bent := *p
		bent.SignWith, p = p.KeySignWith, &bent
	}
	return p.sign(openid4vci.KeyAttestationTyp, map[string]any{
		"iss": "https://" + p.Name, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "attested_keys": jwks,
		"key_storage": []string{"iso_18045_high"}, "user_authentication": []string{"iso_18045_high"}, "nonce": nonce,
	}, p.KeyHeader, p.KeyClaims)
}

func (p *Provider) sign(typ string, claims map[string]any, header, body func(map[string]any)) (string, error) {
	h := map[string]any{"alg": "ES256", "typ": typ, "x5c": p.X5C()}
	if header != nil {
		header(h)
	}
	if body != nil {
		body(claims)
	}
	key := p.key
	if p.SignWith != nil {
		key = p.SignWith
	}
	return SignRaw(key, h, claims)
}

// SignRaw makes a compact JWS by hand, so that any header and any body can be
// tried; what is no string or bytes goes in as JSON.
func SignRaw(key *ecdsa.PrivateKey, header, body any) (string, error) {
	var input string
	for _, part := range []any{header, body} {
		text, err := json.Marshal(part)
		if raw, ok := part.(string); ok {
			text, err = []byte(raw), nil
		}
		if err != nil {
			return "", err
		}
		if input != "" {
			input += "."
		}
		input += base64.RawURLEncoding.EncodeToString(text)
	}
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature[:]), nil
}

// PublicJWK is a key as a header or a claim holds it.
func PublicJWK(t testing.TB, key crypto.PublicKey) map[string]any {
	t.Helper()
	text, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]any
	if err := json.Unmarshal(text, &jwk); err != nil {
		t.Fatal(err)
	}
	return jwk
}
