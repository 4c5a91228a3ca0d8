package account

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-webauthn/webauthn/webauthn"
)

func encode(t testing.TB, key map[int]any) []byte {
	t.Helper()
	out, err := cbor.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func samples(t testing.TB) (ec *ecdsa.PublicKey, ed ed25519.PublicKey, r *rsa.PublicKey) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rk, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &k.PublicKey, ed, &rk.PublicKey
}

func ec2(k *ecdsa.PublicKey) map[int]any {
	point, _ := k.Bytes()
	return map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]}
}

func TestPublicJWK(t *testing.T) {
	ec, ed, r := samples(t)
	for name, c := range map[string]struct {
		cose map[int]any
		want jose.JSONWebKey
	}{
		"it reads ES256": {ec2(ec), jose.JSONWebKey{Key: ec}},
		"it reads EdDSA": {map[int]any{1: 1, 3: -8, -1: 6, -2: []byte(ed)}, jose.JSONWebKey{Key: ed}},
		"it reads RS256": {map[int]any{1: 3, 3: -257, -1: r.N.Bytes(), -2: []byte{1, 0, 1}}, jose.JSONWebKey{Key: r}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := publicJWK(encode(t, c.cose))
			if err != nil {
				t.Fatal(err)
			}
			sum, err := c.want.Thumbprint(5) // SHA-256
			if err != nil {
				t.Fatal(err)
			}
			gotSum, err := got.Thumbprint(5)
			if err != nil || string(sum) != string(gotSum) || got.KeyID == "" || !got.Valid() {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestPublicJWKRefuses(t *testing.T) {
	ec, ed, r := samples(t)
	with := func(key map[int]any, label int, value any) map[int]any {
		out := map[int]any{}
		for k, v := range key {
			out[k] = v
		}
		out[label] = value
		return out
	}
	weak := new(big.Int).Rsh(r.N, 1024).Bytes()
	for name, cose := range map[string]map[int]any{
		"it refuses a point off the curve":               with(ec2(ec), -3, make([]byte, 32)),
		"it refuses a short coordinate":                  with(ec2(ec), -2, []byte{1}),
		"it refuses ES384 on P-256":                      with(ec2(ec), 3, -35),
		"it refuses ESP256, which approvals do not know": with(ec2(ec), 3, -9),
		"it refuses Ed25519 by its newer name":           {1: 1, 3: -19, -1: 6, -2: []byte(ed)},
		"it refuses another curve":                       with(ec2(ec), -1, 2),
		"it refuses a short Edwards key":                 {1: 1, 3: -8, -1: 6, -2: []byte(ed)[:31]},
		"it refuses X25519":                              {1: 1, 3: -8, -1: 4, -2: []byte(ed)},
		"it refuses a short RSA key":                     {1: 3, 3: -257, -1: weak, -2: []byte{1, 0, 1}},
		"it refuses RSA with SHA-1":                      {1: 3, 3: -65535, -1: r.N.Bytes(), -2: []byte{1, 0, 1}},
		"it refuses RSA-PSS":                             {1: 3, 3: -37, -1: r.N.Bytes(), -2: []byte{1, 0, 1}},
		"it refuses an unknown type":                     {1: 9, 3: -7},
		"it refuses an elliptic key as EdDSA":            with(ec2(ec), 3, -8),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := publicJWK(encode(t, cose)); err == nil {
				t.Errorf("accepted %+v", got)
			}
		})
	}
}

// A row whose two keys differ would let in with one and approve with another.
func TestPasskeyRowHasOneKey(t *testing.T) {
	one, _, _ := samples(t)
	other, _, _ := samples(t)
	for name, c := range map[string]struct {
		approves *ecdsa.PublicKey
		ok       bool
	}{"it takes one key for both": {one, true}, "it refuses another key for approvals": {other, false}} {
		t.Run(name, func(t *testing.T) {
			credential, err := json.Marshal(webauthn.Credential{PublicKey: encode(t, ec2(one))})
			if err != nil {
				t.Fatal(err)
			}
			key, err := publicJWK(encode(t, ec2(c.approves)))
			if err != nil {
				t.Fatal(err)
			}
			jwk, err := json.Marshal(key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := (PasskeyRow{Credential: credential, JWK: jwk}).PublicKey(); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			garbled := bytes.Replace(credential, []byte(`"id":null`), []byte(`"id":7`), 1)
			if _, err := (PasskeyRow{Credential: garbled, JWK: jwk}).PublicKey(); err == nil {
				t.Error("it reads a row that was garbled")
			}
		})
	}
}

func FuzzPublicJWK(f *testing.F) {
	ec, ed, r := samples(f)
	f.Add(encode(f, ec2(ec)))
	f.Add(encode(f, map[int]any{1: 1, 3: -8, -1: 6, -2: []byte(ed)}))
	f.Add(encode(f, map[int]any{1: 3, 3: -257, -1: r.N.Bytes(), -2: []byte{1, 0, 1}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, cose []byte) {
		if key, err := publicJWK(cose); err == nil && (!key.Valid() || key.KeyID == "") {
			t.Errorf("accepted %+v", key)
		}
	})
}
