package sdjwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

//clause:formats SD-JWT VC draft-24: typ, vct, what is never disclosed selectively, x5c without anchor
//clause:formats SD-JWT VC, Registered JWT Claims: iss, nbf, exp, cnf, vct, vct#integrity, aka_vcts, status, and no part of them, disclosed selectively: refused by the verifier, undisclosed places too; iat and sub may be
func TestIssueRefuses(t *testing.T) {
	key := newKey(t)
	deep := any(1)
	for range MaxDepth {
		deep = []any{deep}
	}
	many := map[string]any{"vct": "x"}
	for i := range MaxDisclosures + 1 {
		many[fmt.Sprint(i)] = Hidden{i}
	}
	for name, claims := range map[string]map[string]any{
		"no vct":                 {"a": 1},
		"an empty vct":           {"vct": ""},
		"too many bytes":         {"vct": "x", "a": strings.Repeat("a", MaxBytes)},
		"too many disclosures":   many,
		"a hidden vct":           {"vct": Hidden{"x"}},
		"a hidden exp":           {"vct": "x", "exp": Hidden{1}},
		"a hidden part of cnf":   {"vct": "x", "cnf": map[string]any{"jwk": Hidden{1}}},
		"a hidden status entry":  {"vct": "x", "status": map[string]any{"a": []any{Hidden{1}}}},
		"a claim called _sd":     {"vct": "x", "_sd": []any{}},
		"a claim called ...":     {"vct": "x", "a": map[string]any{"...": 1}},
		"a claim called _sd_alg": {"vct": "x", "_sd_alg": "sha-256"},
		"a hidden hidden value":  {"vct": "x", "a": Hidden{Hidden{1}}},
		"a hidden empty name":    {"vct": "x", "": Hidden{1}},
		"deep nesting":           {"vct": "x", "a": deep},
		"what is not JSON":       {"vct": "x", "a": Hidden{func() {}}},
	} {
		if _, err := Issue(Key{Signer: key}, claims); err == nil {
			t.Errorf("it refuses %s", name)
		}
	}
}

func TestIssueRefusesOtherKeys(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{p384, ed} {
		if _, err := Issue(Key{Signer: key}, map[string]any{"vct": "x"}); err == nil {
			t.Errorf("it signs with %T", key)
		}
	}
}

// Strings are written so that they are read as they were.
func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", "a\"b", "a\\b", "a\nb", "a\x1fb", "a\x7fb", "한글", "\u2028", "😀", "<&>"} {
		got, err := decodeJSON(string(appendString(nil, s)))
		if err != nil || got != s {
			t.Errorf("%q became %q: %v", s, got, err)
		}
	}
}

