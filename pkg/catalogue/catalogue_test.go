package catalogue_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
)

var now = time.Now().Truncate(time.Second)

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, "key", err)
	return key
}

// government is a CA; certify makes a leaf from a template that may be bent.
type government struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newGovernment(t testing.TB) government {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Government CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ok(t, "CA", err)
	cert, err := x509.ParseCertificate(der)
	ok(t, "CA", err)
	return government{cert, key}
}

func (g government) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(g.cert)
	return pool
}

func (g government) certify(t testing.TB, id string, bend func(*x509.Certificate)) (*ecdsa.PrivateKey, [][]byte) {
	t.Helper()
	key := newKey(t)
	return key, g.certifyKey(t, id, key.Public(), bend)
}

func (g government) certifyKey(t testing.TB, id string, key crypto.PublicKey, bend func(*x509.Certificate)) [][]byte {
	t.Helper()
	address, err := url.Parse(id)
	ok(t, "id", err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), URIs: []*url.URL{address}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0),
	}
	if bend != nil {
		bend(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, g.cert, key, g.key)
	ok(t, "leaf", err)
	return [][]byte{der}
}

// world is a hub and a catalogue of two agencies.
type world struct {
	government
	hub       *ecdsa.PrivateKey
	keys      jose.JSONWebKeySet
	catalogue catalogue.Catalogue
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{government: newGovernment(t), hub: newKey(t)}
	w.keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.hub.Public(), KeyID: "hub", Use: "sig"}}}
	w.catalogue = catalogue.Catalogue{
		Version:  1,
		Agencies: []catalogue.Agency{w.agency(t, "urn:mydata:agency:a"), w.agency(t, "urn:mydata:agency:b")},
		DataSets: []catalogue.DataSet{{
			ID: "checkup", Provider: "urn:mydata:agency:a", Title: text("Check-up"),
			Schema: json.RawMessage(`{"type":"object","required":["left"],"properties":{"left":{"type":"number"}}}`),
			Fields: []catalogue.Field{{Name: "left", Label: text("Left")}}, Derived: []catalogue.Derived{{Claim: "ok", Label: text("OK"), From: []string{"left"}}},
		}},
		Purposes: []catalogue.Purpose{{Code: "renewal", Text: text("Renewal"), MaxUses: 2, MaxDays: 30, DataSets: []string{"checkup"}}},
	}
	return w
}

func text(s string) catalogue.Text { return catalogue.Text{"en": s, "ko": s} }

func (w *world) agency(t testing.TB, id string) catalogue.Agency {
	t.Helper()
	key, chain := w.certify(t, id, nil)
	return w.says(t, id, key, chain)
}

// says is an agency as the holder of a key describes it.
func (w *world) says(t testing.TB, id string, key *ecdsa.PrivateKey, chain [][]byte) catalogue.Agency {
	t.Helper()
	entry := catalogue.Entry{
		Issuer: id, IssuedAt: now.Unix(), Name: text(id), Contact: "a@b.example", Release: "https://a.example/release",
		JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: newKey(t).Public(), KeyID: "enc", Use: "enc", Algorithm: "ECDH-ES"}}},
	}
	jws, err := catalogue.SignEntry(entry, key, chain)
	ok(t, "entry", err)
	listed, err := entry.Apply(catalogue.Agency{ID: id, Jurisdiction: "KR"}, jws)
	ok(t, "apply", err)
	return listed
}

func (w *world) sign(t testing.TB) string {
	t.Helper()
	jws, err := catalogue.Sign(w.catalogue, w.hub, "hub")
	ok(t, "sign", err)
	return jws
}

func TestSignAndOpen(t *testing.T) {
	w := newWorld(t)
	c, err := catalogue.Open(w.sign(t), w.keys, w.pool())
	ok(t, "open", err)
	a, found := c.Agency("urn:mydata:agency:a")
	if !found || a.EncryptionKey == nil || a.Name.In("ko") != "urn:mydata:agency:a" || a.Name.In("fr") != a.Name.In("en") {
		t.Errorf("agency %+v", a)
	}
	d, found := c.DataSet("checkup")
	if !found || len(d.Hash()) != 43 {
		t.Errorf("data set %+v", d)
	}
	respelt := d
	respelt.Schema = json.RawMessage(`{ "required": ["left"], "type":"object","properties":{"left":{"type":"number"}}}`)
	if respelt.Hash() != d.Hash() {
		t.Error("the hash depends on spelling")
	}
	p, found := c.Purpose("renewal")
	if !found || !p.Covers("checkup") || p.Covers("tax") {
		t.Errorf("purpose %+v", p)
	}
	ok(t, "a fitting record", d.Check([]byte(`{"left":1.0}`)))
	if err := d.Check([]byte(`{"left":"SECRET"}`)); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("a record that does not fit: %v", err)
	}
	if (catalogue.DataSet{Schema: json.RawMessage(`{}`)}).Check([]byte(`{`)) == nil {
		t.Error("what is no JSON fits, where everything would")
	}
}

