package openid4vp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
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

func (a authority) certify(t testing.TB, parent *x509.Certificate, key *ecdsa.PublicKey, change func(*x509.Certificate)) *x509.Certificate {
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

func TestReadRequest(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	other := newAuthority(t)
	b64 := base64.StdEncoding.EncodeToString
	for _, c := range []struct {
		name  string
		bend  func(header, claims map[string]any)
		trust func(*openid4vp.Trust)
		check string
		code  string
	}{
		{name: "it takes a request in order"},
		{name: "it ignores iss and what it does not know", bend: func(_, c map[string]any) { c["iss"], c["x"] = "anybody", 1 }},
		{name: "it refuses another typ", bend: func(h, _ map[string]any) { h["typ"] = "JWT" }, check: "typ"},
		{name: "it refuses no typ", bend: func(h, _ map[string]any) { delete(h, "typ") }, check: "typ"},
		{name: "it refuses no chain", bend: func(h, _ map[string]any) { delete(h, "x5c") }, check: "x5c"},
		{name: "it refuses the trust anchor in the chain", bend: func(h, _ map[string]any) { h["x5c"] = []string{b64(p.leaf.Raw), b64(p.cert.Raw)} }, check: "x5c"},
		{name: "it refuses another's certificate", bend: func(h, _ map[string]any) {
			h["x5c"] = []string{b64(p.certify(t, p.cert, &newKey(t).PublicKey, nil).Raw)}
		}, check: "signature"},
		{name: "it refuses an authority as a verifier", bend: func(h, _ map[string]any) {
			h["x5c"] = []string{b64(p.certify(t, p.cert, &p.signer.PublicKey, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }).Raw)}
		}, check: "x5c"},
		{name: "it refuses a certificate that has expired", trust: func(tr *openid4vp.Trust) { tr.Now = func() time.Time { return now.Add(2 * time.Hour) } }, check: "verifier trusted"},
		{name: "it refuses an authority it does not trust", trust: func(tr *openid4vp.Trust) { tr.Roots = other.roots }, check: "verifier trusted"},
		{name: "it trusts nobody when told of nobody", trust: func(tr *openid4vp.Trust) { tr.Roots = nil }, check: "verifier trusted"},
		{name: "it refuses another client in the link", trust: func(tr *openid4vp.Trust) { tr.ClientID = "x509_hash:other" }, check: "client_id"},
		{name: "it refuses a client_id that is not the certificate's", bend: func(_, c map[string]any) { c["client_id"] = "x509_hash:other" }, check: "client_id"},
		{name: "it refuses the prefix origin", bend: func(_, c map[string]any) { c["client_id"] = "origin:https://verifier.example" }, check: "client_id"},
		{name: "it refuses a prefix it does not know", bend: func(_, c map[string]any) { c["client_id"] = "redirect_uri:https://verifier.example" }, check: "client_id"},
		{name: "it refuses another aud", bend: func(_, c map[string]any) { c["aud"] = "https://wallet.example" }, check: "aud"},
		{name: "it refuses an expired request", bend: func(_, c map[string]any) { c["exp"] = now.Unix() }, check: "exp"},
		{name: "it refuses a request of the future", bend: func(_, c map[string]any) { c["iat"] = now.Unix() + 61 }, check: "iat"},
		{name: "it refuses a wallet_nonce that it did not send", bend: func(_, c map[string]any) { c["wallet_nonce"] = "x" }, check: "wallet_nonce"},
		{name: "it refuses a request without its wallet_nonce", trust: func(tr *openid4vp.Trust) { tr.WalletNonce = "mine" }, check: "wallet_nonce"},
		{name: "it refuses another response_type", bend: func(_, c map[string]any) { c["response_type"] = "code" }, check: "response_type"},
		{name: "it refuses an answer that is not encrypted", bend: func(_, c map[string]any) { c["response_mode"] = "direct_post" }, check: "response_mode"},
		{name: "it refuses redirect_uri beside response_uri", bend: func(_, c map[string]any) { c["redirect_uri"] = "https://verifier.example" }, check: "redirect_uri"},
		{name: "it refuses scope", bend: func(_, c map[string]any) { c["scope"] = "card" }, check: "scope"},
		{name: "it refuses expected_origins", bend: func(_, c map[string]any) { c["expected_origins"] = []string{"https://x"} }, check: "expected_origins"},
		{name: "it refuses transaction_data", bend: func(_, c map[string]any) { c["transaction_data"] = []string{"e30"} }, check: "transaction_data", code: "invalid_transaction_data"},
		{name: "it refuses no nonce", bend: func(_, c map[string]any) { delete(c, "nonce") }, check: "nonce"},
		{name: "it refuses a nonce that is not URL-safe", bend: func(_, c map[string]any) { c["nonce"] = strings.Repeat("ä", 20) }, check: "nonce"},
		{name: "it refuses no response_uri", bend: func(_, c map[string]any) { delete(c, "response_uri") }, check: "response_uri"},
		{name: "it refuses no query", bend: func(_, c map[string]any) { delete(c, "dcql_query") }, check: "dcql_query"},
		{name: "it refuses a broken query", bend: func(_, c map[string]any) { c["dcql_query"] = map[string]any{} }, check: "dcql_query"},
		{name: "it refuses no key to encrypt to", bend: func(_, c map[string]any) { c["client_metadata"] = map[string]any{} }, check: "client_metadata"},
		{name: "it refuses a key without alg", bend: func(_, c map[string]any) {
			key := c["client_metadata"].(map[string]any)["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any)
			delete(key, "alg")
		}, check: "client_metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.bend == nil {
				c.bend = func(map[string]any, map[string]any) {}
			}
			trust := p.trust()
			if c.trust != nil {
				c.trust(&trust)
			}
			a, err := openid4vp.ReadRequest(p.resign(t, c.bend), trust)
			if c.check == "" {
				if err != nil || a.Nonce != p.request.Nonce || a.Verifier.Subject.CommonName != "leaf" {
					t.Fatalf("%+v, %v", a, err)
				}
				return
			}
			var refused *openid4vp.Refusal
			if !errors.As(err, &refused) || refused.Check != c.check || (c.code != "" && refused.Code != c.code) {
				t.Fatalf("got %v, want %s", err, c.check)
			}
		})
	}
}

