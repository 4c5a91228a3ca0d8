package openid4vci_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

//clause:issuer D.1, D.2; HAIP 1.0, 4.5.1: key attestations: typ, x5c, times, keys, levels, status
func TestReadKeyAttestation(t *testing.T) {
	a := newAttesting(t)
	k := openid4vci.KeyAttestations{Roots: a.roots, KeyStorage: []string{"iso_18045_high", "iso_18045_moderate"}, UserAuthentication: []string{"iso_18045_high"}, MaxAge: time.Hour}
	read := func(withProof bool) (openid4vci.KeyAttestation, error) {
		word, err := a.AttestKeys(t.Context(), []crypto.PublicKey{a.key.Public()}, "live")
		if err != nil {
			t.Fatal(err)
		}
		return openid4vci.ReadKeyAttestation(t.Context(), word, k, withProof, a.now)
	}
	t.Run("it takes one in order, and says what it attests", func(t *testing.T) {
		a.bend(nil, member("certification", "https://certified.example/1"))
		w, err := read(true)
		if err != nil || len(w.Keys) != 1 || !a.key.PublicKey.Equal(w.Keys[0].Key) || w.Nonce != "live" || w.Certification == "" ||
			w.KeyStorage[0] != "iso_18045_high" || w.UserAuthentication[0] != "iso_18045_high" || w.Expires.IsZero() || !w.Root.Equal(a.roots[0]) {
			t.Errorf("%+v, %v", w, err)
		}
	})
	t.Run("it needs no exp where it stands alone", func(t *testing.T) {
		a.bend(nil, member("exp", nil))
		if w, err := read(false); err != nil || !w.Expires.IsZero() {
			t.Errorf("%+v, %v", w, err)
		}
	})
	t.Run("it asks no level where the issuer asks none", func(t *testing.T) {
		a.bend(nil, func(m map[string]any) { delete(m, "key_storage"); delete(m, "user_authentication") })
		asked := k
		k.KeyStorage, k.UserAuthentication = nil, nil
		defer func() { k = asked }()
		if _, err := read(true); err != nil {
			t.Error(err)
		}
		a.bend(nil, member("key_storage", []string{}))
		_, err := read(true)
		unfit(t, err, "key_storage", false)
	})
	t.Run("it asks after a status where it can", func(t *testing.T) {
		a.bend(nil, member("status", map[string]any{"status_list": map[string]any{"idx": 1}}))
		revoked := false
		k.Status = func(context.Context, []byte, *x509.Certificate) error {
			if revoked {
				return errors.New("revoked")
			}
			return nil
		}
		defer func() { k.Status = nil }()
		if _, err := read(true); err != nil {
			t.Error(err)
		}
		revoked = true
		_, err := read(true)
		unfit(t, err, "status", false)
	})
	for _, c := range wrapping(t, a) {
		t.Run(c.name, func(t *testing.T) {
			a.bend(c.header, c.claims)
			_, err := read(true)
			unfit(t, err, c.check, false)
		})
	}
	jwk := func(key crypto.PublicKey) any { return wallettest.PublicJWK(t, key) }
	for _, c := range []struct {
		name   string
		claims func(map[string]any)
		check  string
		stale  bool
	}{
		{name: "it refuses no iat", claims: member("iat", nil), check: "iat"},
		{name: "it refuses no exp beside a proof", claims: member("exp", nil), check: "exp"},
		{name: "it refuses what has expired", claims: member("exp", a.now.Unix()), check: "exp", stale: true},
		{name: "it refuses what is older than the issuer wants", claims: member("iat", a.at(-time.Hour-time.Second)), check: "iat", stale: true},
		{name: "it refuses no keys", claims: member("attested_keys", nil), check: "attested_keys"},
		{name: "it refuses too many keys", claims: member("attested_keys", make([]any, 65)), check: "attested_keys"},
		{name: "it refuses a key twice", claims: member("attested_keys", []any{jwk(a.key.Public()), jwk(a.key.Public())}), check: "attested_keys"},
		{name: "it refuses a private key", claims: member("attested_keys", []any{map[string]any{"kty": "EC", "d": "x"}}), check: "private key"},
		{name: "it refuses a key of another curve", claims: member("attested_keys", []any{jwk(newKey(t, elliptic.P384()).Public())}), check: "key"},
		{name: "it refuses no key_storage", claims: member("key_storage", nil), check: "key_storage"},
		{name: "it refuses an empty key_storage", claims: member("key_storage", []string{}), check: "key_storage"},
		{name: "it refuses a low key_storage", claims: member("key_storage", []string{"iso_18045_basic"}), check: "key_storage"},
		{name: "it refuses a low user_authentication", claims: member("user_authentication", []string{"iso_18045_basic"}), check: "user_authentication"},
		{name: "it refuses a certification that is no URL", claims: member("certification", "gold"), check: "certification"},
		{name: "it refuses a certification that cannot be read", claims: member("certification", "%"), check: "certification"},
		{name: "it refuses a status that nobody looked at", claims: member("status", map[string]any{}), check: "status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.bend(nil, c.claims)
			_, err := read(true)
			unfit(t, err, c.check, c.stale)
		})
	}
}

// attestedProof is a proof of a key with an attestation of keys in its header.
func (a *attesting) attestedProof(t *testing.T, header any, keys ...crypto.PublicKey) string {
	t.Helper()
	d := newDraft(t)
	d.key, d.header["jwk"] = a.key, jwk(t, &a.key.PublicKey)
	d.claims["iat"] = a.now.Unix()
	if len(keys) > 0 {
		word, err := a.AttestKeys(t.Context(), keys, "attested")
		if err != nil {
			t.Fatal(err)
		}
		header = word
	}
	if header != nil {
		d.header["key_attestation"] = header
	}
	return d.sign(t)
}