// What is hidden anywhere comes back whole when all is disclosed, and not at
// all when nothing is.
func TestIssuePresentVerify(t *testing.T) {
	key := newKey(t)
	claims := map[string]any{"vct": "x", "clear": "c", "quoted \"name\"": Hidden{"line\nbreak 한글 \\ \u2028"},
		"address": Hidden{map[string]any{"country": Hidden{"KR"}, "city": Hidden{"Seoul"}, "open": true}},
		"list":    []any{"a", Hidden{"b"}, Hidden{map[string]any{"c": Hidden{1.5}}}}, "nothing": Hidden{nil}}
	whole := map[string]any{"vct": "x", "clear": "c", "quoted \"name\"": "line\nbreak 한글 \\ \u2028",
		"address": map[string]any{"country": "KR", "city": "Seoul", "open": true},
		"list":    []any{"a", "b", map[string]any{"c": 1.5}}, "nothing": nil}
	issued, err := Issue(Key{Signer: key, KeyID: "k", X5C: [][]byte{{1, 2}}}, claims)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(issued)
	if err != nil {
		t.Fatal(err)
	}
	// one name for a key: the chain, where there is one
	if diff := cmp.Diff(Header{"ES256", Type, "", [][]byte{{1, 2}}}, parsed.Header()); diff != "" {
		t.Error(diff)
	}
	cases := []struct {
		name  string
		paths []Path
		want  map[string]any
		fails bool
	}{
		{name: "it shows nothing unasked", want: map[string]any{"vct": "x", "clear": "c", "list": []any{"a"}}},
		{name: "it shows a whole object", paths: []Path{{"address"}}, want: map[string]any{"vct": "x", "clear": "c", "list": []any{"a"}, "address": whole["address"]}},
		{name: "it shows a part of an object", paths: []Path{{"address", "city"}}, want: map[string]any{"vct": "x", "clear": "c", "list": []any{"a"},
			"address": map[string]any{"city": "Seoul", "open": true}}},
		{name: "it shows one element", paths: []Path{{"list", 1}}, want: map[string]any{"vct": "x", "clear": "c", "list": []any{"a", "b"}}},
		{name: "it shows all elements", paths: []Path{{"list", nil}}, want: map[string]any{"vct": "x", "clear": "c", "list": whole["list"]}},
		{name: "it goes into elements", paths: []Path{{"list", float64(2), "c"}}, want: map[string]any{"vct": "x", "clear": "c", "list": []any{"a", map[string]any{"c": 1.5}}}},
		{name: "it takes what is in the clear", paths: []Path{{"clear"}, {"vct"}}, want: map[string]any{"vct": "x", "clear": "c", "list": []any{"a"}}},
		{name: "it shows all", paths: []Path{{}}, want: whole},
		{name: "it knows no other claim", paths: []Path{{"clear"}, {"none"}}, fails: true},
		{name: "it knows no claim below a value", paths: []Path{{"clear", "x"}}, fails: true},
		{name: "it knows no element beyond the end", paths: []Path{{"list", 3}}, fails: true},
		{name: "it knows no element before the start", paths: []Path{{"list", -1}}, fails: true},
		{name: "it knows no _sd", paths: []Path{{"_sd"}}, fails: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			presented, err := parsed.Present(c.paths...)
			if c.fails {
				if !errors.Is(err, ErrNoSuchPath) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			shown, err := Parse(presented)
			if err != nil {
				t.Fatal(err)
			}
			got, err := shown.Verify(&key.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A digest without disclosure is nothing that can be shown.
func TestPresentKnowsDecoys(t *testing.T) {
	key := newKey(t)
	name, digest := disclose(`["salt","name","Kim"]`)
	parsed, err := Parse(token(t, key, vcHeader, `{"vct":"x","_sd":["decoy","`+digest+`"],"a":[{"...":"decoy 2"},"b"]}`, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path  Path
		shown bool
		fails bool
	}{{Path{"a", 0}, false, false}, {Path{"a", 1}, false, true}, {Path{"a"}, false, false}, {Path{"name"}, true, false}} {
		presented, err := parsed.Present(c.path)
		if (err != nil) != c.fails || err == nil && strings.Contains(presented, name) != c.shown {
			t.Errorf("%v: %v", c.path, err)
		}
	}
}

// Salts are fresh: the same claims twice share no digest (RFC 9901, 9.3).
func TestSaltsAreFresh(t *testing.T) {
	key := newKey(t)
	seen := map[string]bool{}
	for range 3 {
		issued, err := Issue(Key{Signer: key}, twentyClaims(key))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range strings.Split(strings.TrimSuffix(issued, "~"), "~")[1:] {
			if seen[digestText(d)] {
				t.Fatal("a digest occurred before")
			}
			seen[digestText(d)] = true
		}
	}
	if len(seen) != 60 {
		t.Errorf("%d disclosures", len(seen))
	}
}

// What is hidden where nobody looks is not written in the clear.
func TestHiddenWhereNobodyLooks(t *testing.T) {
	key := newKey(t)
	for name, value := range map[string]any{
		"a map of another kind": map[string]Hidden{"a": {"secret"}}, "a list of another kind": []Hidden{{"secret"}},
		"a struct": struct{ A Hidden }{Hidden{"secret"}}, "a pointer": &Hidden{"secret"},
	} {
		if issued, err := Issue(Key{Signer: key}, map[string]any{"vct": "x", "a": value}); err == nil {
			t.Errorf("it issues %s: %s", name, issued)
		}
	}
}

// Claims come out as encoding/json would write them, whatever they are.
func TestIssueWritesClaims(t *testing.T) {
	key, wide := newKey(t), newKey(t)
	claims := map[string]any{"vct": "x", "n": 1, "m": int64(-2), "f": 1.5, "u": uint8(7), "t": true, "nil": nil, "list": []any{}, "map": map[string]any{},
		"strings": []string{"a", "<b>"}, "text": "한글 <&> \u2028 \"q\" \\ \n", "bad": "a\xffb", "key": jose.JSONWebKey{Key: wide.Public()},
		"named": jose.JSONWebKey{Key: wide.Public(), KeyID: "k", Use: "sig"}, "raw": json.RawMessage(`{"a":[1,2]}`), "deep": map[string]any{"b": []any{map[string]any{"c": "d"}}}}
	issued, err := Issue(Key{Signer: key}, claims)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := Parse(issued)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parsed.Verify(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
