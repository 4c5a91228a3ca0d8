package keys

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

//clause:as OpenID Connect Core 1.0, 10.1.1: keys rotate with overlap, over several replicas, no verification fails
func TestTokenKeys(t *testing.T) {
	dir := t.TempDir()
	if err := Generate(dir, Options{Issuer: "https://hub.example", LogOrigin: "test"}); err != nil {
		t.Fatal(err)
	}
	load := func(t *testing.T) *Ring {
		t.Helper()
		r, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	now := time.Now()
	from := now.Add(time.Hour).UTC().Truncate(time.Second)
	_, first := load(t).TokenSigner(now)
	second, err := Rotate(dir, Token, from)
	if err != nil {
		t.Fatal(err)
	}
	r := load(t)
	for _, c := range []struct {
		name  string
		at    time.Time
		signs string
		keys  int
	}{
		{"it signs by the old key until then", from.Add(-time.Second), first, 2},
		{"it signs by the new key from then on", from, second, 2},
		{"it keeps the old key for a while", from.Add(TokenOverlap - time.Second), second, 2},
		{"it gives the old key up", from.Add(TokenOverlap), second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, kid := r.TokenSigner(c.at); kid != c.signs {
				t.Error("it signs by the other")
			}
			if set := r.JWKSAt(c.at); len(set.Keys) != c.keys+1 || len(r.TokenKeys(c.at)) != c.keys || len(r.IDTokenHistory()) != 2 {
				t.Errorf("%d keys", len(set.Keys))
			}
		})
	}
	t.Run("it says of each which it is, and from when", func(t *testing.T) {
		said := map[string]int64{}
		for _, k := range r.Statements("https://hub.example", now) {
			if k.ID == "" {
				t.Errorf("%s: no kid", k.Use)
			}
			if k.Use == string(Token) {
				said[k.ID] = k.From
			}
		}
		if len(said) != 2 || said[first] != now.Unix() || said[second] != from.Unix() {
			t.Error(said)
		}
	})
	t.Run("it refuses a key that would sign before the one it follows", func(t *testing.T) {
		if _, err := Rotate(dir, Token, from); err == nil {
			t.Error("it made one")
		}
	})
	t.Run("it counts no key whose time was not written, and makes it anew", func(t *testing.T) {
		half := filepath.Join(dir, "keys", "token-3.pem")
		if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := len(load(t).IDTokenHistory()); n != 2 {
			t.Errorf("%d keys", n)
		}
		if _, err := Rotate(dir, Token, from.Add(time.Hour)); err != nil || len(load(t).IDTokenHistory()) != 3 {
			t.Error(err)
		}
	})
	for name, spoil := range map[string]func(string) error{
		"a time that is none":          func(file string) error { return os.WriteFile(file+".from", []byte("soon"), 0o600) },
		"times out of order":           func(file string) error { return os.WriteFile(file+".from", []byte("2020-01-01T00:00:00Z"), 0o600) },
		"a key that is not there":      func(file string) error { return os.Remove(file + ".pem") },
		"a key that others may read":   func(file string) error { return os.Chmod(file+".pem", 0o644) },
		"a public key that is to sign": func(file string) error { return os.WriteFile(file+".pem", []byte(publicPEM(t)), 0o600) },
	} {
		t.Run("it does not start with "+name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			for _, private := range []string{"keys", "officers"} {
				files, _ := filepath.Glob(filepath.Join(copied, private, "*"))
				for _, file := range files {
					_ = os.Chmod(file, 0o600)
				}
			}
			if _, err := Load(copied); err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(copied, "keys", "token-3")); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(copied); err == nil {
				t.Error("it starts")
			}
		})
	}
}

// publicPEM is the public half of a key.
func publicPEM(t *testing.T) string {
	t.Helper()
	return `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9
q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==
-----END PUBLIC KEY-----
`
}