//clause:issuer F.1, F.3: a key attestation in a jwt proof, signed by an attested key, and alone; its c_nonce; the keys it attests
func TestVerifyProofsAttested(t *testing.T) {
	a := newAttesting(t)
	second, third := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	nonces := once{}
	p := policy(nonces)
	p.Now, p.Batch = a.Now, 2
	p.KeyAttestations = &openid4vci.KeyAttestations{Roots: a.roots, Required: true}
	verify := func(proofs *openid4vci.Proofs) ([]*ecdsa.PublicKey, error) {
		nonces["live"], nonces["attested"] = true, true
		keys, err := openid4vci.VerifyProofs(t.Context(), proofs, p)
		var public []*ecdsa.PublicKey
		for _, key := range keys {
			public = append(public, key.Key.(*ecdsa.PublicKey))
		}
		return public, err
	}
	alone := func(keys ...crypto.PublicKey) *openid4vci.Proofs {
		word, err := a.AttestKeys(t.Context(), keys, "attested")
		if err != nil {
			t.Fatal(err)
		}
		return &openid4vci.Proofs{Attestation: []string{word}}
	}
	jwts := func(proofs ...string) *openid4vci.Proofs { return &openid4vci.Proofs{JWT: proofs} }
	t.Run("it answers with the proven key first, then with the other attested ones, as many as a batch has", func(t *testing.T) {
		keys, err := verify(jwts(a.attestedProof(t, nil, second.Public(), a.key.Public(), third.Public())))
		if err != nil || len(keys) != 2 || !keys[0].Equal(a.key.Public()) || !keys[1].Equal(second.Public()) || nonces["live"] || nonces["attested"] {
			t.Errorf("%d keys, %v, %v", len(keys), nonces, err)
		}
	})
	t.Run("it answers with the attested keys where the attestation stands alone", func(t *testing.T) {
		keys, err := verify(alone(second.Public(), third.Public(), a.key.Public()))
		if err != nil || len(keys) != 2 || !keys[0].Equal(second.Public()) || nonces["attested"] || !nonces["live"] {
			t.Errorf("%d keys, %v, %v", len(keys), nonces, err)
		}
	})
	refuses := func(name string, proofs *openid4vci.Proofs, code openid4vci.Code, why string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			_, err := verify(proofs)
			wantsCode(t, err, code)
			if err != nil && !strings.Contains(err.Error(), why) {
				t.Errorf("%v, want …%s…", err, why)
			}
			if !nonces["live"] {
				t.Error("a bad proof burnt the nonce")
			}
		})
	}
	refuses("it refuses a proof by a key that is not attested", jwts(a.attestedProof(t, nil, second.Public())), "invalid_proof", "not signed by an attested key")
	refuses("it refuses a proof without an attestation", jwts(a.attestedProof(t, nil)), "invalid_proof", "takes attested keys alone")
	refuses("it refuses an attestation that is no text", jwts(a.attestedProof(t, 7)), "invalid_proof", "must be a JWT")
	refuses("it refuses an empty attestation", jwts(a.attestedProof(t, "")), "invalid_proof", "must be a JWT")
	refuses("it refuses an attestation that is none", jwts(a.attestedProof(t, "x")), "invalid_proof", "key attestation: jwt")
	refuses("it refuses two attestations", &openid4vci.Proofs{Attestation: []string{"a", "b"}}, "invalid_proof", "one attestation alone")
	refuses("it refuses an attestation beside a jwt", &openid4vci.Proofs{Attestation: []string{"a"}, JWT: []string{"b"}}, "invalid_proof", "one attestation alone")
	refuses("it refuses what is no attestation alone", &openid4vci.Proofs{Attestation: []string{"a"}}, "invalid_proof", "key attestation")
	a.bend(nil, member("nonce", nil))
	refuses("it refuses an attestation without a nonce", jwts(a.attestedProof(t, nil, a.key.Public())), "invalid_nonce", "missing in the key attestation")
	refuses("it refuses an attestation alone without a nonce", alone(a.key.Public()), "invalid_nonce", "missing in the key attestation")
	a.bend(nil, member("nonce", "mine"))
	t.Run("it refuses a nonce of the attester's own", func(t *testing.T) {
		_, err := verify(alone(a.key.Public()))
		wantsCode(t, err, "invalid_nonce")
	})
	a.bend(nil, nil)
	t.Run("it reads no attestation where none is asked for", func(t *testing.T) {
		asked := p.KeyAttestations
		p.KeyAttestations = nil
		defer func() { p.KeyAttestations = asked }()
		if keys, err := verify(jwts(a.attestedProof(t, "x"))); err != nil || len(keys) != 1 {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		_, err := verify(alone(a.key.Public()))
		wantsCode(t, err, "invalid_proof")
	})
	t.Run("it takes a proof without one where it is not required", func(t *testing.T) {
		p.KeyAttestations.Required = false
		if keys, err := verify(jwts(a.attestedProof(t, nil))); err != nil || len(keys) != 1 {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		if p.KeyAttestations.Metadata() != nil {
			t.Error("the metadata require one")
		}
	})
	t.Run("it says where a nonce cannot be asked about", func(t *testing.T) {
		down := errors.New("the database is down")
		p.Nonce = func(context.Context, string) error { return down }
		if _, err := verify(alone(a.key.Public())); !errors.Is(err, down) {
			t.Error(err)
		}
		p.Nonce = nil
		if _, err := verify(alone(a.key.Public())); err == nil || !strings.Contains(err.Error(), "no nonce check") {
			t.Error(err)
		}
	})
}
