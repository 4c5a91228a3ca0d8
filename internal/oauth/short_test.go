package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
)

// The short way opens nothing that the long one would not, and to the same bytes.
func TestOpenShort(t *testing.T) {
	key, other := newP256(t), newP256(t)
	jwk := func(key *ecdsa.PrivateKey, kid, alg string) jose.JSONWebKey {
		return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg}
	}
	client := func(keys ...jose.JSONWebKey) registry.Client {
		return registry.Client{JWKS: jose.JSONWebKeySet{Keys: keys}}
	}
	written := func(key *ecdsa.PrivateKey, typ, kid string, more map[jose.HeaderKey]any) string {
		options := &jose.SignerOptions{ExtraHeaders: more}
		if typ != "" {
			options = options.WithType(jose.ContentType(typ))
		}
		if kid != "" {
			options = options.WithHeader("kid", kid)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign([]byte(`{"iss":"agency"}`))
		if err != nil {
			t.Fatal(err)
		}
		compact, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	for name, c := range map[string]struct {
		text, typ, chosen string
		client            registry.Client
		short, long       bool
	}{
		"it opens an assertion":                       {written(key, "JWT", "a", nil), "", "", client(jwk(other, "b", ""), jwk(key, "a", "")), true, true},
		"it opens a request object":                   {written(key, objectType, "a", nil), objectType, "ES256", client(jwk(key, "a", "ES256")), true, true},
		"it leaves another typ":                       {written(key, "JWT", "a", nil), objectType, "", client(jwk(key, "a", "")), false, false},
		"it leaves no typ":                            {written(key, "", "a", nil), "", "", client(jwk(key, "a", "")), false, true},
		"it leaves no kid":                            {written(key, "JWT", "", nil), "", "", client(jwk(key, "a", "")), false, true},
		"it leaves more in the header":                {written(key, "JWT", "a", map[jose.HeaderKey]any{"x": 1}), "", "", client(jwk(key, "a", "")), false, true},
		"it leaves a kid of two keys":                 {written(key, "JWT", "a", nil), "", "", client(jwk(key, "a", ""), jwk(other, "a", "")), false, false},
		"it leaves an unknown kid":                    {written(key, "JWT", "c", nil), "", "", client(jwk(key, "a", "")), false, false},
		"it leaves another's signature":               {written(other, "JWT", "a", nil), "", "", client(jwk(key, "a", "")), false, false},
		"it leaves a key for another algorithm":       {written(key, "JWT", "a", nil), "", "", client(jwk(key, "a", "PS256")), false, false},
		"it leaves a client of another algorithm":     {written(key, "JWT", "a", nil), "", "EdDSA", client(jwk(key, "a", "")), false, false},
		"it leaves what is no JWS":                    {"a.b.c", "", "", client(jwk(key, "a", "")), false, false},
		"it opens the one of two that may be ES256's": {written(key, "JWT", "a", nil), "", "", client(jwk(key, "a", ""), jwk(other, "a", "PS256")), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			short, ok := openShort(c.text, c.typ, c.client, c.chosen)
			long, err := openAny(c.text, c.typ, c.client, objectAlgorithms, c.chosen)
			if ok != c.short || (err == nil) != c.long || ok && string(short) != string(long) {
				t.Errorf("short %t %s, long %v %s", ok, short, err, long)
			}
			got, err := openSigned(c.text, c.typ, c.client, objectAlgorithms, c.chosen)
			if (err == nil) != c.long || string(got) != string(long) {
				t.Errorf("%v %s", err, got)
			}
		})
	}
}

func newP256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
