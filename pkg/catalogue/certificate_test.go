package catalogue_test

import (
	"crypto/x509"
	"encoding/base64"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
)

const rotating = "urn:mydata:agency:a"

// days gives a certificate from one day to another, counted from now.
func days(from, to int) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(0, 0, from), now.AddDate(0, 0, to) }
}

// entry is an agency's that signs with the first certificate and lists those given.
func (w *world) entry(t testing.TB, signs func(*x509.Certificate), lists ...string) (string, string) {
	t.Helper()
	key, chain := w.certify(t, rotating, signs)
	own := base64.StdEncoding.EncodeToString(chain[0])
	e := catalogue.Entry{Issuer: rotating, IssuedAt: now.Unix(), Name: text("A"), Contact: "a@b.example"}
	for _, other := range lists {
		if other == "own" {
			other = own
		}
		e.Certificates = append(e.Certificates, other)
	}
	jws, err := catalogue.SignEntry(e, key, chain)
	ok(t, "entry", err)
	return jws, own
}

func (w *world) another(t testing.TB, id string, bend func(*x509.Certificate)) string {
	t.Helper()
	_, chain := w.certify(t, id, bend)
	return base64.StdEncoding.EncodeToString(chain[0])
}

func TestRotation(t *testing.T) {
	w, elsewhere := newWorld(t), newWorld(t)
	soon := days(-300, 20)
	for _, c := range []struct {
		name  string
		signs func(*x509.Certificate)
		lists []string
		says  string
		until int // days from now
	}{
		{"it takes the one that signs, unlisted", soon, nil, "", 20},
		{"it takes it listed", soon, []string{"own"}, "", 20},
		{"it takes the next beside it", soon, []string{"own", w.another(t, rotating, days(-1, 300))}, "", 300},
		{"it takes a next that begins later", soon, []string{"own", w.another(t, rotating, days(10, 300))}, "", 300},
		{"it refuses three", soon, []string{"own", w.another(t, rotating, days(-1, 300)), w.another(t, rotating, days(-1, 301))}, "3 certificates, at most 2", 0},
		{"it refuses another's", soon, []string{"own", w.another(t, "urn:mydata:agency:b", days(-1, 300))}, "a certificate is of", 0},
		{"it refuses one of another authority", soon, []string{"own", elsewhere.another(t, rotating, days(-1, 300))}, "a certificate: x509", 0},
		{"it refuses one that has ended", soon, []string{"own", w.another(t, rotating, days(-300, -1))}, "a certificate: x509", 0},
		{"it refuses a gap", soon, []string{"own", w.another(t, rotating, days(21, 300))}, "begins after this one has ended", 0},
		{"it refuses to list others alone", soon, []string{w.another(t, rotating, days(-1, 300))}, "is not among those listed", 0},
		{"it refuses what is no certificate", soon, []string{"own", "AAAA"}, "a certificate", 0},
		{"it refuses what is no base64", soon, []string{"own", "?"}, "not base64", 0},
		{"it refuses an authority's own", soon, []string{"own", base64.StdEncoding.EncodeToString(w.cert.Raw)}, "CA", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			jws, _ := w.entry(t, c.signs, c.lists...)
			_, err := catalogue.OpenEntry(jws, w.pool(), now)
			if c.says != "" {
				refusal(t, err, c.says)
				return
			}
			ok(t, "entry", err)
			terms, err := (&catalogue.Catalogue{Agencies: []catalogue.Agency{{ID: rotating, Entry: jws}}}).Terms(now)
			ok(t, "terms", err)
			if len(terms) != 1 || terms[0].Days(now) != c.until || len(terms[0].Certificates) != max(1, len(c.lists)) {
				t.Errorf("%+v", terms)
			}
		})
	}
	t.Run("it refuses an entry by a certificate that has ended", func(t *testing.T) {
		jws, _ := w.entry(t, soon)
		_, err := catalogue.OpenEntry(jws, w.pool(), now.AddDate(0, 0, 21))
		refusal(t, err, "expired")
	})
	t.Run("it knows who cannot sign any more, and puts him first", func(t *testing.T) {
		ended, _ := w.entry(t, days(-300, -2))
		lasting, _ := w.entry(t, days(-1, 300))
		terms, err := (&catalogue.Catalogue{Agencies: []catalogue.Agency{{ID: "l", Entry: lasting}, {ID: "e", Entry: ended}, {ID: "none"}}}).Terms(now)
		if err != nil || len(terms) != 2 || terms[0].Agency != "e" || terms[0].Days(now) != -1 {
			t.Errorf("%+v %v", terms, err)
		}
	})
	t.Run("it names an entry that it cannot read", func(t *testing.T) {
		key, chain := w.certify(t, rotating, nil)
		odd, err := catalogue.SignAs(catalogue.EntryType, []byte(`{"iss":"x","more":1}`), key, chain)
		ok(t, "sign", err)
		for entry, says := range map[string]string{
			"a.b.c": "", odd: "unknown", signed(t, key, `{"contact":"","iat":0,"iss":"","jwks":{"keys":null},"name":null}`): "holds no certificate",
		} {
			_, err := (&catalogue.Catalogue{Agencies: []catalogue.Agency{{ID: "x", Entry: entry}}}).Terms(now)
			refusal(t, err, `agency "x"`)
			refusal(t, err, says)
		}
	})
}

func TestWarning(t *testing.T) {
	for left, want := range map[time.Duration]int{
		60*24*time.Hour + 1: -1, 60 * 24 * time.Hour: 60, 30*24*time.Hour + 1: 60, 30 * 24 * time.Hour: 30,
		7*24*time.Hour + 1: 30, 7 * 24 * time.Hour: 7, 1: 7, 0: 0, -time.Hour: 0,
	} {
		days, due := catalogue.Warning(now.Add(left), now)
		if due != (want >= 0) || due && days != want {
			t.Errorf("%s before: %d %v", left, days, due)
		}
	}
}