func TestReadRequestClientID(t *testing.T) {
	p := newParty(t, query(""))
	trust := p.trust()
	trust.ClientID = "x509_hash:other"
	object := p.resign(t, func(_, c map[string]any) { c["client_id"] = "x509_hash:other" })
	if _, err := openid4vp.ReadRequest(object, trust); err == nil {
		t.Fatal("a certificate spoke for another")
	}
}

func TestReadRequestShape(t *testing.T) {
	p := newParty(t, query(""))
	good := strings.Split(p.sign(t, ""), ".")
	decode := func(s string) string {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	header, claims := decode(good[0]), decode(good[1])
	for _, c := range []struct{ name, header, claims, check string }{
		{"it takes what is in order", header, claims, ""},
		{"it refuses a header member given twice", `{"typ":"oauth-authz-req+jwt",` + header[1:], claims, "request object"},
		{"it refuses a claim given twice", header, `{"nonce":"another-nonce-altogether",` + claims[1:], "request object"},
		{"it refuses what is too long", header, `{"x":"` + strings.Repeat("x", openid4vp.MaxRequest) + `",` + claims[1:], "request object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openid4vp.ReadRequest(signRaw(t, p.signer, c.header, c.claims), p.trust())
			var refused *openid4vp.Refusal
			if (c.check == "" && err != nil) || (c.check != "" && (!errors.As(err, &refused) || refused.Check != c.check)) {
				t.Fatal(err)
			}
		})
	}
}

func signRaw(t *testing.T, key *ecdsa.PrivateKey, header, claims string) string {
	t.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(sig[:])
}

func TestNewRequestWantsAQuery(t *testing.T) {
	if _, err := openid4vp.NewRequest("x", "https://x", openid4vp.Query{}, now, time.Minute); !errors.Is(err, openid4vp.ErrQuery) {
		t.Fatal(err)
	}
}

