package keys_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/pkg/did"
	"github.com/govmydata/mydata/pkg/tlog"
)

var options = keys.Options{
	Issuer: "http://localhost:8080", LogOrigin: "localhost:8080/log", Verifier: "http://localhost:8081",
}

func generate(t *testing.T) (string, *keys.Ring) {
	t.Helper()
	dir := t.TempDir()
	if err := keys.Generate(dir, options); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, ring
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGenerate(t *testing.T) {
	dir, ring := generate(t)
	t.Run("it changes nothing the second time", func(t *testing.T) {
		before := contents(t, dir)
		if err := keys.Generate(dir, options); err != nil {
			t.Fatal(err)
		}
		after := contents(t, dir)
		if len(before) != len(after) {
			t.Errorf("%d files became %d", len(before), len(after))
		}
		for path, data := range before {
			if after[path] != data {
				t.Errorf("%s changed", path)
			}
		}
	})
	t.Run("it makes again only what is missing", func(t *testing.T) {
		before := contents(t, dir)
		gone := filepath.Join(dir, "keys/log.vkey")
		if err := os.Remove(gone); err != nil {
			t.Fatal(err)
		}
		if err := keys.Generate(dir, options); err != nil {
			t.Fatal(err)
		}
		if contents(t, dir)[gone] != before[gone] {
			t.Error("the log's public key is not that of its private key")
		}
	})
	t.Run("it leaves alone what is left of a retired key", func(t *testing.T) {
		retired := filepath.Join(dir, "keys/token.pem")
		whole, err := os.ReadFile(retired)
		must(t, err)
		must(t, os.WriteFile(retired, []byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"), 0o600))
		must(t, keys.Generate(dir, options))
		must(t, os.WriteFile(retired, whole, 0o600))
	})
	t.Run("it keeps private keys from others", func(t *testing.T) {
		for path, data := range contents(t, dir) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			private := bytes.Contains([]byte(data), []byte("PRIVATE")) || filepath.Base(path) == "secret"
			if private && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
		}
	})
	t.Run("it chains leaves to their CA and names them by URI", func(t *testing.T) {
		_, _, chain := ring.Signer(keys.Issuer)
		verify(t, chain, ring.CA(), "http://localhost:8080")
		signer, err := keys.ReadKey(filepath.Join(dir, "verifier/key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		chain, err = keys.ReadChain(filepath.Join(dir, "verifier/chain.pem"), signer)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, chain, ring.CA(), "http://localhost:8081")
	})
	t.Run("it certifies a service anew when its address moved, and keeps its key", func(t *testing.T) {
		before, kid, _ := ring.Signer(keys.Issuer)
		moved := options
		moved.Issuer = "http://localhost:9090"
		must(t, keys.Generate(dir, moved))
		again, err := keys.Load(dir)
		must(t, err)
		after, kid2, chain := again.Signer(keys.Issuer)
		if kid != kid2 || !before.Public().(*ecdsa.PublicKey).Equal(after.Public()) {
			t.Error("another key")
		}
		verify(t, chain, ring.CA(), "http://localhost:9090")
		must(t, keys.Generate(dir, options))
	})
	t.Run("it refuses to go without an issuer", func(t *testing.T) {
		if err := keys.Generate(t.TempDir(), keys.Options{LogOrigin: "x"}); err == nil {
			t.Error("generated")
		}
	})
	t.Run("it refuses a log origin that no key can bear", func(t *testing.T) {
		if err := keys.Generate(t.TempDir(), keys.Options{Issuer: "http://localhost", LogOrigin: "a b"}); err == nil {
			t.Error("generated")
		}
	})
}

func verify(t *testing.T, chain [][]byte, ca *x509.Certificate, uri string) {
	t.Helper()
	if len(chain) != 1 {
		t.Fatalf("the chain has %d certificates: a trust anchor is never sent", len(chain))
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != uri {
		t.Errorf("URI names %v, want %s", leaf.URIs, uri)
	}
	if leaf.IsCA {
		t.Error("the leaf may issue certificates")
	}
}

//clause:formats did:web: a port percent-encoded, `did.json` as application/did+json, its digest in a store that others see
func TestLoad(t *testing.T) {
	t.Run("it publishes what signs tokens and records, and nothing private", func(t *testing.T) {
		_, ring := generate(t)
		set := ring.JWKS()
		if len(set.Keys) != 2 {
			t.Fatalf("%d keys", len(set.Keys))
		}
		for i, p := range []keys.Purpose{keys.Token, keys.Record} {
			_, kid, _ := ring.Signer(p)
			if set.Keys[i].KeyID != kid || !set.Keys[i].IsPublic() {
				t.Errorf("key %d is %s, want %s, public", i, set.Keys[i].KeyID, kid)
			}
		}
	})
	t.Run("it makes one DID document of the same keys, and nothing private", func(t *testing.T) {
		dir, ring := generate(t)
		id, text, err := ring.Document(options.Issuer)
		must(t, err)
		if id != "did:web:localhost%3A8080" || strings.Contains(string(text), `"d":`) {
			t.Errorf("%s %s", id, text)
		}
		document, err := did.Parse(text, id)
		must(t, err)
		for _, p := range []keys.Purpose{keys.Issuer, keys.Status} {
			signer, kid, _ := ring.Signer(p)
			key, err := document.Key(id+"#"+kid, did.AssertionMethod)
			must(t, err)
			if !key.Key.(*ecdsa.PublicKey).Equal(signer.Public()) || key.KeyID != kid {
				t.Errorf("another key for %s: %+v", p, key)
			}
			if _, err := document.Key(id+"#"+kid, did.Authentication); err == nil {
				t.Errorf("the key for %s may log in", p)
			}
		}
		again, err := keys.Load(dir)
		must(t, err)
		if _, same, err := again.Document(options.Issuer); err != nil || string(same) != string(text) {
			t.Errorf("it makes %s of the same keys: %v", same, err)
		}
		var members map[string]any
		must(t, json.Unmarshal(text, &members))
		sorted, err := json.Marshal(members)
		must(t, err)
		if string(sorted) != string(text) {
			t.Errorf("not canonical: %s", text)
		}
		if _, _, err := again.Document(""); err == nil {
			t.Error("it makes a document of no address")
		}
	})
	t.Run("it signs checkpoints by the key that it publishes", func(t *testing.T) {
		_, ring := generate(t)
		all, now := ring.LogKeys(), ring.LogSigners(time.Now())
		if len(all) != 1 || len(now) != 1 || now[0].Name() != options.LogOrigin || all[0].Key.Name != options.LogOrigin {
			t.Fatal("the origin was lost")
		}
		if _, err := tlog.ParseKey(all[0].Key.String()); err != nil {
			t.Error(err)
		}
	})
	t.Run("it derives one secret a name, the same each time", func(t *testing.T) {
		dir, ring := generate(t)
		again, err := keys.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ring.Secret("a"), again.Secret("a")) || bytes.Equal(ring.Secret("a"), ring.Secret("b")) {
			t.Error("not derived by name")
		}
	})
	swap := func(file string, made func(t *testing.T, old []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, file)
			old, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, made(t, old), 0o600))
		}
	}
	with := func(text string) func(*testing.T, []byte) []byte {
		return func(*testing.T, []byte) []byte { return []byte(text) }
	}
	for _, c := range []struct {
		name, says string
		spoil      func(t *testing.T, dir string)
	}{
		{"it refuses a key that others may read", "others may read it", func(t *testing.T, dir string) {
			must(t, os.Chmod(filepath.Join(dir, "keys/token.pem"), 0o640))
		}},
		{"it refuses a secret that others may read", "others may read it", func(t *testing.T, dir string) {
			must(t, os.Chmod(filepath.Join(dir, "keys/secret"), 0o644))
		}},
		{"it refuses a short secret", "not 32 bytes", swap("keys/secret", with("AAAA"))},
		{"it refuses a secret that is none", "illegal base64", swap("keys/secret", with("!"))},
		{"it refuses a key that is no PEM", "not a PEM private key", swap("keys/token.pem", with("x"))},
		{"it refuses a key in another form", "not a PEM private key", swap("keys/token.pem", func(_ *testing.T, old []byte) []byte {
			return bytes.ReplaceAll(old, []byte("PRIVATE KEY"), []byte("EC PRIVATE KEY"))
		})},
		{"it refuses a log key on another curve", "not an Ed25519 key", func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, "keys/token.pem"))
			must(t, err)
			swap("keys/log.pem", with(string(data)))(t, dir)
		}},
		{"it refuses a certificate for another key", "for another key", func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, "keys/status-chain.pem"))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, "keys/issuer-chain.pem"), data, 0o644))
		}},
		{"it refuses an empty chain", "no certificate", swap("keys/issuer-chain.pem", with(""))},
		{"it refuses a chain with a key in it", "no certificate", swap("keys/issuer-chain.pem", func(_ *testing.T, old []byte) []byte {
			return append(old, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"...)
		})},
		{"it refuses an authority that is no certificate", "no certificate", swap("hub-ca.pem", func(_ *testing.T, old []byte) []byte {
			return bytes.ReplaceAll(old, []byte("CERTIFICATE"), []byte("TRUSTED CERTIFICATE"))
		})},
		{"it refuses a log key that is not the published one", "", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "keys/log.pem")))
			other := t.TempDir()
			must(t, keys.Generate(other, options))
			must(t, os.Rename(filepath.Join(other, "keys/log.pem"), filepath.Join(dir, "keys/log.pem")))
		}},
		{"it refuses to go without a key", "no such file", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "keys/record.pem")))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, _ := generate(t)
			c.spoil(t, dir)
			if _, err := keys.Load(dir); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

func TestRefusesToMake(t *testing.T) {
	dir, ring := generate(t)
	signer, _, _ := ring.Signer(keys.Token)
	for name, err := range map[string]error{
		"keys in a file": keys.Generate(filepath.Join(dir, "keys", "token.pem"), options),
		"a certificate of no name": func() error {
			_, err := ring.IssueCertificate(keys.Certificate{Key: signer.Public(), URI: "agency"})
			return err
		}(),
		"a log key after none": func() error {
			_, err := keys.RotateLog(t.TempDir(), time.Now(), time.Now().Add(time.Hour))
			return err
		}(),
		"a key in another's place": func() error {
			must(t, os.MkdirAll(filepath.Join(dir, "keys", "token-2.pem", "x"), 0o700))
			_, err := keys.Rotate(dir, keys.Token, time.Now().Add(time.Hour))
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("it makes %s", name)
		}
	}
	for _, o := range []keys.Options{{LogOrigin: "x"}, {Issuer: "https://x.example"}} {
		empty := t.TempDir()
		if keys.Generate(empty, o) == nil || len(contents(t, empty)) != 0 {
			t.Error("it begins before it knows for whom")
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
