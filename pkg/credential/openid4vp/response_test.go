package openid4vp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

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

//clause:verifier 8.3, 8.3.1: direct_post.jwt, no compression, one answer, junk burns nothing
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
		{"it refuses what is too long though its content is not", encrypt(t, key, kid,
			`{"x":"`+strings.Repeat("x", openid4vp.MaxResponse*9/10)+`",`+payload[1:], nil, jose.A128GCM), openid4vp.ErrEncryption},
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

// A wallet that encrypted to another key is told so, and not that it wrote no JSON.
func TestOpenSaysThatItCannotDecrypt(t *testing.T) {
	p := newParty(t, query(""))
	_, err := p.request.Open(encrypt(t, &newKey(t).PublicKey, p.request.Key.KeyID, `{}`, nil, jose.A128GCM))
	if err == nil || !strings.HasSuffix(err.Error(), "does not decrypt") {
		t.Fatal(err)
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

//clause:verifier 8.1: vp_token: ids, arrays, one unless multiple
//clause:verifier 8.6: every check, then the query
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

//clause:verifier nothing shown that was not asked
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

// Section 14.1.2: a presentation of another request rejects the whole response.
//
//clause:verifier 14.1.2: one presentation of another request rejects all
func TestEvaluateRejectsAReplayAmongOthers(t *testing.T) {
	p := newParty(t, strings.Replace(query(""), `"format"`, `"multiple":true,"format"`, 1))
	h := newHolder(t, p.authority, nil)
	elsewhere, other := p.request, p.request
	elsewhere.Nonce, other.ClientID = "another-nonce-altogether", "x509_hash:other"
	for name, bad := range map[string]string{
		"it refuses a replayed one beside a good one":                 h.present(t, elsewhere),
		"it refuses one for another audience beside a good one":       h.present(t, other),
		"it refuses one without key binding beside one that is bound": strings.TrimRight(h.token, "~") + "~",
	} {
		t.Run(name, func(t *testing.T) {
			token := map[string][]string{"a": {h.present(t, p.request), bad}}
			e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: token}, p.verifier())
			if e.OK || failed(e) != "key binding, query satisfied" {
				t.Fatalf("%+v", e)
			}
		})
	}
}

//clause:verifier 5.3, B.3: without holder binding where the query says so; a binding that is there is checked
func TestEvaluateWithoutHolderBinding(t *testing.T) {
	p := newParty(t, query(`,"require_cryptographic_holder_binding":false`))
	h := newHolder(t, p.authority, nil)
	unbound := newHolder(t, p.authority, func(c map[string]any) { delete(c, "cnf") })
	wrong := p.request
	wrong.Nonce = "another-nonce-altogether"
	bare := func(h holder) string { jwt, _, _ := strings.Cut(h.token, "~"); return jwt + "~" }
	for _, c := range []struct {
		name, token, failed string
		bound               bool
	}{
		{"it takes one without key binding", bare(h), "", false},
		{"it takes one of nobody", bare(unbound), "", false},
		{"it takes one with key binding", h.present(t, p.request), "", true},
		{"it refuses a key binding that is there and wrong", h.present(t, wrong), "key binding, query satisfied", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: map[string][]string{"a": {c.token}}}, p.verifier())
			if failed(e) != c.failed || e.Presentations[0].Result.Bound != c.bound {
				t.Fatalf("%+v", e)
			}
		})
	}
	t.Run("it needs a binding unless the query says otherwise", func(t *testing.T) {
		p := newParty(t, query(""))
		e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: map[string][]string{"a": {bare(unbound)}}}, p.verifier())
		if e.OK {
			t.Fatal("accepted")
		}
	})
}

//clause:verifier 6.4.2: credential_sets, required and optional
func TestEvaluateTakesOnlyWhatASetNames(t *testing.T) {
	one := `{"id":"ID","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]}}`
	p := newParty(t, `{"credentials":[`+strings.Replace(one, "ID", "a", 1)+`,`+strings.Replace(one, "ID", "b", 1)+`],"credential_sets":[{"options":[["a"]]}]}`)
	h := newHolder(t, p.authority, nil)
	token := map[string][]string{"a": {h.present(t, p.request)}, "b": {h.present(t, p.request)}}
	if e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: token}, p.verifier()); failed(e) != "vp_token shape" {
		t.Fatalf("%+v", e)
	}
}

//clause:verifier 6.1.1: aki recomputed; etsi_tl and openid_federation not asked by, as they could not be checked
func TestEvaluateRecomputesAuthorities(t *testing.T) {
	p := newParty(t, query(`,"trusted_authorities":[{"type":"aki","values":["AAAA"]}]`))
	h := newHolder(t, p.authority, nil)
	token := map[string][]string{"a": {h.present(t, p.request)}}
	if e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: token}, p.verifier()); failed(e) != "answers the query, query satisfied" {
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
