package credential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

//clause:verifier 8.6: every check, then the query
func TestVerifyListsItsChecks(t *testing.T) {
	s := newScene(t)
	result := s.verifier.Verify(t.Context(), s.present(t))
	if !result.OK() {
		t.Fatalf("%+v", result.Checks)
	}
	var names []string
	for _, c := range result.Checks {
		names = append(names, c.Name)
	}
	want := []string{CheckFormat, CheckIssuerTrusted, CheckIssuerSignature, CheckValidity, CheckKeyBinding, CheckStatus}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if s.calls != 1 {
		t.Errorf("the status was asked for %d times", s.calls)
	}
	if result.VCT != testVCT || result.Issuer != testIssuer || result.Claims["name"] != "Kim" || len(result.Chain) != 2 ||
		result.Format != sdjwt.Type || result.Expires.Unix() != testNow.Unix()+100 || result.IssuedAt.Unix() != testNow.Unix()-100 {
		t.Errorf("%+v", result)
	}
	if (Result{}).OK() {
		t.Error("a result without checks is OK")
	}
}

// The machine's own anchors are nobody's policy. The library reads
// them once: this test comes before the others that name no anchor.
func TestVerifyNeverAsksTheSystemsAnchors(t *testing.T) {
	s := newScene(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	s.verifier.Policy = Policy{}
	if result := s.verifier.Verify(t.Context(), s.present(t)); result.OK() || len(result.Checks) != 2 {
		t.Errorf("%+v", result.Checks)
	}
}

// One rule a line: what is changed, and the check that has to fail.
//
//clause:formats SD-JWT VC draft-24: typ, vct, what is never disclosed selectively, x5c without anchor
//clause:status 7: valid, invalid, suspended; one whole value a place; what is no list's to say is refused
//clause:status 8.3: the credential first; sub is the uri; exp; ttl; an index out of range is refused
//clause:status 11.3: the signer is asked of the caller's trust, for each look-up
//clause:trust HAIP 1.0, 6.1.1 and SD-JWT VC, X.509: exactly the path below an anchor, leaf not self-signed, iss among its names; names and certificate policies that are asked for
func TestVerifyRefuses(t *testing.T) {
	status := func(value any) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) { s.claims["status"] = value }
	}
	list := func(uri, idx any) any {
		return map[string]any{"status_list": map[string]any{"uri": uri, "idx": idx}}
	}
	says := func(st statuslist.Status, err error) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) {
			s.verifier.Status = statusFunc(func(statuslist.Reference, statuslist.Trust) (statuslist.Status, error) { return st, err })
		}
	}
	claim := func(name string, value any) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) { s.claims[name] = value }
	}
	leaf := func(change func(*x509.Certificate)) func(*testing.T, *scene) {
		return func(t *testing.T, s *scene) { s.chain = [][]byte{s.ca.leaf(t, s.key, change).Raw} }
	}
	cases := []struct {
		name   string
		change func(*testing.T, *scene)
		check  string // "" for OK
	}{
		{"it trusts nobody by default", func(_ *testing.T, s *scene) { s.verifier.Policy = Policy{} }, CheckIssuerTrusted},
		{"it trusts an anchor for its types alone", claim("vct", "urn:other"), CheckIssuerTrusted},
		{"it wants an x5c", func(_ *testing.T, s *scene) { s.chain = nil }, CheckIssuerTrusted},
		{"it refuses an endless x5c", func(_ *testing.T, s *scene) {
			s.chain = append(s.chain, s.chain[0], s.chain[0], s.chain[0], s.chain[0], s.chain[0])
		}, CheckIssuerTrusted},
		{"it refuses a chain longer than it reads, though it be whole", func(t *testing.T, s *scene) {
			a, chain := s.ca, [][]byte{}
			for range maxChain {
				a = newAuthority(t, "between", a)
				chain = append([][]byte{a.cert.Raw}, chain...)
			}
			s.chain = append([][]byte{a.leaf(t, s.key, nil).Raw}, chain...)
		}, CheckIssuerTrusted},
		{"it refuses a certificate that it cannot read", func(_ *testing.T, s *scene) { s.chain = [][]byte{{1, 2, 3}} }, CheckIssuerTrusted},
		{"it refuses another authority's leaf", func(t *testing.T, s *scene) {
			s.chain = [][]byte{newAuthority(t, "CA", nil).leaf(t, s.key, nil).Raw}
		}, CheckIssuerTrusted},
		{"it refuses a self-signed leaf, though it be an anchor", func(t *testing.T, s *scene) {
			own := s.ca.sign(t, s.key, nil, nil)
			s.chain = [][]byte{own.Raw}
			s.verifier.Policy.Roots[testVCT] = pool(own)
		}, CheckIssuerTrusted},
		{"it refuses a leaf that names itself as its issuer", leaf(func(c *x509.Certificate) { c.Subject.CommonName = "CA" }), CheckIssuerTrusted},
		{"it refuses the anchor in the x5c", func(_ *testing.T, s *scene) { s.chain = append(s.chain, s.ca.cert.Raw) }, CheckIssuerTrusted},
		{"it refuses an anchor that another signed in the x5c", func(t *testing.T, s *scene) {
			middle := newAuthority(t, "middle", s.ca)
			s.chain = [][]byte{middle.leaf(t, s.key, nil).Raw, middle.cert.Raw}
			s.verifier.Policy.Roots[testVCT] = pool(middle.cert)
		}, CheckIssuerTrusted},
		{"it takes an authority between", func(t *testing.T, s *scene) {
			middle := newAuthority(t, "middle", s.ca)
			s.chain = [][]byte{middle.leaf(t, s.key, nil).Raw, middle.cert.Raw}
		}, ""},
		{"it refuses a certificate beside the path", func(t *testing.T, s *scene) {
			s.chain = append(s.chain, newAuthority(t, "stray", s.ca).cert.Raw)
		}, CheckIssuerTrusted},
		{"it refuses a leaf that is an authority", leaf(func(c *x509.Certificate) { c.IsCA = true }), CheckIssuerTrusted},
		{"it refuses a leaf that may not sign", leaf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), CheckIssuerTrusted},
		{"it refuses a leaf that expired", leaf(func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Second) }), CheckIssuerTrusted},
		{"it refuses a leaf that is not valid yet", leaf(func(c *x509.Certificate) { c.NotBefore = testNow.Add(time.Minute) }), CheckIssuerTrusted},
		{"it refuses a leaf on another curve", func(t *testing.T, s *scene) {
			s.chain = [][]byte{s.ca.leaf(t, newKey(t, elliptic.P384()), nil).Raw}
		}, CheckIssuerTrusted},
		{"it refuses another's signature", func(t *testing.T, s *scene) { s.key = newKey(t, elliptic.P256()) }, CheckIssuerSignature},
		{"it refuses an issuer whom the certificate does not name", claim("iss", "https://other.example"), CheckIssuerSignature},
		{"it refuses an issuer that is no name", claim("iss", 7), CheckIssuerSignature},
		{"it takes an issuer by its host", leaf(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"issuer.example"} }), ""},
		{"it takes no plain http by its host", func(t *testing.T, s *scene) {
			leaf(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"issuer.example"} })(t, s)
			s.claims["iss"] = "http://issuer.example"
		}, CheckIssuerSignature},
		{"it takes the certificate's word for who issued", func(_ *testing.T, s *scene) { delete(s.claims, "iss") }, ""},
		{"it refuses what expired", claim("exp", testNow.Unix()), CheckValidity},
		{"it refuses what is not valid yet", claim("nbf", testNow.Add(2*time.Minute).Unix()), CheckValidity},
		{"it refuses what was issued in the future", claim("iat", testNow.Add(2*time.Minute).Unix()), CheckValidity},
		{"it takes an issuer's clock a little ahead", claim("iat", testNow.Add(30*time.Second).Unix()), ""},
		{"it refuses an exp that is no time", claim("exp", "never"), CheckValidity},
		{"it refuses an iat that is no time", claim("iat", "now"), CheckValidity},
		{"it refuses an nbf before all times", claim("nbf", -1), CheckValidity},
		{"it refuses an exp beyond all times", claim("exp", 1e300), CheckValidity},
		{"it takes what has a status and no exp", func(_ *testing.T, s *scene) { delete(s.claims, "exp") }, ""},
		{"it wants a holder's key", func(_ *testing.T, s *scene) { delete(s.claims, "cnf") }, CheckKeyBinding},
		{"it refuses another holder", func(t *testing.T, s *scene) { s.holder = newKey(t, elliptic.P256()) }, CheckKeyBinding},
		{"it refuses another verifier's presentation", func(_ *testing.T, s *scene) { s.asked.Audience = "x509_hash:other" }, CheckKeyBinding},
		{"it refuses another transaction's presentation", func(_ *testing.T, s *scene) { s.asked.Nonce = "other" }, CheckKeyBinding},
		{"it refuses an old presentation", func(_ *testing.T, s *scene) { s.kb.IssuedAt = testNow.Add(-time.Hour) }, CheckKeyBinding},
		{"it wants the transaction data it asked for", func(_ *testing.T, s *scene) { s.asked.TransactionDataHashes = []string{"h"} }, CheckKeyBinding},
		{"it refuses what is revoked", says(statuslist.Invalid, nil), CheckStatus},
		{"it refuses what is suspended", says(statuslist.Suspended, nil), CheckStatus},
		{"it refuses an unknown status", says(3, nil), CheckStatus},
		{"it refuses when the status cannot be learned", says(statuslist.Valid, errors.New("down")), CheckStatus},
		{"it refuses when it cannot ask", func(_ *testing.T, s *scene) { s.verifier.Status = nil }, CheckStatus},
		{"it refuses what names no status", func(_ *testing.T, s *scene) { delete(s.claims, "status") }, CheckStatus},
		{"it takes what may come without a status", func(_ *testing.T, s *scene) {
			delete(s.claims, "status")
			s.verifier.Policy.WithoutStatus = map[string]bool{testVCT: true}
		}, ""},
		{"it asks for a status that is named, whatever may come without", func(t *testing.T, s *scene) {
			s.verifier.Policy.WithoutStatus = map[string]bool{testVCT: true}
			says(statuslist.Invalid, nil)(t, s)
		}, CheckStatus},
		{"it refuses a status of another kind", status(map[string]any{"other": 1}), CheckStatus},
		{"it refuses a status that is no object", status("valid"), CheckStatus},
		{"it refuses a status without uri", status(list(7, 7)), CheckStatus},
		{"it refuses a status without index", status(list("https://a.example", "7")), CheckStatus},
		{"it refuses a negative index", status(list("https://a.example", -1)), CheckStatus},
		{"it refuses a broken index", status(list("https://a.example", 1.5)), CheckStatus},
		{"it refuses an endless index", status(list("https://a.example", 1e18)), CheckStatus},
		{"it refuses a list by whom the type's anchor does not vouch", func(t *testing.T, s *scene) {
			other := newAuthority(t, "other", nil)
			chain := [][]byte{other.leaf(t, other.key, nil).Raw}
			s.verifier.Status = statusFunc(func(_ statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error) {
				_, err := trust(chain)
				return statuslist.Valid, err
			})
		}, CheckStatus},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			c.change(t, s)
			result := s.verifier.Verify(t.Context(), s.present(t))
			if c.check == "" {
				if !result.OK() {
					t.Errorf("%+v", result.Checks)
				}
				return
			}
			last := result.Checks[len(result.Checks)-1]
			if result.OK() || last.Name != c.check || last.OK || last.Detail == "" {
				t.Errorf("%+v", result.Checks)
			}
			if result.Claims != nil || result.VCT != "" || result.Chain != nil {
				t.Error("a refused presentation shows what it says")
			}
		})
	}
}