func TestOpened(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		checks string
	}{
		{"it names both checks", nil, "response encryption true, state true"},
		{"it stops at the encryption", openid4vp.ErrEncryption, "response encryption false"},
		{"it stops at the state", openid4vp.ErrState, "response encryption true, state false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var names []string
			for _, check := range openid4vp.Opened(c.err) {
				names = append(names, fmt.Sprint(check.Name, " ", check.OK))
			}
			if got := strings.Join(names, ", "); got != c.checks {
				t.Fatal(got)
			}
		})
	}
}

func TestRequestsAreFresh(t *testing.T) {
	one, two := newParty(t, query("")), newParty(t, query(""))
	if one.request.Nonce == two.request.Nonce || one.request.State == two.request.State || one.request.Nonce == one.request.State ||
		one.request.Key.KeyID == two.request.Key.KeyID || one.request.Key.Key.(*ecdsa.PrivateKey).Equal(two.request.Key.Key.(*ecdsa.PrivateKey)) {
		t.Fatal("two requests share something")
	}
	if len(one.request.Nonce) < 22 || len(one.request.State) < 22 {
		t.Fatal("less than 128 bits")
	}
}

func TestSign(t *testing.T) {
	p := newParty(t, query(""))
	t.Run("it signs only under the certificate of client_id", func(t *testing.T) {
		if _, err := p.request.Sign(p.signer, [][]byte{p.cert.Raw}, ""); err == nil {
			t.Fatal("signed")
		}
	})
	t.Run("it echoes the wallet's nonce", func(t *testing.T) {
		trust := p.trust()
		trust.WalletNonce = "mine"
		if _, err := openid4vp.ReadRequest(p.sign(t, "mine"), trust); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("it shows no private key", func(t *testing.T) {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(p.sign(t, ""), ".")[1])
		if err != nil || strings.Contains(string(raw), `"d":`) {
			t.Fatalf("%s, %v", raw, err)
		}
		for _, want := range []string{`"aud":"https://self-issued.me/v2"`, `"response_mode":"direct_post.jwt"`, `"encrypted_response_enc_values_supported":["A256GCM","A128GCM"]`, `"dc+sd-jwt"`, `"alg":"ECDH-ES"`} {
			if !strings.Contains(string(raw), want) {
				t.Errorf("no %s in %s", want, raw)
			}
		}
	})
	t.Run("it asks for nothing without holder binding", func(t *testing.T) {
		_, err := openid4vp.NewRequest("x", "https://x", parse(t, query(`,"require_cryptographic_holder_binding":false`)), now, time.Minute)
		if !errors.Is(err, openid4vp.ErrBinding) {
			t.Fatal(err)
		}
	})
}

func TestParseLink(t *testing.T) {
	p := newParty(t, query(""))
	good := p.request.URI("https://verifier.example/request/1?a=b")
	l, err := openid4vp.ParseLink(good)
	if err != nil || l.ClientID != p.request.ClientID || l.RequestURI != "https://verifier.example/request/1?a=b" || !l.Post {
		t.Fatalf("%+v, %v", l, err)
	}
	for _, c := range []struct {
		name, link string
		ok         bool
	}{
		{"it takes a link with an authority part", strings.Replace(good, "openid4vp://", "openid4vp://authorize", 1), true},
		{"it takes a link without a method", strings.Replace(good, "request_uri_method=post", "x=y", 1), true},
		{"it refuses another method", strings.Replace(good, "request_uri_method=post", "request_uri_method=PUT", 1), false},
		{"it refuses another scheme", strings.Replace(good, "openid4vp", "https", 1), false},
		{"it refuses two clients", good + "&client_id=x", false},
		{"it refuses two requests", good + "&request_uri=" + url.QueryEscape("https://x"), false},
		{"it refuses a request by value beside", good + "&request=x", false},
		{"it refuses a request_uri that is no web address", "openid4vp://?client_id=x&request_uri=file:///etc/passwd", false},
		{"it refuses no client", "openid4vp://?request_uri=" + url.QueryEscape("https://x"), false},
		{"it refuses what is too long", good + "&x=" + strings.Repeat("x", openid4vp.MaxRequest), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := openid4vp.ParseLink(c.link); (err == nil) != c.ok {
				t.Fatal(err)
			}
		})
	}
}

