package sdjwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	compact "github.com/govmydata/mydata/pkg/jws"
)

// How far the iat of a key binding JWT may lie from the present.
const (
	KeyBindingMaxAge  = 5 * time.Minute
	KeyBindingMaxSkew = 30 * time.Second
)

type bindingClaims struct {
	IssuedAt      *int64   `json:"iat"`
	Audience      string   `json:"aud"`
	Nonce         string   `json:"nonce"`
	Hash          string   `json:"sd_hash"`
	Expires       *int64   `json:"exp,omitempty"`
	Transaction   []string `json:"transaction_data_hashes,omitempty"`
	TransactionBy string   `json:"transaction_data_hashes_alg,omitempty"`
}

// Bind appends a key binding JWT (RFC 9901, 4.3) to a presentation, which ends
// with a tilde as Present makes it.
func Bind(presentation string, holder crypto.Signer, kb KeyBinding) (string, error) {
	if !strings.HasSuffix(presentation, "~") {
		return "", fmt.Errorf("%w: a presentation without key binding ends with ~", ErrMalformed)
	}
	iat, hash := kb.IssuedAt.Unix(), digestOf(presentation)
	payload, err := json.Marshal(bindingClaims{
		IssuedAt: &iat, Audience: kb.Audience, Nonce: kb.Nonce, Hash: string(hash[:]),
		Transaction: kb.TransactionDataHashes, TransactionBy: kb.TransactionDataHashesAlg,
	})
	if err != nil {
		return "", fmt.Errorf("bind: %w", err)
	}
	signed, err := compact.AppendSigned(nil, holder, []byte(`{"alg":"ES256","typ":"`+KeyBindingType+`"}`), payload)
	if err != nil {
		return "", fmt.Errorf("bind: %w", err)
	}
	return presentation + string(signed), nil
}

// VerifyKeyBinding checks the key binding JWT (RFC 9901, 7.3) against the
// holder's key, which has to come from the verified payload, and against what
// the verifier wants: audience, nonce, transaction data, and the present time
// in want.IssuedAt. Every refusal is ErrKeyBinding.
func (t *Token) VerifyKeyBinding(holder crypto.PublicKey, want KeyBinding) (KeyBinding, error) {
	if t.binding == "" {
		return KeyBinding{}, fmt.Errorf("%w: none there", ErrKeyBinding)
	}
	j, err := parseJWS(t.binding)
	if err != nil {
		return KeyBinding{}, fmt.Errorf("%w: %w", ErrKeyBinding, err)
	}
	if j.Type != KeyBindingType {
		return KeyBinding{}, fmt.Errorf("%w: typ is not %s", ErrKeyBinding, KeyBindingType)
	}
	if err := j.verify(holder); err != nil {
		return KeyBinding{}, fmt.Errorf("%w: %w", ErrKeyBinding, err)
	}
	got, err := readBinding(j.payload)
	if err != nil {
		return KeyBinding{}, fmt.Errorf("%w: payload: %w", ErrKeyBinding, err)
	}
	if err := got.check(t.presented, want); err != nil {
		return KeyBinding{}, fmt.Errorf("%w: %w", ErrKeyBinding, err)
	}
	return KeyBinding{Audience: got.Audience, Nonce: got.Nonce, IssuedAt: time.Unix(*got.IssuedAt, 0),
		TransactionDataHashes: got.Transaction, TransactionDataHashesAlg: got.TransactionBy}, nil
}

func (got bindingClaims) check(presented string, want KeyBinding) error {
	hash := digestOf(presented)
	switch {
	case got.Hash != string(hash[:]):
		return fmt.Errorf("sd_hash is of another presentation")
	case want.Audience == "" || got.Audience != want.Audience:
		return fmt.Errorf("aud is another")
	case want.Nonce == "" || subtle.ConstantTimeCompare([]byte(got.Nonce), []byte(want.Nonce)) != 1:
		return fmt.Errorf("nonce is another")
	case got.IssuedAt == nil:
		return fmt.Errorf("no iat")
	case got.Expires != nil && !want.IssuedAt.Before(time.Unix(*got.Expires, 0)):
		return fmt.Errorf("expired")
	case !slices.Equal(got.Transaction, want.TransactionDataHashes):
		return fmt.Errorf("transaction_data_hashes are others")
	case got.TransactionBy != "" && got.TransactionBy != HashAlgorithm:
		return fmt.Errorf("transaction_data_hashes_alg is not %s", HashAlgorithm)
	}
	age := want.IssuedAt.Sub(time.Unix(*got.IssuedAt, 0))
	if age > KeyBindingMaxAge || age < -KeyBindingMaxSkew {
		return fmt.Errorf("iat is %s away from now", age.Round(time.Second))
	}
	return nil
}

func readBinding(payload string) (bindingClaims, error) {
	var c bindingClaims
	var few [12]node
	t, err := tree(few[:0]).readObject(payload)
	if err != nil {
		return c, err
	}
	if err := errors.Join(t.stringMember("aud", &c.Audience), t.stringMember("nonce", &c.Nonce), t.stringMember("sd_hash", &c.Hash),
		t.stringMember("transaction_data_hashes_alg", &c.TransactionBy),
		t.timeMember("iat", &c.IssuedAt), t.timeMember("exp", &c.Expires)); err != nil {
		return c, err
	}
	hashes, present := t.member(0, "transaction_data_hashes")
	if !present {
		return c, nil
	}
	if t[hashes].kind != '[' {
		return c, fmt.Errorf("transaction_data_hashes is not an array")
	}
	for h := hashes + 1; h < t.next(hashes); h = t.next(h) {
		if t[h].kind != '"' {
			return c, fmt.Errorf("transaction_data_hashes is not of strings")
		}
		c.Transaction = append(c.Transaction, t[h].text)
	}
	return c, nil
}

// timeMember reads a member that, where it is present, has to be a time.
func (t tree) timeMember(name string, to **int64) error {
	i, present := t.member(0, name)
	if !present {
		return nil
	}
	if t[i].kind != 0 || math.Abs(t[i].number()) > 1<<40 {
		return fmt.Errorf("%s is not a time", name)
	}
	whole := int64(t[i].number())
	*to = &whole
	return nil
}

// HolderKey is the public key in cnf.jwk of a verified payload (RFC 7800,
// 3.2): a point of P-256, as ES256 is the one algorithm here.
func HolderKey(claims map[string]any) (jose.JSONWebKey, error) {
	cnf, _ := claims["cnf"].(map[string]any)
	raw, ok := cnf["jwk"].(map[string]any)
	if !ok {
		return jose.JSONWebKey{}, fmt.Errorf("%w: no cnf.jwk", ErrKeyBinding)
	}
	if _, private := raw["d"]; private || raw["kty"] != "EC" || raw["crv"] != "P-256" {
		return jose.JSONWebKey{}, fmt.Errorf("%w: cnf.jwk is not a public key on P-256", ErrKeyBinding)
	}
	point := append(make([]byte, 0, 65), 4)
	for _, name := range []string{"x", "y"} {
		text, _ := raw[name].(string)
		before := len(point)
		var err error
		if point, err = b64.AppendDecode(point, []byte(text)); err != nil || len(point)-before != 32 {
			return jose.JSONWebKey{}, fmt.Errorf("%w: cnf.jwk has no %s of 32 bytes", ErrKeyBinding, name)
		}
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("%w: cnf.jwk is not on P-256", ErrKeyBinding)
	}
	return jose.JSONWebKey{Key: key}, nil
}
