package credential

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
)

// The list is written out here once more: whoever takes a check out of Verify, or
// changes the order, has to say so in this place too.
//
//clause:trust each check is called: for each a presentation that it alone refuses, and a list
func TestVerifyRunsEveryCheck(t *testing.T) {
	want := []string{"format", "issuer trusted", "issuer signature", "validity", "key binding", "status"}
	s := newScene(t)
	result := s.verifier.Verify(t.Context(), s.present(t))
	var ran []string
	for _, c := range result.Checks {
		ran = append(ran, c.Name)
	}
	if diff := cmp.Diff(want, ran); diff != "" || !result.OK() {
		t.Errorf("it runs others: %s %+v", diff, result.Checks)
	}
}

// For each check there is a presentation that it alone refuses: with the check
// taken out the presentation is found good, with it it is not. So each is called,
// and no other stands in for it.
//
//clause:trust each check is called: for each a presentation that it alone refuses, and a list
func TestEachCheckRefusesAlone(t *testing.T) {
	noop := func(*verification) func(context.Context, *Check) error {
		return func(context.Context, *Check) error { return nil }
	}
	for _, c := range []struct {
		check  string
		change func(*testing.T, *scene)
		blind  func(*verification) func(context.Context, *Check) error // finds what the check finds, and judges nothing
	}{
		{CheckFormat, func(*testing.T, *scene) {}, nil}, // nothing can be read without it: the presentation below is cut short
		{CheckIssuerTrusted, func(t *testing.T, s *scene) {
			s.chain = [][]byte{newAuthority(t, "CA", nil).leaf(t, s.key, nil).Raw}
			s.verifier.Status = statusFunc(func(statuslist.Reference, statuslist.Trust) (statuslist.Status, error) { return statuslist.Valid, nil })
		}, func(r *verification) func(context.Context, *Check) error {
			return func(context.Context, *Check) error {
				leaf, err := x509.ParseCertificate(r.token.Header().X5C[0])
				if err != nil {
					return err
				}
				r.path, r.result.Chain = PathX509, []*x509.Certificate{leaf}
				r.key, err = onP256(leaf.PublicKey)
				return err
			}
		}},
		{CheckIssuerSignature, func(t *testing.T, s *scene) { s.key = newKey(t, elliptic.P256()) }, func(r *verification) func(context.Context, *Check) error {
			return func(context.Context, *Check) (err error) {
				r.result.Claims, err = r.token.Unverified()
				return err
			}
		}},
		{CheckValidity, func(_ *testing.T, s *scene) { s.claims["exp"] = testNow.Unix() }, noop},
		{CheckKeyBinding, func(_ *testing.T, s *scene) { s.asked.Nonce = "other" }, noop},
		{CheckStatus, func(_ *testing.T, s *scene) {
			s.verifier.Status = statusFunc(func(statuslist.Reference, statuslist.Trust) (statuslist.Status, error) {
				return statuslist.Invalid, nil
			})
		}, noop},
	} {
		t.Run("it needs "+c.check, func(t *testing.T) {
			s := newScene(t)
			c.change(t, s)
			p := s.present(t)
			if c.blind == nil {
				p.Token = strings.Replace(p.Token, ".", "", 1)
			}
			result := s.verifier.Verify(t.Context(), p)
			if failed, _ := result.Failed(); failed.Name != c.check {
				t.Errorf("refused by %q: %+v", failed.Name, result.Checks)
			}
			if c.blind == nil {
				return
			}
			run := verification{Verifier: &s.verifier, presentation: p, now: testNow, presentedAt: testNow}
			steps, found := run.steps(), false
			for i := range steps {
				if steps[i].name == c.check {
					steps[i].check, found = c.blind(&run), true
				}
			}
			if result := run.through(t.Context(), steps); !found || !result.OK() {
				t.Errorf("without it another refuses: %+v", result.Checks)
			}
		})
	}
}

// keysFunc answers like an issuer's metadata.
type keysFunc func(issuer string) ([]jose.JSONWebKey, error)

func (f keysFunc) Keys(_ context.Context, issuer string) ([]jose.JSONWebKey, error) { return f(issuer) }

// documentsFunc answers like a resolver of DIDs.
type documentsFunc func(id string) (did.Document, error)