// encrypt makes a response by hand, so that any can be tried.
func encrypt(t testing.TB, key any, kid, payload string, options *jose.EncrypterOptions, enc jose.ContentEncryption) string {
	t.Helper()
	encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key, KeyID: kid}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return jwe
}

func TestOpen(t *testing.T) {
	p := newParty(t, query(""))
	key, kid := p.request.Key.Public().Key, p.request.Key.KeyID
	payload := `{"vp_token":{"a":["x"]},"state":"` + p.request.State + `"}`
	for _, c := range []struct {
		name, jwe string
		want      error
	}{
		{"it opens A256GCM", encrypt(t, key, kid, payload, nil, jose.A256GCM), nil},
		{"it opens A128GCM", encrypt(t, key, kid, payload, nil, jose.A128GCM), nil},
		{"it refuses an encryption that it did not offer", encrypt(t, key, kid, payload, nil, jose.A128CBC_HS256), openid4vp.ErrEncryption},
		{"it refuses another kid", encrypt(t, key, "other", payload, nil, jose.A128GCM), openid4vp.ErrEncryption},
		{"it refuses no kid", encrypt(t, key, "", payload, nil, jose.A128GCM), openid4vp.ErrEncryption},
		{"it refuses another key", encrypt(t, &newKey(t).PublicKey, kid, payload, nil, jose.A128GCM), openid4vp.ErrEncryption},
		{"it refuses compression", encrypt(t, key, kid, payload, &jose.EncrypterOptions{Compression: jose.DEFLATE}, jose.A128GCM), openid4vp.ErrEncryption},
		{"it refuses another state", encrypt(t, key, kid, `{"vp_token":{"a":["x"]},"state":"other"}`, nil, jose.A128GCM), openid4vp.ErrState},
		{"it refuses no state", encrypt(t, key, kid, `{"vp_token":{"a":["x"]}}`, nil, jose.A128GCM), openid4vp.ErrState},
		{"it refuses what is no JSON", encrypt(t, key, kid, "x", nil, jose.A128GCM), openid4vp.ErrEncryption},
		{"it refuses a member given twice", encrypt(t, key, kid, `{"state":"x",`+payload[1:], nil, jose.A128GCM), openid4vp.ErrEncryption},
		{"it refuses what is not encrypted", payload, openid4vp.ErrEncryption},
		{"it refuses what is too long", strings.Repeat("x", openid4vp.MaxResponse+1), openid4vp.ErrEncryption},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, err := p.request.Open(c.jwe)
			if !errors.Is(err, c.want) || (err == nil) != (response.VPToken != nil) {
				t.Fatalf("%+v, %v", response, err)
			}
		})
	}
}

// holder holds a credential of Arthur Dent.
type holder struct {
	key   *ecdsa.PrivateKey
	token string
}

