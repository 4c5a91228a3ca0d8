package consent_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// hubKey is a key that a hub may have.
type hubKey struct {
	private *ecdsa.PrivateKey
	public  jose.JSONWebKey
}

func newHubKey(t testing.TB) hubKey {
	t.Helper()
	key := consenttest.NewKey()
	public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	var err error
	public.KeyID, err = approval.Thumbprint(public)
	ok(t, "thumbprint", err)
	return hubKey{key, public}
}

// said is a hub's word by one key, bent.
func said(t testing.TB, by hubKey, now time.Time, bend func(*consent.HubKeysClaims), keys ...hubKey) string {
	t.Helper()
	c := consent.HubKeysClaims{Issuer: "https://hub.example", IssuedAt: now.Unix(), Expires: now.Add(consent.HubKeysLife).Unix()}
	for _, key := range keys {
		c.Keys.Keys = append(c.Keys.Keys, key.public)
	}
	if bend != nil {
		bend(&c)
	}
	statement, err := consent.SignHubKeys(c, by.private, by.public.KeyID)
	ok(t, "sign", err)
	return statement
}

// TestFollowKeys has a folder follow its hub's keys by the word of one that it trusts.
func TestFollowKeys(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	old, next, thief := newHubKey(t), newHubKey(t), newHubKey(t)
	folder := consent.HubTrust{Issuer: "https://hub.example", JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{old.public}}}
	both := func(bend func(*consent.HubKeysClaims)) []string {
		return []string{said(t, old, now, bend, old, next), said(t, next, now, bend, old, next)}
	}
	kids := func(h consent.HubTrust) (all []string) {
		for _, key := range h.JWKS.Keys {
			all = append(all, key.KeyID)
		}
		return all
	}
	for _, c := range []struct {
		name       string
		statements []string
		keys       int
	}{
		{"it takes the next key by the word of the one it has", both(nil), 2},
		{"it passes over words of keys that it does not have", []string{said(t, thief, now, nil, thief), said(t, old, now, nil, next)}, 1},
		{"it refuses keys that none of its own vouches for", []string{said(t, next, now, nil, old, next)}, 0},
		{"it refuses another hub's word", both(func(c *consent.HubKeysClaims) { c.Issuer = "https://other.example" }), 0},
		{"it refuses a word of yesterday", both(func(c *consent.HubKeysClaims) { c.IssuedAt, c.Expires = c.IssuedAt-90000, now.Unix() }), 0},
		{"it refuses a word from the future", both(func(c *consent.HubKeysClaims) { c.IssuedAt += 3600 }), 0},
		{"it refuses a word that lives for longer", both(func(c *consent.HubKeysClaims) { c.Expires++ }), 0},
		{"it refuses to trust nobody", both(func(c *consent.HubKeysClaims) { c.Keys.Keys = []jose.JSONWebKey{} }), 0},
		{"it refuses a key twice", both(func(c *consent.HubKeysClaims) { c.Keys.Keys[1] = c.Keys.Keys[0] }), 0},
		{"it refuses a key by another name", both(func(c *consent.HubKeysClaims) { c.Keys.Keys[1].KeyID = "next" }), 0},
		{"it refuses a private key", both(func(c *consent.HubKeysClaims) { c.Keys.Keys[1].Key = next.private }), 0},
		{"it refuses an RSA key", both(func(c *consent.HubKeysClaims) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			ok(t, "key", err)
			c.Keys.Keys[1].Key = key.Public()
		}), 0},
		{"it refuses too many keys", both(func(c *consent.HubKeysClaims) {
			for range 64 {
				c.Keys.Keys = append(c.Keys.Keys, newHubKey(t).public)
			}
		}), 0},
		{"it refuses a record in a word's place", []string{recordBy(t, old)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := folder.FollowKeys(consent.HubKeys{Statements: c.statements}, now)
			if c.keys == 0 {
				if _, wrong := errors.AsType[*consent.CheckError](err); !wrong && !errors.Is(err, consent.ErrNotVouched) || len(got.JWKS.Keys) != 0 {
					t.Errorf("%v, %v", kids(got), err)
				}
				return
			}
			if err != nil || len(got.JWKS.Keys) != c.keys || got.Issuer != folder.Issuer {
				t.Errorf("%v, %v", kids(got), err)
			}
		})
	}
	if len(folder.JWKS.Keys) != 1 {
		t.Error("the folder itself was changed")
	}
}

func recordBy(t testing.TB, by hubKey) string {
	t.Helper()
	w := consenttest.New()
	w.Ledger.Key = func() (crypto.Signer, string) { return by.private, by.public.KeyID }
	record, err := w.Ledger.Countersign(consent.Record{}, nil, "")
	ok(t, "countersign", err)
	return record
}

func TestParseHubKeys(t *testing.T) {
	word := said(t, newHubKey(t), time.Now(), nil)
	for _, statements := range [][]string{nil, {}, make([]string, 17)} {
		text, err := consent.HubKeys{Statements: statements}.Marshal()
		ok(t, "marshal", err)
		if _, err := consent.ParseHubKeys(text); err == nil {
			t.Errorf("it takes %d statements", len(statements))
		}
	}
	for _, text := range []string{``, `{}`, `[]`, `{"statements":["a"],"more":1}`, `{"statements":["a"],"statements":["b"]}`} {
		if _, err := consent.ParseHubKeys([]byte(text)); err == nil {
			t.Errorf("it takes %s", text)
		}
	}
	text, err := consent.HubKeys{Statements: []string{word}}.Marshal()
	ok(t, "marshal", err)
	got, err := consent.ParseHubKeys(text)
	if err != nil || len(got.Statements) != 1 || got.Statements[0] != word {
		t.Errorf("%v, %v", got, err)
	}
}

// Nothing but a word of a key that is trusted is followed.
func FuzzFollowKeys(f *testing.F) {
	now := time.Now().Truncate(time.Second)
	key, next := newHubKey(f), newHubKey(f)
	folder := consent.HubTrust{Issuer: "https://hub.example", JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.public}}}
	word := said(f, key, now, nil, next)
	text, err := consent.HubKeys{Statements: []string{word}}.Marshal()
	ok(f, "marshal", err)
	f.Add(text)
	f.Add([]byte(`{"statements":["a.b.c"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := consent.ParseHubKeys(text)
		if err != nil {
			return
		}
		got, err := folder.FollowKeys(h, now)
		if err == nil && (len(got.JWKS.Keys) != 1 || got.JWKS.Keys[0].KeyID != next.public.KeyID) {
			t.Fatalf("%s is followed to %v", text, got.JWKS)
		}
	})
}