func (f documentsFunc) Resolve(_ context.Context, id string) (did.Document, error) { return f(id) }

// bare changes a scene to an issuer without certificates.
func (s *scene) bare(t testing.TB, path TrustPath) {
	t.Helper()
	s.chain, s.kid = nil, "k1"
	s.verifier.Policy = Policy{}
	public := jose.JSONWebKey{Key: s.key.Public(), KeyID: "k1"}
	if path == PathMetadata {
		s.verifier.Policy.Issuers = map[string][]string{testVCT: {testIssuer}}
		s.verifier.Issuers = keysFunc(func(issuer string) ([]jose.JSONWebKey, error) {
			if issuer != testIssuer {
				return nil, errors.New("asked for another issuer")
			}
			return []jose.JSONWebKey{{Key: newKey(t, elliptic.P256()).Public(), KeyID: "k0"}, public}, nil
		})
		return
	}
	const id = "did:web:issuer.example"
	document, err := did.New(id, map[string]jose.JSONWebKey{"k1": public})
	if err != nil {
		t.Fatal(err)
	}
	s.kid = id + "#k1"
	delete(s.claims, "iss")
	s.verifier.Policy.DIDs = map[string][]string{testVCT: {id}}
	s.verifier.DIDs = documentsFunc(func(string) (did.Document, error) { return document, nil })
}

