package did

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// The multicodec prefixes (unsigned varints) of the keys known here.
var (
	codecP256    = []byte{0x80, 0x24}
	codecEd25519 = []byte{0xed, 0x01}
)

// Key is the public key that a DID URL of did:jwk or did:key names; such DIDs
// hold their key in themselves. It is what a `kid` of a key proof needs
// (OpenID4VCI 1.0, F.1).
func Key(url string) (jose.JSONWebKey, error) {
	d, err := resolveLocal(base(url))
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	return d.Key(url, Authentication)
}

func base(url string) string {
	id, _, _ := strings.Cut(url, "#")
	return id
}

func resolveLocal(id string) (Document, error) {
	method, specific, err := Split(id)
	if err != nil {
		return Document{}, err
	}
	switch method {
	case "jwk":
		data, err := base64.RawURLEncoding.Strict().DecodeString(specific)
		if err != nil {
			return Document{}, fmt.Errorf("%w: did:jwk: %w", ErrMalformed, err)
		}
		key, err := publicJWK(data)
		if err != nil {
			return Document{}, err
		}
		document, err := New(id, map[string]jose.JSONWebKey{"0": key})
		if key.Use == "enc" { // did:jwk, Read: then it is for key agreement alone
			document.Authentication, document.AssertionMethod = nil, nil
		}
		return document, err
	case "key":
		key, err := decodeKey(specific)
		if err != nil {
			return Document{}, err
		}
		return New(id, map[string]jose.JSONWebKey{specific: key})
	}
	return Document{}, fmt.Errorf("%w: %s", ErrUnsupported, method)
}

// FromJWK is the did:jwk of a public key.
func FromJWK(key jose.JSONWebKey) (string, error) {
	if !key.Valid() || !key.IsPublic() {
		return "", fmt.Errorf("%w: not a public key", ErrMalformed)
	}
	data, err := jose.JSONWebKey{Key: key.Key}.MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("did:jwk: %w", err)
	}
	return "did:jwk:" + base64.RawURLEncoding.EncodeToString(data), nil
}

// FromKey is the did:key of a public key on P-256 or Ed25519.
func FromKey(key any) (string, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			break
		}
		point, err := k.Bytes()
		if err != nil {
			return "", fmt.Errorf("did:key: %w", err)
		}
		compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
		return "did:key:z" + encode58(append(bytes.Clone(codecP256), compressed...)), nil
	case ed25519.PublicKey:
		return "did:key:z" + encode58(append(bytes.Clone(codecEd25519), k...)), nil
	}
	return "", fmt.Errorf("%w: did:key of another kind of key", ErrUnsupported)
}

func decodeKey(multibase string) (jose.JSONWebKey, error) {
	if len(multibase) > 128 || !strings.HasPrefix(multibase, "z") {
		return jose.JSONWebKey{}, fmt.Errorf("%w: did:key is not base58btc", ErrMalformed)
	}
	data, err := decode58(multibase[1:])
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	if raw, ok := bytes.CutPrefix(data, codecEd25519); ok && len(raw) == ed25519.PublicKeySize {
		return jose.JSONWebKey{Key: ed25519.PublicKey(raw)}, nil
	}
	if raw, ok := bytes.CutPrefix(data, codecP256); ok {
		point, err := decompress(raw)
		if err != nil {
			return jose.JSONWebKey{}, fmt.Errorf("%w: did:key holds no point of P-256", ErrMalformed)
		}
		return jose.JSONWebKey{Key: point}, nil
	}
	return jose.JSONWebKey{}, fmt.Errorf("%w: did:key of another kind of key", ErrUnsupported)
}

const alphabet58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

func encode58(data []byte) string {
	n, mod, radix := new(big.Int).SetBytes(data), new(big.Int), big.NewInt(58)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, radix, mod)
		out = append(out, alphabet58[mod.Int64()])
	}
	for _, b := range data {
		if b != 0 {
			break
		}
		out = append(out, alphabet58[0])
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// decompress takes SEC 1's compressed form of a point of P-256.
func decompress(raw []byte) (*ecdsa.PublicKey, error) {
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), raw)
	if x == nil {
		return nil, errors.New("no point of P-256")
	}
	point := make([]byte, 65)
	point[0] = 4
	x.FillBytes(point[1:33])
	y.FillBytes(point[33:])
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

func decode58(s string) ([]byte, error) {
	n, radix := new(big.Int), big.NewInt(58)
	zeros, leading := 0, true
	for _, c := range []byte(s) {
		i := strings.IndexByte(alphabet58, c)
		if i < 0 {
			return nil, fmt.Errorf("%w: not base58btc", ErrMalformed)
		}
		if leading = leading && i == 0; leading {
			zeros++
		}
		n.Mul(n, radix).Add(n, big.NewInt(int64(i)))
	}
	return append(make([]byte, zeros), n.Bytes()...), nil
}
