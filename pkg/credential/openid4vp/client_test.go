package openid4vp_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// signed makes a JWS of any header and claims.
func signed(t testing.TB, key any, alg jose.SignatureAlgorithm, header map[string]any, body string) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// attested makes a verifier that an attester vouches for.
func attested(t testing.TB, attester, key *ecdsa.PrivateKey, change func(header, claims map[string]any)) string {
	t.Helper()
	header := map[string]any{"typ": openid4vp.AttestationTyp}
	claims := map[string]any{
		"iss": "https://attester.example", "sub": "shop", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"cnf": map[string]any{"jwk": jose.JSONWebKey{Key: &key.PublicKey}},
	}
	if change != nil {
		change(header, claims)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, attester, jose.ES256, header, string(body))
}

// under answers for a client identifier of whatever kind.
func (p party) under(t testing.TB, clientID string) party {
	t.Helper()
	var err error
	p.request, err = openid4vp.NewRequest(clientID, "https://verifier.example/response", p.request.Query, now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func refusedBy(t *testing.T, err error, check, code, cause string) {
	t.Helper()
	if check == "" {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	var refused *openid4vp.Refusal
	if code == "" {
		code = "invalid_request"
	}
	if !errors.As(err, &refused) || refused.Check != check || refused.Code != code || !strings.Contains(refused.Cause, cause) {
		t.Fatalf("got %v, want %s %s %q", err, code, check, cause)
	}
}

//clause:verifier 5.9.3: x509_hash, x509_san_dns, verifier_attestation, each signed by whom it names; redirect_uri unsigned and never signed
func TestX509SanDNS(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	named := p.certify(t, p.cert, &p.signer.PublicKey, func(c *x509.Certificate) { c.DNSNames = []string{"verifier.example", "*.example.org"} })
	for _, c := range []struct{ name, client, responseURI, check, cause string }{
		{"it takes a name in the certificate", "x509_san_dns:verifier.example", "https://verifier.example/r", "", ""},
		{"it refuses a name that is not in the certificate", "x509_san_dns:other.example", "https://other.example/r", "client_id", "no DNS name"},
		{"it refuses what a wildcard would cover", "x509_san_dns:a.example.org", "https://a.example.org/r", "client_id", "no DNS name"},
		{"it refuses the common name", "x509_san_dns:leaf", "https://leaf/r", "client_id", "no DNS name"},
		{"it refuses an empty name", "x509_san_dns:", "https://verifier.example/r", "client_id", "no DNS name"},
		{"it refuses an answer elsewhere", "x509_san_dns:verifier.example", "https://evil.example/r", "response_uri", "may use"},
		{"it refuses an answer below the name", "x509_san_dns:verifier.example", "https://sub.verifier.example/r", "response_uri", "may use"},
		{"it refuses an answer to a name before the host", "x509_san_dns:verifier.example", "https://verifier.example@evil.example/r", "response_uri", "may use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := p.trust()
			trust.ClientID = c.client
			object := p.resign(t, func(h, claims map[string]any) {
				h["x5c"] = []string{base64.StdEncoding.EncodeToString(named.Raw)}
				claims["client_id"], claims["response_uri"] = c.client, c.responseURI
			})
			a, err := openid4vp.ReadRequest(object, trust)
			refusedBy(t, err, c.check, "", c.cause)
			if err == nil && (a.Prefix != openid4vp.PrefixX509SanDNS || !a.Vouched()) {
				t.Fatalf("%+v", a)
			}
		})
	}
	t.Run("it is signed by who has the name", func(t *testing.T) {
		p := p.under(t, "x509_san_dns:verifier.example")
		by := openid4vp.Identity{ClientID: p.request.ClientID, Key: p.signer, Chain: [][]byte{named.Raw}}
		object, err := p.request.Object(by, openid4vp.Caller{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openid4vp.ReadRequest(object, p.trust()); err != nil {
			t.Fatal(err)
		}
		by.Chain = [][]byte{p.leaf.Raw}
		if _, err := p.request.Object(by, openid4vp.Caller{}); !errors.Is(err, openid4vp.ErrIdentity) {
			t.Fatal(err)
		}
	})
}

//clause:wallet 5.9: origin, unknown prefixes, decentralized_identifier, openid_federation refused by name; none only where it is known
func TestPrefixes(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	for _, c := range []struct{ name, client, cause string }{
		{"it refuses origin by name", "origin:https://verifier.example", "origin is never taken"},
		{"it refuses decentralized_identifier by name", "decentralized_identifier:did:web:verifier.example", "decentralized_identifier is not spoken"},
		{"it refuses openid_federation by name", "openid_federation:https://verifier.example", "openid_federation is not spoken"},
		{"it refuses a prefix that nobody defined", "x509_san_uri:https://verifier.example", "not known here"},
		{"it refuses a web address, whose scheme is no prefix", "https://verifier.example", "not known here"},
		{"it refuses a prefix in other letters", "X509_HASH:" + p.request.ClientID[10:], "not known here"},
		{"it refuses no prefix of one it does not know", "verifier", "does not know it"},
		{"it refuses a signed redirect_uri", "redirect_uri:https://verifier.example/response", "cannot be signed"},
		{"it refuses the hash without its prefix", p.request.ClientID[10:], "does not know it"},
		{"it refuses an empty prefix", ":x", "not known here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := p.trust()
			trust.ClientID = c.client
			_, err := openid4vp.ReadRequest(p.resign(t, func(_, claims map[string]any) { claims["client_id"] = c.client }), trust)
			refusedBy(t, err, "client_id", "", c.cause)
		})
	}
}

//clause:verifier 5.9.3: x509_hash, x509_san_dns, verifier_attestation, each signed by whom it names; redirect_uri unsigned and never signed
//clause:wallet 5.9.3, 12: attested by whom it trusts, for this key, in time, at these addresses
func TestVerifierAttestation(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	attester := newKey(t)
	trust := p.trust()
	trust.ClientID = "verifier_attestation:shop"
	trust.Attesters = map[string]jose.JSONWebKeySet{"https://attester.example": {Keys: []jose.JSONWebKey{{Key: &attester.PublicKey, KeyID: "k"}}}}
	const check = "verifier attestation"
	for _, c := range []struct {
		name   string
		bend   func(header, claims map[string]any)
		by     *ecdsa.PrivateKey
		trust  func(*openid4vp.Trust)
		object func(h, c map[string]any)
		check  string
		cause  string
	}{
		{name: "it takes one that it trusts"},
		{name: "it takes the response_uri that is attested", bend: func(_, c map[string]any) { c["redirect_uris"] = []string{"https://verifier.example/response"} }},
		{name: "it refuses another response_uri", bend: func(_, c map[string]any) { c["redirect_uris"] = []string{"https://verifier.example/"} }, check: "response_uri"},
		{name: "it refuses every response_uri where none is attested", bend: func(_, c map[string]any) { c["redirect_uris"] = []string{} }, check: "response_uri"},
		{name: "it refuses another typ", bend: func(h, _ map[string]any) { h["typ"] = "JWT" }, check: check, cause: "typ"},
		{name: "it refuses a typ that is no text", bend: func(h, _ map[string]any) { h["typ"] = 7 }, check: check, cause: "JSON"},
		{name: "it refuses a sub that is no text", bend: func(_, c map[string]any) { c["sub"] = 7 }, check: check, cause: "JSON"},
		{name: "it refuses another verifier's", bend: func(_, c map[string]any) { c["sub"] = "other" }, check: check, cause: "another verifier"},
		{name: "it refuses one whose sub has the prefix", bend: func(_, c map[string]any) { c["sub"] = "verifier_attestation:shop" }, check: check, cause: "another verifier"},
		{name: "it refuses an issuer that it does not trust", bend: func(_, c map[string]any) { c["iss"] = "https://other.example" }, check: check, cause: "does not trust"},
		{name: "it refuses no issuer", bend: func(_, c map[string]any) { delete(c, "iss") }, check: check, cause: "does not trust"},
		{name: "it refuses what its issuer did not sign", by: newKey(t), check: check, cause: "not signed by its issuer"},
		{name: "it refuses a kid that its issuer has not", bend: func(h, _ map[string]any) { h["kid"] = "z" }, check: check, cause: "kid"},
		{name: "it refuses an expired one", bend: func(_, c map[string]any) { c["exp"] = now.Unix() }, check: check, cause: "expired"},
		{name: "it refuses one that never expires", bend: func(_, c map[string]any) { delete(c, "exp") }, check: check, cause: "expired"},
		{name: "it refuses one of tomorrow", bend: func(_, c map[string]any) { c["nbf"] = now.Add(2 * time.Minute).Unix() }, check: check, cause: "not valid yet"},
		{name: "it refuses one without a key", bend: func(_, c map[string]any) { delete(c, "cnf") }, check: check, cause: "cnf.jwk"},
		{name: "it refuses one of a private key", bend: func(_, c map[string]any) { c["cnf"] = map[string]any{"jwk": jose.JSONWebKey{Key: p.signer}} }, check: check, cause: "cnf.jwk"},
		{name: "it refuses one of another key", bend: func(_, c map[string]any) {
			c["cnf"] = map[string]any{"jwk": jose.JSONWebKey{Key: &newKey(t).PublicKey}}
		}, check: "signature"},
		{name: "it refuses when it trusts no attester", trust: func(tr *openid4vp.Trust) { tr.Attesters = nil }, check: check, cause: "does not trust"},
		{name: "it refuses none", object: func(h, _ map[string]any) { delete(h, "jwt") }, check: check, cause: "JWS"},
		{name: "it refuses an attestation that is not text", object: func(h, _ map[string]any) { h["jwt"] = 7 }, check: "request object"},
		{name: "it refuses an endless one", object: func(h, _ map[string]any) { h["jwt"] = strings.Repeat("x", 17<<10) }, check: check, cause: "longer"},
		{name: "it takes no certificate for one", object: func(h, _ map[string]any) {
			delete(h, "jwt")
			h["x5c"] = []string{base64.StdEncoding.EncodeToString(p.leaf.Raw)}
		}, check: check},
	} {
		t.Run(c.name, func(t *testing.T) {
			by, trust := attester, trust
			if c.by != nil {
				by = c.by
			}
			if c.trust != nil {
				c.trust(&trust)
			}
			attestation := attested(t, by, p.signer, c.bend)
			object := p.resign(t, func(h, claims map[string]any) {
				delete(h, "x5c")
				h["jwt"], claims["client_id"] = attestation, trust.ClientID
				if c.object != nil {
					c.object(h, claims)
				}
			})
			_, err := openid4vp.ReadRequest(object, trust)
			refusedBy(t, err, c.check, "", c.cause)
		})
	}
	t.Run("it is signed by who is attested", func(t *testing.T) {
		p := p.under(t, "verifier_attestation:shop")
		by := openid4vp.Identity{ClientID: p.request.ClientID, Key: p.signer, Attestation: attested(t, attester, p.signer, nil)}
		object, err := p.request.Object(by, openid4vp.Caller{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := openid4vp.ReadRequest(object, trust)
		if err != nil || a.Name != "shop" || a.Verifier != nil {
			t.Fatalf("%+v, %v", a, err)
		}
		for name, bad := range map[string]string{"another's": attested(t, attester, newKey(t), nil), "none": "", "another verifier's": attested(t, attester, p.signer, func(_, c map[string]any) { c["sub"] = "x" })} {
			by.Attestation = bad
			if _, err := p.request.Object(by, openid4vp.Caller{}); !errors.Is(err, openid4vp.ErrIdentity) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}

//clause:wallet 5.9: origin, unknown prefixes, decentralized_identifier, openid_federation refused by name; none only where it is known
func TestPreRegistered(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	public := p.request.Key.Public()
	client := openid4vp.Client{
		Name: "Shop", Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.signer.PublicKey, KeyID: "s"}}},
		Encryption: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}, ResponseURIs: []string{"https://verifier.example/response"},
	}
	for _, c := range []struct {
		name              string
		object            func(h, c map[string]any)
		change            func(*openid4vp.Client)
		check, code, want string
	}{
		{name: "it takes one that it knows"},
		{name: "it refuses a response_uri that is not registered", object: func(_, c map[string]any) { c["response_uri"] = "https://verifier.example/response/" }, check: "response_uri"},
		{name: "it refuses metadata beside what it knows", object: func(_, c map[string]any) {
			c["client_metadata"] = map[string]any{"vp_formats_supported": map[string]any{"dc+sd-jwt": map[string]any{}}}
		}, check: "client_metadata", code: "invalid_client"},
		{name: "it refuses another key", change: func(c *openid4vp.Client) { c.Keys.Keys[0].Key = &newKey(t).PublicKey }, check: "signature"},
		{name: "it refuses a kid that is not registered", object: func(h, _ map[string]any) { h["kid"] = "z" }, check: "signature", want: "kid"},
		{name: "it refuses a key for encryption", change: func(c *openid4vp.Client) { c.Keys.Keys[0].Use = "enc" }, check: "signature", want: "ES256"},
		{name: "it takes no key from the header", change: func(c *openid4vp.Client) { c.Keys.Keys = nil }, object: func(h, _ map[string]any) { h["jwk"] = jose.JSONWebKey{Key: &p.signer.PublicKey} }, check: "signature"},
		{name: "it refuses when it knows no key to encrypt to", change: func(c *openid4vp.Client) { c.Encryption.Keys = nil }, check: "client_metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			known := client
			known.Keys.Keys = append([]jose.JSONWebKey(nil), client.Keys.Keys...)
			if c.change != nil {
				c.change(&known)
			}
			trust := openid4vp.Trust{ClientID: "shop", Clients: map[string]openid4vp.Client{"shop": known}, Now: clock}
			object := p.resign(t, func(h, claims map[string]any) {
				delete(h, "x5c")
				delete(claims, "client_metadata")
				claims["client_id"] = "shop"
				if c.object != nil {
					c.object(h, claims)
				}
			})
			a, err := openid4vp.ReadRequest(object, trust)
			refusedBy(t, err, c.check, c.code, c.want)
			if err == nil && (a.Name != "Shop" || a.Prefix != openid4vp.PreRegistered) {
				t.Fatalf("%+v", a)
			}
		})
	}
}

//clause:verifier 5.9.3: x509_hash, x509_san_dns, verifier_attestation, each signed by whom it names; redirect_uri unsigned and never signed
//clause:wallet unsigned and unencrypted only where it is switched on
func TestUnsigned(t *testing.T) {
	p := newParty(t, query(nameAndAge)).under(t, "redirect_uri:https://verifier.example/response")
	p.request = p.request.Plain()
	link, err := p.request.URIUnsigned()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		bend  func(url.Values)
		trust func(*openid4vp.Trust)
		check string
		cause string
	}{
		{name: "it takes what nobody signed, where that is switched on"},
		{name: "it takes the response_uri from the client identifier", bend: func(q url.Values) { q.Del("response_uri") }},
		{name: "it refuses it otherwise", trust: func(tr *openid4vp.Trust) { tr.Unsigned = false }, check: "signature"},
		{name: "it refuses another response_uri", bend: func(q url.Values) { q.Set("response_uri", "https://evil.example") }, check: "client_id"},
		{name: "it refuses a client identifier that is no address", bend: func(q url.Values) { q.Set("client_id", "redirect_uri:x"); q.Del("response_uri") }, check: "client_id"},
		{name: "it refuses the parameters of a certificate's holder", bend: func(q url.Values) { q.Set("client_id", "x509_hash:x") }, check: "client_id", cause: "needs the prefix"},
		{name: "it refuses the parameters of one that it knows", bend: func(q url.Values) { q.Set("client_id", "shop") }, check: "client_id"},
		{name: "it refuses redirect_uri beside response_uri", bend: func(q url.Values) { q.Set("redirect_uri", "https://verifier.example/response") }, check: "redirect_uri"},
		{name: "it refuses a query that is no JSON", bend: func(q url.Values) { q.Set("dcql_query", "{") }, check: "dcql_query"},
		{name: "it refuses a query with a member given twice", bend: func(q url.Values) { q.Set("dcql_query", `{"credentials":[],"credentials":[]}`) }, check: "dcql_query"},
		{name: "it refuses no query", bend: func(q url.Values) { q.Del("dcql_query") }, check: "dcql_query"},
		{name: "it refuses no nonce", bend: func(q url.Values) { q.Del("nonce") }, check: "nonce"},
		{name: "it refuses no metadata", bend: func(q url.Values) { q.Del("client_metadata") }, check: "client_metadata"},
		{name: "it refuses metadata of another kind", bend: func(q url.Values) { q.Set("client_metadata", "[]") }, check: "request"},
		{name: "it refuses the fragment", bend: func(q url.Values) { q.Set("response_mode", "fragment") }, check: "response_mode"},
		{name: "it refuses an answer in plain, unless that is switched on", trust: func(tr *openid4vp.Trust) { tr.Plain = false }, check: "response_mode"},
		{name: "it refuses a scope", bend: func(q url.Values) { q.Set("scope", "x") }, check: "scope"},
		{name: "it refuses a nonce given twice", bend: func(q url.Values) { q.Add("nonce", q.Get("nonce")) }, check: "nonce"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := openid4vp.ParseLink(link)
			if err != nil {
				t.Fatal(err)
			}
			trust := openid4vp.Trust{ClientID: l.ClientID, Unsigned: true, Plain: true, Now: clock}
			if c.trust != nil {
				c.trust(&trust)
			}
			if c.bend != nil {
				c.bend(l.Parameters)
			}
			a, err := openid4vp.ReadUnsigned(l.Parameters, trust)
			code := ""
			if c.check == "scope" {
				code = "invalid_scope"
			}
			refusedBy(t, err, c.check, code, c.cause)
			if err == nil && (a.Vouched() || a.Name != "verifier.example" || a.ResponseURI != "https://verifier.example/response" || a.Nonce != p.request.Nonce || len(a.Query.Credentials) != 1) {
				t.Fatalf("%+v", a)
			}
		})
	}
	t.Run("it goes unsigned with no other client identifier", func(t *testing.T) {
		if _, err := newParty(t, query("")).request.URIUnsigned(); !errors.Is(err, openid4vp.ErrIdentity) {
			t.Fatal(err)
		}
	})
	t.Run("it is signed by nobody", func(t *testing.T) {
		for _, by := range []openid4vp.Identity{{ClientID: p.request.ClientID}, {ClientID: p.request.ClientID, Key: p.signer}} {
			if _, err := p.request.Object(by, openid4vp.Caller{}); !errors.Is(err, openid4vp.ErrIdentity) {
				t.Fatal(err)
			}
		}
	})
}
