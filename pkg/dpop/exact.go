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

const (
	coordinate = 43 // 32 bytes in base64url
	nameStart  = `{"crv":"P-256","kty":"EC","x":"`
	between    = `","y":"`
	nameEnd    = `"}`
)

// spelling is how a client writes its header, around the coordinates of its key.
type spelling struct{ start, end string }

// spellings are that of go-jose, which Maker writes, that of oauth4webapi, and that
// of RFC 9449's examples. They have the same members, and so one length.
func spellings() [3]spelling {
	return [3]spelling{
		{`{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"`, `"},"typ":"` + typ + `"}`},
		{`{"alg":"ES256","typ":"` + typ + `","jwk":{"kty":"EC","x":"`, `","crv":"P-256"}}`},
		{`{"typ":"` + typ + `","alg":"ES256","jwk":{"kty":"EC","x":"`, `","crv":"P-256"}}`},
	}
}

// coordinates finds x and y in a header of a known spelling.
func coordinates(header string) (x, y string, ok bool) {
	for _, s := range spellings() {
		middle, ok := strings.CutPrefix(header, s.start)
		if !ok {
			continue
		}
		middle, ok = strings.CutSuffix(middle, s.end)
		if !ok || len(middle) != 2*coordinate+len(between) || middle[coordinate:coordinate+len(between)] != between {
			return "", "", false
		}
		return middle[:coordinate], middle[coordinate+len(between):], true
	}
	return "", "", false
}

// exact opens a proof whose header is written to the byte in one of these ways: it
// needs no reading, and holds the thumbprint's text (RFC 7638) in itself. Whatever
// else there is, good or not, is for others.
func exact(field string) (key jose.JSONWebKey, jkt string, payload []byte, ok bool) {
	head, _, _ := strings.Cut(field, ".")
	raw, ok := jws.OneSpelling(head)
	if !ok {
		return key, "", nil, false
	}
	x, y, ok := coordinates(string(raw))
	if !ok {
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
	name := make([]byte, 0, len(nameStart)+len(between)+2*coordinate+len(nameEnd))
	name = append(append(append(append(append(name, nameStart...), x...), between...), y...), nameEnd...)
	sum := sha256.Sum256(name)
	payload, ok = jws.Verify(field, public)
	return jose.JSONWebKey{Key: public}, base64.RawURLEncoding.EncodeToString(sum[:]), payload, ok
}
