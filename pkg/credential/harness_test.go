package credential

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

var testNow = time.Unix(1_800_000_000, 0)

const (
	testIssuer = "https://issuer.example"
	testVCT    = "urn:example:card"
)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string, parent *authority) *authority {
	t.Helper()
	a := &authority{key: newKey(t, elliptic.P256())}
	a.cert = a.sign(t, a.key, parent, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.KeyUsage, c.URIs = name, true, x509.KeyUsageCertSign, nil
	})
	return a
}

// sign makes a certificate for key: an issuer's leaf, unless change says
// otherwise. Without a parent it is self-signed.
func (a *authority) sign(t testing.TB, key *ecdsa.PrivateKey, parent *authority, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	uri, err := url.Parse(testIssuer)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "issuer"}, BasicConstraintsValid: true,
		NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, URIs: []*url.URL{uri},
	}
	if change != nil {
		change(template)
	}
	issuer, signer := template, key
	if parent != nil {
		issuer, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a *authority) leaf(t testing.TB, key *ecdsa.PrivateKey, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	return a.sign(t, key, a, change)
}

func pool(certs ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// statusFunc answers like a status list client.
type statusFunc func(statuslist.Reference, statuslist.Trust) (statuslist.Status, error)

func (f statusFunc) Status(_ context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error) {
	return f(ref, trust)
}

// scene is one issuer, one holder, one verifier.
type scene struct {
	ca       *authority
	key      *ecdsa.PrivateKey
	chain    [][]byte
	kid      string
	holder   *ecdsa.PrivateKey
	claims   map[string]any
	kb       sdjwt.KeyBinding
	asked    Presentation
	verifier Verifier
	calls    int
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{ca: newAuthority(t, "CA", nil), key: newKey(t, elliptic.P256()), holder: newKey(t, elliptic.P256())}
	s.chain = [][]byte{s.ca.leaf(t, s.key, nil).Raw}
	s.claims = map[string]any{"iss": testIssuer, "vct": testVCT, "iat": testNow.Unix() - 100, "exp": testNow.Unix() + 100,
		"cnf":    map[string]any{"jwk": jose.JSONWebKey{Key: s.holder.Public()}},
		"status": map[string]any{"status_list": map[string]any{"uri": testIssuer + "/status/1", "idx": 7}},
		"name":   sdjwt.Hidden{Value: "Kim"}}
	s.kb = sdjwt.KeyBinding{Audience: "x509_hash:abc", Nonce: "nonce", IssuedAt: testNow}
	s.asked = Presentation{Audience: s.kb.Audience, Nonce: s.kb.Nonce}
	s.verifier = Verifier{Policy: Policy{Roots: map[string]*x509.CertPool{testVCT: pool(s.ca.cert)}},
		Now: func() time.Time { return testNow }}
	s.verifier.Status = statusFunc(func(ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error) {
		s.calls++
		_, err := trust(s.chain)
		return statuslist.Valid, err
	})
	return s
}

func (s *scene) present(t testing.TB) Presentation {
	t.Helper()
	issued, err := sdjwt.Issue(sdjwt.Key{Signer: s.key, KeyID: s.kid, X5C: s.chain}, s.claims)
	if err != nil {
		t.Fatal(err)
	}
	p := s.asked
	if p.Token, err = sdjwt.Bind(issued, s.holder, s.kb); err != nil {
		t.Fatal(err)
	}
	return p
}

func holderThumbprint(key *ecdsa.PrivateKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}
