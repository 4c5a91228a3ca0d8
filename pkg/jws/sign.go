package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Protected is a header as we write it.
type Protected struct {
	KeyID string   // or X5C
	Type  string   // typ
	X5C   [][]byte // DER, leaf first
}

// Sign makes a compact JWS of a payload with a key on P-256, wherever that lies.
func Sign(p Protected, payload []byte, key crypto.Signer) (string, error) {
	header, err := json.Marshal(struct { // in the order of names, as go-jose has it
		Algorithm string   `json:"alg"`
		KeyID     string   `json:"kid,omitempty"`
		Type      string   `json:"typ"`
		X5C       [][]byte `json:"x5c,omitempty"`
	}{"ES256", p.KeyID, p.Type, p.X5C})
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", p.Type, err)
	}
	room := make([]byte, 0, base64.RawURLEncoding.EncodedLen(len(header)+len(payload))+90)
	text, err := AppendSigned(room, key, header, payload)
	if err != nil {
		return "", fmt.Errorf("sign %s: %w", p.Type, err)
	}
	return string(text), nil
}

// AppendSigned writes a compact JWS to out, which is empty. The header says ES256.
func AppendSigned(out []byte, signer crypto.Signer, header, payload []byte) ([]byte, error) {
	public, _ := signer.Public().(*ecdsa.PublicKey)
	if public == nil || public.Curve != elliptic.P256() {
		return nil, errors.New("the key is not on P-256")
	}
	out = base64.RawURLEncoding.AppendEncode(out, header)
	out = append(out, '.')
	out = base64.RawURLEncoding.AppendEncode(out, payload)
	digest := sha256.Sum256(out)
	der, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var signature [64]byte
	if err := fromDER(&signature, der); err != nil {
		return nil, err
	}
	out = append(out, '.')
	return base64.RawURLEncoding.AppendEncode(out, signature[:]), nil
}

// fromDER is the reverse of AppendDER, of what a signer of ours made.
func fromDER(signature *[64]byte, der []byte) error {
	if len(der) < 2 || der[0] != 0x30 || int(der[1]) != len(der)-2 {
		return errors.New("the signer's answer is no signature on P-256")
	}
	der = der[2:]
	for half := range 2 {
		if len(der) < 2 || der[0] != 2 || int(der[1]) > len(der)-2 {
			return errors.New("the signer's answer is not r and s")
		}
		n := der[2 : 2+int(der[1])]
		der = der[2+len(n):]
		for len(n) > 0 && n[0] == 0 {
			n = n[1:]
		}
		if len(n) > 32 {
			return errors.New("the signer's answer is of another curve")
		}
		copy(signature[half*32+32-len(n):(half+1)*32], n)
	}
	return nil
}
