package transfer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// sealedHeader is all that stands in the header of a JWE as Seal writes it.
type sealedHeader struct {
	Algorithm  string    `json:"alg"`
	Encryption string    `json:"enc"`
	Ephemeral  ephemeral `json:"epk"`
	KeyID      string    `json:"kid,omitempty"`
	Type       string    `json:"typ"`
}

// ephemeral is the sender's public key (RFC 7518, 4.6.1.1).
type ephemeral struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

// tagBytes is the size of an authentication tag (RFC 7518, 5.3).
const tagBytes = 16

// unseal decrypts what is written as Seal writes it, to a private key on P-256
// that is in memory: ECDH-ES (RFC 7518, 4.6) and A256GCM (5.3). All else, good or
// not, is go-jose's.
func unseal(jwe string, key any) (plain []byte, ok bool) {
	private, ok := privateKey(key)
	if !ok || strings.Count(jwe, ".") != 4 {
		return nil, false
	}
	var parts [5][]byte // RFC 7516, 7.1: header, key, IV, text, and the text again with the tag behind it
	i := 0
	for text := range strings.SplitSeq(jwe, ".") {
		room := make([]byte, 0, len(text)+tagBytes)
		if i == 4 {
			room = parts[3]
		}
		if parts[i], ok = jws.AppendOneSpelling(room, text); !ok {
			return nil, false
		}
		i++
	}
	header, _, _ := strings.Cut(jwe, ".")
	var h sealedHeader
	if jcs.Decode(parts[0], &h) != nil || len(parts[1]) != 0 || len(parts[2]) != 12 || len(parts[4]) != len(parts[3])+tagBytes ||
		h.Algorithm != string(jose.ECDH_ES) || h.Encryption != string(jose.A256GCM) || h.Type != typSealed {
		return nil, false
	}
	theirs, ok := h.Ephemeral.key()
	if !ok {
		return nil, false
	}
	secret, err := private.ECDH(theirs)
	if err != nil {
		return nil, false
	}
	block, err := aes.NewCipher(derive(secret, h.Encryption))
	if err != nil {
		return nil, false
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, false
	}
	plain, err = aead.Open(parts[4][:0], parts[2], parts[4], []byte(header))
	return plain, err == nil
}

// derive is the Concat KDF of RFC 7518, 4.6.2 for 256 bits, with nothing said of
// either party.
func derive(secret []byte, algorithm string) []byte {
	h := sha256.New()
	h.Write([]byte{0, 0, 0, 1})
	h.Write(secret)
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(algorithm)))) //nolint:gosec // G115: a constant's length
	h.Write([]byte(algorithm))
	h.Write([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}) // PartyUInfo, PartyVInfo, SuppPubInfo
	return h.Sum(nil)
}

func (e ephemeral) key() (*ecdh.PublicKey, bool) {
	x, isX := jws.OneSpelling(e.X)
	y, isY := jws.OneSpelling(e.Y)
	if e.Type != "EC" || e.Curve != "P-256" || !isX || !isY || len(x) != 32 || len(y) != 32 {
		return nil, false
	}
	key, err := ecdh.P256().NewPublicKey(append(append([]byte{4}, x...), y...)) // on the curve, or an error
	return key, err == nil
}

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
