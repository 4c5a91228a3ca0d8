package jws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// What is signed here, go-jose opens, and would have written so.
func TestSign(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, one, one, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Protected{
		"it names a key":                    {KeyID: "hub-1", Type: "a+jwt"},
		"it carries a chain":                {Type: "a+jwt", X5C: [][]byte{der, der}},
		"it spells a strange kid as others": {KeyID: "<a&\"\\한\u2028", Type: "a+jwt"},
	} {
		got, err := Sign(p, []byte(`{"iat":1}`), key)
		if err != nil {
			t.Fatal(err)
		}
		object, err := jose.ParseSignedCompact(got, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if payload, err := object.Verify(key.Public()); err != nil || string(payload) != `{"iat":1}` {
			t.Errorf("%s: %s, %v", name, payload, err)
		}
		options := (&jose.SignerOptions{}).WithType(jose.ContentType(p.Type))
		if p.KeyID != "" {
			options.WithHeader("kid", p.KeyID)
		} else {
			text := base64.StdEncoding.EncodeToString(der)
			options.WithHeader("x5c", []string{text, text})
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := signer.Sign([]byte(`{"iat":1}`))
		if err != nil {
			t.Fatal(err)
		}
		want, err := theirs.CompactSerialize()
		if err != nil || got[:strings.LastIndex(got, ".")] != want[:strings.LastIndex(want, ".")] {
			t.Errorf("%s: %s instead of %s (%v)", name, got, want, err)
		}
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for says, signer := range map[string]crypto.Signer{"not on P-256": wide, "no signature": mute{key}} {
		if text, err := Sign(Protected{Type: "a+jwt"}, nil, signer); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("it signs with %T: %s, %v", signer, text, err)
		}
	}
}

// mute is a signer that answers nothing.
type mute struct{ *ecdsa.PrivateKey }

func (mute) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, nil }

// The two forms of a signature are one number pair, short ones too.
func TestSignatureForms(t *testing.T) {
	for _, s := range [][64]byte{{0: 1, 32: 1}, {0: 0x80, 32: 0xff}, {31: 1, 63: 0x80}, {31: 0x80, 62: 1}, {}} {
		der := AppendDER(nil, s[:])
		var back [64]byte
		if err := fromDER(&back, der); err != nil || back != s {
			t.Errorf("%x: %x %v", s, back, err)
		}
		var rs struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(der, &rs); err != nil || len(rest) > 0 || rs.R.Cmp(new(big.Int).SetBytes(s[:32])) != 0 {
			t.Errorf("%x is not %x: %v", der, s, err)
		}
	}
	var s [64]byte
	for _, bad := range []string{"", "30", "3000", "3001", "300602010102", "30060201010302" + "01", "3006020101020201", "02020101"} {
		der, _ := hex.DecodeString(bad)
		if err := fromDER(&s, der); err == nil {
			t.Errorf("it takes %s", bad)
		}
	}
	long := append([]byte{0x30, 37, 2, 33}, bytes.Repeat([]byte{1}, 33)...)
	if err := fromDER(&s, append(long, 2, 0)); err == nil {
		t.Error("it takes a number that is too long")
	}
}
