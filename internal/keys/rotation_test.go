package keys

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
)

const rotating = "https://hub.example"

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T, dir string) *Ring {
	t.Helper()
	r, err := Load(dir)
	fine(t, err)
	return r
}

// follows makes the next key of a purpose, which signs from a moment ago on.
func follows(t *testing.T, dir string, p Purpose) string {
	t.Helper()
	kid, err := Rotate(dir, p, time.Now().Add(time.Hour))
	fine(t, err)
	file := filepath.Join(dir, "keys", string(p)+"-2.from")
	fine(t, os.WriteFile(file, []byte(time.Now().Add(-time.Second).UTC().Format(time.RFC3339)+"\n"), 0o600))
	return kid
}

// What signs what is kept changes by date like the rest, and the old keys stay named.
func TestKeysOfWhatIsKept(t *testing.T) {
	for _, p := range []Purpose{Record, Issuer, Status} {
		t.Run(string(p), func(t *testing.T) {
			dir := t.TempDir()
			fine(t, Generate(dir, Options{Issuer: rotating, LogOrigin: "test"}))
			before := opened(t, dir)
			_, first, chain := before.Signer(p)
			second, err := Rotate(dir, p, time.Now().Add(time.Hour))
			fine(t, err)
			r := opened(t, dir)
			if _, kid, _ := r.Signer(p); kid != first {
				t.Error("the next key signs before its time")
			}
			said := map[string]credential.IssuerKey{}
			for _, k := range r.Statements(rotating, time.Now()) {
				said[k.ID] = k
			}
			if k := said[second]; k.Use != string(p) || k.From <= time.Now().Unix() || (k.Certificate != "") != p.certified() {
				t.Errorf("the next key is said to be %+v", k)
			}
			if _, document, err := r.Document(rotating); err != nil || strings.Contains(string(document), second) != p.certified() {
				t.Errorf("the DID document is %s, %v", document, err)
			}
			from := filepath.Join(dir, "keys", string(p)+"-2.from")
			fine(t, os.WriteFile(from, []byte(time.Now().Add(-time.Second).UTC().Format(time.RFC3339)+"\n"), 0o600))
			r = opened(t, dir)
			signer, kid, next := r.Signer(p)
			if kid != second || signer == nil {
				t.Error("the next key does not sign from its time on")
			}
			if p.certified() && (!Names(next, rotating) || string(next[0]) == string(chain[0])) {
				t.Error("the next key has no certificate of its own that says whose it is")
			}
			if _, document, err := r.Document(rotating); err != nil || strings.Contains(string(document), first) != p.certified() {
				t.Errorf("the DID document forgot the first key: %s, %v", document, err)
			}
			published, err := json.Marshal(r.JWKSAt(time.Now().AddDate(5, 0, 0)))
			fine(t, err)
			pinned := r.JWKS()
			for _, kid := range []string{first, second} {
				if strings.Contains(string(published), kid) != (p == Record) {
					t.Errorf("years later, %s is published or is not", kid)
				}
				if p == Record && len(pinned.Key(kid)) != 1 {
					t.Errorf("agencies are not told of %s", kid)
				}
			}
		})
	}
}

