package transfer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"testing"
)

// craft seals as somebody does who writes the parts themselves; change alters them.
func craft(t *testing.T, key *ecdsa.PrivateKey, change func(header, wrapped, iv, text, tag string) [5]string) string {
	t.Helper()
	ours, err := key.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, b64 := theirs.PublicKey().Bytes(), base64.RawURLEncoding
	parts := change(headerBegin+b64.EncodeToString(point[1:33])+headerY+b64.EncodeToString(point[33:])+headerKeyID+"k"+headerEnd, "", string(make([]byte, 12)), "", "")
	secret, err := theirs.ECDH(ours.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	derived := derive(secret)
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(parts[2]))
	if err != nil {
		t.Fatal(err)
	}
	header := b64.EncodeToString([]byte(parts[0]))
	sealed := aead.Seal(nil, []byte(parts[2]), []byte(`{"sub":"s"}`), []byte(header))
	end := len(sealed) - 16
	parts = change(parts[0], "", parts[2], string(sealed[:end]), string(sealed[end:]))
	whole := header
	for _, part := range parts[1:] {
		whole += "." + b64.EncodeToString([]byte(part))
	}
	return whole
}

// What the sender encrypted well, but did not write as Seal writes it, is not opened
// by the short way, and never panics.
func TestUnsealLeaves(t *testing.T) {
	key := encryptionKey(t)
	kid := func(kid string) func(header, wrapped, iv, text, tag string) [5]string {
		return func(header, wrapped, iv, text, tag string) [5]string {
			if text == "" {
				header = header[:len(header)-len("k")-len(headerEnd)] + kid + headerEnd
			}
			return [5]string{header, wrapped, iv, text, tag}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(header, wrapped, iv, text, tag string) [5]string
		opens  bool
	}{
		{"it opens what is written so", kid("k"), true},
		{"it leaves a kid that ends early", kid(`k\`), false},
		{"it leaves a kid that brings members along", kid(`k","apu":"AA`), false},
		{"it leaves a kid with an escape", kid(`\u006b`), false},
		{"it leaves a kid in two lines", kid("k\nk"), false},
		{"it leaves an empty kid", kid(""), false},
		{"it leaves a header that ends early", func(header, wrapped, iv, text, tag string) [5]string {
			if text == "" {
				header = header[:len(header)-len(headerEnd)]
			}
			return [5]string{header, wrapped, iv, text, tag}
		}, false},
		{"it leaves an IV that is too short", func(header, wrapped, iv, text, tag string) [5]string {
			return [5]string{header, wrapped, iv[:11], text, tag}
		}, false},
		{"it leaves an IV that is too long", func(header, wrapped, iv, text, tag string) [5]string {
			return [5]string{header, wrapped, string(make([]byte, 16)), text, tag}
		}, false},
		{"it leaves an encrypted key", func(header, _, iv, text, tag string) [5]string {
			return [5]string{header, "key", iv, text, tag}
		}, false},
		{"it leaves a tag that is too short", func(header, wrapped, iv, text, tag string) [5]string {
			if text == "" {
				return [5]string{header, wrapped, iv, text, tag}
			}
			return [5]string{header, wrapped, iv, text + tag[:1], tag[1:]}
		}, false},
		{"it leaves a tag that is too long", func(header, wrapped, iv, text, tag string) [5]string {
			if text == "" {
				return [5]string{header, wrapped, iv, text, tag}
			}
			return [5]string{header, wrapped, iv, text[:len(text)-1], text[len(text)-1:] + tag}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plain, ok := new(desk).unseal(craft(t, key, tt.change), key)
			if ok != tt.opens || ok && string(plain) != `{"sub":"s"}` {
				t.Errorf("%v %s", ok, plain)
			}
		})
	}
}
