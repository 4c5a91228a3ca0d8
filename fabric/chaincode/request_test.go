package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	good := put(7, b64('r'), digest{b64('1'), "a", "did"}, digest{b64('2'), "b", "did"}, digest{b64('3'), "a", "status-list"})
	change := func(old, now string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(good, old, now, 1)
	}
	many := make([]digest, maxDigests+1)
	for i := range many {
		many[i] = digest{b64('d'), fmt.Sprintf("%0*d", maxID, i), "catalogue"}
	}
	quoted := make([]digest, maxDigests)
	for i := range quoted {
		quoted[i] = digest{b64('d'), fmt.Sprintf("%s%03d", strings.Repeat(`"`, maxID-3), i), "status-list"}
	}
	for _, test := range []struct {
		name, raw string
		ok        bool
	}{
		{"it takes what is right", good, true},
		{"it takes signs that other writers escape", change(`"id":"b"`, `"id":"b<&>\"\\"`), true},
		{"it takes as many digests as there may be", put(7, b64('r'), many[:maxDigests]...), true},
		{"it takes the longest request there may be", put(7, b64('r'), quoted...), true},
		{"it takes the greatest size", change(`"size":7`, `"size":9007199254740991`), true},
		{"it refuses one digest more", put(7, b64('r'), many...), false},
		{"it refuses a size beyond what JSON holds", change(`"size":7`, `"size":9007199254740992`), false},
		{"it refuses a size of zero", change(`"size":7`, `"size":0`), false},
		{"it refuses a negative size", change(`"size":7`, `"size":-7`), false},
		{"it refuses a size with an exponent", change(`"size":7`, `"size":7e0`), false},
		{"it refuses a size that is text", change(`"size":7`, `"size":"7"`), false},
		{"it refuses no digests", strings.Replace(put(7, b64('r')), "[]", "null", 1), false},
		{"it refuses a member too few", change(`"origin":"`+origin+`",`, ``), false},
		{"it refuses an unknown member", change(`"origin"`, `"more":1,"origin"`), false},
		{"it refuses a member twice", change(`"size":7`, `"size":7,"size":7`), false},
		{"it refuses a member in other letters", change(`"size"`, `"Size"`), false},
		{"it refuses members in another order", strings.Replace(change(`,"size":7`, ``), `{"digests"`, `{"size":7,"digests"`, 1), false},
		{"it refuses spaces", change(`,"size"`, `, "size"`), false},
		{"it refuses a second value", good + `{}`, false},
		{"it refuses a line's end", good + "\n", false},
		{"it refuses letters escaped for nothing", change(`"id":"b"`, `"id":"\u0062"`), false},
		{"it refuses signs escaped for pages", change(`"id":"b"`, `"id":"\u003c"`), false},
		{"it refuses an origin with a plus", change(origin, "log+x"), false},
		{"it refuses an origin with a space", change(origin, "log x"), false},
		{"it refuses an origin that is too long", change(origin, strings.Repeat("o", maxOrigin+1)), false},
		{"it refuses an origin beyond ASCII", change(origin, "lög"), false},
		{"it refuses an empty id", change(`"id":"b"`, `"id":""`), false},
		{"it refuses an id that is too long", change(`"id":"b"`, `"id":"`+strings.Repeat("b", maxID+1)+`"`), false},
		{"it refuses an id with a zero", change(`"id":"b"`, `"id":"\u0000"`), false},
		{"it refuses an id beyond ASCII", change(`"id":"b"`, `"id":"é"`), false},
		{"it refuses an unknown kind", change(`"kind":"status-list"`, `"kind":"person"`), false},
		{"it refuses digests out of order", change(`"id":"b"`, `"id":"0"`), false},
		{"it refuses a digest named twice", change(`"id":"b"`, `"id":"a"`), false},
		{"it refuses kinds out of order", change(`"kind":"status-list"`, `"kind":"catalogue"`), false},
		{"it refuses a root of another length", change(b64('r'), base64.StdEncoding.EncodeToString(make([]byte, 31))), false},
		{"it refuses a root with loose bits", change(b64('r'), strings.TrimSuffix(b64('r'), "I=")+"J="), false},
		{"it refuses a root without padding", change(b64('r'), strings.TrimSuffix(b64('r'), "=")), false},
		{"it refuses a root with a line's end", change(b64('r'), b64('r')+`\n`), false},
		{"it refuses a digest of another length", change(b64('2'), base64.StdEncoding.EncodeToString(make([]byte, 33))), false},
		{"it refuses nothing", "", false},
		{"it refuses another type", "[]", false},
		{"it refuses null", "null", false},
		{"it refuses too much", strings.Repeat(" ", maxRequest) + good, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := parseRequest(test.raw)
			if (err == nil) != test.ok {
				t.Errorf("%v", err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "INVALID: ") {
				t.Errorf("%v does not say INVALID", err)
			}
			if err == nil && encode(r) != test.raw {
				t.Errorf("it is written as %s", encode(r))
			}
		})
	}
}

