package transfer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func encryptionKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSealOpens(t *testing.T) {
	key := encryptionKey(t)
	want := Sealed{Subject: "sub", ResidentID: "resident-07", SubjectSalt: "salt"}
	want.Approval.Key = "thumbprint"
	jwe, err := Seal(want, jose.JSONWebKey{Key: key.Public(), KeyID: "enc-1", Use: "enc"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(jwe, "resident-07") {
		t.Error("it can be read")
	}
	got, err := Open(jwe, key)
	if err != nil || got.Subject != want.Subject || got.ResidentID != want.ResidentID || got.Approval.Key != "thumbprint" {
		t.Errorf("Open = %+v, %v", got, err)
	}
	if _, err := Open(jwe, jose.JSONWebKey{Key: key, KeyID: "enc-1"}); err != nil {
		t.Errorf("a JWK: %v", err)
	}
}

// What is decoded lies in room that the next one overwrites: nothing of it may be left
// in what was answered.
func TestOpenedBefore(t *testing.T) {
	key := encryptionKey(t)
	var all [100]Sealed
	for i := range all {
		want := Sealed{Subject: strings.Repeat(string(rune('!'+i)), 50), SubjectSalt: "a\"b"}
		jwe, err := Seal(want, jose.JSONWebKey{Key: key.Public(), KeyID: "enc-1"})
		if err != nil {
			t.Fatal(err)
		}
		if all[i], err = Open(jwe, key); err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range all {
		if got.Subject != strings.Repeat(string(rune('!'+i)), 50) || got.SubjectSalt != "a\"b" {
			t.Errorf("the %dth is %+v", i, got)
		}
	}
}

func TestSealRefusesAPrivateKey(t *testing.T) {
	if _, err := Seal(Sealed{}, jose.JSONWebKey{Key: encryptionKey(t)}); err == nil || !strings.Contains(err.Error(), "not public") {
		t.Errorf("it does not say that the key is private: %v", err)
	}
}

// jwe makes a JWE with other headers than Seal's.
func jwe(t testing.TB, key *ecdsa.PrivateKey, alg jose.KeyAlgorithm, enc jose.ContentEncryption, o *jose.EncrypterOptions, plain string) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key.Public()}, o)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := e.Encrypt([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	s, err := obj.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenRefuses(t *testing.T) {
	key := encryptionKey(t)
	typed := func() *jose.EncrypterOptions { return (&jose.EncrypterOptions{}).WithType(typSealed) }
	zipped := typed()
	zipped.Compression = jose.DEFLATE
	good := jwe(t, key, jose.ECDH_ES, jose.A256GCM, typed(), "{}")
	if _, err := Open(good, key); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, jwe string }{
		{"it refuses another typ", jwe(t, key, jose.ECDH_ES, jose.A256GCM, nil, "{}")},
		{"it refuses another key agreement", jwe(t, key, jose.ECDH_ES_A128KW, jose.A256GCM, typed(), "{}")},
		{"it refuses another cipher", jwe(t, key, jose.ECDH_ES, jose.A128GCM, typed(), "{}")},
		{"it refuses compression", jwe(t, key, jose.ECDH_ES, jose.A256GCM, zipped, "{}")},
		{"it refuses another key", jwe(t, encryptionKey(t), jose.ECDH_ES, jose.A256GCM, typed(), "{}")},
		{"it refuses a member twice", jwe(t, key, jose.ECDH_ES, jose.A256GCM, typed(), `{"sub":"a","sub":"b"}`)},
		{"it refuses too much, however well sealed", jwe(t, key, jose.ECDH_ES, jose.A256GCM, typed(), `{"sub":"`+strings.Repeat("a", maxSealed)+`"}`)},
		{"it refuses nothing", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Open(tt.jwe, key); err == nil {
				t.Error("it opened")
			}
		})
	}
}

// FuzzOpen: what the short way opens, go-jose opens to the same.
func FuzzOpen(f *testing.F) {
	key := encryptionKey(f)
	s, err := Seal(Sealed{Subject: "s"}, jose.JSONWebKey{Key: key.Public(), KeyID: "k"})
	if err != nil {
		f.Fatal(err)
	}
	if _, ok := new(desk).unseal(s, key); !ok {
		f.Error("the short way does not open what Seal makes")
	}
	parts := strings.Split(s, ".")
	f.Add(s)
	f.Add("a.b.c.d.e")
	f.Add(parts[0] + ".AA." + parts[2] + "." + parts[3] + "." + parts[4])
	f.Add(s[:len(s)-1] + string(rune(s[len(s)-1]+1)))
	f.Add(s + ".e30")
	f.Add(jwe(f, key, jose.ECDH_ES, jose.A256GCM, (&jose.EncrypterOptions{}).WithType(typSealed), `{"sub":"s"}`))
	f.Add(jwe(f, key, jose.ECDH_ES, jose.A256GCM, (&jose.EncrypterOptions{}).WithType(typSealed).WithHeader("apu", "AA"), `{"sub":"s"}`))
	f.Add(jwe(f, key, jose.ECDH_ES, jose.A256GCM, (&jose.EncrypterOptions{Compression: jose.DEFLATE}).WithType(typSealed), `{"sub":"s"}`))
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := Open(s, key); err == nil {
			if _, err := json.Marshal(got); err != nil {
				t.Error(err)
			}
		}
		if got, ok := new(desk).unseal(s, key); ok {
			want, err := decrypt(s, key)
			if err != nil || string(got) != string(want) {
				t.Errorf("%q opens to %q, not to %q (%v)", s, got, want, err)
			}
		}
	})
}
