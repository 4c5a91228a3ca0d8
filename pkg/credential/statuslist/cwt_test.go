package statuslist

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/veraison/go-cose"
)

// exampleKey signed the examples of the draft (its source, src/util.py).
func exampleKey(t testing.TB) *ecdsa.PublicKey {
	t.Helper()
	point := []byte{4} // uncompressed
	for _, text := range []string{"I3HWm_0Ds1dPMI-IWmf4mBmH-YaeAVbPVu7vB27CxXo", "6N_d5Elj9bs1htgV3okJKIdbHEpkgTmAluYKJemzn1M"} {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, raw...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The tokens that the draft shows: 5.2, in hexadecimal, and 8.2.
const (
	exampleCWT = "d2845820a2012610781a6170706c69636174696f6e2f7374617475736c6973742b637774a1044231325850a502782168747470733a2f2f6578616d706c652e636f6d2f7374617475736c697374732f31061a648c5bea041a8898dfea19fffe19a8c019fffda2646269747301636c73744a78dadbb918000217015d584093fa4d01032b18c35e2fe1101b77fd6cc9440022caa4694450c4e4e9feab4e99d1fa6d9772ce2bf3a12e0323ded7c982c5e101a5e67f0cbc1e2b6f57ce99c279"
	exampleJWT = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEyIiwidHlwIjoic3RhdHVzbGlzdCtqd3QifQ.eyJleHAiOjIyOTE3MjAxNzAsImlhdCI6MTY4NjkyMDE3MCwiaXNzIjoiaHR0cHM6Ly9leGFtcGxlLmNvbSIsInN0YXR1c19saXN0Ijp7ImJpdHMiOjEsImxzdCI6ImVOcmJ1UmdBQWhjQlhRIn0sInN1YiI6Imh0dHBzOi8vZXhhbXBsZS5jb20vc3RhdHVzbGlzdHMvMSIsInR0bCI6NDMyMDB9.2lKUUNG503R9htu4aHAYi7vjmr3sgApbfoDvPrl65N3URUO1EYqqQl45Jfzd-Av4QzlKa3oVALpLwOEUOq-U_g"
)

//clause:formats Token Status List draft-21 (OpenID4VCI 1.0 pins draft 12, the same on the wire save 404 for 406): see the next section
//clause:status 4.2, 5.1: the JWT, its typ, what it has to say; ES256 alone, so no MAC and no `none`
func TestPublishedTokens(t *testing.T) {
	cwt, err := hex.DecodeString(exampleCWT)
	if err != nil {
		t.Fatal(err)
	}
	trust := func([][]byte) (crypto.PublicKey, error) { return exampleKey(t), nil }
	for name, read := range map[string]func() (Token, error){
		"it reads the CWT of the draft": func() (Token, error) { return VerifyCWT(cwt, "https://example.com/statuslists/1", now, trust) },
		"it reads the JWT of the draft": func() (Token, error) { return Verify(exampleJWT, "https://example.com/statuslists/1", now, trust) },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read()
			if err != nil {
				t.Fatal(err)
			}
			if got.IssuedAt.Unix() != 1686920170 || got.Expires.Unix() != 2291720170 || got.TTL != 12*time.Hour || !bytes.Equal(got.List.Bytes(), []byte{0xb9, 0xa3}) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// The longer vectors: four bits and eight (draft 18, C.3 and C.4).
//
//clause:status 4.1: 1, 2, 4, 8 bits, from the least significant; ZLIB; the published vectors of each width
func TestPublishedVectorsOfMoreBits(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Lists []struct {
			Bits     int      `json:"bits"`
			List     string   `json:"lst"`
			Statuses [][2]int `json:"statuses"`
		} `json:"lists"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Lists {
		list, err := Decode(v.Bits, v.List)
		if err != nil || list.Len() != 1<<20 {
			t.Fatalf("%d bits: %v", v.Bits, err)
		}
		want, err := New(v.Bits, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range v.Statuses {
			if err := want.Set(s[0], Status(s[1])); err != nil {
				t.Fatal(err)
			}
			if got, err := list.Get(s[0]); err != nil || int(got) != s[1] {
				t.Errorf("%d bits: status[%d] = %d, %v, want %d", v.Bits, s[0], got, err, s[1])
			}
		}
		if !bytes.Equal(list.Bytes(), want.Bytes()) {
			t.Errorf("%d bits: something else is set too", v.Bits)
		}
	}
}

//clause:status 4.3, 5.2: the CWT, COSE_Sign1 tagged 18 and not 61, its type in the protected header, x5chain (RFC 9360)
func TestSignVerifyCWT(t *testing.T) {
	key := newKey(t)
	for _, bits := range []int{1, 2, 4, 8} {
		list, err := New(bits, 64)
		if err != nil {
			t.Fatal(err)
		}
		if err := list.Set(3, Invalid); err != nil {
			t.Fatal(err)
		}
		for certificates := range 3 {
			chain := make([][]byte, certificates)
			for i := range chain {
				chain[i] = []byte{byte(i + 1)}
			}
			want := Token{URI: "https://a.example/1", IssuedAt: now, Expires: now.Add(time.Hour), TTL: 30 * time.Second, List: list, Aggregation: "https://a.example/all"}
			cwt, err := SignCWT(Key{Signer: key, KeyID: "k", X5C: chain}, want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := VerifyCWT(cwt, want.URI, now, func(x5c [][]byte) (crypto.PublicKey, error) {
				if len(x5c) != certificates {
					t.Errorf("chain %v of %d", x5c, certificates)
				}
				return key.Public(), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if status, err := got.List.Get(3); err != nil || status != Invalid || got.List.Bits() != bits {
				t.Errorf("%d bits: status %d, %v", bits, status, err)
			}
			if got.URI != want.URI || !got.IssuedAt.Equal(want.IssuedAt) || !got.Expires.Equal(want.Expires) || got.TTL != want.TTL || got.Aggregation != want.Aggregation {
				t.Errorf("%+v", got)
			}
		}
	}
}

// forged is a CWT as good as ours save for what change does.
type forged struct {
	protected   cose.ProtectedHeader
	unprotected cose.UnprotectedHeader
	claims      map[any]any
	list        map[any]any
	payload     []byte // instead of the claims
	alg         cose.Algorithm
	key         crypto.Signer
	after       func([]byte) []byte
}

func forge(t testing.TB, key crypto.Signer, change func(*forged)) []byte {
	t.Helper()
	f := &forged{
		protected:   cose.ProtectedHeader{cose.HeaderLabelType: MediaTypeCWT},
		unprotected: cose.UnprotectedHeader{},
		list:        map[any]any{"bits": 1, "lst": mustHex(t, "78dadbb918000217015d")},
		alg:         cose.AlgorithmES256, key: key,
	}
	f.claims = map[any]any{2: "https://a.example/1", 6: now.Unix(), 4: now.Unix() + 60, 65534: 10}
	if change != nil {
		change(f)
	}
	if f.list != nil {
		f.claims[65533] = f.list
	}
	payload := f.payload
	if payload == nil {
		var err error
		if payload, err = cbor.Marshal(f.claims); err != nil {
			t.Fatal(err)
		}
	}
	signer, err := cose.NewSigner(f.alg, f.key)
	if err != nil {
		t.Fatal(err)
	}
	cwt, err := cose.Sign1(rand.Reader, signer, cose.Headers{Protected: f.protected, Unprotected: f.unprotected}, payload, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.after != nil {
		cwt = f.after(cwt)
	}
	return cwt
}

func mustHex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

//clause:status 4.3, 5.2: the CWT, COSE_Sign1 tagged 18 and not 61, its type in the protected header, x5chain (RFC 9360)
func TestVerifyCWTRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name, value any) func(*forged) { return func(f *forged) { f.claims[name] = value } }
	item := func(name string, value any) func(*forged) { return func(f *forged) { f.list[name] = value } }
	bytesOf := func(hexed string) func(*forged) { return func(f *forged) { f.payload = mustHex(t, hexed) } }
	cases := []struct {
		name   string
		change func(*forged)
		trust  Trust
		err    error
		says   string
	}{
		{name: "it takes a good one"},
		{name: "it takes one without exp and ttl", change: func(f *forged) { delete(f.claims, 4); delete(f.claims, 65534) }},
		{name: "it takes times with fractions", change: claim(6, float64(now.Unix())-0.5)},
		{name: "it takes claims of others", change: claim("x", 1)},
		{name: "it takes the chain from the unprotected header", change: func(f *forged) { f.unprotected[cose.HeaderLabelX5Chain] = []byte{1} }},
		{name: "it refuses another's signature", change: func(f *forged) { f.key = other }, err: ErrUntrusted, says: "signature"},
		{name: "it refuses a changed signature", change: func(f *forged) { f.after = func(b []byte) []byte { b[len(b)-1] ^= 1; return b } }, err: ErrUntrusted, says: "signature"},
		{name: "it refuses a changed payload", change: func(f *forged) {
			f.after = func(b []byte) []byte { return b }
			f.after = func(b []byte) []byte { b[len(b)-80] ^= 1; return b }
		}, err: ErrUntrusted, says: "signature"},
		{name: "it refuses whom the asker does not trust", trust: distrusts, err: ErrUntrusted},
		{name: "it refuses a key of another kind", trust: func([][]byte) (crypto.PublicKey, error) { return rsaKey.Public(), nil }, err: ErrUntrusted, says: "signature"},
		{name: "it refuses a key of no kind", trust: func([][]byte) (crypto.PublicKey, error) { return nil, nil }, err: ErrUntrusted, says: "signature"},
		{name: "it refuses another algorithm", change: func(f *forged) { f.alg, f.key = cose.AlgorithmPS256, rsaKey }, err: ErrMalformed, says: "alg"},
		{name: "it refuses the JWT's typ", change: func(f *forged) { f.protected[cose.HeaderLabelType] = "application/statuslist+jwt" }, err: ErrMalformed, says: "type"},
		{name: "it refuses the typ of draft 2", change: func(f *forged) { f.protected[cose.HeaderLabelType] = uint64(1) }, err: ErrMalformed, says: "type"},
		{name: "it refuses no typ", change: func(f *forged) { delete(f.protected, cose.HeaderLabelType) }, err: ErrMalformed, says: "type"},
		{name: "it refuses a typ that is not protected", change: func(f *forged) {
			delete(f.protected, cose.HeaderLabelType)
			f.unprotected[cose.HeaderLabelType] = MediaTypeCWT
		}, err: ErrMalformed, says: "type"},
		{name: "it refuses critical headers", change: func(f *forged) {
			f.protected[int64(1000)] = 1
			f.protected[cose.HeaderLabelCritical] = []any{int64(1000)}
		}, err: ErrMalformed, says: "crit"},
		{name: "it refuses a chain in both headers", change: func(f *forged) {
			f.protected[cose.HeaderLabelX5Chain] = []byte{1}
			f.unprotected[cose.HeaderLabelX5Chain] = []byte{1}
		}, err: ErrMalformed},
		{name: "it refuses a chain that is text", change: func(f *forged) { f.protected[cose.HeaderLabelX5Chain] = "x" }, err: ErrMalformed, says: "x5chain"},
		{name: "it refuses a chain of texts", change: func(f *forged) { f.protected[cose.HeaderLabelX5Chain] = []any{"x"} }, err: ErrMalformed, says: "x5chain"},
		{name: "it refuses an endless chain", change: func(f *forged) {
			f.protected[cose.HeaderLabelX5Chain] = slicesRepeat([]byte{1}, maxChain+1)
		}, err: ErrMalformed, says: "certificates"},
		{name: "it refuses what is not tagged", change: func(f *forged) { f.after = func(b []byte) []byte { return b[1:] } }, err: ErrMalformed, says: "COSE_Sign1"},
		{name: "it refuses the CWT tag", change: func(f *forged) { f.after = func(b []byte) []byte { return append([]byte{0xd8, 61}, b...) } }, err: ErrMalformed},
		{name: "it refuses a MAC", change: func(f *forged) { f.after = func(b []byte) []byte { b[0] = 0xd1; return b } }, err: ErrMalformed},
		{name: "it refuses bytes that follow", change: func(f *forged) { f.after = func(b []byte) []byte { return append(b, 0) } }, err: ErrMalformed},
		{name: "it refuses what breaks off", change: func(f *forged) { f.after = func(b []byte) []byte { return b[:len(b)-1] } }, err: ErrMalformed},
		{name: "it refuses another list's URI", change: claim(2, "https://a.example/2"), err: ErrMalformed, says: "sub"},
		{name: "it refuses no URI", change: func(f *forged) { delete(f.claims, 2) }, err: ErrMalformed, says: "sub"},
		{name: "it refuses a URI in bytes", change: claim(2, []byte("https://a.example/1")), err: ErrMalformed, says: "payload"},
		{name: "it refuses one that expired", change: claim(4, now.Unix()), err: ErrExpired},
		{name: "it refuses one from the future", change: claim(6, now.Unix()+120), err: ErrMalformed, says: "future"},
		{name: "it refuses one without iat", change: func(f *forged) { delete(f.claims, 6) }, err: ErrMalformed, says: "iat"},
		{name: "it refuses a negative iat", change: claim(6, -1), err: ErrMalformed, says: "no time"},
		{name: "it refuses an exp after the year 9999", change: claim(4, uint64(1)<<63), err: ErrMalformed, says: "no time"},
		{name: "it refuses an exp that is no number", change: claim(4, mathNaN()), err: ErrMalformed, says: "no time"},
		{name: "it refuses one not valid yet", change: claim(5, now.Unix()+120), err: ErrMalformed, says: "yet"},
		{name: "it refuses a ttl of nothing", change: claim(65534, 0), err: ErrMalformed, says: "ttl"},
		{name: "it refuses a negative ttl", change: claim(65534, -5), err: ErrMalformed, says: "payload"},
		{name: "it refuses an oversized ttl", change: claim(65534, uint64(1)<<40), err: ErrMalformed, says: "ttl"},
		{name: "it refuses no list", change: func(f *forged) { f.list = nil }, err: ErrMalformed},
		{name: "it refuses three bits", change: item("bits", 3), err: ErrMalformed, says: "bits"},
		{name: "it refuses no bits", change: func(f *forged) { delete(f.list, "bits") }, err: ErrMalformed, says: "bits"},
		{name: "it refuses a name in capitals", change: func(f *forged) { f.list["BITS"] = f.list["bits"]; delete(f.list, "bits") }, err: ErrMalformed, says: "bits"},
		{name: "it refuses a list in text", change: item("lst", "eNrbuRgAAhcBXQ"), err: ErrMalformed, says: "payload"},
		{name: "it refuses a list that breaks off", change: item("lst", mustHex(t, "78dadbb91800021701")), err: ErrMalformed, says: "lst"},
		{name: "it refuses a list with bytes after it", change: item("lst", mustHex(t, "78dadbb918000217015d00")), err: ErrMalformed, says: "follow"},
		{name: "it refuses a claim twice", change: bytesOf("a3026161026162061a6b49d200"), err: ErrMalformed, says: "payload"},
		{name: "it refuses a map of unknown length", change: bytesOf("bf026161ff"), err: ErrMalformed, says: "payload"},
		{name: "it refuses a tagged time", change: bytesOf("a106c11a6b49d200"), err: ErrMalformed, says: "payload"},
		{name: "it refuses depth", change: func(f *forged) {
			f.payload = append(append([]byte{0xa1, 0x18, 0x63}, bytes.Repeat([]byte{0x81}, 20)...), 1)
		}, err: ErrMalformed, says: "payload"},
		{name: "it refuses what is no map", change: bytesOf("8102"), err: ErrMalformed},
		{name: "it refuses text that is no UTF-8", change: bytesOf("a10261ff"), err: ErrMalformed, says: "payload"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.trust == nil {
				c.trust = trusts(key)
			}
			_, err := VerifyCWT(forge(t, key, c.change), "https://a.example/1", now, c.trust)
			if !errors.Is(err, c.err) || err == nil && c.err != nil || c.err == nil && err != nil {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
	if _, err := VerifyCWT(make([]byte, MaxToken+1), "u", now, trusts(key)); !errors.Is(err, ErrMalformed) {
		t.Errorf("it refuses what is too long: %v", err)
	}
	if _, err := VerifyCWT(forge(t, key, nil), "https://a.example/1", now, nil); !errors.Is(err, ErrUntrusted) {
		t.Errorf("it refuses when nobody is trusted: %v", err)
	}
}

func slicesRepeat(one []byte, n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = one
	}
	return all
}

func mathNaN() float64 { zero := 0.0; return zero / zero }

func FuzzVerifyCWT(f *testing.F) {
	key := newKey(f)
	f.Add(forge(f, key, nil))
	f.Add(mustHex(f, exampleCWT))
	f.Add(forge(f, key, func(f *forged) { f.protected[cose.HeaderLabelX5Chain] = []any{[]byte{1}, []byte{2}} }))
	f.Fuzz(func(t *testing.T, cwt []byte) {
		_, err := VerifyCWT(cwt, "https://a.example/1", now, trusts(key))
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUntrusted) && !errors.Is(err, ErrExpired) {
			t.Fatalf("no sentinel: %v", err)
		}
	})
}

// FuzzClaims reaches what a signature would hide from the one above.
//
//clause:status 11.1: bit and byte order, malformed and oversized lists
func FuzzClaims(f *testing.F) {
	payload, err := cbor.Marshal(map[any]any{2: "u", 6: 1, 65533: map[string]any{"bits": 1, "lst": mustHex(f, "78dadbb918000217015d")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte{0xbf})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var c cwtClaims
		if cborIn.Unmarshal(payload, &c) != nil {
			return
		}
		if list, err := Decompress(c.StatusList.Bits, c.StatusList.List); err == nil && len(list.Bytes()) > MaxList {
			t.Fatal("a list beyond its bound")
		}
	})
}
