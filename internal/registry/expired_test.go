package registry_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// agencyOf is an agency whose certificate ends then, and the CA that certified it.
func agencyOf(t *testing.T, until time.Time) (*x509.CertPool, catalogue.Agency) {
	t.Helper()
	key := newKey(t, elliptic.P256())
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: until.AddDate(-2, 0, 0), NotAfter: until.AddDate(5, 0, 0),
	}
	root := certified(t, ca, ca, key, key)
	id := &url.URL{Scheme: "urn", Opaque: "mydata:agency:a"}
	leaf := certified(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), URIs: []*url.URL{id}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until,
	}, root, key, key)
	pool := x509.NewCertPool()
	pool.AddCert(root)
	e := catalogue.Entry{Issuer: id.String(), IssuedAt: until.Add(-time.Hour).Unix(), Name: catalogue.Text{"en": "A", "ko": "가"}, Contact: "a@b.example"}
	e.JWKS.Keys = []jose.JSONWebKey{}
	jws, err := catalogue.SignEntry(e, key, [][]byte{leaf.Raw})
	if err != nil {
		t.Fatal(err)
	}
	a, err := e.Apply(catalogue.Agency{ID: e.Issuer, Jurisdiction: "KR"}, jws)
	if err != nil {
		t.Fatal(err)
	}
	return pool, a
}

func certified(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExpiredCertificates(t *testing.T) {
	d := newDesk(t)
	until := d.clock.Add(time.Hour).Truncate(time.Second)
	var listed catalogue.Agency
	d.Publisher.AgencyRoots, listed = agencyOf(t, until)
	first := purpose("p")
	first.Agencies = []catalogue.Agency{listed}
	t.Run("it refuses a new entry by a certificate that has ended", func(t *testing.T) {
		now := d.clock
		defer func() { d.clock = now }()
		d.clock = until.Add(time.Minute)
		raw, draft := proposal(t, d.Registry, first)
		draft.at = d.clock
		if _, err := d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve)); !errors.Is(err, registry.ErrRefused) || !strings.Contains(err.Error(), "expired") {
			t.Error(err)
		}
		if err := d.PublishCatalogue(t.Context(), first, approvals(t, d.ring, d.Registry, first)...); !errors.Is(err, registry.ErrRefused) {
			t.Error(err)
		}
	})
	t.Run("it lets an entry that is in force stay when its certificate ends", func(t *testing.T) {
		if err := d.PublishCatalogue(t.Context(), first, approvals(t, d.ring, d.Registry, first)...); err != nil {
			t.Fatal(err)
		}
		d.clock = until.Add(time.Minute)
		second := purpose("q")
		second.Version, second.Agencies = 2, first.Agencies
		if err := d.PublishCatalogue(t.Context(), second, approvals(t, d.ring, d.Registry, second)...); err != nil {
			t.Error(err)
		}
	})
}
