package catalogue_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/url"
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
	address, err := url.Parse(id)
	ok(t, "id", err)
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), URIs: []*url.URL{address}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0),
	}
	if bend != nil {
		bend(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, g.cert, key.Public(), g.key)
	ok(t, "leaf", err)
	return key, [][]byte{der}
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
	if d.Check([]byte(`{`)) == nil {
		t.Error("what is no JSON fits")
	}
}

func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	jws := w.sign(t)
	for name, open := range map[string]func() error{
		"it refuses another hub": func() error {
			_, err := catalogue.Open(jws, newWorld(t).keys, w.pool())
			return err
		},
		"it refuses an unknown key": func() error {
			_, err := catalogue.Open(jws, jose.JSONWebKeySet{}, w.pool())
			return err
		},
		"it refuses another government": func() error {
			_, err := catalogue.Open(jws, w.keys, newGovernment(t).pool())
			return err
		},
		"it refuses no government":  func() error { _, err := catalogue.Open(jws, w.keys, nil); return err },
		"it refuses another object": func() error { _, err := catalogue.Open(w.catalogue.Agencies[0].Entry, w.keys, w.pool()); return err },
		"it refuses an agency that did not sign": func() error {
			w := newWorld(t)
			w.catalogue.Agencies[0].Entry = ""
			_, err := catalogue.Open(w.sign(t), w.keys, w.pool())
			return err
		},
		"it refuses words that the agency did not say": func() error {
			w := newWorld(t)
			w.catalogue.Agencies[0].Release = "https://evil.example/release"
			_, err := catalogue.Open(w.sign(t), w.keys, w.pool())
			return err
		},
		"it refuses a key that is not the agency's": func() error {
			w := newWorld(t)
			w.catalogue.Agencies[0].EncryptionKey = &jose.JSONWebKey{Key: newKey(t).Public(), KeyID: "enc", Use: "enc", Algorithm: "ECDH-ES"}
			_, err := catalogue.Open(w.sign(t), w.keys, w.pool())
			return err
		},
		"it refuses another agency's entry": func() error {
			w := newWorld(t)
			w.catalogue.Agencies[0].Entry = w.catalogue.Agencies[1].Entry
			_, err := catalogue.Open(w.sign(t), w.keys, w.pool())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if open() == nil {
				t.Error("it opens")
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	for name, bend := range map[string]func(c *catalogue.Catalogue){
		"it refuses no version":            func(c *catalogue.Catalogue) { c.Version = 0 },
		"it refuses an agency twice":       func(c *catalogue.Catalogue) { c.Agencies[1].ID = c.Agencies[0].ID },
		"it refuses an agency without URI": func(c *catalogue.Catalogue) { c.Agencies[1].ID = "agency" },
		"it refuses a text in one language": func(c *catalogue.Catalogue) {
			c.Agencies[1].Name = catalogue.Text{"en": "a"}
		},
		"it refuses a text that forges a line":            func(c *catalogue.Catalogue) { c.Purposes[0].Text = text("a\nLegal basis: none") },
		"it refuses a text that turns around":             func(c *catalogue.Catalogue) { c.Purposes[0].Text = text("a\u202eb") },
		"it refuses a text that cannot be seen":           func(c *catalogue.Catalogue) { c.DataSets[0].Title = text("\u3164") },
		"it refuses a label with a hidden part":           func(c *catalogue.Catalogue) { c.DataSets[0].Fields[0].Label = text("a\u200bb") },
		"it refuses an answer's label with a hidden part": func(c *catalogue.Catalogue) { c.DataSets[0].Derived[0].Label = text("a\u200bb") },
		"it refuses a contact that forges a line":         func(c *catalogue.Catalogue) { c.Agencies[1].Contact = "a\nb" },
		"it refuses an id that turns around":              func(c *catalogue.Catalogue) { c.Agencies[1].ID += "\u202eb" },
		"it refuses a stray country":                      func(c *catalogue.Catalogue) { c.Agencies[1].Jurisdiction = "Korea" },
		"it refuses a stray release address":              func(c *catalogue.Catalogue) { c.Agencies[1].Release = "release" },
		"it refuses a private key": func(c *catalogue.Catalogue) {
			key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			c.Agencies[1].EncryptionKey = &jose.JSONWebKey{Key: key}
		},
		"it refuses a data set twice":        func(c *catalogue.Catalogue) { c.DataSets = append(c.DataSets, c.DataSets[0]) },
		"it refuses an unknown provider":     func(c *catalogue.Catalogue) { c.DataSets[0].Provider = "urn:x" },
		"it refuses a stray data set":        func(c *catalogue.Catalogue) { c.DataSets[0].ID = "Check up" },
		"it refuses a broken schema":         func(c *catalogue.Catalogue) { c.DataSets[0].Schema = json.RawMessage(`{"type":7}`) },
		"it refuses a schema from elsewhere": func(c *catalogue.Catalogue) { c.DataSets[0].Schema = json.RawMessage(`{"$ref":"https://x.example/s"}`) },
		"it refuses a schema from a file":    func(c *catalogue.Catalogue) { c.DataSets[0].Schema = json.RawMessage(`{"$ref":"file:///etc/passwd"}`) },
		"it refuses a field twice": func(c *catalogue.Catalogue) {
			c.DataSets[0].Fields = append(c.DataSets[0].Fields, c.DataSets[0].Fields[0])
		},
		"it refuses a claim from no field":      func(c *catalogue.Catalogue) { c.DataSets[0].Derived[0].From = []string{"right"} },
		"it refuses a claim from nothing":       func(c *catalogue.Catalogue) { c.DataSets[0].Derived[0].From = nil },
		"it refuses a purpose twice":            func(c *catalogue.Catalogue) { c.Purposes = append(c.Purposes, c.Purposes[0]) },
		"it refuses a purpose without bounds":   func(c *catalogue.Catalogue) { c.Purposes[0].MaxUses = 0 },
		"it refuses a purpose for nothing here": func(c *catalogue.Catalogue) { c.Purposes[0].DataSets = []string{"tax"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			bend(&w.catalogue)
			if w.catalogue.Validate() == nil {
				t.Error("it holds together")
			}
			if _, err := catalogue.Sign(w.catalogue, w.hub, "hub"); err == nil {
				t.Error("it is signed")
			}
		})
	}
}

func TestOpenSignedRefuses(t *testing.T) {
	const id = "urn:mydata:agency:a"
	g := newGovernment(t)
	payload := []byte(`{"iat":1}`)
	good, chain := g.certify(t, id, nil)
	signed := func(typ string, key *ecdsa.PrivateKey, chain [][]byte) string {
		jws, err := catalogue.SignAs(typ, payload, key, chain)
		ok(t, "sign", err)
		return jws
	}
	agency, got, err := catalogue.OpenSigned(signed("a+jwt", good, chain), "a+jwt", g.pool(), now)
	ok(t, "open", err)
	if agency != id || string(got) != string(payload) {
		t.Errorf("opened %q %s", agency, got)
	}
	for name, c := range map[string]struct {
		typ  string
		bend func(*x509.Certificate)
		at   time.Time
	}{
		"it refuses another typ":             {typ: "b+jwt"},
		"it refuses an expired certificate":  {at: now.AddDate(2, 0, 0)},
		"it refuses a future certificate":    {at: now.AddDate(0, -2, 0)},
		"it refuses a CA as the signer":      {bend: func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }},
		"it refuses a nameless certificate":  {bend: func(c *x509.Certificate) { c.URIs = nil }},
		"it refuses a two-named certificate": {bend: func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }},
	} {
		t.Run(name, func(t *testing.T) {
			if c.typ == "" {
				c.typ = "a+jwt"
			}
			if c.at.IsZero() {
				c.at = now
			}
			key, chain := g.certify(t, id, c.bend)
			if _, _, err := catalogue.OpenSigned(signed(c.typ, key, chain), "a+jwt", g.pool(), c.at); err == nil {
				t.Error("it opens")
			}
		})
	}
	if _, _, err := catalogue.OpenSigned(signed("a+jwt", newKey(t), chain), "a+jwt", g.pool(), now); err == nil {
		t.Error("another's certificate is taken")
	}
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

// The unsigned file that an operator publishes is read as strictly.
func FuzzValidate(f *testing.F) {
	raw, err := json.Marshal(newWorld(f).catalogue)
	ok(f, "marshal", err)
	f.Add(raw)
	f.Add([]byte(`{"version":1,"data_sets":[{"id":"a","schema":{"$ref":"#"}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c catalogue.Catalogue
		if json.Unmarshal(raw, &c) == nil {
			_ = c.Validate()
		}
	})
}

// FuzzOpenSigned: nothing but what an agency signed opens, in its one spelling.
func FuzzOpenSigned(f *testing.F) {
	g := newGovernment(f)
	key, chain := g.certify(f, "urn:mydata:agency:a", nil)
	const typ = "test+jwt"
	signed, err := catalogue.SignAs(typ, []byte(`{"iat":1800000000}`), key, chain)
	ok(f, "sign", err)
	f.Add(signed)
	f.Add(signed + "A")
	f.Add(signed[:9] + "\n" + signed[9:])
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, compact string) {
		_, _ = catalogue.Issued(compact)
		if _, _, err := catalogue.OpenSigned(compact, typ, g.pool(), now); err == nil && compact != signed {
			t.Errorf("another text opens: %q", compact)
		}
	})
}
