package sdjwt

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	compact "github.com/govmydata/mydata/pkg/jws"
)

//clause:formats RFC 9901, 7: each digest once, no reserved names, key binding over the exact string
func TestKeyBindingRefuses(t *testing.T) {
	issuer, holder := newKey(t), newKey(t)
	issued, err := Issue(Key{Signer: issuer}, twentyClaims(holder))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	want := KeyBinding{Audience: "x509_hash:abc", Nonce: "n", IssuedAt: now}
	change := func(f func(*KeyBinding)) KeyBinding { kb := want; f(&kb); return kb }
	own := func(header, payload string) string {
		signed, err := compact.AppendSigned(nil, holder, []byte(header), []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	payload := func(more string) string {
		return fmt.Sprintf(`{"aud":"x509_hash:abc","nonce":"n","iat":%d,"sd_hash":"%s"%s}`, now.Unix(), digestText(issued), more)
	}
	const header = `{"alg":"ES256","typ":"kb+jwt"}`
	cases := []struct {
		name string
		kb   KeyBinding
		raw  string // instead
		want KeyBinding
		ok   bool
		says string // where another rule would refuse too
	}{
		{name: "it takes what was asked for", kb: want, ok: true},
		{name: "it takes one just old enough", kb: change(func(k *KeyBinding) { k.IssuedAt = now.Add(-KeyBindingMaxAge) }), ok: true},
		{name: "it takes a clock a little ahead", kb: change(func(k *KeyBinding) { k.IssuedAt = now.Add(10 * time.Second) }), ok: true},
		{name: "it refuses one too old", kb: change(func(k *KeyBinding) { k.IssuedAt = now.Add(-KeyBindingMaxAge - time.Second) })},
		{name: "it refuses one from the future", kb: change(func(k *KeyBinding) { k.IssuedAt = now.Add(61 * time.Second) })},
		{name: "it refuses another audience", kb: change(func(k *KeyBinding) { k.Audience = "abc" })},
		{name: "it refuses another nonce", kb: change(func(k *KeyBinding) { k.Nonce = "m" })},
		{name: "it refuses transaction data that nobody asked for", kb: change(func(k *KeyBinding) { k.TransactionDataHashes = []string{"h"} })},
		{name: "it refuses missing transaction data", kb: want, want: change(func(k *KeyBinding) { k.TransactionDataHashes = []string{"h"} })},
		{name: "it takes the transaction data asked for", kb: change(func(k *KeyBinding) { k.TransactionDataHashes = []string{"h"} }),
			want: change(func(k *KeyBinding) { k.TransactionDataHashes = []string{"h"} }), ok: true},
		{name: "it refuses to want no audience", kb: change(func(k *KeyBinding) { k.Audience = "" }), want: change(func(k *KeyBinding) { k.Audience = "" })},
		{name: "it refuses to want no nonce", kb: change(func(k *KeyBinding) { k.Nonce = "" }), want: change(func(k *KeyBinding) { k.Nonce = "" })},
		{name: "it takes the same by hand", raw: own(header, payload("")), ok: true},
		{name: "it refuses another typ", raw: own(`{"alg":"ES256","typ":"JWT"}`, payload(""))},
		{name: "it refuses another alg", raw: own(`{"alg":"none","typ":"kb+jwt"}`, payload(""))},
		{name: "it refuses one that expired", raw: own(header, payload(fmt.Sprintf(`,"exp":%d`, now.Unix())))},
		{name: "it refuses a name twice", raw: own(header, payload(`,"nonce":"n"`))},
		{name: "it refuses several audiences", raw: own(header, strings.Replace(payload(""), `"x509_hash:abc"`, `["x509_hash:abc"]`, 1))},
		{name: "it refuses a missing iat", raw: own(header, strings.Replace(payload(""), `"iat"`, `"ati"`, 1))},
		{name: "it refuses an iat that is no number", raw: own(header, strings.Replace(payload(""), fmt.Sprint(now.Unix()), `"1"`, 1)), says: "iat is not a time"},
		{name: "it refuses another sd_hash", raw: own(header, strings.Replace(payload(""), digestText(issued), digestText(issued+"x"), 1))},
		{name: "it refuses another hash of transaction data", raw: own(header, payload(`,"transaction_data_hashes_alg":"sha-512"`))},
		{name: "it refuses a hash of transaction data that is no name", raw: own(header, payload(`,"transaction_data_hashes_alg":7`))},
		{name: "it refuses an iat beyond all times", raw: own(header, strings.Replace(payload(""), fmt.Sprint(now.Unix()), "1e300", 1))},
		{name: "it refuses an exp that is no number", raw: own(header, payload(`,"exp":"never"`)), says: "exp is not a time"},
		{name: "it refuses transaction data that is no array", raw: own(header, payload(`,"transaction_data_hashes":"h"`))},
		{name: "it refuses transaction data that is no string", raw: own(header, payload(`,"transaction_data_hashes":[1]`)),
			want: change(func(k *KeyBinding) { k.TransactionDataHashes = []string{"1"} })},
		{name: "it refuses a payload that is no object", raw: own(header, `[]`)},
		{name: "it refuses what is no JWS", raw: "x"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			presented := issued + c.raw
			if c.raw == "" {
				var err error
				if presented, err = Bind(issued, holder, c.kb); err != nil {
					t.Fatal(err)
				}
			}
			if c.want.IssuedAt.IsZero() {
				c.want = want
			}
			parsed, err := Parse(presented)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parsed.VerifyKeyBinding(&holder.PublicKey, c.want)
			if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrKeyBinding) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("it refuses another's key", func(t *testing.T) {
		presented, err := Bind(issued, newKey(t), want)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := Parse(presented)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.VerifyKeyBinding(&holder.PublicKey, want); !errors.Is(err, ErrKeyBinding) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("it refuses another selection under the same binding", func(t *testing.T) {
		presented, err := Bind(issued, holder, want)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(presented, "~")
		parsed, err := Parse(strings.Join(append(parts[:1:1], parts[2:]...), "~"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.VerifyKeyBinding(&holder.PublicKey, want); !errors.Is(err, ErrKeyBinding) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("it refuses a presentation without binding", func(t *testing.T) {
		parsed, err := Parse(issued)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsed.VerifyKeyBinding(&holder.PublicKey, want); !errors.Is(err, ErrKeyBinding) || !strings.Contains(err.Error(), "none there") {
			t.Errorf("got %v", err)
		}
	})
}

func TestBindRefuses(t *testing.T) {
	for _, presentation := range []string{"", "a.b.c", "a.b.c~kb"} {
		if _, err := Bind(presentation, newKey(t), KeyBinding{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("it refuses %q: %v", presentation, err)
		}
	}
}

// mute is a signer that answers with no signature.
type mute struct{ crypto.Signer }

func (mute) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return []byte("none"), nil }

func TestBindWantsASignature(t *testing.T) {
	if bound, err := Bind("a.b.c~", mute{newKey(t)}, KeyBinding{}); err == nil {
		t.Errorf("bound: %s", bound)
	}
}

func TestHolderKeyRefuses(t *testing.T) {
	key := newKey(t)
	data, err := jose.JSONWebKey{Key: key.Public()}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	read, err := decodeJSON(string(data))
	good, ok := read.(map[string]any)
	if !ok {
		t.Fatal(err)
	}
	with := func(name string, value any) map[string]any {
		jwk := map[string]any{}
		for k, v := range good {
			jwk[k] = v
		}
		jwk[name] = value
		return map[string]any{"cnf": map[string]any{"jwk": jwk}}
	}
	if got, err := HolderKey(with("kid", "1")); err != nil || !key.PublicKey.Equal(got.Key) {
		t.Errorf("it reads a key: %v", err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	shifted := with("x", b64.EncodeToString(point[1:32]))
	shifted["cnf"].(map[string]any)["jwk"].(map[string]any)["y"] = b64.EncodeToString(point[32:])
	for name, claims := range map[string]map[string]any{
		"shifted coordinates": shifted,
		"no cnf":              {},
		"no jwk":              {"cnf": map[string]any{"kid": "x"}},
		"a private key":       with("d", "AAAA"),
		"another curve":       with("crv", "P-384"),
		"another type":        with("kty", "RSA"),
		"a point off curve":   with("x", b64.EncodeToString(make([]byte, 32))),
		"a short coordinate":  with("y", "AAAA"),
		"a coordinate number": with("y", 7.0),
	} {
		if _, err := HolderKey(claims); !errors.Is(err, ErrKeyBinding) {
			t.Errorf("it refuses %s: %v", name, err)
		}
	}
	if _, err := HolderKey(nil); err == nil || !strings.Contains(err.Error(), "no cnf.jwk") {
		t.Errorf("it does not say that the key is missing: %v", err)
	}
}
