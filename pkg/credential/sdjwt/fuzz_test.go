package sdjwt

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// Whatever comes, Parse and what follows it answer with a value or one of the
// sentinels, and a token that parses is given back as it was.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"rfc9901-5.1-issued.txt", "rfc9901-5.2-presented.txt", "rfc9901-a.1-presented.txt", "rfc9901-a.2-presented.txt"} {
		f.Add(vector(f, name))
	}
	key := newKey(f)
	f.Add(token(f, key, vcHeader, `{"vct":"x","_sd":[],"a":[{"...":"x"}]}`, "WyJhIiwxXQ"))
	f.Add("..~~")
	issuer := rfcKey(f)
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := Parse(s)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		if parsed.String() != s {
			t.Fatal("another string")
		}
		claims, err := parsed.verify(issuer)
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSignature) {
			t.Fatalf("no sentinel: %v", err)
		}
		if err == nil {
			if _, err := HolderKey(claims); err != nil && !errors.Is(err, ErrKeyBinding) {
				t.Fatalf("no sentinel: %v", err)
			}
		}
		open, openErr := parsed.Unverified()
		if openErr == nil {
			whole, err := parsed.Present(Path{})
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(whole)
			if err != nil {
				t.Fatal(err)
			}
			same, err := again.Unverified()
			if err != nil || !cmp.Equal(open, same) {
				t.Fatalf("all disclosed is less than all: %v", err)
			}
		}
		_, err = parsed.VerifyKeyBinding(issuer, KeyBinding{Audience: "a", Nonce: "n", IssuedAt: time.Unix(1, 0)})
		if err != nil && !errors.Is(err, ErrKeyBinding) {
			t.Fatalf("no sentinel: %v", err)
		}
	})
}

// decodeJSON reads a text to what encoding/json makes of it.
func decodeJSON(text string) (any, error) {
	t, err := tree(nil).read(text)
	if err != nil {
		return nil, err
	}
	return asAny(t, 0), nil
}

func asAny(t tree, at int) any {
	switch n := t[at]; n.kind {
	case '{':
		out := map[string]any{}
		for i := at + 1; i < t.next(at); i = t.next(i) {
			out[t[i].name] = asAny(t, i)
		}
		return out
	case '[':
		out := []any{}
		for i := at + 1; i < t.next(at); i = t.next(i) {
			out = append(out, asAny(t, i))
		}
		return out
	case '"':
		return n.text
	case 't', 'f':
		return n.kind == 't'
	case 'n':
		return nil
	default:
		return n.number()
	}
}

// A string is plain when each byte is, wherever it stands.
func TestPlain(t *testing.T) {
	for at := range 19 {
		for c := range 256 {
			text := []byte("abcdefgh-abcdefgh-x")
			text[at] = byte(c)
			if got, want := plain(string(text)), c >= ' ' && c != '\\' && c < utf8.RuneSelf; got != want {
				t.Errorf("%#x at %d: %v", c, at, got)
			}
		}
	}
}

// The reader of JSON agrees with encoding/json on what it takes, and refuses
// only what it says it refuses.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`null`, ` [1, -0.5e+3 ,true,false,"a\u00e9\ud83d\ude00\n"] `, `{"a":{"b":[]},"":""}`, `{"a":1,"a":2}`,
		`01`, `1.`, `-`, `1e`, `"\x"`, "\"\x80\"", `[1,]`, `{"a"}`, `nul`, `nuxx`, `trux`, `{}`, `[]`, `{`, `[`, `{"a":1`, `{a":1}`, `{1:2}`, `{"a":1,}`, `{"a" 1}`, `[1 2]`, `1 2`, ``,
		`"\u12"`, `"a`, `"a\"`, `0x1`, `+1`, `.5`, `1.5e`, `--1`, `true`, `[[]]`, `{"":{}}`, strings.Repeat("[", 40), `1e999`, `"\ud800"`, "\"a\tb\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeJSON(string(data))
		var want any
		wantErr := json.Unmarshal(data, &want)
		if err == nil {
			if wantErr != nil || !cmp.Equal(got, want) {
				t.Fatalf("got %v, encoding/json %v, %v", got, want, wantErr)
			}
			return
		}
		stricter := !utf8.Valid(data) || strings.Contains(err.Error(), "twice") || strings.Contains(err.Error(), "too deep")
		if wantErr == nil && !stricter {
			t.Fatalf("refused %q: %v", data, err)
		}
	})
}
