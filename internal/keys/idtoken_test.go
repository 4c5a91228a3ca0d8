package keys

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those of a set, in its order.
func algorithms(set []jose.JSONWebKey) (all []string) {
	for _, key := range set {
		all = append(all, key.Algorithm)
	}
	return all
}

// A hub from before there was RS256 goes on as it was; keygen makes the key that is
// missing, which changes by date as that of tokens does, and is published and used
// for nothing but id_tokens.
//
//clause:as OpenID Connect Core 1.0, 10.1.1: keys rotate with overlap, over several replicas, no verification fails
func TestIDTokenKeys(t *testing.T) {
	dir := t.TempDir()
	o := Options{Issuer: "https://hub.example", LogOrigin: "test"}
	load := func(t *testing.T) *Ring {
		t.Helper()
		if err := Generate(dir, o); err != nil {
			t.Fatal(err)
		}
		r, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	now := time.Now()
	before := load(t)
	t.Run("it serves without, as before", func(t *testing.T) {
		if signer, kid := before.IDTokenSigner(now); signer != nil || kid != "" || len(before.JWKSAt(now).Keys) != 2 || len(before.Statements(o.Issuer, now)) != 4 {
			t.Error("it has one")
		}
		if _, err := Rotate(dir, IDToken, now.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "keygen makes the first") {
			t.Error(err)
		}
	})
	o.RS256 = true
	r := load(t)
	t.Run("it makes the one that is missing, and no other anew", func(t *testing.T) {
		signer, first := r.IDTokenSigner(now)
		if key, ok := signer.Public().(*rsa.PublicKey); !ok || key.N.BitLen() != 3072 {
			t.Errorf("%T", signer.Public())
		}
		_, was := before.TokenSigner(now)
		if _, is := r.TokenSigner(now); is != was {
			t.Error("another key of tokens")
		}
		if _, again := load(t).IDTokenSigner(now); again != first {
			t.Error("another key of id_tokens")
		}
	})
	from := now.Add(time.Hour).UTC().Truncate(time.Second)
	_, first := r.IDTokenSigner(now)
	second, err := Rotate(dir, IDToken, from)
	if err != nil {
		t.Fatal(err)
	}
	r = load(t)
	for name, c := range map[string]struct {
		at    time.Time
		signs string
		keys  []string
	}{
		"it publishes the next key before it signs": {from.Add(-time.Second), first, []string{"ES256", "ES256", "RS256", "RS256"}},
		"it signs by the new key from then on":      {from, second, []string{"ES256", "ES256", "RS256", "RS256"}},
		"it gives the old key up":                   {from.Add(TokenOverlap), second, []string{"ES256", "ES256", "RS256"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, kid := r.IDTokenSigner(c.at); kid != c.signs {
				t.Error("it signs by the other")
			}
			if got := algorithms(r.JWKSAt(c.at).Keys); !slices.Equal(got, c.keys) {
				t.Error(got)
			}
		})
	}
	t.Run("it says of each which it is, and from when", func(t *testing.T) {
		said := map[string]int64{}
		for _, k := range r.Statements(o.Issuer, now) {
			if k.Use == string(IDToken) {
				said[k.ID] = k.From
			}
		}
		if len(said) != 2 || said[first] != now.Unix() || said[second] != from.Unix() {
			t.Error(said)
		}
	})
	t.Run("it has them in no set by which anything else is believed", func(t *testing.T) {
		if got := algorithms(append(r.JWKS().Keys, r.TokenKeys(now)...)); slices.Contains(got, "RS256") {
			t.Errorf("they vouch for tokens and records: %v", got)
		}
		if got := algorithms(r.IDTokenHistory()); !slices.Equal(got, []string{"ES256", "RS256", "RS256"}) {
			t.Error(got)
		}
		if _, text, err := r.Document(o.Issuer); err != nil || strings.Contains(string(text), "RSA") {
			t.Errorf("%s %v", text, err)
		}
		for _, p := range []Purpose{Token, Record, Issuer, Status} {
			if signer, _, _ := r.Signer(p); !p256.is(signer.Public()) {
				t.Errorf("%s is %T", p, signer.Public())
			}
		}
	})
	t.Run("it does not take one kind of key for the other", func(t *testing.T) {
		for _, c := range [][2]string{{"keys/idtoken.pem", "keys/token.pem"}, {"keys/token.pem", "keys/idtoken.pem"}, {"keys/idtoken.pem", "keys/record.pem"}} {
			to := filepath.Join(dir, c[1])
			kept, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, c[0]))
			if err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), ": not a") {
				t.Errorf("%s for %s: %v", c[0], c[1], err)
			}
			if err := os.WriteFile(to, kept, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("it does not start when the first of them is gone", func(t *testing.T) {
		old := filepath.Join(dir, "keys", "idtoken.pem")
		if err := os.Remove(old); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "idtoken.pem") {
			t.Errorf("a first key that is gone goes unnoticed: %v", err)
		}
	})
}

// TestKeyLengths: RSA below 2048 bits is none (RFC 7518, 3.3).
func TestKeyLengths(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	if rsaKey.is(short.Public()) || p256.is(short.Public()) || rsaKey.is((*ecdsa.PublicKey)(nil)) {
		t.Error("it takes a short key")
	}
}
