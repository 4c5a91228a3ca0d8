package jws_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jws"
)

const typ = "a+jwt"

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, key *ecdsa.PrivateKey, algorithm jose.SignatureAlgorithm, typ, kid string, more map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{ExtraHeaders: more}).WithType(jose.ContentType(typ)).WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign([]byte(`{"iat":1}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func public(key *ecdsa.PrivateKey, kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid}
}

// bare is a text whose first part is empty: its signature is good.
func bare(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	text := "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iat":1}`))
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestOpen(t *testing.T) {
	key, other, wide := newKey(t, elliptic.P256()), newKey(t, elliptic.P256()), newKey(t, elliptic.P384())
	keys := []jose.JSONWebKey{public(other, "b"), public(key, "a"), public(wide, "w"), {Key: []byte("secret"), KeyID: "s"}}
	good := sign(t, key, jose.ES256, typ, "a", nil)
	parts := strings.Split(good, ".")
	for _, c := range []struct {
		name, text string
		keys       []jose.JSONWebKey
		opens      bool
	}{
		{"it opens what go-jose signs", good, keys, true},
		{"it leaves another typ", sign(t, key, jose.ES256, "b+jwt", "a", nil), keys, false},
		{"it leaves another's kid", sign(t, key, jose.ES256, typ, "b", nil), keys, false},
		{"it leaves an unknown kid", sign(t, key, jose.ES256, typ, "c", nil), keys, false},
		{"it leaves no kid", sign(t, key, jose.ES256, typ, "", nil), []jose.JSONWebKey{public(key, "")}, false},
		{"it leaves a kid of two keys", good, append([]jose.JSONWebKey{public(key, "a")}, keys...), false},
		{"it leaves another algorithm", sign(t, wide, jose.ES384, typ, "w", nil), keys, false},
		{"it leaves a key of another curve", jws.Header(typ, "w") + "." + parts[1] + "." + parts[2], keys, false},
		{"it leaves a key that is none", jws.Header(typ, "s") + "." + parts[1] + "." + parts[2], keys, false},
		{"it leaves a header with more in it", sign(t, key, jose.ES256, typ, "a", map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}), keys, false},
		{"it leaves a kid that needs escapes", sign(t, key, jose.ES256, typ, `a"b`, nil), []jose.JSONWebKey{public(key, `a"b`)}, false},
		{"it leaves another payload", parts[0] + ".e30." + parts[2], keys, false},
		{"it leaves stray bits", good[:len(good)-1] + string(rune(good[len(good)-1]+1)), keys, false},
		{"it leaves a line break", parts[0] + "." + parts[1] + "\n." + parts[2], keys, false},
		{"it leaves a fourth part", good + ".e30", keys, false},
		{"it leaves two parts", parts[0] + "." + parts[1], keys, false},
		{"it leaves nothing", "", keys, false},
		{"it leaves a text without a header, though a key has no kid", bare(t, key), []jose.JSONWebKey{public(key, "")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, ok := jws.Open(c.text, typ, c.keys)
			if ok != c.opens || ok && string(payload) != `{"iat":1}` {
				t.Errorf("%v %s", ok, payload)
			}
		})
	}
}

// FuzzOpen: what opens here, opens with go-jose to the same payload.
func FuzzOpen(f *testing.F) {
	key := newKey(f, elliptic.P256())
	keys := []jose.JSONWebKey{public(key, "a")}
	good := sign(f, key, jose.ES256, typ, "a", nil)
	for _, s := range []string{good, good + "A", good[:9] + "\n" + good[9:], "..", jws.Header(typ, "a") + "..", sign(f, key, jose.ES256, typ, "a", map[jose.HeaderKey]any{"x": 1})} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		payload, ok := jws.Open(text, typ, keys)
		if !ok {
			return
		}
		object, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		want, err := object.Verify(keys[0].Key)
		if err != nil || !bytes.Equal(payload, want) || object.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != typ {
			t.Errorf("%q opens: %v", text, err)
		}
	})
}
