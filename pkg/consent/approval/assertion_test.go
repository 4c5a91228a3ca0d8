package approval_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

var rp = approval.RelyingParty{ID: "hub.example", Origin: "https://hub.example"}

func check(t *testing.T, what string, err error, name string) {
	t.Helper()
	if c, found := errors.AsType[*approval.CheckError](err); !found || c.Check != name {
		t.Errorf("%s: %v, want a refusal of %q", what, err, name)
	}
}

func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

//clause:passkeys 7.2 again, by the standard library, for approvals checked offline
func TestVerify(t *testing.T) {
	challenge := approval.Challenge([][32]byte{{1}, {2}}, [32]byte{3})
	text := base64.RawURLEncoding.EncodeToString(challenge[:])
	client := func(members string) []byte {
		return []byte(`{"type":"webauthn.get","challenge":"` + text + `","origin":"https://hub.example"` + members + `}`)
	}
	data := func(flags byte, rest ...byte) []byte {
		hash := sha256.Sum256([]byte(rp.ID))
		return append(append(hash[:], flags, 0, 0, 0, 9), rest...)
	}
	for name, c := range map[string]struct {
		data, client []byte
		want         string
	}{
		"it accepts a plain assertion":             {data(0x05), client(""), ""},
		"it accepts a synced passkey":              {data(0x1d), client(`,"crossOrigin":false`), ""},
		"it accepts client data that grows":        {data(0x05), client(`,"other_keys_can_be_added_here":"x"`), ""},
		"it accepts extensions that are announced": {data(0x85, 0xa0), client(""), ""},
		"it refuses creation":                      {data(0x05), bytes.Replace(client(""), []byte("webauthn.get"), []byte("webauthn.create"), 1), approval.CheckType},
		"it refuses another challenge":             {data(0x05), bytes.Replace(client(""), []byte(text), []byte(text[1:]+"A"), 1), approval.CheckChallenge},
		"it refuses a padded challenge":            {data(0x05), bytes.Replace(client(""), []byte(text), []byte(text+"="), 1), approval.CheckChallenge},
		"it refuses another origin":                {data(0x05), bytes.Replace(client(""), []byte("hub.example"), []byte("hub.example.evil"), 1), approval.CheckOrigin},
		"it refuses another port":                  {data(0x05), bytes.Replace(client(""), []byte("hub.example"), []byte("hub.example:444"), 1), approval.CheckOrigin},
		"it refuses plain http":                    {data(0x05), bytes.Replace(client(""), []byte("https:"), []byte("http:"), 1), approval.CheckOrigin},
		"it refuses a frame":                       {data(0x05), client(`,"crossOrigin":true`), approval.CheckCrossOrigin},
		"it refuses a top origin":                  {data(0x05), client(`,"topOrigin":"https://hub.example"`), approval.CheckCrossOrigin},
		"it refuses a member twice":                {data(0x05), client(`,"origin":"https://hub.example"`), approval.CheckFormat},
		"it refuses another spelling":              {data(0x05), bytes.Replace(client(""), []byte(`"type"`), []byte(`"Type"`), 1), approval.CheckType},
		"it refuses what is no object":             {data(0x05), []byte(`[]`), approval.CheckFormat},
		"it refuses a byte order mark":             {data(0x05), append([]byte("\ufeff"), client("")...), approval.CheckFormat},
		"it refuses what is not UTF-8":             {data(0x05), client(",\"x\":\"\xff\""), approval.CheckFormat},
		"it refuses a space before":                {data(0x05), append([]byte(" "), client("")...), approval.CheckFormat},
		"it refuses null":                          {data(0x05), []byte("null"), approval.CheckFormat},
		"it refuses trailing text":                 {data(0x05), append(client(""), '{'), approval.CheckFormat},
		"it refuses no client data":                {data(0x05), nil, approval.CheckFormat},
		"it refuses endless client data":           {data(0x05), client(`,"x":"` + strings.Repeat("x", 5000) + `"`), approval.CheckFormat},
		"it refuses another relying party":         {append(make([]byte, 32), 0x05, 0, 0, 0, 0), client(""), approval.CheckRPIDHash},
		"it refuses an absent user":                {data(0x04), client(""), approval.CheckUP},
		"it refuses an unverified user":            {data(0x01), client(""), approval.CheckUV},
		"it refuses short data":                    {data(0x05)[:36], client(""), approval.CheckFormat},
		"it refuses unannounced data":              {data(0x05, 0xa0), client(""), approval.CheckFormat},
		"it refuses missing extensions":            {data(0x85), client(""), approval.CheckFormat},
		"it refuses extensions of another kind":    {data(0x85, 0x01), client(""), approval.CheckFormat},
		"it refuses attested data":                 {data(0x45, 0x01), client(""), approval.CheckFormat},
		"it refuses attested data announced alone": {data(0x45), client(""), approval.CheckFormat},
		"it refuses a backup that cannot be":       {data(0x15), client(""), approval.CheckFormat},
		"it refuses endless data":                  {data(0x85, append([]byte{0xa0}, make([]byte, 5000)...)...), client(""), approval.CheckFormat},
	} {
		t.Run(name, func(t *testing.T) {
			passkey := consenttest.NewPasskey(rp)
			err := rp.Verify(passkey.SignRaw(c.data, c.client), passkey.JWK(), challenge)
			if c.want == "" {
				ok(t, name, err)
				return
			}
			check(t, name, err, c.want)
		})
	}
}