// Of two rules of one check, the one that was broken speaks: who asks why is not
// sent astray.
func TestVerifySaysWhy(t *testing.T) {
	says := func(st statuslist.Status) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) {
			s.verifier.Status = statusFunc(func(statuslist.Reference, statuslist.Trust) (statuslist.Status, error) { return st, nil })
		}
	}
	claim := func(name string, value any) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) { s.claims[name] = value }
	}
	cases := []struct {
		name   string
		change func(*testing.T, *scene)
		want   Check
	}{
		{"it says what is revoked", says(statuslist.Invalid), Check{Name: CheckStatus, Detail: "revoked"}},
		{"it says what is suspended", says(statuslist.Suspended), Check{Name: CheckStatus, Detail: "suspended"}},
		{"it says what status it does not know", says(3), Check{Name: CheckStatus, Detail: "status 3"}},
		{"it says that a status is of another kind", claim("status", map[string]any{"other": 1}),
			Check{Name: CheckStatus, Detail: "status of an unknown kind"}},
		{"it says that the issuer is no name", claim("iss", 7), Check{Name: CheckIssuerSignature, Detail: "iss is not a string"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			c.change(t, s)
			checks := s.verifier.Verify(t.Context(), s.present(t)).Checks
			last := checks[len(checks)-1]
			if diff := cmp.Diff(c.want, Check{Name: last.Name, OK: last.OK, Detail: last.Detail}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A JWT of another use is refused before anything of it is believed.
func TestVerifyRefusesTheType(t *testing.T) {
	s := newScene(t)
	p := s.present(t)
	header, rest, _ := strings.Cut(p.Token, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), sdjwt.Type, "vc+sd-jwt", 1)
	p.Token = base64.RawURLEncoding.EncodeToString([]byte(other)) + "." + rest
	result := s.verifier.Verify(t.Context(), p)
	if diff := cmp.Diff([]Check{{Name: CheckFormat, Detail: "typ is not dc+sd-jwt"}}, result.Checks); diff != "" {
		t.Error(diff)
	}
}

func TestVerifyRefusesTheFormat(t *testing.T) {
	s := newScene(t)
	good := s.present(t)
	for name, token := range map[string]string{
		"nothing": "", "a JWT": strings.Split(good.Token, "~")[0], "more": good.Token + "~",
	} {
		p := good
		p.Token = token
		result := s.verifier.Verify(t.Context(), p)
		if result.OK() || result.Checks[0].Name != CheckFormat || len(result.Checks) != 1 {
			t.Errorf("it refuses %s: %+v", name, result.Checks)
		}
	}
	unbound := good
	unbound.Token = good.Token[:strings.LastIndexByte(good.Token, '~')+1]
	if result := s.verifier.Verify(t.Context(), unbound); result.OK() {
		t.Error("it takes a presentation without key binding")
	}
}

// A refusal's detail names no value that was presented.
func TestDetailsHoldNoClaims(t *testing.T) {
	s := newScene(t)
	s.claims["name"] = sdjwt.Hidden{Value: "Marker-Value"}
	s.claims["exp"] = testNow.Unix() - 1
	for _, c := range s.verifier.Verify(t.Context(), s.present(t)).Checks {
		if strings.Contains(c.Detail, "Marker-Value") {
			t.Errorf("%+v", c)
		}
	}
}

//clause:trust HAIP 1.0, 6.1.1 and SD-JWT VC, X.509: exactly the path below an anchor, leaf not self-signed, iss among its names; names and certificate policies that are asked for
func TestCheckIssuerComparesWholeNames(t *testing.T) {
	s := newScene(t)
	uri := &url.URL{Scheme: "https", Host: "issuer.example"}
	cert := s.ca.leaf(t, s.key, func(c *x509.Certificate) { c.URIs, c.DNSNames = []*url.URL{uri}, []string{"host.example"} })
	for iss, ok := range map[string]bool{
		"https://issuer.example": true, "https://issuer.example/": false, "https://issuer.example.evil": false,
		"https://host.example/any": true, "https://host.example.evil": false, "": false,
	} {
		if err := checkIssuer(iss, cert); (err == nil) != ok {
			t.Errorf("%q: %v", iss, err)
		}
	}
}

// What is remembered of a chain ends with its certificates and with the policy.
func TestRememberedChains(t *testing.T) {
	s := newScene(t)
	now := testNow
	s.verifier.Now = func() time.Time { return now }
	if result := s.verifier.Verify(t.Context(), s.present(t)); !result.OK() {
		t.Fatalf("%+v", result.Checks)
	}
	refused := func(name string) {
		t.Helper()
		result := s.verifier.Verify(t.Context(), s.present(t))
		if last := result.Checks[len(result.Checks)-1]; result.OK() || last.Name != CheckIssuerTrusted {
			t.Errorf("%s: %+v", name, result.Checks)
		}
	}
	now = testNow.Add(-2 * time.Hour)
	refused("before the certificate")
	now = testNow.Add(2 * time.Hour)
	refused("after the certificate")
	now = testNow
	s.verifier.Policy.Roots[testVCT] = pool(newAuthority(t, "CA", nil).cert)
	refused("under other anchors")
	for range 2 * maxChains {
		key := newKey(t, elliptic.P256())
		if _, err := s.verifier.chains.check([][]byte{s.ca.leaf(t, key, nil).Raw}, pool(s.ca.cert), now); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.verifier.chains.known); n > maxChains {
		t.Errorf("it remembers %d chains", n)
	}
}

func BenchmarkVerifier(b *testing.B) {
	s := newScene(b)
	for i := range 19 {
		s.claims["claim "+string(rune('a'+i))] = sdjwt.Hidden{Value: "value"}
	}
	p := s.present(b)
	b.ReportAllocs()
	best := time.Hour
	for b.Loop() {
		start := time.Now()
		if result := s.verifier.Verify(b.Context(), p); !result.OK() {
			b.Fatal(result.Checks)
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best)/float64(verifyFloor(b)), "x/floor(2V+22H)")
}

// verifyFloor is the time of two signature checks and twenty-two hashes, taken
// in the same run.
func verifyFloor(b *testing.B) time.Duration {
	b.Helper()
	key := newKey(b, elliptic.P256())
	digest := sha256.Sum256([]byte("x"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	data, best := make([]byte, 64), time.Hour
	for range 200 {
		start := time.Now()
		ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature)
		ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature)
		for range 22 {
			sha256.Sum256(data)
		}
		best = min(best, time.Since(start))
	}
	return best
}
