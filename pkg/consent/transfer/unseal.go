package transfer

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jws"
)

// The header of a JWE as Seal writes it: the sender's public key (RFC 7518, 4.6.1.1),
// and the kid of the recipient's, which says nothing here.
const (
	headerBegin = `{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"`
	headerY     = `","y":"`
	headerKeyID = `"},"kid":"`
	headerType  = `"},"typ":"` + typSealed + `"}`
	headerEnd   = `","typ":"` + typSealed + `"}`
)

// tagBytes is the size of an authentication tag (RFC 7518, 5.3).
const tagBytes = 16

// unseal decrypts what is written as Seal writes it, to a private key on P-256
// that is in memory: ECDH-ES (RFC 7518, 4.6) and A256GCM (5.3). All else, good or
// not, is go-jose's. The plaintext lies in the desk.
func (d *desk) unseal(jwe string, key any) (plain []byte, ok bool) {
	private, ok := privateKey(key)
	if !ok || strings.Count(jwe, ".") != 4 {
		return nil, false
	}
	room := slices.Grow(d.room[:0], len(jwe)) // enough for all
	d.room = room
	var parts [5][]byte // RFC 7516, 7.1: header, key, IV, text, tag
	i := 0
	for text := range strings.SplitSeq(jwe, ".") {
		before := len(room)
		if room, ok = jws.AppendOneSpelling(room, text); !ok {
			return nil, false
		}
		parts[i] = room[before:]
		i++
	}
	text := room[len(room)-len(parts[3])-len(parts[4]):]
	header, _, _ := strings.Cut(jwe, ".")
	theirs, ok := sender(parts[0])
	if !ok || len(parts[1]) != 0 || len(parts[2]) != 12 || len(parts[4]) != tagBytes {
		return nil, false
	}
	secret, err := private.ECDH(theirs)
	if err != nil {
		return nil, false
	}
	derived := derive(secret)
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, false
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, false
	}
	plain, err = aead.Open(text[:0], parts[2], text, []byte(header))
	return plain, err == nil
}

// sender is the public key of such a header.
func sender(header []byte) (*ecdh.PublicKey, bool) {
	const coordinate = 43 // 32 bytes in base64url
	rest, ok := bytes.CutPrefix(header, []byte(headerBegin))
	if !ok || len(rest) < 2*coordinate+len(headerY) || string(rest[coordinate:coordinate+len(headerY)]) != headerY {
		return nil, false
	}
	y, end := rest[coordinate+len(headerY):][:coordinate], rest[2*coordinate+len(headerY):]
	if kid, has := bytes.CutPrefix(end, []byte(headerKeyID)); has {
		kid, has = bytes.CutSuffix(kid, []byte(headerEnd))
		if !has || !jws.Plain(string(kid)) {
			return nil, false
		}
	} else if string(end) != headerType {
		return nil, false
	}
	point := make([]byte, 1, 65)
	point[0] = 4 // SEC 1, 2.3.3: uncompressed
	for _, text := range [2][]byte{rest[:coordinate], y} {
		if point, ok = jws.AppendOneSpelling(point, string(text)); !ok {
			return nil, false
		}
	}
	key, err := ecdh.P256().NewPublicKey(point) // 65 bytes, on the curve, or an error
	return key, err == nil
}

// derive is the Concat KDF of RFC 7518, 4.6.2 for 256 bits of A256GCM, with nothing
// said of either party.
func derive(secret []byte) [32]byte {
	var room [80]byte
	text := append(room[:0], 0, 0, 0, 1)
	text = append(text, secret...)
	text = append(text, "\x00\x00\x00\x07A256GCM"...)                      // AlgorithmID
	return sha256.Sum256(append(text, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)) // PartyUInfo, PartyVInfo, SuppPubInfo
}

// desk is room for decoded texts that are read at once, used again and again.
type desk struct{ room []byte }

var desks = sync.Pool{New: func() any { return new(desk) }}

// last is the private key that was used last: a provider has one.
var last atomic.Pointer[struct {
	of  *ecdsa.PrivateKey
	key *ecdh.PrivateKey
}]

func privateKey(key any) (*ecdh.PrivateKey, bool) {
	switch k := key.(type) {
	case jose.JSONWebKey:
		return privateKey(k.Key)
	case *jose.JSONWebKey:
		if k != nil {
			return privateKey(k.Key)
		}
	case *ecdsa.PrivateKey:
		if known := last.Load(); known != nil && known.of == k {
			return known.key, true
		}
		if k == nil || k.Curve != elliptic.P256() {
			return nil, false
		}
		private, err := k.ECDH()
		if err != nil {
			return nil, false
		}
		last.Store(&struct {
			of  *ecdsa.PrivateKey
			key *ecdh.PrivateKey
		}{k, private})
		return private, true
	}
	return nil, false
}
