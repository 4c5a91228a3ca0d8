package jcs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	rand2 "crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	whole "github.com/gowebpki/jcs"

	"github.com/govmydata/mydata/pkg/jcs"
)

// hex spells itself, in more than one way.
type hex []byte

func (h hex) MarshalText() ([]byte, error) { return base64.RawURLEncoding.AppendEncode(nil, h), nil }
func (h *hex) UnmarshalText(text []byte) (err error) {
	*h, err = base64.RawURLEncoding.AppendDecode(nil, text)
	return err
}

// inner and outer have every kind of member that the short way knows.
type inner struct {
	Word  string `json:"word"`
	Count int8   `json:"count,omitempty"`
}

type near struct {
	Left  int    `json:"n,omitempty"`
	Right string `json:"o,omitempty"`
}

type outer struct {
	near
	Name    string           `json:"a"`
	Number  int64            `json:"b,omitempty"`
	Yes     bool             `json:"c,omitempty"`
	Many    []inner          `json:"d"`
	One     *inner           `json:"e,omitempty"`
	Bytes   []byte           `json:"f,omitempty"`
	Own     hex              `json:"g,omitempty"`
	At      time.Time        `json:"h,omitzero"`
	Raw     json.RawMessage  `json:"i,omitempty"`
	Key     *jose.JSONWebKey `json:"j,omitempty"`
	Words   []string         `json:"k,omitempty"`
	Inside  inner            `json:"l,omitzero"`
	Hidden  string           `json:"-"`
	Plain   int              // by its own name
	Deep    [][]string       `json:"m,omitempty"`
	For     jwt.Audience     `json:"p,omitempty"`
	private string           // what is not exported is not read
}

var _ = outer{}.private // to every reader but its own package it is not there