// What is too long is refused unread.
func TestRequestLimit(t *testing.T) {
	if _, err := parseRequest(strings.Repeat("[", maxRequest+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a long request: %v", err)
	}
	if _, err := parseOperator(strings.Repeat("[", maxOperator+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a long operator: %v", err)
	}
}

func TestParseOperator(t *testing.T) {
	var keys []string
	for _, b := range []byte{1, 2, 3, 4, 5} {
		keys = append(keys, base64.RawURLEncoding.EncodeToString(slices.Repeat([]byte{b}, 32)))
	}
	for _, test := range []struct {
		name, raw string
		ok        bool
	}{
		{"it takes one key", encode(operator{keys[:1], nil, "Org1MSP"}), true},
		{"it takes four keys", encode(operator{keys[:4], nil, "Org1MSP"}), true},
		{"it refuses five keys", encode(operator{keys, nil, "Org1MSP"}), false},
		{"it refuses no key", encode(operator{[]string{}, nil, "Org1MSP"}), false},
		{"it refuses a key twice", encode(operator{[]string{keys[0], keys[0]}, nil, "Org1MSP"}), false},
		{"it refuses keys out of order", encode(operator{[]string{keys[1], keys[0]}, nil, "Org1MSP"}), false},
		{"it refuses a key with padding", encode(operator{[]string{keys[0] + "="}, nil, "Org1MSP"}), false},
		{"it refuses a short key", encode(operator{[]string{keys[0][:40]}, nil, "Org1MSP"}), false},
		{"it refuses no organisation", encode(operator{keys[:1], nil, ""}), false},
		{"it refuses an organisation with a space", encode(operator{keys[:1], nil, "Org 1"}), false},
		{"it refuses an organisation that is too long", encode(operator{keys[:1], nil, strings.Repeat("o", maxMSP+1)}), false},
		{"it refuses an unknown member", `{"keys":["` + keys[0] + `"],"msp":"Org1MSP","quorum":1}`, false},
		{"it refuses another order", `{"msp":"Org1MSP","keys":["` + keys[0] + `"]}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parseOperator(test.raw); (err == nil) != test.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(put(7, b64('r'), digest{b64('1'), `a"\<`, "did"}, digest{b64('3'), "a", "status-list"}))
	f.Add(put(1, b64('r')))
	f.Add(`{"digests":null,"origin":"o","root":"","size":1e9}`)
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseRequest(raw)
		if err != nil {
			return
		}
		if encode(r) != raw || r.Size < 1 || len(r.Digests) > maxDigests {
			t.Errorf("%q was taken", raw)
		}
		if !slices.IsSortedFunc(r.Digests, compare) {
			t.Errorf("%q is out of order", raw)
		}
	})
}

func FuzzParseOperator(f *testing.F) {
	f.Add(encode(operator{[]string{base64.RawURLEncoding.EncodeToString(make([]byte, 32))}, nil, "Org1MSP"}))
	f.Add(`{"keys":[],"msp":""}`)
	f.Fuzz(func(t *testing.T, raw string) {
		if o, err := parseOperator(raw); err == nil && (encode(o) != raw || len(o.Keys) < 1 || len(o.Keys) > maxKeys) {
			t.Errorf("%q was taken", raw)
		}
	})
}