func TestVerifySignature(t *testing.T) {
	challenge := [32]byte{7}
	passkey := consenttest.NewPasskey(rp)
	good := passkey.Sign(challenge)
	ok(t, "a good one", rp.Verify(good, passkey.JWK(), challenge))
	check(t, "it refuses another key", rp.Verify(good, consenttest.NewPasskey(rp).JWK(), challenge), approval.CheckSignature)
	check(t, "it refuses another challenge", rp.Verify(good, passkey.JWK(), [32]byte{8}), approval.CheckChallenge)
	for _, nobody := range []approval.RelyingParty{{}, {ID: rp.ID}, {Origin: rp.Origin}} {
		careless := consenttest.NewPasskey(nobody)
		err := nobody.Verify(careless.Sign(challenge), careless.JWK(), challenge)
		check(t, fmt.Sprintf("it refuses the relying party %+v", nobody), err, approval.CheckOrigin)
	}
	check(t, "it refuses no key", rp.Verify(good, jose.JSONWebKey{}, challenge), approval.CheckSignature)
	check(t, "it refuses a shared secret", rp.Verify(good, jose.JSONWebKey{Key: []byte("secret")}, challenge), approval.CheckSignature)
	for i := range good.Signature {
		bad := good
		bad.Signature = bytes.Clone(good.Signature)
		bad.Signature[i] ^= 1
		check(t, fmt.Sprintf("it refuses byte %d flipped", i), rp.Verify(bad, passkey.JWK(), challenge), approval.CheckSignature)
	}
	for cause, signature := range map[string][]byte{"0 bytes": nil, "1025 bytes": make([]byte, 1025)} {
		bad := good
		bad.Signature = signature
		err := rp.Verify(bad, passkey.JWK(), challenge)
		check(t, "it refuses a signature of "+cause, err, approval.CheckSignature)
		if !strings.Contains(err.Error(), cause) {
			t.Errorf("it does not say that the signature has %s: %v", cause, err)
		}
	}
	for _, id := range [][]byte{nil, make([]byte, 1024)} {
		bad := good
		bad.CredentialID = id
		check(t, fmt.Sprintf("it refuses a credential id of %d bytes", len(id)), rp.Verify(bad, passkey.JWK(), challenge), approval.CheckFormat)
	}
}

// Keys that are too weak, or not agreed upon, do not count, however good the signature.
func TestVerifyRefusesKeys(t *testing.T) {
	challenge := [32]byte{7}
	good := consenttest.NewPasskey(rp).Sign(challenge)
	inner := sha256.Sum256(good.ClientDataJSON)
	digest := sha256.Sum256(append(bytes.Clone(good.AuthenticatorData), inner[:]...))
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	ok(t, "key", err)
	good.Signature, err = ecdsa.SignASN1(rand.Reader, other, digest[:])
	ok(t, "sign", err)
	check(t, "it refuses another curve", rp.Verify(good, jose.JSONWebKey{Key: other.Public()}, challenge), approval.CheckSignature)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	ok(t, "key", err)
	good.Signature, err = rsa.SignPKCS1v15(rand.Reader, short, crypto.SHA256, digest[:])
	ok(t, "sign", err)
	check(t, "it refuses a short RSA key", rp.Verify(good, jose.JSONWebKey{Key: short.Public()}, challenge), approval.CheckSignature)
}

// Authenticators may also sign with EdDSA and RS256.
func TestVerifyOtherAlgorithms(t *testing.T) {
	challenge := [32]byte{7}
	like := consenttest.NewPasskey(rp).Sign(challenge)
	inner := sha256.Sum256(like.ClientDataJSON)
	signed := append(bytes.Clone(like.AuthenticatorData), inner[:]...)
	digest := sha256.Sum256(signed)

	public, private, err := ed25519.GenerateKey(rand.Reader)
	ok(t, "key", err)
	like.Signature = ed25519.Sign(private, signed)
	ok(t, "EdDSA", rp.Verify(like, jose.JSONWebKey{Key: public}, challenge))
	like.Signature[0] ^= 1
	check(t, "EdDSA flipped", rp.Verify(like, jose.JSONWebKey{Key: public}, challenge), approval.CheckSignature)

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, "key", err)
	like.Signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	ok(t, "sign", err)
	ok(t, "RS256", rp.Verify(like, jose.JSONWebKey{Key: key.Public()}, challenge))
	like.Signature[0] ^= 1
	check(t, "RS256 flipped", rp.Verify(like, jose.JSONWebKey{Key: key.Public()}, challenge), approval.CheckSignature)
}

// The challenge depends on every digest, on their order and on the nonce.
func TestChallenge(t *testing.T) {
	seen := map[[32]byte]string{}
	for name, c := range map[string][32]byte{
		"one":           approval.Challenge([][32]byte{{1}}, [32]byte{}),
		"two":           approval.Challenge([][32]byte{{1}, {2}}, [32]byte{}),
		"turned":        approval.Challenge([][32]byte{{2}, {1}}, [32]byte{}),
		"another nonce": approval.Challenge([][32]byte{{1}}, [32]byte{1}),
		"none":          approval.Challenge(nil, [32]byte{}),
	} {
		if other, twice := seen[c]; twice {
			t.Errorf("%s and %s meet", name, other)
		}
		seen[c] = name
	}
	const want = "U397Lr4Z6sGYIPsvY4zRfjoogH1P2_31JlTfa9276C0"
	got := approval.Challenge([][32]byte{{1}, {2}}, [32]byte{3})
	if text := base64.RawURLEncoding.EncodeToString(got[:]); text != want {
		t.Errorf("the challenge of the golden vector is %s, want %s", text, want)
	}
}