//clause:trust trust is a policy, type by type, and empty at first
//clause:trust HAIP 1.0, 6.1.1 and SD-JWT VC, X.509: exactly the path below an anchor, leaf not self-signed, iss among its names; names and certificate policies that are asked for
//clause:trust a DID by `kid`, whose document lists the key for assertions
//clause:trust one path for one credential: what it refuses, no other is asked about
func TestTrustPaths(t *testing.T) {
	history := func(keys ...IssuerKey) *KeyHistory { return &KeyHistory{keys: keys} }
	thumbprint := func(s *scene) string { return Thumbprint(s.key.Public().(*ecdsa.PublicKey)) }
	answers := func(keys func(s *scene) []jose.JSONWebKey) func(*testing.T, *scene) {
		return func(_ *testing.T, s *scene) {
			s.verifier.Issuers = keysFunc(func(string) ([]jose.JSONWebKey, error) { return keys(s), nil })
		}
	}
	for _, c := range []struct {
		name   string
		path   TrustPath
		change func(*testing.T, *scene)
		check  string // that refuses; empty: it is accepted
		detail string
	}{
		{"it takes a key that a trusted issuer publishes", PathMetadata, nil, "", ""},
		{"it takes the key of a trusted DID", PathDID, nil, "", ""},
		{"it takes did:key by its own word", PathDID, func(t *testing.T, s *scene) {
			id, err := did.FromKey(s.key.Public())
			if err != nil {
				t.Fatal(err)
			}
			s.kid = id + "#" + strings.TrimPrefix(id, "did:key:")
			s.verifier.Policy.DIDs[testVCT], s.verifier.DIDs = []string{id}, new(did.Resolver)
		}, "", ""},
		{"it takes did:jwk by its own word", PathDID, func(t *testing.T, s *scene) {
			id, err := did.FromJWK(jose.JSONWebKey{Key: s.key.Public()})
			if err != nil {
				t.Fatal(err)
			}
			s.kid = id + "#0"
			s.verifier.Policy.DIDs[testVCT], s.verifier.DIDs = []string{id}, new(did.Resolver)
		}, "", ""},
		{"it takes an issuer that names itself by its DID", PathDID, func(_ *testing.T, s *scene) { s.claims["iss"] = "did:web:issuer.example" }, "", ""},
		{"it refuses a DID that names another issuer", PathDID, func(_ *testing.T, s *scene) { s.claims["iss"] = testIssuer },
			CheckIssuerSignature, "iss is not the issuer whose key this is"},
		{"it refuses an issuer of another type", PathMetadata, func(_ *testing.T, s *scene) {
			s.verifier.Policy.Issuers = map[string][]string{"urn:other": {testIssuer}}
		},
			CheckIssuerTrusted, "no trust anchor is configured for this type and issuer"},
		{"it refuses an issuer whom nobody named, though it publish keys", PathMetadata, func(_ *testing.T, s *scene) { s.claims["iss"] = testIssuer + "/" },
			CheckIssuerTrusted, "no trust anchor is configured for this type and issuer"},
		{"it refuses no issuer at all", PathMetadata, func(_ *testing.T, s *scene) {
			delete(s.claims, "iss")
			s.verifier.Policy.Issuers[testVCT] = []string{""}
		}, CheckIssuerTrusted, "no trust anchor is configured for this type and issuer"},
		{"it refuses a DID of another type", PathDID, func(_ *testing.T, s *scene) {
			s.verifier.Policy.DIDs = map[string][]string{"urn:other": {"did:web:issuer.example"}}
		},
			CheckIssuerTrusted, "the DID is not trusted for this type"},
		{"it refuses where it cannot ask for keys", PathMetadata, func(_ *testing.T, s *scene) { s.verifier.Issuers = nil },
			CheckIssuerTrusted, "this verifier cannot ask for issuers' keys"},
		{"it refuses where it cannot resolve", PathDID, func(_ *testing.T, s *scene) { s.verifier.DIDs = nil },
			CheckIssuerTrusted, "this verifier cannot resolve DIDs"},
		{"it refuses when keys cannot be learned", PathMetadata, func(_ *testing.T, s *scene) {
			s.verifier.Issuers = keysFunc(func(string) ([]jose.JSONWebKey, error) { return nil, errors.New("down") })
		}, CheckIssuerTrusted, "down"},
		{"it refuses when a DID cannot be resolved", PathDID, func(_ *testing.T, s *scene) {
			s.verifier.DIDs = documentsFunc(func(string) (did.Document, error) { return did.Document{}, errors.New("down") })
		}, CheckIssuerTrusted, "down"},
		{"it refuses a document about another", PathDID, func(_ *testing.T, s *scene) {
			s.verifier.DIDs = documentsFunc(func(string) (did.Document, error) { return did.Document{ID: "did:web:other.example"}, nil })
		}, CheckIssuerTrusted, "the document is about another DID"},
		{"it refuses a key that the document does not list for assertions", PathDID, func(_ *testing.T, s *scene) {
			document, err := s.verifier.DIDs.Resolve(context.Background(), "")
			document.AssertionMethod = nil
			s.verifier.DIDs = documentsFunc(func(string) (did.Document, error) { return document, err })
		}, CheckIssuerTrusted, "DID or key not found: no such key for assertionMethod"},
		{"it refuses a kid that is not published", PathMetadata, func(_ *testing.T, s *scene) { s.kid = "k2" },
			CheckIssuerTrusted, "of the issuer's keys 0 may be meant"},
		{"it refuses to guess among several keys", PathMetadata, func(_ *testing.T, s *scene) { s.kid = "" },
			CheckIssuerTrusted, "of the issuer's keys 2 may be meant"},
		{"it takes the only key without a kid", PathMetadata, func(t *testing.T, s *scene) {
			s.kid = ""
			answers(func(s *scene) []jose.JSONWebKey { return []jose.JSONWebKey{{Key: s.key.Public()}} })(t, s)
		}, "", ""},
		{"it refuses a key for encryption", PathMetadata, answers(func(s *scene) []jose.JSONWebKey {
			return []jose.JSONWebKey{{Key: s.key.Public(), KeyID: "k1", Use: "enc"}}
		}), CheckIssuerTrusted, "the issuer's key is for another use"},
		{"it refuses a key for another algorithm", PathMetadata, answers(func(s *scene) []jose.JSONWebKey {
			return []jose.JSONWebKey{{Key: s.key.Public(), KeyID: "k1", Algorithm: "ES384"}}
		}), CheckIssuerTrusted, "the issuer's key is for another use"},
		{"it refuses a key on another curve", PathMetadata, func(t *testing.T, s *scene) {
			other := newKey(t, elliptic.P384())
			answers(func(*scene) []jose.JSONWebKey { return []jose.JSONWebKey{{Key: other.Public(), KeyID: "k1"}} })(t, s)
		}, CheckIssuerTrusted, "the issuer's key is not on P-256"},
		{"it refuses another's signature", PathMetadata, func(t *testing.T, s *scene) { s.key = newKey(t, elliptic.P256()) },
			CheckIssuerSignature, "signature does not verify"},
		{"it refuses a key that the log does not name", PathMetadata, func(_ *testing.T, s *scene) {
			s.verifier.Policy.Keys = history(IssuerKey{ID: thumbprint(s), Issuer: testIssuer, Use: "status", From: 1})
		}, CheckIssuerTrusted, "the issuer's key is not on the log as a key for issuer"},
		{"it takes a key that the log names", PathMetadata, func(_ *testing.T, s *scene) {
			s.verifier.Policy.Keys = history(IssuerKey{ID: thumbprint(s), Issuer: testIssuer, Use: "issuer", From: 1})
		}, "", ""},
		{"it asks no other path when a chain is refused", PathMetadata, func(t *testing.T, s *scene) {
			s.chain = [][]byte{newAuthority(t, "CA", nil).leaf(t, s.key, nil).Raw}
		}, CheckIssuerTrusted, "no trust anchor is configured for this type"},
		{"it takes no DID for an issuer who is trusted for what he publishes", PathMetadata, func(_ *testing.T, s *scene) { s.kid = "did:web:issuer.example#k1" },
			CheckIssuerTrusted, "the DID is not trusted for this type"},
		{"it takes a leaf of the name that is asked for", PathX509, func(_ *testing.T, s *scene) {
			s.verifier.Policy.Certificates = map[string]Certificate{testVCT: {Names: []string{"other", testIssuer}}}
		}, "", ""},
		{"it refuses a leaf of another name", PathX509, func(_ *testing.T, s *scene) {
			s.verifier.Policy.Certificates = map[string]Certificate{testVCT: {Names: []string{testIssuer + ".evil"}}}
		}, CheckIssuerTrusted, "the certificate bears none of the names that the policy asks for"},
		{"it refuses a leaf under no certificate policy", PathX509, func(_ *testing.T, s *scene) {
			s.verifier.Policy.Certificates = map[string]Certificate{testVCT: {Policies: []asn1.ObjectIdentifier{{1, 2, 3, 4}}}}
		}, CheckIssuerTrusted, "the certificate is under none of the certificate policies that are asked for"},
		{"it takes a leaf under a certificate policy that is asked for", PathX509, func(t *testing.T, s *scene) {
			oid, err := x509.ParseOID("1.2.3.4")
			if err != nil {
				t.Fatal(err)
			}
			s.chain = [][]byte{s.ca.leaf(t, s.key, func(c *x509.Certificate) { c.Policies = []x509.OID{oid} }).Raw}
			s.verifier.Policy.Certificates = map[string]Certificate{testVCT: {Policies: []asn1.ObjectIdentifier{{1, 2, 3, 4}}}}
		}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			if c.path != PathX509 {
				s.bare(t, c.path)
			}
			if c.change != nil {
				c.change(t, s)
			}
			result := s.verifier.Verify(t.Context(), s.present(t))
			failed, refused := result.Failed()
			if refused != (c.check != "") || failed.Name != c.check || failed.Detail != c.detail {
				t.Fatalf("%+v", result.Checks)
			}
			if !refused && (result.Path != c.path || result.Checks[1].Path != c.path || result.Checks[1].Key != thumbprint(s) || result.Checks[1].Anchor == "") {
				t.Errorf("it does not say by what it believed: %+v", result)
			}
		})
	}
}

