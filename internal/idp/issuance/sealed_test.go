package issuance_test

import (
	"bytes"
	"compress/flate"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/idp/issuance"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// seal encrypts a body as a wallet does, with what options bend.
func (w *world) seal(t *testing.T, body string, alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, kid string, options *jose.EncrypterOptions) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: kid}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := e.Encrypt([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (w *world) metadataOf(t *testing.T) openid4vci.Metadata {
	t.Helper()
	m, err := openid4vci.ParseMetadata(w.do(t, "GET", openid4vci.WellKnown, "", "", "").body, w.URL)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func jwkOf(t *testing.T, key any, alg, kid string) string {
	t.Helper()
	out, err := json.Marshal(jose.JSONWebKey{Key: key, Algorithm: alg, KeyID: kid})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func newKey384(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

//clause:issuer 10: requests and answers encrypted, alg of the JWK, kid repeated, no compression, errors in the clear
func TestEncryption(t *testing.T) {
	w := newWorld(t)
	m := w.metadataOf(t)
	if m.CredentialRequestEncryption == nil || m.CredentialResponseEncryption == nil || m.CredentialRequestEncryption.EncryptionRequired {
		t.Fatalf("%+v", m)
	}
	if raw := w.do(t, "GET", openid4vci.WellKnown, "", "", "").body; bytes.Contains(raw, []byte("zip")) || bytes.Contains(raw, []byte(`"d":`)) {
		t.Errorf("it offers compression, or shows a private key: %s", raw)
	}
	to := m.CredentialRequestEncryption.JWKS.Keys[0]
	if to.KeyID == "" || to.Algorithm != "ECDH-ES" || to.Use != "enc" || !to.IsPublic() {
		t.Errorf("%+v", to)
	}
	for _, enc := range []jose.ContentEncryption{jose.A128GCM, jose.A256GCM} {
		t.Run("it reads and answers by "+string(enc), func(t *testing.T) {
			own := newKey(t)
			body := strings.Replace(request(credential.ConfigResidentCard, w.holders(t, 2)...), "{",
				`{"credential_response_encryption":{"enc":"`+string(enc)+`","jwk":`+jwkOf(t, own.Public(), "ECDH-ES", "mine")+`},`, 1)
			a := w.do(t, "POST", "/credential", "kim", "application/jwt", w.seal(t, body, jose.ECDH_ES, enc, to.Key, to.KeyID, nil))
			if a.status != 200 || a.header.Get("Content-Type") != "application/jwt" || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v %s", a.status, a.header, a.body)
			}
			object, err := jose.ParseEncryptedCompact(string(a.body), []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{enc})
			if err != nil || object.Header.KeyID != "mine" {
				t.Fatalf("%v, kid %q", err, object.Header.KeyID)
			}
			plain, err := object.Decrypt(own)
			var r openid4vci.CredentialResponse
			if err != nil || json.Unmarshal(plain, &r) != nil || len(r.Credentials) != 2 {
				t.Errorf("%v %s", err, plain)
			}
		})
	}
	t.Run("it answers in the clear who did not ask otherwise", func(t *testing.T) {
		body := request(credential.ConfigResidentCard, w.holders(t, 1)...)
		a := w.do(t, "POST", "/credential", "kim", "application/jwt", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, nil))
		if a.status != 200 || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it answers errors in the clear", func(t *testing.T) {
		own := newKey(t)
		body := strings.Replace(request("other", "x"), "{", `{"credential_response_encryption":{"enc":"A256GCM","jwk":`+jwkOf(t, own.Public(), "ECDH-ES", "")+`},`, 1)
		a := w.do(t, "POST", "/credential", "kim", "application/jwt", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, nil))
		if a.status != 400 || a.header.Get("Content-Type") != "application/json" || code(t, a) != "unknown_credential_configuration" {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
	})
	t.Run("it encrypts what is deferred, each answer to the key of its own request", func(t *testing.T) {
		w := deferring(t)
		to := w.metadataOf(t).CredentialRequestEncryption.JWKS.Keys[0]
		id := w.later(t, w.holders(t, 1))
		for _, approved := range []bool{false, true} {
			if approved {
				if err := w.Deferrals.Approve(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			own := newKey(t)
			body := `{"transaction_id":"` + id + `","credential_response_encryption":{"enc":"A128GCM","jwk":` + jwkOf(t, own.Public(), "ECDH-ES", "") + `}}`
			a := w.do(t, "POST", "/credential-deferred", "kim", "application/jwt", w.seal(t, body, jose.ECDH_ES, jose.A128GCM, to.Key, to.KeyID, nil))
			object, err := jose.ParseEncryptedCompact(string(a.body), []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A128GCM})
			if err != nil || a.status != map[bool]int{false: 202, true: 200}[approved] || object.Header.KeyID != "" {
				t.Fatalf("%d %v %s", a.status, err, a.body)
			}
			plain, err := object.Decrypt(own)
			if err != nil || strings.Contains(string(plain), "credentials") != approved {
				t.Errorf("%v %s", err, plain)
			}
		}
	})
}

//clause:issuer 10: requests and answers encrypted, alg of the JWK, kid repeated, no compression, errors in the clear
func TestEncryptionRefuses(t *testing.T) {
	w := newWorld(t)
	to := w.metadataOf(t).CredentialRequestEncryption.JWKS.Keys[0]
	other, err := issuance.RequestKey(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	body := request(credential.ConfigResidentCard, w.holders(t, 1)...)
	good := w.seal(t, body, jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, nil)
	head, rest, _ := strings.Cut(good, ".")
	reheaded := func(bend func(map[string]any)) string {
		h := decoded(t, head)
		bend(h)
		raw, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw) + "." + rest
	}
	raw := func(header string) string { return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest }
	var bomb bytes.Buffer
	deflate, err := flate.NewWriter(&bomb, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(deflate, strings.Repeat(" ", 8<<20))
	deflate.Close()
	const params, malformed = "invalid_encryption_parameters", "invalid_credential_request"
	cases := []struct{ name, jwe, code string }{
		{"it refuses compression, though it would open", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, &jose.EncrypterOptions{Compression: jose.DEFLATE}), params},
		{"it refuses a bomb", w.seal(t, bomb.String(), jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, &jose.EncrypterOptions{Compression: jose.DEFLATE}), params},
		{"it refuses zip of any name", reheaded(func(h map[string]any) { h["zip"] = "" }), params},
		{"it refuses another key's kid", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, other.Public().Key, other.KeyID, nil), params},
		{"it refuses another key under its kid", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, other.Public().Key, to.KeyID, nil), malformed},
		{"it refuses no kid", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, to.Key, "", nil), params},
		{"it refuses key wrapping", w.seal(t, body, jose.ECDH_ES_A128KW, jose.A256GCM, to.Key, to.KeyID, nil), params},
		{"it refuses CBC", w.seal(t, body, jose.ECDH_ES, jose.A128CBC_HS256, to.Key, to.KeyID, nil), params},
		{"it refuses A192GCM", w.seal(t, body, jose.ECDH_ES, jose.A192GCM, to.Key, to.KeyID, nil), params},
		{"it refuses a shared secret", w.seal(t, body, jose.DIRECT, jose.A128GCM, bytes.Repeat([]byte{1}, 16), to.KeyID, nil), params},
		{"it refuses a password", w.seal(t, body, jose.PBES2_HS256_A128KW, jose.A128GCM, []byte("password"), to.KeyID, nil), params},
		{"it refuses alg none", reheaded(func(h map[string]any) { h["alg"] = "none" }), params},
		{"it refuses no alg", reheaded(func(h map[string]any) { delete(h, "alg") }), params},
		{"it refuses no enc", reheaded(func(h map[string]any) { delete(h, "enc") }), params},
		{"it refuses what is critical", reheaded(func(h map[string]any) { h["crit"] = []string{"exp"} }), params},
		{"it refuses a token in a token", reheaded(func(h map[string]any) { h["cty"] = "JWT" }), params},
		{"it refuses a header that was changed", reheaded(func(h map[string]any) { h["extra"] = 1 }), malformed},
		{"it refuses no epk", reheaded(func(h map[string]any) { delete(h, "epk") }), malformed},
		{"it refuses a point off the curve", reheaded(func(h map[string]any) {
			h["epk"] = map[string]any{"kty": "EC", "crv": "P-256", "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE", "y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}
		}), malformed},
		{"it refuses an epk of another curve", reheaded(func(h map[string]any) {
			h["epk"] = json.RawMessage(jwkOf(t, newKey384(t).Public(), "", ""))
		}), malformed},
		{"it refuses a header with a member twice", raw(`{"alg":"ECDH-ES","alg":"ECDH-ES","enc":"A256GCM","kid":"x"}`), malformed},
		{"it refuses a header that is no JSON", raw(`x`), malformed},
		{"it refuses a header that is no base64url", "!!." + rest, malformed},
		{"it refuses a changed ciphertext", good[:len(good)-30] + "AAAA" + good[len(good)-26:], malformed},
		{"it refuses a tag cut short", good[:len(good)-8], malformed},
		{"it refuses three parts", "a.b.c", malformed},
		{"it refuses six parts", good + ".a", malformed},
		{"it refuses JSON called a JWT", body, malformed},
		{"it refuses nothing", "", malformed},
		{"it refuses what is no JSON inside", w.seal(t, "x", jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, nil), malformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{"/credential", "/credential-deferred"} {
				a := w.do(t, "POST", path, "kim", "application/jwt", c.jwe)
				if a.status != 400 || code(t, a) != c.code || w.count(t) != 0 {
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			}
		})
	}
	t.Run("it refuses too much", func(t *testing.T) {
		if a := w.do(t, "POST", "/credential", "kim", "application/jwt", strings.Repeat("a", 3*openid4vci.MaxMessage)); a.status != 413 && a.status != 400 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it takes the request after all this", func(t *testing.T) {
		if a := w.do(t, "POST", "/credential", "kim", "application/jwt", good); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it never takes an encrypted notification", func(t *testing.T) {
		if a := w.do(t, "POST", "/notification", "kim", "application/jwt", good); a.status != 415 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

//clause:issuer 10: requests and answers encrypted, alg of the JWK, kid repeated, no compression, errors in the clear
//clause:issuer 8.2, 9.1, 12.2.4: encryption_required; a wish for encryption is taken of an encrypted request alone
func TestResponseEncryptionRefuses(t *testing.T) {
	w := newWorld(t)
	to := w.metadataOf(t).CredentialRequestEncryption.JWKS.Keys[0]
	own := newKey(t)
	public := jwkOf(t, own.Public(), "ECDH-ES", "k")
	wish := func(jwk, enc, more string) string { return `{"jwk":` + jwk + `,"enc":"` + enc + `"` + more + `}` }
	for _, c := range []struct{ name, wish string }{
		{"it refuses nothing", `{}`},
		{"it refuses no key", `{"enc":"A128GCM"}`},
		{"it refuses no enc", `{"jwk":` + public + `}`},
		{"it refuses CBC", wish(public, "A128CBC-HS256", "")},
		{"it refuses an unknown enc", wish(public, "rot13", "")},
		{"it refuses compression", wish(public, "A128GCM", `,"zip":"DEF"`)},
		{"it refuses a private key", wish(jwkOf(t, own, "ECDH-ES", "k"), "A128GCM", "")},
		{"it refuses a secret", wish(`{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA","alg":"ECDH-ES"}`, "A128GCM", "")},
		{"it refuses RSA", wish(`{"kty":"RSA","alg":"RSA-OAEP-256","n":"`+strings.Repeat("z", 342)+`","e":"AQAB"}`, "A128GCM", "")},
		{"it refuses Ed25519", wish(`{"kty":"OKP","crv":"Ed25519","alg":"ECDH-ES","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "A128GCM", "")},
		{"it refuses a key without alg", wish(jwkOf(t, own.Public(), "", "k"), "A128GCM", "")},
		{"it refuses a key of another alg", wish(jwkOf(t, own.Public(), "ECDH-ES+A128KW", "k"), "A128GCM", "")},
		{"it refuses a key to sign with", wish(strings.Replace(public, "{", `{"use":"sig",`, 1), "A128GCM", "")},
		{"it refuses a point off the curve", wish(`{"kty":"EC","crv":"P-256","alg":"ECDH-ES","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`, "A128GCM", "")},
		{"it refuses a key twice", `{"jwk":` + public + `,"jwk":` + public + `,"enc":"A128GCM"}`},
		{"it refuses a list", `[]`},
		{"it refuses text", `"A128GCM"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := strings.Replace(request(credential.ConfigResidentCard, "x"), "{", `{"credential_response_encryption":`+c.wish+`,`, 1)
			a := w.do(t, "POST", "/credential", "kim", "application/jwt", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, nil))
			if a.status != 400 || code(t, a) != "invalid_encryption_parameters" || w.count(t) != 0 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	t.Run("it refuses a wish that anybody on the way could have put in", func(t *testing.T) {
		body := strings.Replace(request(credential.ConfigResidentCard, w.holders(t, 1)...), "{", `{"credential_response_encryption":`+wish(public, "A128GCM", "")+`,`, 1)
		a := w.do(t, "POST", "/credential", "kim", "application/json", body)
		if a.status != 400 || code(t, a) != "invalid_encryption_parameters" || w.count(t) != 0 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

//clause:issuer 8.2, 9.1, 12.2.4: encryption_required; a wish for encryption is taken of an encrypted request alone
func TestEncryptionRequired(t *testing.T) {
	w := newWorld(t)
	w.EncryptionRequired = true
	m := w.metadataOf(t)
	if !m.CredentialRequestEncryption.EncryptionRequired || !m.CredentialResponseEncryption.EncryptionRequired {
		t.Errorf("%+v", m)
	}
	to := m.CredentialRequestEncryption.JWKS.Keys[0]
	body := request(credential.ConfigResidentCard, w.holders(t, 1)...)
	for _, path := range []string{"/credential", "/credential-deferred"} {
		if a := w.do(t, "POST", path, "kim", "application/json", body); !strings.Contains(string(a.body), "takes encrypted requests alone") {
			t.Errorf("%s: it reads a plain request: %s", path, a.body)
		}
	}
	for name, a := range map[string]answer{
		"it refuses a plain request":     w.do(t, "POST", "/credential", "kim", "application/json", body),
		"it refuses a plain collection":  w.do(t, "POST", "/credential-deferred", "kim", "application/json", collect("x")),
		"it refuses to answer in plain":  w.do(t, "POST", "/credential", "kim", "application/jwt", w.seal(t, body, jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, nil)),
		"it refuses to collect in plain": w.do(t, "POST", "/credential-deferred", "kim", "application/jwt", w.seal(t, collect("x"), jose.ECDH_ES, jose.A256GCM, to.Key, to.KeyID, nil)),
	} {
		if a.status != 400 || code(t, a) != "invalid_encryption_parameters" || w.count(t) != 0 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := w.do(t, "POST", "/notification", "kim", "application/json", `{"notification_id":"x","event":"credential_accepted"}`); code(t, a) != "invalid_notification_id" {
		t.Errorf("a notification, which is never encrypted: %d %s", a.status, a.body)
	}
}

// An issuer without a key for it offers no encryption, and says so.
func TestNoEncryption(t *testing.T) {
	w := newWorld(t)
	w.RequestKeys = nil
	if m := w.metadataOf(t); m.CredentialRequestEncryption != nil || m.CredentialResponseEncryption != nil {
		t.Errorf("%+v", m)
	}
	body := strings.Replace(request(credential.ConfigResidentCard, "x"), "{", `{"credential_response_encryption":{},`, 1)
	a := w.do(t, "POST", "/credential", "kim", "application/json", body)
	if a.status != 400 || code(t, a) != "invalid_encryption_parameters" || !strings.Contains(string(a.body), "does not encrypt") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := w.do(t, "POST", "/credential", "kim", "application/jwt", "a.b.c.d.e"); a.status != 415 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// The key is the same after a restart and at every replica, and of its secret alone.
func TestRequestKey(t *testing.T) {
	first, err := issuance.RequestKey(bytes.Repeat([]byte{7}, 32))
	again, err2 := issuance.RequestKey(bytes.Repeat([]byte{7}, 32))
	other, err3 := issuance.RequestKey(bytes.Repeat([]byte{8}, 32))
	if err != nil || err2 != nil || err3 != nil {
		t.Fatal(err, err2, err3)
	}
	if !first.Key.(*ecdsa.PrivateKey).Equal(again.Key) || first.Key.(*ecdsa.PrivateKey).Equal(other.Key) || first.KeyID != again.KeyID || first.KeyID == other.KeyID {
		t.Errorf("%s %s %s", first.KeyID, again.KeyID, other.KeyID)
	}
}
