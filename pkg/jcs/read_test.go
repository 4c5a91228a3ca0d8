package jcs_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
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

type outer struct {
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
	private string           //nolint:unused // what is not exported is not read
}

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
	`null`, `[]`, `"x"`, `1`, `{}`, ``, `{`, `{"a":"x"`, `{"Plain":9007199254740993,"a":"","d":null}`, `{"Plain":0,"a":"","c":"true","d":null}`, `{"Plain":0,"a":"","c":truefalse,"d":null}`,
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
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(into); err != nil {
		return err
	}
	kept, err := whole.Transform(text.Bytes())
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
		"Unmarshal": {jcs.Unmarshal, func(data []byte, into any) error { return josejson.Unmarshal(data, into) }},
	} {
		var got, want outer
		kept := bytes.Clone(data)
		err, wantErr := readers[0](data, &got), readers[1](data, &want)
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%s(%q): %v instead of %v", name, data, err, wantErr)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(outer{})); err == nil && diff != "" {
			t.Errorf("%s(%q):\n%s", name, data, diff)
		}
		if !bytes.Equal(kept, data) {
			t.Errorf("%s changed %q", name, kept)
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
	for range 100_000 {
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

func BenchmarkDecode(b *testing.B) {
	data := []byte(outers[1])
	for _, c := range []struct {
		name string
		read func([]byte, any) error
	}{{"Decode", jcs.Decode}, {"Unmarshal", jcs.Unmarshal}, {"encoding", json.Unmarshal}, {"jose", func(d []byte, v any) error { return josejson.Unmarshal(d, v) }}} {
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
