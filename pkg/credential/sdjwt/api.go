package sdjwt

import (
	"context"
	"crypto"

	"github.com/go-jose/go-jose/v4"
)

// Token is a parsed SD-JWT, with or without key binding. Nothing in it has
// been verified.
type Token struct{}

func Parse(s string) (*Token, error)                                    { return nil, ErrMalformed }
func (t *Token) Header() Header                                         { return Header{} }
func (t *Token) String() string                                         { return "" }
func (t *Token) HasKeyBinding() bool                                    { return false }
func (t *Token) Unverified() (map[string]any, error)                    { return nil, ErrMalformed }
func (t *Token) Verify(issuer crypto.PublicKey) (map[string]any, error) { return nil, ErrSignature }
func (t *Token) Present(paths ...Path) (string, error)                  { return "", ErrNoSuchPath }
func (t *Token) VerifyKeyBinding(holder crypto.PublicKey, want KeyBinding) (KeyBinding, error) {
	return KeyBinding{}, ErrKeyBinding
}

// HolderKey is the key in cnf.jwk of a verified payload (RFC 7800, 3.2).
func HolderKey(claims map[string]any) (jose.JSONWebKey, error) {
	return jose.JSONWebKey{}, ErrMalformed
}

// Issue signs claims; values wrapped in Hidden become disclosures.
func Issue(ctx context.Context, key Key, claims map[string]any) (string, error) {
	return "", ErrMalformed
}

// Bind appends a key binding JWT to a presentation made by Present.
func Bind(ctx context.Context, presentation string, holder crypto.Signer, kb KeyBinding) (string, error) {
	return "", ErrMalformed
}