// refusal holds an error to the words that name its rule: another rule further
// down may refuse the same.
func refusal(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want %q", err, says)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name, says string
		bend       func(w *world)
		open       func(w *world, jws string) error
	}{
		{name: "it refuses another hub", says: "signature is wrong", bend: func(w *world) { w.keys.Keys[0].Key = newKey(t).Public() }},
		{name: "it refuses an unknown key", says: "not one of the hub's", bend: func(w *world) { w.keys = jose.JSONWebKeySet{} }},
		{name: "it refuses another government", says: "certificate chain", bend: func(w *world) { w.government = newGovernment(t) }},
		{name: "it takes no machine's authorities for the government", says: "no government", open: func(w *world, jws string) error {
			w.trustedHere(t)
			_, err := catalogue.Open(jws, w.keys, nil)
			return err
		}},
		{name: "it refuses another object", says: "typ", open: func(w *world, _ string) error {
			_, err := catalogue.Open(w.signAs(t, catalogue.EntryType), w.keys, w.pool())
			return err
		}},
		{name: "it refuses what is endless", says: "longer", open: func(w *world, _ string) error {
			_, err := catalogue.Open(strings.Repeat("a", 16<<20+1), w.keys, w.pool())
			return err
		}},
		{name: "it refuses a catalogue that does not hold together", says: "version", open: func(w *world, _ string) error {
			w.catalogue.Version = 0
			_, err := catalogue.Open(w.signAs(t, catalogue.SnapshotType), w.keys, w.pool())
			return err
		}},
		{name: "it refuses a member that it does not know", says: "member", open: func(w *world, _ string) error {
			_, err := catalogue.Open(w.signed(t, catalogue.SnapshotType, []byte(`{"version":1,"more":1}`)), w.keys, w.pool())
			return err
		}},
		{name: "it refuses an agency that did not sign", says: "has not signed", bend: func(w *world) { w.catalogue.Agencies[0].Entry = "" }},
		{name: "it refuses words that the agency did not say", says: "differs", bend: func(w *world) {
			w.catalogue.Agencies[0].Release = "https://evil.example/release"
		}},
		{name: "it refuses a key that is not the agency's", says: "differs", bend: func(w *world) {
			w.catalogue.Agencies[0].EncryptionKey = &jose.JSONWebKey{Key: newKey(t).Public(), KeyID: "enc", Use: "enc", Algorithm: "ECDH-ES"}
		}},
		{name: "it refuses another agency's entry", says: "not of", bend: func(w *world) {
			id := w.catalogue.Agencies[0].ID
			w.catalogue.Agencies[0] = w.catalogue.Agencies[1]
			w.catalogue.Agencies[0].ID = id
		}},
		{name: "it refuses an entry that another agency signed", says: "signed for", bend: func(w *world) {
			key, chain := w.certify(t, "urn:mydata:agency:b", nil)
			w.catalogue.Agencies[0] = w.says(t, w.catalogue.Agencies[0].ID, key, chain)
		}},
		{name: "it refuses an entry with a member that it does not know", says: "member", bend: func(w *world) {
			a := &w.catalogue.Agencies[0]
			key, chain := w.certify(t, a.ID, nil)
			jws, err := catalogue.SignAs(catalogue.EntryType, []byte(`{"iss":"`+a.ID+`","iat":1800000000,"more":1}`), key, chain)
			ok(t, "sign", err)
			a.Entry = jws
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.bend != nil {
				c.bend(w)
			}
			if c.open == nil {
				c.open = func(w *world, jws string) error { _, err := catalogue.Open(jws, w.keys, w.pool()); return err }
			}
			refusal(t, c.open(w, w.sign(t)), c.says)
		})
	}
}

// trustedHere makes the government one of the authorities of this machine.
func (g government) trustedHere(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.cert.Raw})
	ok(t, "ca.pem", os.WriteFile(file, text, 0o600))
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("SSL_CERT_DIR", dir)
}

// signAs signs the catalogue as it is under a typ of any name.
func (w *world) signAs(t *testing.T, typ string) string {
	t.Helper()
	payload, err := json.Marshal(w.catalogue)
	ok(t, "marshal", err)
	return w.signed(t, typ, payload)
}

func (w *world) signed(t *testing.T, typ string, payload []byte) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", "hub")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: w.hub}, options)
	ok(t, "signer", err)
	object, err := signer.Sign(payload)
	ok(t, "sign", err)
	jws, err := object.CompactSerialize()
	ok(t, "serialize", err)
	return jws
}

func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	jws := w.sign(f)
	f.Add(jws)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, compact string) {
		c, err := catalogue.Open(compact, w.keys, w.pool())
		if err == nil && c.Validate() != nil {
			t.Fatal("what does not hold together opens")
		}
	})
}
