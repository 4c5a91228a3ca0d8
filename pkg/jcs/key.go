package jcs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"reflect"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ownKey reads a JWK. A public key on P-256 with or without a kid and nothing else (RFC 7517,
// RFC 7518, 6.2.1), which nearly all are, it takes apart itself.
func ownKey(r *reader, v reflect.Value) bool {
	start := r.at
	if key, ok := r.key(); ok {
		v.Set(reflect.ValueOf(key))
		return true
	}
	r.at = start
	return ownJSON(r, v)
}

// ownAudience reads an aud that is one text (RFC 7519, 4.1.3), as nearly all are, itself.
func ownAudience(r *reader, v reflect.Value) bool {
	start := r.at
	if text, ok := r.text(); ok && !r.exact {
		v.Set(reflect.ValueOf(jwt.Audience{string(text)}))
		return true
	}
	r.at = start
	return ownJSON(r, v)
}

func (r *reader) key() (key jose.JSONWebKey, ok bool) {
	if !r.word(`{"crv":"P-256",`) {
		return key, false
	}
	var kid []byte
	if r.word(`"kid":`) {
		if kid, ok = r.text(); !ok || len(kid) == 0 || !r.byte(',') {
			return key, false
		}
	}
	if !r.word(`"kty":"EC","x":`) {
		return key, false
	}
	point := [65]byte{4} // SEC 1, 2.3.3: uncompressed
	if !r.coordinate(point[1:33]) || !r.word(`,"y":`) || !r.coordinate(point[33:]) || !r.byte('}') {
		return key, false
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
	if err != nil || bytes.ContainsAny(kid, `\"`) {
		return key, false
	}
	return jose.JSONWebKey{ // what is empty is empty as go-jose has it
		Key: public, KeyID: string(kid), Certificates: []*x509.Certificate{},
		CertificateThumbprintSHA1: []byte{}, CertificateThumbprintSHA256: []byte{},
	}, true
}

// coordinate reads 32 bytes in their one spelling.
func (r *reader) coordinate(into []byte) bool {
	text, ok := r.text()
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(len(into)) {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(into, text)
	return err == nil && n == len(into)
}
