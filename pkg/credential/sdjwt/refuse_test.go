package sdjwt

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"testing"

	compact "github.com/govmydata/mydata/pkg/jws"
)

func digestText(encoded string) string {
	digest := digestOf(encoded)
	return string(digest[:])
}

// token signs a payload as it stands and appends disclosures as they stand.
func token(t testing.TB, key *ecdsa.PrivateKey, header, payload string, disclosures ...string) string {
	t.Helper()
	signed, err := compact.AppendSigned(nil, key, []byte(header), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out := string(signed) + "~"
	for _, d := range disclosures {
		out += d + "~"
	}
	return out
}

func disclose(array string) (encoded, digest string) {
	encoded = b64.EncodeToString([]byte(array))
	return encoded, digestText(encoded)
}

const vcHeader = `{"alg":"ES256","typ":"dc+sd-jwt"}`

// The rules of RFC 9901, 7.1, and of SD-JWT VC, 2.2.2.3, one a line.
//
//clause:formats RFC 9901, 7: each digest once, no reserved names, key binding over the exact string
//clause:formats SD-JWT VC, Registered JWT Claims: iss, nbf, exp, cnf, vct, vct#integrity, aka_vcts, status, and no part of them, disclosed selectively: refused by the verifier, undisclosed places too; iat and sub may be
//clause:formats SD-JWT VC: `aka_vcts` is an array of types; an issuer is believed for those alone for which policy trusts him
func TestVerifyRefuses(t *testing.T) {
	key := newKey(t)
	name, nameDigest := disclose(`["salt","name","Kim"]`)
	again, againDigest := disclose(`["other","name","Lee"]`)
	element, elementDig := disclose(`["salt","DE"]`)
	iat, iatDigest := disclose(`["salt","iat",1]`)
	sub, subDigest := disclose(`["salt","sub","x"]`)
	exp, expDigest := disclose(`["salt","exp",1]`)
	child, childDigest := disclose(`["salt","jwk",{}]`)
	outer, outerDigest := disclose(fmt.Sprintf(`["salt","outer",{"_sd":["%s"]}]`, nameDigest))
	deepest := strings.Repeat(`{"a":`, MaxDepth-2) + "1" + strings.Repeat("}", MaxDepth-2)
	deepList, deepListDigest := disclose(`["salt",` + strings.Repeat("[", MaxDepth-2) + strings.Repeat("]", MaxDepth-2) + `]`)
	deep, deepDigest := disclose(`["salt","deep",` + deepest + `]`)
	sd := func(digests ...string) string {
		return `{"vct":"x","_sd_alg":"sha-256","_sd":["` + strings.Join(digests, `","`) + `"]}`
	}
	cases := []struct {
		name, header, payload string
		disclosures           []string
		ok                    bool
	}{
		{name: "it takes a disclosed property", payload: sd(nameDigest), disclosures: []string{name}, ok: true},
		{name: "it takes a digest without disclosure", payload: sd(nameDigest, "decoy"), ok: true},
		{name: "it takes a disclosure inside a disclosure", payload: sd(outerDigest), disclosures: []string{outer, name}, ok: true},
		{name: "it takes a payload without disclosures", payload: `{"vct":"x"}`, ok: true},
		{name: "it refuses another typ", header: `{"alg":"ES256","typ":"vc+sd-jwt"}`, payload: `{"vct":"x"}`},
		{name: "it refuses a missing typ", header: `{"alg":"ES256"}`, payload: `{"vct":"x"}`},
		{name: "it refuses a missing vct", payload: `{"iss":"x"}`},
		{name: "it refuses an empty vct", payload: `{"vct":""}`},
		{name: "it refuses a vct that is no string", payload: `{"vct":7}`},
		{name: "it refuses another alg", header: `{"alg":"none","typ":"dc+sd-jwt"}`, payload: `{"vct":"x"}`},
		{name: "it refuses crit", header: `{"alg":"ES256","typ":"dc+sd-jwt","crit":["b64"],"b64":false}`, payload: `{"vct":"x"}`},
		{name: "it refuses another hash", payload: strings.Replace(sd(nameDigest), "sha-256", "sha-512", 1), disclosures: []string{name}},
		{name: "it refuses a disclosure that no digest names", payload: sd("decoy"), disclosures: []string{name}},
		{name: "it refuses a disclosure given twice", payload: sd(nameDigest), disclosures: []string{name, name}},
		{name: "it refuses a digest that occurs twice", payload: sd(nameDigest, nameDigest), disclosures: []string{name}},
		{name: "it refuses a decoy that occurs twice", payload: sd("decoy", "decoy")},
		{name: "it refuses a digest once here and once inside a disclosure", payload: sd(nameDigest, outerDigest), disclosures: []string{outer, name}},
		{name: "it refuses a name that is there in the clear", payload: `{"vct":"x","name":"Park","_sd":["` + nameDigest + `"]}`, disclosures: []string{name}},
		{name: "it refuses one name disclosed twice", payload: sd(nameDigest, againDigest), disclosures: []string{name, again}},
		{name: "it refuses an element as a property", payload: sd(elementDig), disclosures: []string{element}},
		{name: "it refuses a property as an element", payload: `{"vct":"x","a":[{"...":"` + nameDigest + `"}]}`, disclosures: []string{name}},
		{name: "it refuses ... beside another name", payload: `{"vct":"x","a":[{"...":"` + elementDig + `","b":1}]}`, disclosures: []string{element}},
		{name: "it refuses ... outside of arrays", payload: `{"vct":"x","...":"y"}`},
		{name: "it refuses _sd_alg below the top", payload: `{"vct":"x","a":{"_sd_alg":"sha-256"}}`},
		{name: "it refuses _sd that is no array", payload: `{"vct":"x","_sd":"` + nameDigest + `"}`},
		{name: "it refuses a digest that is no string", payload: `{"vct":"x","_sd":[7]}`},
		{name: "it takes a hidden iat and sub", payload: sd(iatDigest, subDigest), disclosures: []string{iat, sub}, ok: true},
		{name: "it takes further types", payload: `{"vct":"x","aka_vcts":["y","z"]}`, ok: true},
		{name: "it refuses further types that are no array", payload: `{"vct":"x","aka_vcts":"y"}`},
		{name: "it refuses a further type that is no string", payload: `{"vct":"x","aka_vcts":["y",7]}`},
		{name: "it refuses a further type without a name", payload: `{"vct":"x","aka_vcts":[""]}`},
		{name: "it refuses a hidden exp", payload: sd(expDigest), disclosures: []string{exp}},
		{name: "it refuses a hidden part of cnf", payload: `{"vct":"x","cnf":{"_sd":["` + childDigest + `"]}}`, disclosures: []string{child}},
		{name: "it refuses a hidden part of status, even undisclosed", payload: `{"vct":"x","status":{"a":[{"...":"decoy"}]}}`},
		{name: "it refuses arrays nested through a disclosure", payload: `{"vct":"x","a":[[[[{"...":"` + deepListDigest + `"}]]]]}`, disclosures: []string{deepList}},
		{name: "it refuses nesting through a disclosure", payload: `{"vct":"x","a":{"b":{"c":{"_sd":["` + deepDigest + `"]}}}}`, disclosures: []string{deep}},
	}
	refuses := func(name, payload string, disclosures ...string) {
		c := cases[0]
		c.name, c.payload, c.disclosures, c.ok = name, payload, disclosures, false
		cases = append(cases, c)
	}
	for name := range undisclosable {
		hidden, digest := disclose(`["salt","` + name + `",["x"]]`)
		part, partDigest := disclose(`["salt","part",1]`)
		item, itemDigest := disclose(`["salt","item"]`)
		refuses("it refuses a hidden "+name, sd(digest), hidden)
		refuses("it refuses a hidden part of "+name, `{"`+name+`":{"a":{"_sd":["`+partDigest+`"]}},"vct":"x"}`, part)
		refuses("it refuses a hidden element of "+name, `{"`+name+`":{"a":[{"...":"`+itemDigest+`"}]},"vct":"x"}`, item)
		refuses("it refuses a place for a hidden part of "+name, `{"`+name+`":{"_sd":["decoy"]},"vct":"x"}`)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.header == "" {
				c.header = vcHeader
			}
			parsed, err := Parse(token(t, key, c.header, c.payload, c.disclosures...))
			if err == nil {
				_, err = parsed.Verify(&key.PublicKey)
			}
			if (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSignature) {
				t.Errorf("no sentinel: %v", err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	key := newKey(t)
	good := token(t, key, vcHeader, `{"vct":"x"}`)
	bad := func(array string) string { encoded, _ := disclose(array); return good + encoded + "~" }
	many := good
	for i := range MaxDisclosures + 1 {
		encoded, _ := disclose(fmt.Sprintf(`["a","name %d",1]`, i))
		many += encoded + "~"
	}
	parts := strings.Split(strings.TrimSuffix(good, "~"), ".")
	whole, _ := disclose(`["a","b",12]`) // twelve bytes: no bits are left over
	once, _ := disclose(`["a","b","c"]`)
	deep := strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)
	cases := map[string]string{
		"nothing":                                 "",
		"a plain JWT":                             strings.TrimSuffix(good, "~"),
		"one part":                                parts[0] + "~",
		"two parts":                               parts[0] + "." + parts[1] + "~",
		"four parts":                              strings.Join(parts, ".") + ".AA~",
		"a disclosure given twice":                good + once + "~" + once + "~",
		"more bytes than allowed":                 good + strings.Repeat("A", MaxBytes),
		"more disclosures than allowed":           many,
		"a salt that is half a string":            bad(`[7","name",1]`),
		"a salt that is not UTF-8":                bad("[\"\xff\",\"name\",1]"),
		"bytes after a disclosure":                bad(`["a","b",1] x`),
		"an empty disclosure":                     good + "~",
		"a line break":                            good[:20] + "\n" + good[20:],
		"padding":                                 good + "W10=~",
		"stray bits in base64url":                 good + "W11~",
		"what is no base64url after a disclosure": good + whole + "!~",
		"a disclosure that is not JSON":           bad(`[1`),
		"a disclosure that is an object":          bad(`{}`),
		"a disclosure of one element":             bad(`["a"]`),
		"a disclosure of four elements":           bad(`["a","b","c","d"]`),
		"a salt that is no string":                bad(`[1,"b","c"]`),
		"a name that is no string":                bad(`["a",1,"c"]`),
		"a disclosure of _sd":                     bad(`["a","_sd",[]]`),
		"a disclosure of ...":                     bad(`["a","...","x"]`),
		"a disclosure of _sd_alg":                 bad(`["a","_sd_alg","sha-256"]`),
		"a disclosure nested too deep":            bad(`["a",` + deep + `]`),
		"a disclosure with a name twice inside":   bad(`["a","b",{"c":1,"c":2}]`),
		"a payload that is an array":              token(t, key, vcHeader, `[]`),
		"a payload with a name twice":             token(t, key, vcHeader, `{"vct":"x","vct":"y"}`),
		"a payload with a name twice, escaped":    token(t, key, vcHeader, `{"vct":"x","v\u0063t":"y"}`),
		"a header that is no object":              token(t, key, `"x"`, `{"vct":"x"}`),
		"a typ that is no string":                 token(t, key, `{"typ":1}`, `{"vct":"x"}`),
		"an x5c that is no array":                 token(t, key, `{"x5c":"x"}`, `{"vct":"x"}`),
		"an x5c with an empty certificate":        token(t, key, `{"x5c":[""]}`, `{"vct":"x"}`),
		"an x5c with a number":                    token(t, key, `{"x5c":[1234]}`, `{"vct":"x"}`),
	}
	for name, s := range cases {
		t.Run("it refuses "+name, func(t *testing.T) {
			if _, err := Parse(s); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Parse(good); err != nil {
		t.Errorf("it takes the token from which these are made: %v", err)
	}
}

// What RFC 8259 does not write, and what this reader is stricter about.
func TestJSONRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"a second text":                  `1 2`,
		"a word of the right length":     `[nuxx]`,
		"a name without its first quote": `{a":1}`,
		"a name that is no string":       `{1:2}`,
		"a tab in a string":              "\"a\tb\"",
		"a string that is not UTF-8":     "\"\x80\"",
		"an exponent without digits":     `1e`,
		"a number that ends with a sign": `1e+`,
		"a number beyond all":            `1e999`,
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			if got, err := decodeJSON(text); err == nil {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestSignature(t *testing.T) {
	key, other := newKey(t), newKey(t)
	parsed, err := Parse(token(t, key, vcHeader, `{"vct":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.Verify(&key.PublicKey); err != nil {
		t.Error(err)
	}
	if _, err := parsed.Verify(&other.PublicKey); !errors.Is(err, ErrSignature) {
		t.Errorf("it refuses another's signature: %v", err)
	}
	for _, key := range []any{nil, (*ecdsa.PublicKey)(nil), "key", []byte("secret")} {
		if _, err := parsed.Verify(key); !errors.Is(err, ErrSignature) {
			t.Errorf("it refuses the key %T: %v", key, err)
		}
	}
	whole := parsed.issuer.signature
	for _, short := range []string{"", whole[:31], whole[:63]} {
		parsed.issuer.signature = short
		if _, err := parsed.Verify(&key.PublicKey); !errors.Is(err, ErrSignature) {
			t.Errorf("it refuses a signature of %d bytes: %v", len(short), err)
		}
	}
	parsed.issuer.signature = whole + "\x00"
	if _, err := parsed.Verify(&key.PublicKey); !errors.Is(err, ErrSignature) {
		t.Errorf("it refuses a longer signature: %v", err)
	}
}
