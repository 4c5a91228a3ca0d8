package catalogue_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
)

func TestOpenSignedRefuses(t *testing.T) {
	const id, typ = "urn:mydata:agency:a", "a+jwt"
	g := newGovernment(t)
	signed := func(typ, payload string, key *ecdsa.PrivateKey, chain [][]byte) string {
		jws, err := catalogue.SignAs(typ, []byte(payload), key, chain)
		ok(t, "sign", err)
		return jws
	}
	key, chain := g.certify(t, id, nil)
	good := signed(typ, `{"iat":1}`, key, chain)
	agency, got, err := catalogue.OpenSigned(good, typ, g.pool(), now)
	ok(t, "open", err)
	if agency != id || string(got) != `{"iat":1}` {
		t.Errorf("opened %q %s", agency, got)
	}
	bent := func(bend func(*x509.Certificate)) string {
		key, chain := g.certify(t, id, bend)
		return signed(typ, `{"iat":1}`, key, chain)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	ok(t, "key", err)
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	ok(t, "key", err)
	of := func(public crypto.PublicKey) string { // signed by another: no ES256 comes from such a key
		return signed(typ, `{"iat":1}`, key, g.certifyKey(t, id, public, nil))
	}
	for _, c := range []struct {
		name, jws, says string
		at              time.Time
	}{
		{name: "it refuses another typ", jws: signed("b+jwt", `{"iat":1}`, key, chain), says: "typ b+jwt"},
		{name: "it refuses an expired certificate", jws: good, at: now.AddDate(2, 0, 0), says: "certificate chain"},
		{name: "it refuses a future certificate", jws: good, at: now.AddDate(0, -2, 0), says: "certificate chain"},
		{name: "it refuses no certificate", jws: signed(typ, `{"iat":1}`, key, nil), says: "certificate chain"},
		{name: "it refuses a CA as the signer", jws: bent(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), says: "a CA's"},
		{name: "it refuses a nameless certificate", jws: bent(func(c *x509.Certificate) { c.URIs = nil }), says: "0 URI names"},
		{name: "it refuses a two-named certificate", jws: bent(func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }), says: "2 URI names"},
		{name: "it refuses a key of another curve", jws: of(wide.Public()), says: "P-256"},
		{name: "it refuses another kind of key", jws: of(edwards), says: "P-256"},
		{name: "it refuses another's certificate", jws: signed(typ, `{"iat":1}`, newKey(t), chain), says: "signature is wrong"},
		{name: "it refuses an endless object", jws: signed(typ, strings.Repeat("a", 64<<10), key, chain), says: "longer"},
		{name: "it refuses stray bits at the end", jws: good[:len(good)-1] + string(rune(good[len(good)-1]+1)), says: "base64url"},
		{name: "it refuses a line within", jws: good[:9] + "\n" + good[9:], says: "base64url"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.at.IsZero() {
				c.at = now
			}
			_, _, err := catalogue.OpenSigned(c.jws, typ, g.pool(), c.at)
			refusal(t, err, c.says)
		})
	}
}

func TestIssued(t *testing.T) {
	key := newKey(t)
	for _, c := range []struct{ name, payload, says string }{
		{"it reads iat", `{"iat":1800000000}`, ""},
		{"it refuses no iat", `{}`, "missing"},
		{"it refuses a negative iat", `{"iat":-1}`, "missing"},
		{"it refuses an iat that is text", `{"iat":"now"}`, "json"},
		{"it refuses an endless object", `{"iat":1800000000}` + strings.Repeat(" ", 64<<10), "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			jws, err := catalogue.SignAs("a+jwt", []byte(c.payload), key, nil)
			ok(t, "sign", err)
			at, err := catalogue.Issued(jws)
			if c.says != "" {
				refusal(t, err, c.says)
			} else if err != nil || at.Unix() != 1_800_000_000 {
				t.Errorf("%v %v", at, err)
			}
		})
	}
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