func newHolder(t testing.TB, a authority, change func(claims map[string]any)) holder {
	t.Helper()
	h := holder{key: newKey(t)}
	issuer := newKey(t)
	leaf := a.certify(t, a.cert, &issuer.PublicKey, nil)
	body, err := jose.JSONWebKey{Key: &h.key.PublicKey}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]any
	if err := json.Unmarshal(body, &jwk); err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"vct": vct, "cnf": map[string]any{"jwk": jwk}, "exp": now.Add(time.Hour).Unix()}
	for name, value := range dent(t) {
		claims[name] = sdjwt.Hidden{Value: value}
	}
	if change != nil {
		change(claims)
	}
	h.token, err = sdjwt.Issue(sdjwt.Key{Signer: issuer, X5C: [][]byte{leaf.Raw}}, claims)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h holder) present(t testing.TB, r openid4vp.Request, paths ...sdjwt.Path) string {
	t.Helper()
	token, err := sdjwt.Parse(h.token)
	if err != nil {
		t.Fatal(err)
	}
	presentation, err := token.Present(paths...)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := sdjwt.Bind(presentation, h.key, sdjwt.KeyBinding{Audience: r.ClientID, Nonce: r.Nonce, IssuedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

func (p party) verifier() *credential.Verifier {
	return &credential.Verifier{Now: clock, Policy: credential.Policy{
		Roots: map[string]*x509.CertPool{vct: p.roots}, WithoutStatus: map[string]bool{vct: true},
	}}
}

func failed(e openid4vp.Evaluation) string {
	var names []string
	for _, p := range e.Presentations {
		for _, c := range p.Checks {
			if !c.OK {
				names = append(names, c.Name)
			}
		}
	}
	for _, c := range e.Response {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

func TestEvaluate(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	h := newHolder(t, p.authority, nil)
	name, age := sdjwt.Path{"name"}, sdjwt.Path{"age"}
	wrongNonce, wrongAudience := p.request, p.request
	wrongNonce.Nonce, wrongAudience.ClientID = "another-nonce-altogether", "x509_hash:other"
	stranger := newHolder(t, newAuthority(t), nil)
	expired := newHolder(t, p.authority, func(c map[string]any) { c["exp"] = now.Unix() })
	thief := h
	thief.key = newKey(t)
	bare, _, _ := strings.Cut(h.token, "~")
	for _, c := range []struct {
		name   string
		token  map[string][]string
		failed string
	}{
		{"it accepts what was asked for", map[string][]string{"a": {h.present(t, p.request, name, age)}}, ""},
		{"it refuses no answer", nil, "vp_token shape"},
		{"it refuses an answer to another question", map[string][]string{"b": {"x"}}, "vp_token shape"},
		{"it refuses an empty array", map[string][]string{"a": {}}, "vp_token shape"},
		{"it refuses two where one was asked for", map[string][]string{"a": {"x", "y"}}, "vp_token shape"},
		{"it refuses junk", map[string][]string{"a": {"x"}}, "format, query satisfied"},
		{"it refuses an issuer it does not trust", map[string][]string{"a": {stranger.present(t, p.request, name, age)}}, "issuer trusted, query satisfied"},
		{"it refuses an expired credential", map[string][]string{"a": {expired.present(t, p.request, name, age)}}, "validity, query satisfied"},
		{"it refuses another nonce", map[string][]string{"a": {h.present(t, wrongNonce, name, age)}}, "key binding, query satisfied"},
		{"it refuses another audience", map[string][]string{"a": {h.present(t, wrongAudience, name, age)}}, "key binding, query satisfied"},
		{"it refuses another holder", map[string][]string{"a": {thief.present(t, p.request, name, age)}}, "key binding, query satisfied"},
		{"it refuses a credential without key binding", map[string][]string{"a": {bare + "~"}}, "key binding, query satisfied"},
		{"it refuses less than was asked for", map[string][]string{"a": {h.present(t, p.request, name)}}, "answers the query, query satisfied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: c.token}, p.verifier())
			if failed(e) != c.failed || e.OK != (c.failed == "") {
				t.Fatalf("failed %q, want %q: %+v", failed(e), c.failed, e)
			}
			for _, presented := range e.Presentations {
				if !e.OK && presented.Claims != nil {
					t.Fatal("claims of a refused presentation")
				}
			}
		})
	}
}

func TestEvaluateShowsNothingUnasked(t *testing.T) {
	p := newParty(t, query(`,"claims":[{"path":["name"]}]`))
	h := newHolder(t, p.authority, nil)
	token := map[string][]string{"a": {h.present(t, p.request, sdjwt.Path{"name"}, sdjwt.Path{"age"})}}
	e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: token}, p.verifier())
	if !e.OK || len(e.Presentations[0].Claims) != 1 || e.Presentations[0].Claims["name"] != "Arthur Dent" {
		t.Fatalf("%+v", e)
	}
}

func TestEvaluateRecomputesValues(t *testing.T) {
	p := newParty(t, query(`,"claims":[{"path":["adult"],"values":[false]}]`))
	h := newHolder(t, p.authority, nil)
	token := map[string][]string{"a": {h.present(t, p.request, sdjwt.Path{"adult"})}}
	if e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: token}, p.verifier()); e.OK {
		t.Fatal("the wallet's filter was trusted")
	}
}

