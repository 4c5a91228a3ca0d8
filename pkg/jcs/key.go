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
	_, canonical, ok := r.value()
	if !ok {
		return false
	}
	if key, ok := publicKey(canonical); ok {
		v.Set(reflect.ValueOf(key))
		return true
	}
	r.at = start
	return ownJSON(r, v)
}

// ownAudience reads an aud that is one text (RFC 7519, 4.1.3), as nearly all are, itself.
func ownAudience(r *reader, v reflect.Value) bool {
	start := r.at
	if text, ok := r.plain(); ok {
		v.Set(reflect.ValueOf(jwt.Audience{string(text)}))
		return true
	}
	r.at = start
	return ownJSON(r, v)
}

// publicKey takes apart the canonical text of a key.
func publicKey(canonical []byte) (key jose.JSONWebKey, ok bool) {
	rest, ok := bytes.CutPrefix(canonical, []byte(`{"crv":"P-256",`))
	if !ok {
		return key, false
	}
	var kid []byte
	if after, has := bytes.CutPrefix(rest, []byte(`"kid":"`)); has {
		if kid, rest, ok = bytes.Cut(after, []byte(`",`)); !ok || len(kid) == 0 || bytes.ContainsAny(kid, `\"`) {
			return key, false
		}
	}
	point := [65]byte{4} // SEC 1, 2.3.3: uncompressed
	if rest, ok = coordinate(point[1:33], rest, `"kty":"EC","x":"`); !ok {
		return key, false
	}
	if rest, ok = coordinate(point[33:], rest, `","y":"`); !ok || string(rest) != `"}` {
		return key, false
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point[:])
	if err != nil {
		return key, false
	}
	return jose.JSONWebKey{ // what is empty is empty as go-jose has it
		Key: public, KeyID: string(kid), Certificates: []*x509.Certificate{},
		CertificateThumbprintSHA1: []byte{}, CertificateThumbprintSHA256: []byte{},
	}, true
}

// coordinate reads 32 bytes in their one spelling, after a label.
func coordinate(into, text []byte, label string) (rest []byte, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte(label))
	n := base64.RawURLEncoding.EncodedLen(len(into))
	if !ok || len(text) < n {
		return nil, false
	}
	got, err := base64.RawURLEncoding.Strict().Decode(into, text[:n])
	return text[n:], err == nil && got == len(into)
}
