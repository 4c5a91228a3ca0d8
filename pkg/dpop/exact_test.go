package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func proofs(t testing.TB) (proof string, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMaker(key)
	if err != nil {
		t.Fatal(err)
	}
	if proof, err = m.Proof("GET", "https://a.example/", "", ""); err != nil {
		t.Fatal(err)
	}
	return proof, key
}

// What Maker writes is opened in the short way, and nothing that differs by a byte.
func TestExact(t *testing.T) {
	for range 20 { // leading zeros occur
		proof, key := proofs(t)
		found, jkt, payload, ok := exact(proof)
		want, err := Thumbprint(jose.JSONWebKey{Key: key.Public()})
		if !ok || err != nil || jkt != want || !key.PublicKey.Equal(found.Key) || !strings.Contains(string(payload), `"htm":"GET"`) {
			t.Fatalf("%v %s %s %v", ok, jkt, payload, err)
		}
	}
	proof, _ := proofs(t)
	head, rest, _ := strings.Cut(proof, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		changed := append([]byte{}, raw...)
		changed[i] ^= 1
		if _, _, _, ok := exact(base64.RawURLEncoding.EncodeToString(changed) + "." + rest); ok {
			t.Errorf("it opens with byte %d changed: %s", i, changed)
		}
	}
	other, _ := proofs(t)
	_, otherRest, _ := strings.Cut(other, ".")
	for name, text := range map[string]string{
		"nothing": "", "another's payload": head + "." + otherRest, "no signature": head + "." + strings.Split(rest, ".")[0] + ".",
		"a longer header": head + "A." + rest, "a header with a line break": head[:5] + "\n" + head[6:] + "." + rest,
	} {
		if _, _, _, ok := exact(text); ok {
			t.Errorf("it opens %s", name)
		}
	}
}

// Each known spelling is opened; as long as it is, any other is not.
func TestSpellings(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	x, y := text(point[1:33]), text(point[33:])
	sign := func(header string) string {
		signed := text([]byte(header)) + "." + text([]byte(`{"jti":"x"}`))
		digest := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		var both [64]byte
		r.FillBytes(both[:32])
		s.FillBytes(both[32:])
		return signed + "." + text(both[:])
	}
	for i, s := range spellings() {
		proof := sign(s.start + x + between + y + s.end)
		if _, jkt, _, ok := exact(proof); !ok || jkt == "" {
			t.Errorf("it does not open spelling %d", i)
		}
		if _, _, err := (Policy{}).open(proof); err != nil {
			t.Errorf("spelling %d: %v", i, err)
		}
		for name, header := range map[string]string{
			"coordinates in turn": s.start + x + between + x + s.end, "a shorter one": s.start + x[1:] + between + y + s.end,
			"a line break": s.start + x[:42] + "\n" + between + y + s.end, "another end": s.start + x + between + y + `"}}`, "no y": s.start + x + `","z":"` + y + s.end,
		} {
			if _, _, _, ok := exact(sign(header)); ok {
				t.Errorf("it opens spelling %d with %s", i, name)
			}
		}
	}
}

// FuzzExact: what opens in the short way opens with go-jose, by the same key, to
// the same payload.
func FuzzExact(f *testing.F) {
	proof, _ := proofs(f)
	f.Add(proof)
	f.Add(proof[:len(proof)-1])
	f.Add(proof + ".")
	f.Fuzz(func(t *testing.T, text string) {
		key, jkt, payload, ok := exact(text)
		if !ok {
			return
		}
		signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		header := signed.Signatures[0].Protected
		again, err := signed.Verify(header.JSONWebKey)
		name, err2 := Thumbprint(*header.JSONWebKey)
		if err != nil || err2 != nil || string(again) != string(payload) || name != jkt || header.ExtraHeaders[jose.HeaderType] != typ || !header.JSONWebKey.IsPublic() || key.KeyID != "" {
			t.Errorf("%q: %v %v", text, err, err2)
		}
	})
}
