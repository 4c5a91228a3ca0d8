package openid4vp_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
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

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

//clause:verifier 5.8: aud is the static one, or the wallet's issuer where it was discovered
//clause:wallet offers and requests are untrusted
//clause:wallet offers and requests are untrusted
//clause:wallet 5: typ, ES256 under the key of client_id and no other, aud, times, wallet_nonce; only the object's parameters count
func TestReadRequest(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	// The machine's own anchors are nobody's trust, though they hold this
	// authority. The library reads them once: no test before this one may.
	anchors := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(anchors, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", anchors)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	other := newAuthority(t)
	b64 := base64.StdEncoding.EncodeToString
	thief := p.certify(t, p.cert, &newKey(t).PublicKey, nil)
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards := p.certify(t, p.cert, public, nil)
	for _, c := range []struct {
		name  string
		bend  func(header, claims map[string]any)
		trust func(*openid4vp.Trust)
		check string
		code  string
		cause string // where another rule would refuse too
	}{
		{name: "it takes a request in order"},
		{name: "it ignores iss and what it does not know", bend: func(_, c map[string]any) { c["iss"], c["x"] = "anybody", 1 }},
		{name: "it refuses another typ", bend: func(h, _ map[string]any) { h["typ"] = "JWT" }, check: "typ"},
		{name: "it refuses no typ", bend: func(h, _ map[string]any) { delete(h, "typ") }, check: "typ"},
		{name: "it refuses no chain", bend: func(h, _ map[string]any) { delete(h, "x5c") }, check: "x5c"},
		{name: "it refuses the trust anchor in the chain", bend: func(h, _ map[string]any) { h["x5c"] = []string{b64(p.leaf.Raw), b64(p.cert.Raw)} }, check: "x5c"},
		{name: "it refuses another's certificate", bend: func(h, _ map[string]any) { h["x5c"] = []string{b64(thief.Raw)} }, check: "client_id"},
		{name: "it refuses a signature of another key", bend: func(h, c map[string]any) {
			h["x5c"], c["client_id"] = []string{b64(thief.Raw)}, openid4vp.ClientID(thief.Raw)
		}, trust: func(tr *openid4vp.Trust) { tr.ClientID = openid4vp.ClientID(thief.Raw) }, check: "signature"},
		{name: "it refuses a certificate whose key signs otherwise", bend: func(h, c map[string]any) {
			h["x5c"], c["client_id"] = []string{b64(edwards.Raw)}, openid4vp.ClientID(edwards.Raw)
		}, trust: func(tr *openid4vp.Trust) { tr.ClientID = openid4vp.ClientID(edwards.Raw) }, check: "signature", cause: "the certificate's key is not for ES256"},
		{name: "it refuses a chain that is not base64", bend: func(h, _ map[string]any) { h["x5c"] = []string{"!"} }, check: "request object"},
		{name: "it refuses a chain of no certificates", bend: func(h, _ map[string]any) { h["x5c"] = []string{"AA=="} }, check: "request object"},
		{name: "it refuses an authority as a verifier", bend: func(h, _ map[string]any) {
			h["x5c"] = []string{b64(p.certify(t, p.cert, &p.signer.PublicKey, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }).Raw)}
		}, check: "x5c"},
		{name: "it refuses a certificate that has expired", trust: func(tr *openid4vp.Trust) { tr.Now = func() time.Time { return now.Add(2 * time.Hour) } }, check: "verifier trusted"},
		{name: "it refuses an authority it does not trust", trust: func(tr *openid4vp.Trust) { tr.Roots = other.roots }, check: "verifier trusted"},
		{name: "it trusts nobody when told of nobody", trust: func(tr *openid4vp.Trust) { tr.Roots = nil }, check: "verifier trusted"},
		{name: "it refuses another client in the link", trust: func(tr *openid4vp.Trust) { tr.ClientID = "x509_hash:other" }, check: "client_id"},
		{name: "it refuses a client_id that is not the certificate's", bend: func(_, c map[string]any) { c["client_id"] = "x509_hash:other" }, check: "client_id"},
		{name: "it refuses another aud", bend: func(_, c map[string]any) { c["aud"] = "https://wallet.example" }, check: "aud"},
		{name: "it refuses an expired request", bend: func(_, c map[string]any) { c["exp"] = now.Unix() }, check: "exp"},
		{name: "it refuses a request of the future", bend: func(_, c map[string]any) { c["iat"] = now.Unix() + 61 }, check: "iat"},
		{name: "it refuses a wallet_nonce that it did not send", bend: func(_, c map[string]any) { c["wallet_nonce"] = "x" }, check: "wallet_nonce"},
		{name: "it refuses a request without its wallet_nonce", trust: func(tr *openid4vp.Trust) { tr.WalletNonce = "mine" }, check: "wallet_nonce"},
		{name: "it refuses another response_type", bend: func(_, c map[string]any) { c["response_type"] = "code" }, check: "response_type"},
		{name: "it refuses an answer that is not encrypted", bend: func(_, c map[string]any) { c["response_mode"] = "direct_post" }, check: "response_mode",
			cause: "this wallet answers encrypted alone: direct_post.jwt (HAIP 1.0, 5.1)"},
		{name: "it refuses the fragment by name", bend: func(_, c map[string]any) { c["response_mode"] = "fragment" }, check: "response_mode",
			cause: "fragment is not spoken here; this wallet answers by direct_post.jwt (HAIP 1.0, 5.1)"},
		{name: "it refuses the query by name", bend: func(_, c map[string]any) { c["response_mode"] = "query" }, check: "response_mode",
			cause: "query is not spoken here; this wallet answers by direct_post.jwt (HAIP 1.0, 5.1)"},
		{name: "it refuses the Digital Credentials API by name", bend: func(_, c map[string]any) { c["response_mode"] = "dc_api.jwt" }, check: "response_mode",
			cause: "dc_api.jwt is not spoken here; this wallet answers by direct_post.jwt (HAIP 1.0, 5.1)"},
		{name: "it takes no response mode for the fragment", bend: func(_, c map[string]any) { delete(c, "response_mode") }, check: "response_mode",
			cause: "is missing, which means fragment; this wallet answers by direct_post.jwt (HAIP 1.0, 5.1)"},
		{name: "it refuses a response mode that nobody knows", bend: func(_, c map[string]any) { c["response_mode"] = "pigeon" }, check: "response_mode"},
		{name: "it refuses aud among others", bend: func(_, c map[string]any) { c["aud"] = []string{openid4vp.Audience} }, check: "aud"},
		{name: "it takes its own issuer as aud", bend: func(_, c map[string]any) { c["aud"] = "https://wallet.example" },
			trust: func(tr *openid4vp.Trust) { tr.Issuer = "https://wallet.example" }},
		{name: "it refuses no aud", bend: func(_, c map[string]any) { delete(c, "aud") }, check: "aud"},
		{name: "it refuses a request inside the request", bend: func(_, c map[string]any) { c["request"] = "x" }, check: "request object"},
		{name: "it refuses a request_uri inside the request", bend: func(_, c map[string]any) { c["request_uri"] = "https://x" }, check: "request object"},
		{name: "it refuses a state that is not URL-safe", bend: func(_, c map[string]any) { c["state"] = "a b" }, check: "state"},
		{name: "it refuses no state where holder binding is not asked for", bend: func(_, c map[string]any) {
			c["dcql_query"].(map[string]any)["credentials"].([]any)[0].(map[string]any)["require_cryptographic_holder_binding"] = false
			delete(c, "state")
		}, check: "state", cause: "is missing, and holder binding is not asked for"},
		{name: "it refuses a response_uri with a fragment", bend: func(_, c map[string]any) { c["response_uri"] = "https://verifier.example/#x" }, check: "response_uri"},
		{name: "it refuses a response_uri that is no web address", bend: func(_, c map[string]any) { c["response_uri"] = "file:///etc/passwd" }, check: "response_uri"},
		{name: "it refuses no vp_formats_supported", bend: func(_, c map[string]any) { delete(c["client_metadata"].(map[string]any), "vp_formats_supported") }, check: "client_metadata",
			cause: "vp_formats_supported is missing"},
		{name: "it refuses a verifier of other formats", bend: func(_, c map[string]any) {
			c["client_metadata"].(map[string]any)["vp_formats_supported"] = map[string]any{"mso_mdoc": map[string]any{}}
		}, check: "client_metadata", code: "vp_formats_not_supported"},
		{name: "it refuses a verifier of other algorithms", bend: func(_, c map[string]any) {
			c["client_metadata"].(map[string]any)["vp_formats_supported"] = map[string]any{"dc+sd-jwt": map[string]any{"kb-jwt_alg_values": []string{"ES512"}}}
		}, check: "client_metadata", code: "vp_formats_not_supported"},
		{name: "it takes a verifier that names no algorithms", bend: func(_, c map[string]any) {
			c["client_metadata"].(map[string]any)["vp_formats_supported"] = map[string]any{"dc+sd-jwt": map[string]any{}, "mso_mdoc": map[string]any{"issuerauth_alg_values": []int{-7}}}
		}},
		{name: "it passes over keys of kinds it does not know", bend: func(_, c map[string]any) {
			jwks := c["client_metadata"].(map[string]any)["jwks"].(map[string]any)
			jwks["keys"] = append([]any{
				map[string]any{"kty": "OKP", "kid": "jc", "use": "enc", "crv": "X25519", "alg": "ECDH-ES", "x": "WPX7wnwq10hFNK9aDSyG1QlLswE_CJY14LdhcFUIVVc"},
				map[string]any{"kty": "OKP", "kid": "bc", "use": "enc", "crv": "X448", "alg": "ECDH-ES", "x": "pK5IRpLlX-8XcsRYWHejpzkfsHoDOmAYuBzAC7aTpewWOw_QFHSa64t9p2kuommI8JQQLohS2AIA"},
			}, jwks["keys"].([]any)...)
		}},
		{name: "it refuses a private key among the keys", bend: func(_, c map[string]any) {
			c["client_metadata"].(map[string]any)["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any)["d"] = "x"
		}, check: "request object"},
		{name: "it refuses keys without kid", bend: func(_, c map[string]any) {
			delete(c["client_metadata"].(map[string]any)["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any), "kid")
		}, check: "client_metadata", cause: "each key needs a kid of its own"},
		{name: "it refuses two keys of one kid", bend: func(_, c map[string]any) {
			jwks := c["client_metadata"].(map[string]any)["jwks"].(map[string]any)
			jwks["keys"] = append(jwks["keys"].([]any), jwks["keys"].([]any)[0])
		}, check: "client_metadata", cause: "each key needs a kid of its own"},
		{name: "it refuses content encryption that it has not", bend: func(_, c map[string]any) {
			c["client_metadata"].(map[string]any)["encrypted_response_enc_values_supported"] = []string{"A192GCM"}
		}, check: "client_metadata"},
		{name: "it refuses RSA to encrypt to", bend: func(_, c map[string]any) {
			c["client_metadata"].(map[string]any)["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any)["alg"] = "RSA-OAEP-256"
		}, check: "client_metadata"},
		{name: "it passes on what others say of the verifier", bend: func(_, c map[string]any) {
			c["verifier_info"] = []any{map[string]any{"format": "jwt", "data": "x", "credential_ids": []string{"a"}}, map[string]any{"format": "other", "data": map[string]any{}}}
		}},
		{name: "it refuses verifier_info of nothing", bend: func(_, c map[string]any) { c["verifier_info"] = []any{} }, check: "verifier_info"},
		{name: "it refuses verifier_info that is no array", bend: func(_, c map[string]any) { c["verifier_info"] = "x" }, check: "verifier_info", cause: "not an array of objects"},
		{name: "it refuses verifier_info without data", bend: func(_, c map[string]any) { c["verifier_info"] = []any{map[string]any{"format": "jwt"}} }, check: "verifier_info"},
		{name: "it refuses verifier_info whose data is a number", bend: func(_, c map[string]any) {
			c["verifier_info"] = []any{map[string]any{"format": "jwt", "data": 7}}
		}, check: "verifier_info"},
		{name: "it refuses verifier_info about what is not asked for", bend: func(_, c map[string]any) {
			c["verifier_info"] = []any{map[string]any{"format": "jwt", "data": "x", "credential_ids": []string{"z"}}}
		}, check: "verifier_info"},
		{name: "it refuses redirect_uri beside response_uri", bend: func(_, c map[string]any) { c["redirect_uri"] = "https://verifier.example" }, check: "redirect_uri"},
		{name: "it refuses scope", bend: func(_, c map[string]any) { c["scope"] = "card" }, check: "scope", code: "invalid_scope"},
		{name: "it refuses expected_origins", bend: func(_, c map[string]any) { c["expected_origins"] = []string{"https://x"} }, check: "expected_origins"},
		{name: "it refuses transaction_data", bend: func(_, c map[string]any) { c["transaction_data"] = []string{"e30"} }, check: "transaction_data", code: "invalid_transaction_data", cause: "no type is known here"},
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
			if !errors.As(err, &refused) || refused.Check != c.check || (c.code != "" && refused.Code != c.code) || (c.cause != "" && refused.Cause != c.cause) {
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

//clause:wallet 5: typ, ES256 under the key of client_id and no other, aud, times, wallet_nonce; only the object's parameters count
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
		{"it refuses a typ that is no text", strings.Replace(header, `"oauth-authz-req+jwt"`, "7", 1), claims, "request object"},
		{"it refuses a claim given twice", header, `{"nonce":"another-nonce-altogether",` + claims[1:], "request object"},
		{"it refuses what is too long", header, `{"x":"` + strings.Repeat("x", openid4vp.MaxRequest*9/10) + `",` + claims[1:], "request object"},
		{"it refuses what is not signed", `{"alg":"none",` + strings.Replace(header[1:], `"alg":"ES256",`, "", 1), claims, "request object"},
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

//clause:verifier 5, 5.1: signed request, fresh nonce and state of 256 bits, a key of its own, both GCM encryptions, vp_formats_supported
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

//clause:verifier 5, 5.1: signed request, fresh nonce and state of 256 bits, a key of its own, both GCM encryptions, vp_formats_supported
//clause:verifier 6.1.1: aki recomputed; etsi_tl and openid_federation not asked by, as they could not be checked
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
	for _, kind := range []string{"etsi_tl", "openid_federation", "other"} {
		t.Run("it asks for no "+kind+", which it could not check", func(t *testing.T) {
			q := parse(t, query(`,"trusted_authorities":[{"type":"aki","values":["AQID"]},{"type":"`+kind+`","values":["x"]}]`))
			_, err := openid4vp.NewRequest("x", "https://x", q, now, time.Minute)
			if !errors.Is(err, openid4vp.ErrAuthority) || !errors.Is(err, openid4vp.ErrQuery) || !strings.Contains(err.Error(), kind) {
				t.Fatal(err)
			}
		})
	}
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
		{"it takes a link of HAIP", strings.Replace(good, "openid4vp", "haip-vp", 1), true},
		{"it refuses a scheme that begins alike", strings.Replace(good, "openid4vp", "openid4vp2", 1), false},
		{"it refuses no scheme", strings.TrimPrefix(good, "openid4vp:"), false},
		{"it refuses another method", strings.Replace(good, "request_uri_method=post", "request_uri_method=PUT", 1), false},
		{"it refuses another scheme", strings.Replace(good, "openid4vp", "https", 1), false},
		{"it refuses two clients", good + "&client_id=x", false},
		{"it refuses two requests", good + "&request_uri=" + url.QueryEscape("https://x"), false},
		{"it refuses a request by value beside", good + "&request=x", false},
		{"it refuses a request_uri that is no web address", "openid4vp://?client_id=x&request_uri=file:///etc/passwd", false},
		{"it refuses any parameter twice", good + "&x=1&x=2", false},
		{"it refuses request_uri_method without request_uri", "openid4vp://?client_id=x&request_uri_method=post", false},
		{"it refuses an empty request by value", "openid4vp://?client_id=x&request=", false},
		{"it refuses a request by value that is too long", "openid4vp://?client_id=x&request=" + strings.Repeat("x", openid4vp.MaxRequest+1), false},
		{"it takes a request by value", "openid4vp://?client_id=x&request=e30.e30.AA", true},
		{"it takes parameters alone, which ReadUnsigned judges", "openid4vp://?client_id=x&nonce=y", true},
		{"it refuses what is no query string", good + "&x=%zz", false},
		{"it refuses no client", "openid4vp://?request_uri=" + url.QueryEscape("https://x"), false},
		{"it refuses what is too long", good + "&x=" + strings.Repeat("x", 2*openid4vp.MaxRequest), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := openid4vp.ParseLink(c.link); (err == nil) != c.ok {
				t.Fatal(err)
			}
		})
	}
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
		if l, err := openid4vp.ParseLink(link); err == nil && (l.ClientID == "" || (l.RequestURI == "" && l.Object == "" && l.Parameters == nil)) {
			t.Fatalf("%+v", l)
		}
	})
}
