package jws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Open answers the payload of a text of this typ that one of the keys signed, the
// only one of its kid. Its caller bounds the text.
func Open(compact, typ string, keys []jose.JSONWebKey) (payload []byte, ok bool) {
	return OpenIn(nil, compact, typ, keys)
}

// OpenIn is Open into room, which it overwrites, and grows where it is too small.
func OpenIn(room []byte, compact, typ string, keys []jose.JSONWebKey) (payload []byte, ok bool) {
	header, _, _ := strings.Cut(compact, ".")
	found := -1
	for i, key := range keys {
		if header == "" || header != Header(typ, key.KeyID) {
			continue
		}
		if found >= 0 {
			return nil, false
		}
		found = i
	}
	if found < 0 {
		return nil, false
	}
	key, ok := keys[found].Key.(*ecdsa.PublicKey)
	if !ok {
		return nil, false
	}
	return verify(room, compact, key)
}

// Plain tells that a text stands in JSON as it is, whoever wrote it.
func Plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || strings.IndexByte(`"\<>&`, c) >= 0 {
			return false
		}
	}
	return text != ""
}

// Header is the first part of such a text; empty where it would not be plain.
func Header(typ, kid string) string {
	if !Plain(kid) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","kid":"` + kid + `","typ":"` + typ + `"}`))
}

// Verify checks the signature alone; that the header says ES256, and nothing that
// changes what is signed, its caller knows.
func Verify(compact string, key *ecdsa.PublicKey) (payload []byte, ok bool) {
	return verify(nil, compact, key)
}

func verify(room []byte, compact string, key *ecdsa.PublicKey) (payload []byte, ok bool) {
	_, rest, _ := strings.Cut(compact, ".")
	body, tail, _ := strings.Cut(rest, ".")
	if payload, ok = AppendOneSpelling(room[:0], body); !ok {
		return nil, false
	}
	var raw [66]byte
	signature, ok := AppendOneSpelling(raw[:0], tail)
	if !ok || len(signature) != 64 || key.Curve != elliptic.P256() {
		return nil, false
	}
	digest := Sum(compact[:len(compact)-len(tail)-1])
	var der [72]byte
	return payload, ecdsa.VerifyASN1(key, digest[:], AppendDER(der[:0], signature))
}

// Sum is the SHA-256 of a text, of which no copy is made.
func Sum(text string) (digest [sha256.Size]byte) {
	var part [1024]byte
	if len(text) <= len(part) {
		return sha256.Sum256(part[:copy(part[:], text)])
	}
	h := sha256.New()
	for len(text) > 0 {
		n := copy(part[:], text)
		h.Write(part[:n])
		text = text[n:]
	}
	h.Sum(digest[:0])
	return digest
}

// AppendDER writes the 64 bytes of r and s (RFC 7518, 3.4) as the standard library
// takes them (RFC 3279, 2.2.3): each the shortest form of a positive integer.
func AppendDER(out, signature []byte) []byte {
	out = append(out, 0x30, 0)
	for _, n := range [2][]byte{signature[:32], signature[32:]} {
		for len(n) > 1 && n[0] == 0 {
			n = n[1:]
		}
		out = append(out, 2, byte(len(n))) //nolint:gosec // at most 32
		if n[0] >= 0x80 {
			out[len(out)-1]++
			out = append(out, 0)
		}
		out = append(out, n...)
	}
	out[1] = byte(len(out) - 2) //nolint:gosec // at most 70
	return out
}

// OneSpelling reads unpadded base64url. The decoder skips line breaks: then the
// text is longer than its bytes need.
func OneSpelling(text string) ([]byte, bool) { return AppendOneSpelling(nil, text) }

// AppendOneSpelling does so, behind other bytes.
func AppendOneSpelling(out []byte, text string) ([]byte, bool) {
	before := len(out)
	out, err := base64.RawURLEncoding.Strict().AppendDecode(out, []byte(text))
	return out, err == nil && base64.RawURLEncoding.EncodedLen(len(out)-before) == len(text)
}
