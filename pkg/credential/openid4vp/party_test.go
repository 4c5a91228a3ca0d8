package openid4vp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

var now = time.Now().Truncate(time.Second)

func clock() time.Time { return now }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// authority is a certificate authority and what it certified.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	a := authority{key: newKey(t), roots: x509.NewCertPool()}
	a.cert = a.certify(t, nil, &a.key.PublicKey, func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = pkix.Name{CommonName: "CA"}, true, true, x509.KeyUsageCertSign
	})
	a.roots.AddCert(a.cert)
	return a
}

func (a authority) certify(t testing.TB, parent *x509.Certificate, key any, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "leaf"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	if change != nil {
		change(template)
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// party is a verifier with one request under way.
type party struct {
	authority
	signer  *ecdsa.PrivateKey
	leaf    *x509.Certificate
	request openid4vp.Request
}

const nameAndAge = `,"claims":[{"id":"n","path":["name"]},{"id":"g","path":["age"]}]`

func newParty(t testing.TB, q string) party {
	t.Helper()
	p := party{authority: newAuthority(t), signer: newKey(t)}
	p.leaf = p.certify(t, p.cert, &p.signer.PublicKey, nil)
	var err error
	p.request, err = openid4vp.NewRequest(openid4vp.ClientID(p.leaf.Raw), "https://verifier.example/response", parse(t, q), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p party) sign(t testing.TB, walletNonce string) string {
	t.Helper()
	object, err := p.request.Sign(p.signer, [][]byte{p.leaf.Raw}, walletNonce)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func (p party) trust() openid4vp.Trust {
	return openid4vp.Trust{ClientID: p.request.ClientID, Roots: p.roots, Now: clock}
}

// resign bends header and claims of a request object.
func (p party) resign(t testing.TB, bend func(header, claims map[string]any)) string {
	t.Helper()
	parts := strings.Split(p.sign(t, ""), ".")
	header, claims := map[string]any{}, map[string]any{}
	for i, into := range []map[string]any{header, claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &into); err != nil {
			t.Fatal(err)
		}
	}
	bend(header, claims)
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range header {
		if name != "alg" {
			options.WithHeader(jose.HeaderKey(name), value)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.signer}, options)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	object, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return object
}