var outers = []string{
	`{"Plain":0,"a":"","d":null}`, `{"Plain":1,"a":"한","b":2,"c":true,"d":[{"count":3,"word":"x"},{"word":""}],"e":{"word":"y"}}`,
	`{"a":"x","d":[],"Plain":1,"f":"AQI=","g":"AQI","h":"2026-11-28T00:00:00Z","i":{"z":1,"y":[2]},"k":["a","b"],"m":[["a"],[],null]}`,
	`{"Plain":0,"a":"","d":null,"e":null}`, `{"Plain":0,"a":"","b":0,"d":null}`, `{"Plain":0,"a":"","c":false,"d":null}`, `{"Plain":0,"a":"","d":null,"f":""}`,
	`{"Plain":0,"a":"","d":null,"f":"AQJ="}`, `{"Plain":0,"a":"","d":null,"g":"AQJ"}`, `{"Plain":0,"a":"","d":null,"g":""}`, `{"Plain":0,"a":"","d":null,"f":"A"}`,
	`{"Plain":0,"a":"","d":null,"h":"0001-01-01T00:00:00Z"}`, `{"Plain":0,"a":"","d":null,"h":"2026-11-28T00:00:00.000Z"}`, `{"Plain":0,"a":"","d":null,"h":1}`,
	`{"Plain":0,"a":"","d":null,"i":null}`, `{"Plain":0,"a":"","d":null,"k":[]}`, `{"Plain":0,"a":"","d":null,"k":[null]}`, `{"Plain":0,"a":"","d":null,"l":{"word":""}}`,
	`{"Plain":0,"a":"","d":[{"word":"x","count":128}]}`, `{"Plain":0,"a":"","d":[{"count":1}]}`, `{"Plain":0,"a":"","d":[null]}`, `{"Plain":0,"a":null,"d":null}`,
	`{"Plain":0,"A":"","d":null}`, `{"Plain":0,"a":"","a":"","d":null}`, `{"Plain":0,"a":"","d":null,"z":{"q":["\n",1,true,null,{}]}}`, `{"Plain":0,"a":"","d":null,"z":{"q":[1,true,null,{},"x"]}}`,
	`{"Plain":0,"a":"\n\"","d":null}`, `{"Plain":1.0,"a":"","d":null}`, `{"Plain":true,"a":"","d":null}`, `{"Plain":0,"a":1,"d":null}`, `{"Plain":0,"a":"","d":{}}`, `{"Hidden":"x","Plain":0,"a":"","d":null}`,
	`{"Plain":0,"a":"","d":null,"j":{"kty":"oct","k":"AQI"}}`, `{"Plain":0,"a":"","d":null,"j":{"k":"AQI","kty":"oct"}}`, `{"Plain":0,"a":"","d":null,"j":null}`, `{"Plain":-7,"a":"<&>","d":null,"private":"x"}`,
	`{"Plain":0,"a":"","d":null,"j":{"crv":"P-256","kid":"k","kty":"EC","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}}`,
	`{"Plain":0,"a":"","d":null,"j":{"crv":"P-256","kid":"","kty":"EC","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}}`,
	`{"Plain":0,"a":"","d":null,"j":{"kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}}`,
	`{"Plain":0,"a":"","d":null,"j":{"crv":"P-256","kid":"한\n","kty":"EC","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}}`,
	`{"Plain":0,"a":"\\\b\f\r\t","d":null,"j":{"crv":"P-256","kid":"k","kty":"EC","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfV"}}`,
	`{"Plain":0,"a":"","d":null,"i":["x", {"b":1,"a":2}]}`, `{"Plain":0,"a":"","d":null,"i":[1,2]}`, `{"Plain":0,"a":"","i":[1,2],"d":null}`, `{"Plain":0,"a":"","i":[1, 2],"d":null}`, `{"Plain":0,"i":"x","a":"","d":null}`,
	`{"Plain":0,"a":"","d":null,"n":3,"o":"x"}`, `{"Plain":0,"n":3,"a":"","d":null,"o":null}`, `{"Plain":0,"a":"","d":null,"near":{"n":3}}`, `{"Plain":0,"a":"","d":null,"n":0}`,
	`{"i":{"y":[2],"z":1},"Plain":0,"a":"","d":null}`, `{"i":{"z":1,"y":[2]},"Plain":0,"a":"","d":null}`, `{"i":{"y":[{"b":1,"a":2}],"z":1},"Plain":0,"a":"","d":null}`, `{"i":{"y": 1},"Plain":0,"a":"","d":null}`,
	` { "Plain" : 0 , "a" : "" , "d" : [ { "word" : "x" } , { } ] , "c" : true , "i" : [ 1 , 2 ] , "z" : 1 } `, `{"Plain":0,"a":"","d":null,"h": "2026-11-28T00:00:00Z" ,"i": 7 }`,
	`{"Plain":0,"a":"","d":null,"z":1,"z":2}`, `{"Plain":0,"a":"","d":[{"word":"","z":1},{"word":"","z":1}],"z":1}`, `{"Plain":0,"a":"","d":[{"word":"","z":1,"y":2,"z":1}]}`, `{"Plain":0,"a":"","d":null,"z":{"y":1,"y":2}}`,
	`{"Plain":0,"a":"","d":null` + many(maxOthers) + `}`, `{"Plain":0,"a":"","d":null` + many(maxOthers+1) + `}`, `{"Plain":0,"a":"","d":null,"\u0062":1}`, `{"Plain":0,"a":"","d":null,"z\n":1}`, `{"Plain":0,"a":"","d":null,"한":1}`,
	`{"Plain":0,"a":"","d":null,"p":"x"}`, `{"Plain":0,"a":"","d":null,"p":["x"]}`, `{"Plain":0,"a":"","d":null,"p":["x","y"]}`, `{"Plain":0,"a":"","d":null,"p":null}`, `{"Plain":0,"a":"","d":null,"p":{}}`,
	`{"Plain":0,"a":"","d":null,"j":{"crv":"P-256","kid":"k","kty":"EC","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU","z":1}}`,
	`null`, `[]`, `"x"`, `1`, `{}`, ``, `{`, `{"a":"x"`, `{"Plain":9007199254740993,"a":"","d":null}`, `{"Plain":0,"a":"","c":"true","d":null}`, `{"Plain":0,"a":"","c":truefalse,"d":null}`,
}

// maxOthers is how many members that nobody asked for the short way tells apart.
const maxOthers = 32