// An empty policy believes nobody, whatever a header names.
//
//clause:trust trust is a policy, type by type, and empty at first
func TestTheEmptyPolicyBelievesNobody(t *testing.T) {
	for _, path := range []TrustPath{PathX509, PathMetadata, PathDID} {
		s := newScene(t)
		if path != PathX509 {
			s.bare(t, path)
		}
		p := s.present(t)
		s.verifier.Policy = Policy{}
		result := s.verifier.Verify(t.Context(), p)
		if failed, refused := result.Failed(); !refused || failed.Name != CheckIssuerTrusted {
			t.Errorf("%s: %+v", path, result.Checks)
		}
	}
}

// An issuer who is trusted for one type cannot issue others under its name.
//
//clause:formats SD-JWT VC: `aka_vcts` is an array of types; an issuer is believed for those alone for which policy trusts him
func TestFurtherTypes(t *testing.T) {
	s := newScene(t)
	s.claims["aka_vcts"] = []any{"urn:a", "urn:b", testVCT, "urn:a"}
	s.verifier.Policy.Roots["urn:a"] = s.verifier.Policy.Roots[testVCT]
	s.verifier.Policy.Roots["urn:b"] = pool(newAuthority(t, "CA", nil).cert)
	result := s.verifier.Verify(t.Context(), s.present(t))
	if diff := cmp.Diff([]string{"urn:a"}, result.Types); diff != "" || !result.OK() {
		t.Errorf("%s %+v", diff, result.Checks)
	}
	for _, path := range []TrustPath{PathMetadata, PathDID} {
		s := newScene(t)
		s.bare(t, path)
		s.claims["aka_vcts"] = []any{"urn:a", "urn:b"}
		if path == PathDID {
			s.verifier.Policy.DIDs["urn:b"] = s.verifier.Policy.DIDs[testVCT]
		} else {
			s.verifier.Policy.Issuers["urn:b"] = s.verifier.Policy.Issuers[testVCT]
		}
		if diff := cmp.Diff([]string{"urn:b"}, s.verifier.Verify(t.Context(), s.present(t)).Types); diff != "" {
			t.Error(path, diff)
		}
	}
	for _, bad := range []any{"urn:a", []any{1}, []any{""}} {
		s := newScene(t)
		s.claims["aka_vcts"] = bad
		result := s.verifier.Verify(t.Context(), s.present(t))
		if failed, _ := result.Failed(); failed.Name != CheckIssuerSignature {
			t.Errorf("it takes aka_vcts of %v: %+v", bad, result.Checks)
		}
	}
}

