package jcs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	whole "github.com/gowebpki/jcs"

	"github.com/govmydata/mydata/pkg/jcs"
)

var seeds = []string{
	`{}`, `[]`, ` [ ] `, `{"b":1,"a":2}`, `{"a":1,"a":2}`, `{"b":0,"a":1,"b":2}`, `{"a":1,"a!":2,"a\"":3}`, `{"a!":1,"a":2}`, `{"a ":1,"a":2,"":3}`,
	`{"z":{"y":[1,{"b":true,"a":null}],"x":"é한"},"a":false}`, `{"é":1,"a":2}`, `{"\u0061":1,"b":2}`, `"\/"`, `"\u00e9"`, `"\b\f\n\r\t\"\\"`, `"\u001f"`,
	`1`, `-1`, `-0`, `0`, `00`, `01`, `-01`, `1.0`, `1e3`, `999999999999999`, `9007199254740993`, `-`, `+1`, `1 2`, `true false`, `truex`, `true `, ` "a" "b"`,
	`{"a":1,}`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `[1 2]`, "\"a\nb\"", "\"\x7f\"", "\"\xff\"", "{\"a\":\"\xed\xa0\x80\"}", "\xef\xbb\xbf{}",
	`{"a":"<>&","b":"\u2028"}`, "\"\u2028\"", "[1]\x00", "\x00", ``, ` `, `nul`, `"`, `{"a":"b`, `{"a":1}}`, `]`, `{"b":{"d":1,"c":2},"a":{"f":[{"h":1,"g":2}],"e":3}}`,
	strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 200) + strings.Repeat("]", 200),
}

func same(t *testing.T, data []byte) {
	t.Helper()
	kept := bytes.Clone(data)
	got, err := jcs.Transform(data)
	want, wantErr := whole.Transform(data)
	if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
		t.Errorf("%q is %q (%v) instead of %q (%v)", data, got, err, want, wantErr)
	}
	if !bytes.Equal(data, kept) {
		t.Errorf("%q was changed", kept)
	}
	var compact bytes.Buffer
	if jcs.Compact(data) && (json.Compact(&compact, data) != nil || !bytes.Equal(compact.Bytes(), data)) {
		t.Errorf("%q is not compact", data)
	}
	if err == nil {
		again, err := jcs.Transform(got)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("%q is %q the second time (%v)", got, again, err)
		}
	}
}

func FuzzTransform(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { same(t, data) })
}

// TestTransform walks values of every shape, their members in any order, spaced,
// and each with one byte changed.
func TestTransform(t *testing.T) {
	same(t, nil)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var text bytes.Buffer
		write(&text, random, 0)
		same(t, text.Bytes())
		if n := text.Len(); n > 0 {
			text.Bytes()[random.IntN(n)] = "{}[],:\"\\ 0aé\x00\x1f-."[random.IntN(17)]
			same(t, text.Bytes())
		}
	}
}

func write(w *bytes.Buffer, random *rand.Rand, depth int) {
	pad := func() { w.WriteString([]string{"", "", "", " ", "\n\t", "\r"}[random.IntN(6)]) }
	kind := random.IntN(10)
	if depth > 4 {
		kind = random.IntN(6)
	}
	pad()
	defer pad()
	switch kind {
	case 0:
		w.WriteString([]string{"true", "false", "null"}[random.IntN(3)])
	case 1:
		w.WriteString([]string{"0", "-0", "7", "-12", "1.5", "1e2", "12345678901234567"}[random.IntN(7)])
	case 2, 3, 4, 5:
		w.WriteString([]string{`"plain"`, `"é한글"`, `"a\nb"`, `"\""`, `"\u0001"`, `"<&>"`, `""`, `"\ud83d\ude00"`}[random.IntN(8)])
	case 6, 7:
		w.WriteByte('[')
		for i := range random.IntN(4) {
			if i > 0 {
				w.WriteByte(',')
			}
			write(w, random, depth+1)
		}
		w.WriteByte(']')
	default:
		w.WriteByte('{')
		for i := range random.IntN(5) {
			if i > 0 {
				w.WriteByte(',')
			}
			pad()
			w.WriteString([]string{`"a"`, `"aa"`, `"a!"`, `"B"`, `"b"`, `"c_d"`, `""`, `"z"`, `"é"`, `"\u0062"`}[random.IntN(10)])
			pad()
			w.WriteByte(':')
			write(w, random, depth+1)
		}
		w.WriteByte('}')
	}
}

func TestDecode(t *testing.T) {
	type value struct {
		Name string `json:"name"`
		N    int64  `json:"n,omitempty"`
	}
	for _, c := range []struct{ name, text, says string }{
		{"it reads what it would write", `{"n":1,"name":"a<b"}`, ""},
		{"it reads members in any order, spaced", `{ "name":"a" , "n":1}`, ""},
		{"it refuses an unknown member", `{"name":"a","more":1}`, "unknown"},
		{"it refuses another spelling of a name", `{"Name":"a"}`, "unknown"},
		{"it refuses a member that says nothing", `{"name":"a","n":0}`, "unknown"},
		{"it refuses a name that comes twice", `{"name":"a","name":"a"}`, "uplicate"},
		{"it refuses another type", `{"name":1}`, "cannot unmarshal"},
		{"it refuses what is no JSON", `{"name":"a"`, "EOF"},
		{"it refuses nothing", ``, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v value
			err := jcs.Decode([]byte(c.text), &v)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v", err)
			}
		})
	}
	var v value
	if err := jcs.Decode([]byte(`{"name":"a"}`), v); err == nil {
		t.Error("it reads into nothing")
	}
	if err := jcs.Decode([]byte(`{}`), &map[string]lost{"a": {}}); err == nil {
		t.Error("it takes what cannot be written back")
	}
}

// lost is a value that nothing writes.
type lost struct{}

func (lost) MarshalJSON() ([]byte, error) { return nil, errors.New("lost") }

func BenchmarkTransform(b *testing.B) {
	text := []byte(`{"schema_version":"mydata-terms/1","grant_id":"g","fields":[{"name":"vision_left","label":"왼쪽 시력"},{"name":"a","label":"b"}],"validity":{"nbf":1800000000,"exp":1900000000},"action":"derive"}`)
	for name, transform := range map[string]func([]byte) ([]byte, error){"ours": jcs.Transform, "jcs": whole.Transform} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := transform(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestNoJSON(t *testing.T) {
	for name, v := range map[string]any{"it digests no function": func() {}, "it digests no number that is none": math.NaN(), "it digests no channel": make(chan int)} {
		t.Run(name, func(t *testing.T) {
			if sum, err := jcs.Sum(v); err == nil || sum != [32]byte{} {
				t.Errorf("%x, %v", sum, err)
			}
			if text, err := jcs.Marshal(v); err == nil || text != nil {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}
