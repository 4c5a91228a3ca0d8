package openid4vci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestSubject(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	public := jose.JSONWebKey{Key: key.Public(), KeyID: "enc"}
	want := Subject{Sub: "pseudonym", ResidentID: "resident-07"}
	sealed, err := SealSubject(want, public)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenSubject(sealed, key); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := SealSubject(want, jose.JSONWebKey{Key: key}); err == nil {
		t.Error("sealed with a private key")
	}
	nobody, err := SealSubject(Subject{ResidentID: "resident-07"}, public)
	if err != nil {
		t.Fatal(err)
	}
	foreign := func(options *jose.EncrypterOptions) string {
		enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: public.Key}, options)
		if err != nil {
			t.Fatal(err)
		}
		object, err := enc.Encrypt([]byte(`{"sub":"pseudonym"}`))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := object.CompactSerialize()
		return text
	}
	zipped := &jose.EncrypterOptions{Compression: jose.DEFLATE}
	for name, tt := range map[string]struct {
		jwe  string
		key  any
		says string
	}{
		"it refuses another's":           {sealed, other, "not for this key"},
		"it refuses what names nobody":   {nobody, key, "names nobody"},
		"it refuses another kind of JWE": {foreign((&jose.EncrypterOptions{}).WithType("mydata-sealed+jwe")), key, "typ is not"},
		"it refuses what is compressed":  {foreign(zipped.WithType(subjectTyp)), key, "compressed"},
		"it refuses no JWE":              {"a.b.c.d.e", key, "not a JWE"},
		"it refuses what is too long":    {string(make([]byte, MaxMessage+1)), key, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := OpenSubject(tt.jwe, tt.key); err == nil || s != (Subject{}) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

func FuzzOpenSubject(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := SealSubject(Subject{Sub: "x"}, jose.JSONWebKey{Key: key.Public()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("a.b.c.d.e")
	f.Fuzz(func(t *testing.T, jwe string) {
		if s, err := OpenSubject(jwe, key); err == nil && s.Sub == "" {
			t.Error("it opened to nobody")
		}
	})
}

//clause:issuer 5.1.1, with RFC 9396: a document of an agency, by `locations`; one for one agency; what is not known is ignored
func TestParseDetail(t *testing.T) {
	const good = `{"type":"openid_credential","credential_configuration_id":"extract","locations":["https://a.example"]}`
	for name, tt := range map[string]struct{ text, says string }{
		"it takes one document of one issuer":    {good, ""},
		"it refuses another type":                {strings.Replace(good, "openid_credential", "other", 1), "type: it is not"},
		"it refuses no document":                 {strings.Replace(good, `"extract"`, `""`, 1), "credential_configuration_id: missing"},
		"it refuses no issuer":                   {strings.Replace(good, `"https://a.example"`, ``, 1), "locations"},
		"it refuses two issuers":                 {strings.Replace(good, `"https://a.example"`, `"https://a.example","https://b.example"`, 1), "locations"},
		"it refuses an empty issuer":             {strings.Replace(good, `"https://a.example"`, `""`, 1), "locations"},
		"it ignores what it does not know":       {strings.Replace(good, `{`, `{"other":1,`, 1), ""},
		"it ignores wishes about claims":         {strings.Replace(good, `{`, `{"claims":[{"path":["name"]}],`, 1), ""},
		"it refuses an empty list of claims":     {strings.Replace(good, `{`, `{"claims":[],`, 1), "claims"},
		"it refuses claims that are no list":     {strings.Replace(good, `{`, `{"claims":{},`, 1), "json"},
		"it ignores identifiers, which are ours": {strings.Replace(good, `{`, `{"credential_identifiers":["x"],`, 1), ""},
		"it refuses a member twice":              {strings.Replace(good, `{`, `{"type":"openid_credential",`, 1), "json"},
		"it refuses a member of another kind":    {strings.Replace(good, `"extract"`, `7`, 1), "json"},
		"it refuses what is no object":           {`[]`, "json"},
		"it refuses what is too long":            {good + strings.Repeat(" ", MaxMessage), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := ParseDetail([]byte(tt.text))
			if tt.says == "" {
				if err != nil || d.CredentialConfigurationID != "extract" || d.Locations[0] != "https://a.example" {
					t.Errorf("%+v, %v", d, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) || d.Type != "" {
				t.Errorf("%+v, %v, want %s", d, err, tt.says)
			}
		})
	}
}

//clause:issuer 5.1.1, with RFC 9396: a document of an agency, by `locations`; one for one agency; what is not known is ignored
func FuzzParseDetail(f *testing.F) {
	f.Add([]byte(`{"type":"openid_credential","credential_configuration_id":"extract","locations":["https://a.example"]}`))
	f.Add([]byte(`{"type":"openid_credential","locations":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if d, err := ParseDetail(body); err == nil && (d.CredentialConfigurationID == "" || len(d.Locations) != 1 || len(d.CredentialIdentifiers) > 0) {
			t.Fatalf("%+v", d)
		}
	})
}