func TestEvaluateDiscardsAlone(t *testing.T) {
	p := newParty(t, strings.Replace(query(""), `"format"`, `"multiple":true,"format"`, 1))
	h := newHolder(t, p.authority, nil)
	token := map[string][]string{"a": {"x", h.present(t, p.request)}}
	e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: token}, p.verifier())
	if !e.OK || e.Presentations[0].OK || !e.Presentations[1].OK {
		t.Fatalf("%+v", e)
	}
}

func TestEvaluateBoundsTheMany(t *testing.T) {
	p := newParty(t, strings.Replace(query(""), `"format"`, `"multiple":true,"format"`, 1))
	token := map[string][]string{"a": slices.Repeat([]string{"x"}, 17)}
	if e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: token}, p.verifier()); failed(e) != "vp_token shape" {
		t.Fatalf("%+v", e)
	}
}

func TestEncryptRoundTrip(t *testing.T) {
	p := newParty(t, query(""))
	a, err := openid4vp.ReadRequest(p.sign(t, ""), p.trust())
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := a.Encrypt(openid4vp.Response{VPToken: map[string][]string{"a": {"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	if header, err := base64.RawURLEncoding.DecodeString(strings.Split(jwe, ".")[0]); err != nil || !strings.Contains(string(header), `"A256GCM"`) {
		t.Fatalf("the better encryption was not taken: %s, %v", header, err)
	}
	response, err := p.request.Open(jwe)
	if err != nil || response.VPToken["a"][0] != "x" {
		t.Fatalf("%+v, %v", response, err)
	}
	t.Run("it has no encryption in common with a stranger", func(t *testing.T) {
		object := p.resign(t, func(_, c map[string]any) {
			c["client_metadata"].(map[string]any)["encrypted_response_enc_values_supported"] = []string{"A192GCM"}
		})
		a, err := openid4vp.ReadRequest(object, p.trust())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Encrypt(openid4vp.Response{}); !errors.Is(err, openid4vp.ErrEncryption) {
			t.Fatal(err)
		}
	})
}

func FuzzReadRequest(f *testing.F) {
	p := newParty(f, query(nameAndAge))
	f.Add(p.sign(f, ""))
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, object string) {
		if a, err := openid4vp.ReadRequest(object, p.trust()); err == nil && a.Verifier == nil {
			t.Fatal("a request of nobody")
		}
	})
}

func FuzzParseLink(f *testing.F) {
	f.Add("openid4vp://?client_id=x&request_uri=https%3A%2F%2Fx&request_uri_method=post")
	f.Fuzz(func(t *testing.T, link string) {
		if l, err := openid4vp.ParseLink(link); err == nil && (l.ClientID == "" || l.RequestURI == "") {
			t.Fatalf("%+v", l)
		}
	})
}

func FuzzOpen(f *testing.F) {
	p := newParty(f, query(""))
	kid := p.request.Key.KeyID
	f.Add(encrypt(f, p.request.Key.Public().Key, kid, `{"vp_token":{"a":["x"]},"state":"`+p.request.State+`"}`, nil, jose.A128GCM))
	f.Add("e30....")
	f.Fuzz(func(t *testing.T, jwe string) {
		response, err := p.request.Open(jwe)
		if err == nil {
			p.request.Evaluate(t.Context(), response, p.verifier())
		}
	})
}

func FuzzResponse(f *testing.F) {
	p := newParty(f, query(""))
	state := p.request.State
	f.Add(`{"vp_token":{"a":["x"]},"state":"STATE"}`)
	f.Add(`{"error":"access_denied","state":"STATE"}`)
	f.Add(`{"vp_token":{"a":"x"},"state":"STATE"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		payload = strings.ReplaceAll(payload, "STATE", state)
		response, err := p.request.Open(encrypt(t, p.request.Key.Public().Key, p.request.Key.KeyID, payload, nil, jose.A128GCM))
		if err == nil && p.request.Evaluate(t.Context(), response, p.verifier()).OK {
			t.Fatal("accepted")
		}
	})
}