// Where neither issuer nor list has certificates, the list is signed by the key
// that signed the credential, and by no other.
//
//clause:trust a list without certificates is signed by the key of the credential
func TestStatusByTheIssuersKey(t *testing.T) {
	for _, path := range []TrustPath{PathX509, PathMetadata} {
		s := newScene(t)
		if path != PathX509 {
			s.bare(t, path)
		}
		s.verifier.Status = statusFunc(func(_ statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error) {
			key, err := trust(nil)
			if err == nil && !s.key.PublicKey.Equal(key) {
				err = errors.New("another key")
			}
			return statuslist.Valid, err
		})
		result := s.verifier.Verify(t.Context(), s.present(t))
		if result.OK() != (path == PathMetadata) {
			t.Errorf("%s: %+v", path, result.Checks)
		}
	}
}

func TestThumbprint(t *testing.T) {
	key := newKey(t, elliptic.P256())
	want, err := holderThumbprint(key)
	if got := Thumbprint(&key.PublicKey); got != want || err != nil {
		t.Errorf("%s, want %s, %v", got, want, err)
	}
	if got := Thumbprint(&newKey(t, elliptic.P384()).PublicKey); got != "" {
		t.Errorf("it names a key on another curve: %s", got)
	}
}

//clause:trust a result lists each check with anchor, key, status and time ([schema](schemas/presentation-result.schema.json))
func TestResultSays(t *testing.T) {
	s := newScene(t)
	result := s.verifier.Verify(t.Context(), s.present(t))
	index := 7
	key, holder := Thumbprint(&s.key.PublicKey), Thumbprint(&s.holder.PublicKey)
	want := []Check{
		{Name: CheckFormat, OK: true, Detail: "SD-JWT VC"},
		{Name: CheckIssuerTrusted, OK: true, Detail: "issuer", Path: PathX509, Anchor: anchorDigest(s.ca.cert), Key: key},
		{Name: CheckIssuerSignature, OK: true, Detail: testIssuer, Key: key},
		{Name: CheckValidity, OK: true, Detail: "until 2027-01-15T08:01:40Z", At: testNow},
		{Name: CheckKeyBinding, OK: true, Key: holder, At: testNow},
		{Name: CheckStatus, OK: true, Detail: "not revoked", Key: key, StatusURI: testIssuer + "/status/1", StatusIndex: &index, At: testNow},
	}
	if diff := cmp.Diff(want, result.Checks); diff != "" {
		t.Error(diff)
	}
}
