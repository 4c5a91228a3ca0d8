package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jws"
)

// The header that Maker writes, around the coordinates of its key, and the text
// that names that key (RFC 7638).
const (
	headStart   = `{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"`
	headBetween = `","y":"`
	headEnd     = `"},"typ":"` + typ + `"}`
	coordinate  = 43 // 32 bytes in base64url
	headLength  = len(headStart) + coordinate + len(headBetween) + coordinate + len(headEnd)

	nameStart = `{"crv":"P-256","kty":"EC","x":"`
	nameEnd   = `"}`
)

// exact opens a proof whose header is written to the byte as Maker writes it: it
// needs no reading, and holds the thumbprint's text in itself. Whatever else there
// is, good or not, is for others.
func exact(field string) (key jose.JSONWebKey, jkt string, payload []byte, ok bool) {
	head, _, _ := strings.Cut(field, ".")
	if len(head) != base64.RawURLEncoding.EncodedLen(headLength) {
		return key, "", nil, false
	}
	raw, ok := jws.OneSpelling(head)
	if !ok || len(raw) != headLength {
		return key, "", nil, false
	}
	text := string(raw)
	atY := len(headStart) + coordinate + len(headBetween)
	x, y := text[len(headStart):len(headStart)+coordinate], text[atY:atY+coordinate]
	if text[:len(headStart)] != headStart || text[atY-len(headBetween):atY] != headBetween || text[atY+coordinate:] != headEnd {
		return key, "", nil, false
	}
	point := [65]byte{4}
	for i, c := range [2]string{x, y} {
		n, err := base64.RawURLEncoding.Strict().Decode(point[1+32*i:33+32*i], []byte(c))
		if err != nil || n != 32 { // a line break would be passed over
			return key, "", nil, false
		}
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
	if err != nil {
		return key, "", nil, false
	}
	name := make([]byte, 0, len(nameStart)+len(headBetween)+2*coordinate+len(nameEnd))
	name = append(append(append(append(append(name, nameStart...), x...), headBetween...), y...), nameEnd...)
	sum := sha256.Sum256(name)
	payload, ok = jws.Verify(field, public)
	return jose.JSONWebKey{Key: public}, base64.RawURLEncoding.EncodeToString(sum[:]), payload, ok
}