// The private half of a key that ended may go; of one that signs it may not.
func TestEndedKeyIsDestroyed(t *testing.T) {
	dir := t.TempDir()
	fine(t, Generate(dir, Options{Issuer: rotating, LogOrigin: "test"}))
	follows(t, dir, Issuer)
	public := func(name string) {
		t.Helper()
		signer, err := readKey(filepath.Join(dir, name))
		fine(t, err)
		der, err := x509.MarshalPKIXPublicKey(signer.Public())
		fine(t, err)
		fine(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	}
	public("keys/issuer.pem")
	opened(t, dir)
	fine(t, Generate(dir, Options{Issuer: "https://moved.example", LogOrigin: "test"}))
	for _, k := range opened(t, dir).series[Issuer] {
		if !Names(k.chain, "https://moved.example") {
			t.Errorf("the certificate of %s says the old address", k.kid)
		}
	}
	public("keys/issuer-2.pem")
	if _, err := Load(dir); err == nil {
		t.Error("it starts without the key that signs")
	}
}

// A rotation that was broken off counts for nothing, and can be done again.
func TestHalfARotation(t *testing.T) {
	dir := t.TempDir()
	fine(t, Generate(dir, Options{Issuer: rotating, LogOrigin: "test"}))
	for _, name := range []string{"issuer-2.pem", "issuer-2-chain.pem"} {
		fine(t, os.WriteFile(filepath.Join(dir, "keys", name), []byte("half"), 0o600))
		if n := len(opened(t, dir).series[Issuer]); n != 1 {
			t.Errorf("%d keys", n)
		}
	}
	chain := filepath.Join(dir, "keys", "issuer-2-chain.pem")
	fine(t, os.Remove(chain))
	fine(t, os.MkdirAll(filepath.Join(chain, "in the way"), 0o700))
	if _, err := Rotate(dir, Issuer, time.Now().Add(time.Hour)); err == nil || len(opened(t, dir).series[Issuer]) != 1 {
		t.Errorf("a certificate that cannot be written: %v", err)
	}
	fine(t, os.RemoveAll(chain))
	if _, err := Rotate(dir, Issuer, time.Now().AddDate(3, 0, 0)); err == nil || !strings.Contains(err.Error(), "ends before") {
		t.Errorf("a key that signs after its certificate's end: %v", err)
	}
	_, err := Rotate(dir, Issuer, time.Now().Add(time.Hour))
	fine(t, err)
	if n := len(opened(t, dir).series[Issuer]); n != 2 {
		t.Errorf("%d keys", n)
	}
}

// Whose the next certificate is, is said by the one before, which has to say it.
func TestNamelessCertificate(t *testing.T) {
	dir := t.TempDir()
	fine(t, Generate(dir, Options{Issuer: rotating, LogOrigin: "test"}))
	ca, err := LoadHub(dir)
	fine(t, err)
	signer, _, _ := opened(t, dir).Signer(Issuer)
	nameless, err := template("nobody", time.Now(), leafLife)
	fine(t, err)
	der, err := x509.CreateCertificate(rand.Reader, nameless, ca.Certificate, signer.Public(), ca.Key)
	fine(t, err)
	fine(t, os.WriteFile(filepath.Join(dir, "keys", "issuer-chain.pem"), chainPEM(der), 0o600))
	if _, err := Rotate(dir, Issuer, time.Now().Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "whose it is") {
		t.Errorf("it follows a certificate of nobody: %v", err)
	}
}

// How long the hub can go on is told with the keys that follow in time.
func TestEnds(t *testing.T) {
	dir := t.TempDir()
	fine(t, Generate(dir, Options{Issuer: rotating, LogOrigin: "test", Now: func() time.Time { return time.Now().AddDate(-1, 0, 0) }}))
	now := time.Now()
	first := opened(t, dir).Ends(now)
	if len(first) != 3 || !first["issuer"].Equal(first["status"]) || first["issuer"].Before(now.AddDate(0, 11, 0)) || first["ca"].Before(now.AddDate(8, 0, 0)) {
		t.Fatal(first)
	}
	_, err := Rotate(dir, Issuer, first["issuer"].Add(-time.Hour))
	fine(t, err)
	_, err = Rotate(dir, Status, first["status"].Add(time.Hour)) // there is a day without any
	fine(t, err)
	after := opened(t, dir).Ends(now)
	if !after["issuer"].After(first["issuer"]) || !after["status"].Equal(first["status"]) {
		t.Errorf("%v, then %v", first, after)
	}
	if later := opened(t, dir).Ends(first["status"].Add(2 * time.Hour)); !later["status"].After(first["status"]) {
		t.Errorf("then %v", later)
	}
}

// Certificates whose keys do not change by date are renewed before their end, and
// none is good for longer than what it stands on.
func TestCertificatesEnd(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	at := func() Options {
		return Options{Issuer: rotating, LogOrigin: "test", Verifier: "https://verifier.example", Now: func() time.Time { return now }}
	}
	fine(t, Generate(dir, at()))
	leaf := func(name string) *x509.Certificate {
		t.Helper()
		c, err := readCertificate(filepath.Join(dir, name))
		fine(t, err)
		return c
	}
	verifier, issuer := leaf("verifier/chain.pem"), leaf("keys/issuer-chain.pem")
	now = verifier.NotAfter.Add(-61 * 24 * time.Hour)
	fine(t, Generate(dir, at()))
	if !leaf("verifier/chain.pem").Equal(verifier) {
		t.Error("it was renewed early")
	}
	now = verifier.NotAfter.Add(-59 * 24 * time.Hour)
	fine(t, Generate(dir, at()))
	if got := leaf("verifier/chain.pem"); got.Equal(verifier) || !got.NotAfter.After(verifier.NotAfter) {
		t.Error("it was not renewed")
	}
	if !leaf("keys/issuer-chain.pem").Equal(issuer) {
		t.Error("the issuer's was renewed, whose digest verifiers may know from the log")
	}
	ca := leaf(hubCA)
	now = ca.NotAfter.Add(-30 * 24 * time.Hour)
	fine(t, Generate(dir, at()))
	if got := leaf("verifier/chain.pem"); !got.NotAfter.Equal(ca.NotAfter) {
		t.Errorf("it ends at %v, its authority at %v", got.NotAfter, ca.NotAfter)
	}
	now = ca.NotAfter.Add(time.Hour)
	if err := Generate(dir, at()); err == nil || !strings.Contains(err.Error(), "authority ended") {
		t.Errorf("under an authority that ended: %v", err)
	}
}
