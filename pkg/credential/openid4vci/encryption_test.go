package openid4vci_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

func sealKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func wish(t testing.TB, key any, enc string) []byte {
	t.Helper()
	out, err := json.Marshal(map[string]any{"enc": enc, "jwk": jose.JSONWebKey{Key: key, KeyID: "k", Algorithm: "ECDH-ES"}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

//clause:issuer 10: requests and answers encrypted, alg of the JWK, kid repeated, no compression, errors in the clear
func TestSealAndOpen(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		for _, enc := range openid4vci.ContentEncryptions() {
			t.Run("it opens what it sealed, "+curve.Params().Name+" "+enc, func(t *testing.T) {
				key := sealKey(t, curve)
				e, err := openid4vci.ParseEncryption(wish(t, key.Public(), enc))
				if err != nil {
					t.Fatal(err)
				}
				jwe, err := e.Seal(map[string]string{"a": "b"})
				if err != nil {
					t.Fatal(err)
				}
				plain, err := openid4vci.Open(jwe, []jose.JSONWebKey{{Key: sealKey(t, curve), KeyID: "other"}, {Key: key, KeyID: "k"}})
				if err != nil || string(plain) != `{"a":"b"}` {
					t.Errorf("%s %v", plain, err)
				}
				_, err = openid4vci.Open(jwe, []jose.JSONWebKey{{Key: sealKey(t, curve), KeyID: "k"}})
				wantsCode(t, err, openid4vci.InvalidCredentialRequest)
				_, err = openid4vci.Open(jwe, nil)
				wantsCode(t, err, openid4vci.InvalidEncryptionParameters)
			})
		}
	}
	t.Run("it refuses what is too long before it reads it", func(t *testing.T) {
		_, err := openid4vci.Open(strings.Repeat("a", 2*openid4vci.MaxMessage)+"....", nil)
		wantsCode(t, err, openid4vci.InvalidCredentialRequest)
		if !strings.Contains(err.Error(), "longer than") {
			t.Error(err)
		}
	})
}

// says is wantsCode, and that it was this very check.
func says(t *testing.T, err error, code openid4vci.Code, check string) {
	t.Helper()
	wantsCode(t, err, code)
	if !strings.HasPrefix(err.Error(), string(code)+": "+check+": ") {
		t.Errorf("%v, want the check %s", err, check)
	}
}

func TestParseEncryptionRefuses(t *testing.T) {
	key := sealKey(t, elliptic.P256())
	const public = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","alg":"ECDH-ES"}`
	good := `{"enc":"A128GCM","jwk":` + public + `}`
	if _, err := openid4vci.ParseEncryption([]byte(good)); err != nil {
		t.Fatal(err)
	}
	private, err := json.Marshal(jose.JSONWebKey{Key: key, Algorithm: "ECDH-ES"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, body, check string }{
		{"it refuses what is no object", `7`, "encryption"},
		{"it refuses no key", `{"enc":"A128GCM"}`, "jwk"},
		{"it refuses what is no key", `{"enc":"A128GCM","jwk":{"kty":"EC"}}`, "jwk"},
		{"it refuses a private key", `{"enc":"A128GCM","jwk":` + string(private) + `}`, "jwk"},
		{"it refuses a secret", `{"enc":"A128GCM","jwk":{"kty":"oct","k":"AAAA","alg":"ECDH-ES"}}`, "jwk"},
		{"it refuses another enc", strings.Replace(good, "A128GCM", "A192GCM", 1), "enc"},
		{"it refuses compression", strings.Replace(good, "{", `{"zip":"DEF",`, 1), "zip"},
		{"it refuses another alg", strings.Replace(good, "ECDH-ES", "ECDH-ES+A256KW", 1), "alg"},
		{"it refuses a key to sign with", strings.Replace(good, `{"kty"`, `{"use":"sig","kty"`, 1), "use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openid4vci.ParseEncryption([]byte(c.body))
			says(t, err, openid4vci.InvalidEncryptionParameters, c.check)
		})
	}
	for body, words := range map[string]string{`{"enc":"A128GCM"}`: "missing", `{"enc":"A128GCM","jwk":{"kty":"EC"}}`: "not a key"} {
		if _, err := openid4vci.ParseEncryption([]byte(body)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %s", err, words)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	keys := []jose.JSONWebKey{{Key: sealKey(t, elliptic.P256()), KeyID: "k"}}
	const good = `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k"}`
	headed := func(header string) string { return base64.RawURLEncoding.EncodeToString([]byte(header)) + "...." }
	const params, malformed = openid4vci.InvalidEncryptionParameters, openid4vci.InvalidCredentialRequest
	for _, c := range []struct {
		name, jwe string
		code      openid4vci.Code
		check     string
	}{
		{"it refuses a header that is no base64url", "!....", malformed, "jwe"},
		{"it refuses too few parts", base64.RawURLEncoding.EncodeToString([]byte(good)) + "...", malformed, "jwe"},
		{"it refuses too many parts", headed(good) + ".", malformed, "jwe"},
		{"it refuses parts that are no base64url", base64.RawURLEncoding.EncodeToString([]byte(good)) + ".!.!.!.!", malformed, "jwe"},
		{"it refuses a header that is no JSON", headed("x"), malformed, "jwe header"},
		{"it refuses another alg", headed(strings.Replace(good, "ECDH-ES", "dir", 1)), params, "alg"},
		{"it refuses another enc", headed(strings.Replace(good, "A128GCM", "A192GCM", 1)), params, "enc"},
		{"it refuses compression", headed(strings.Replace(good, "{", `{"zip":"DEF",`, 1)), params, "zip"},
		{"it refuses a token in a token", headed(strings.Replace(good, "{", `{"cty":"JWT",`, 1)), params, "header"},
		{"it refuses what is critical", headed(strings.Replace(good, "{", `{"crit":["x"],`, 1)), params, "header"},
		{"it refuses no kid", headed(strings.Replace(good, `,"kid":"k"`, ``, 1)), params, "kid"},
		{"it refuses another kid", headed(strings.Replace(good, `"k"}`, `"x"}`, 1)), params, "kid"},
		{"it refuses what is too long", strings.Repeat("a", 2*openid4vci.MaxMessage) + "....", malformed, "jwe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openid4vci.Open(c.jwe, keys)
			says(t, err, c.code, c.check)
		})
	}
	for jwe, words := range map[string]string{
		strings.Repeat("a", 2*openid4vci.MaxMessage) + "....":           "longer than",
		headed(strings.Replace(good, `,"kid":"k"`, ``, 1)):              "missing",
		base64.RawURLEncoding.EncodeToString([]byte(good)) + ".!.!.!.!": "not a compact JWE",
	} {
		if _, err := openid4vci.Open(jwe, keys); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %s", err, words)
		}
	}
}

func TestRequestKeys(t *testing.T) {
	key := sealKey(t, elliptic.P256())
	set, err := openid4vci.RequestKeys([]jose.JSONWebKey{{Key: key, KeyID: "k"}})
	if err != nil || len(set.Keys) != 1 || !set.Keys[0].IsPublic() || set.Keys[0].Algorithm != "ECDH-ES" || set.Keys[0].Use != "enc" {
		t.Errorf("%+v %v", set, err)
	}
	for name, keys := range map[string][]jose.JSONWebKey{"it refuses a key without kid": {{Key: key}}, "it refuses a secret": {{Key: []byte("secret"), KeyID: "k"}}} {
		if _, err := openid4vci.RequestKeys(keys); err == nil {
			t.Error(name)
		}
	}
}

//clause:issuer 9: 202 with transaction_id and interval, the same id again, invalid_transaction_id, over after pick-up; whatever dies, one credential for one order
func TestParseDeferredRequest(t *testing.T) {
	for _, c := range []struct {
		name, body string
		code       openid4vci.Code
	}{
		{"it takes a transaction_id", `{"transaction_id":"a"}`, ""},
		{"it ignores what it does not know", `{"transaction_id":"a","other":[]}`, ""},
		{"it leaves encryption to who encrypts", `{"transaction_id":"a","credential_response_encryption":{}}`, ""},
		{"it refuses none", `{}`, "invalid_credential_request"},
		{"it refuses two", `{"transaction_id":"a","transaction_id":"a"}`, "invalid_credential_request"},
		{"it refuses another spelling", `{"TRANSACTION_ID":"a"}`, "invalid_credential_request"},
		{"it refuses a list", `["a"]`, "invalid_credential_request"},
		{"it refuses what follows", `{"transaction_id":"a"}{}`, "invalid_credential_request"},
		{"it refuses what is too long", `{"transaction_id":"` + strings.Repeat("a", openid4vci.MaxMessage) + `"}`, "invalid_credential_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := openid4vci.ParseDeferredRequest([]byte(c.body))
			wantsCode(t, err, c.code)
			if err == nil && r.TransactionID != "a" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A description is of the characters that section 11.1 allows.
//
//clause:issuer 11.1: one word for all copies, the same word again; event_description of the characters allowed
func TestNotificationDescription(t *testing.T) {
	for text, code := range map[string]openid4vci.Code{
		"Out of storage.": "", "": "", "!#[]~": "",
		`a\"b`: "invalid_notification_request", `a\\b`: "invalid_notification_request", `a\nb`: "invalid_notification_request",
		`\u0000`: "invalid_notification_request", "가": "invalid_notification_request", `\u007f`: "invalid_notification_request",
	} {
		_, err := openid4vci.ParseNotification([]byte(`{"notification_id":"a","event":"credential_deleted","event_description":"` + text + `"}`))
		wantsCode(t, err, code)
	}
}

//clause:issuer 10: requests and answers encrypted, alg of the JWK, kid repeated, no compression, errors in the clear
func FuzzOpen(f *testing.F) {
	key := sealKey(f, elliptic.P256())
	keys := []jose.JSONWebKey{{Key: key, KeyID: "k"}}
	e, err := openid4vci.ParseEncryption(wish(f, key.Public(), "A128GCM"))
	if err != nil {
		f.Fatal(err)
	}
	good, err := e.Seal(map[string]string{"transaction_id": "a"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "....", good + ".", "e30....", strings.Replace(good, ".", "..", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, jwe string) {
		plain, err := openid4vci.Open(jwe, keys)
		if _, ok := errors.AsType[*openid4vci.Error](err); err != nil && !ok || err == nil && len(plain) > len(jwe) {
			t.Fatalf("%v %d", err, len(plain))
		}
	})
}

func FuzzParseEncryption(f *testing.F) {
	f.Add(wish(f, sealKey(f, elliptic.P256()).Public(), "A256GCM"))
	f.Add([]byte(`{"jwk":{"kty":"oct","k":"AA","alg":"ECDH-ES"},"enc":"A128GCM"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := openid4vci.ParseEncryption(body)
		if err != nil {
			return
		}
		if _, err := e.Seal("x"); err != nil || !e.JWK.IsPublic() {
			t.Fatalf("it took %s: %v", body, err)
		}
	})
}

func FuzzParseDeferredRequest(f *testing.F) {
	f.Add([]byte(`{"transaction_id":"a"}`))
	f.Add([]byte(`{"transaction_id":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := openid4vci.ParseDeferredRequest(body); err == nil && r.TransactionID == "" {
			t.Fatal("it took nothing")
		}
	})
}