func many(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"z%d":0`, i)
	}
	return text.String()
}

// slowly is Marshal in two steps.
func slowly(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return whole.Transform(text.Bytes())
}

// lossless is what Decode promises, in as many steps as it has.
func lossless(data []byte, into any) error {
	given, err := whole.Transform(data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(given, into); err != nil {
		return err
	}
	kept, err := slowly(into)
	if err == nil && !bytes.Equal(kept, given) {
		err = errors.New("something is lost")
	}
	return err
}

// agree holds both readers to those that are slower, refusals and values.
func agree(t *testing.T, data []byte) {
	t.Helper()
	for name, readers := range map[string][2]func([]byte, any) error{
		"Decode":    {jcs.Decode, lossless},
		"Unmarshal": {jcs.Unmarshal, josejson.Unmarshal},
	} {
		var got, want outer
		kept := bytes.Clone(data)
		err, wantErr := readers[0](data, &got), readers[1](data, &want)
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%s(%q): %v instead of %v", name, data, err, wantErr)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(outer{}, near{})); err == nil && diff != "" {
			t.Errorf("%s(%q):\n%s", name, data, diff)
		}
		if !bytes.Equal(kept, data) {
			t.Errorf("%s changed %q", name, kept)
		}
		for _, v := range []any{want, &want, want.Key, want.Many, want.At, want.Raw, want.Own} {
			form, err := jcs.Marshal(v)
			again, againErr := slowly(v)
			if (err == nil) != (againErr == nil) || !bytes.Equal(form, again) {
				t.Errorf("%T of %q is written %q (%v) instead of %q (%v)", v, data, form, err, again, againErr)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range outers {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

// TestDecodeAgrees changes good texts in a byte or two, any number of times, and
// lays parts of one into another.
func TestDecodeAgrees(t *testing.T) {
	for _, s := range outers {
		agree(t, []byte(s))
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		text := []byte(outers[random.IntN(len(outers))])
		for range random.IntN(3) {
			if len(text) > 0 {
				text[random.IntN(len(text))] = "{}[],:\"\\ 0aébdn\x00-."[random.IntN(19)]
			}
		}
		if other := outers[random.IntN(len(outers))]; random.IntN(3) == 0 && len(other) > 0 {
			from, at := random.IntN(len(other)), random.IntN(len(text)+1)
			part := other[from:min(len(other), from+random.IntN(24))]
			text = append(append(bytes.Clone(text[:at]), part...), text[at:]...)
		}
		agree(t, text)
	}
}

// TestDecodeInto: a value that holds something already is read as encoding/json
// reads into it.
func TestDecodeInto(t *testing.T) {
	v := outer{Name: "old", Plain: 7}
	if err := jcs.Unmarshal([]byte(`{"a":"new"}`), &v); err != nil || v.Name != "new" || v.Plain != 7 {
		t.Errorf("%+v %v", v, err)
	}
	if err := jcs.Decode([]byte(`{"a":"new"}`), (*outer)(nil)); err == nil {
		t.Error("it reads into nothing")
	}
}

// TestMarshalAgrees writes what texts cannot say: texts that are not UTF-8, control
// characters, numbers of many digits, keys of other kinds, what refuses to be written.
func TestMarshalAgrees(t *testing.T) {
	edwards, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := ecdsa.GenerateKey(elliptic.P256(), rand2.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand2.Reader)
	if err != nil {
		t.Fatal(err)
	}
	type pointed struct {
		Key *jose.JSONWebKey `json:"key"`
		Set jose.JSONWebKeySet
	}
	type hidden struct {
		near
		Left int `json:"n"`
	}
	type named struct {
		near `json:"near"`
	}
	type far struct{ *near }
	type when struct {
		time.Time
		At int
	}
	for _, v := range []any{
		outer{near: near{3, "x"}}, hidden{near{1, "x"}, 2}, named{near{1, "x"}}, far{}, far{&near{1, "x"}}, when{At: 1},
		nil, "\xff", "a\x00b", "\u2028<>&", "\x7f", "한\n", outer{Name: "\xff"}, outer{Name: "\x01"}, outer{Number: 1 << 53}, outer{Number: -1 << 62}, outer{Plain: 999999999999999},
		outer{Many: []inner{}}, outer{Bytes: []byte{}}, outer{Own: hex{0}}, outer{Raw: json.RawMessage(`{"b":1, "a":2}`)}, outer{Raw: json.RawMessage(`{`)}, &outer{Raw: json.RawMessage(`{"b":1.5e3}`)},
		outer{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, outer{At: time.Unix(1, 5)}, outer{One: &inner{}}, outer{Inside: inner{Count: 1}}, map[string]any{"b": 1, "a": 2}, []string(nil), (*outer)(nil), 1.5,
		jose.JSONWebKey{Key: edwards, KeyID: "k"}, jose.JSONWebKey{Key: narrow.Public(), KeyID: "k\"<"}, jose.JSONWebKey{Key: narrow.Public()}, jose.JSONWebKey{Key: narrow, KeyID: "k"}, jose.JSONWebKey{Key: wide.Public()},
		jose.JSONWebKey{Key: narrow.Public(), Use: "sig"}, jose.JSONWebKey{Key: narrow.Public(), Algorithm: "ES256"}, jose.JSONWebKey{Key: &ecdsa.PublicKey{Curve: elliptic.P256()}}, jose.JSONWebKey{},
		jose.JSONWebKey{Key: narrow.Public(), CertificateThumbprintSHA256: make([]byte, 32)}, pointed{}, &pointed{Key: &jose.JSONWebKey{Key: narrow.Public()}}, pointed{Set: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: narrow.Public()}}}},
	} {
		form, err := jcs.Marshal(v)
		want, wantErr := slowly(v)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(form, want) {
			t.Errorf("%#v is %q (%v) instead of %q (%v)", v, form, err, want, wantErr)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(outers[1])
	for _, c := range []struct {
		name string
		read func([]byte, any) error
	}{{"Decode", jcs.Decode}, {"Unmarshal", jcs.Unmarshal}, {"encoding", json.Unmarshal}, {"jose", josejson.Unmarshal}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var v outer
				if err := c.read(data, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
