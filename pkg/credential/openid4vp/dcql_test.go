package openid4vp_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

const vct = "urn:mydata:resident-card:1"

// credential is one Credential Query with what is given added.
func query(members string) string {
	return `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]}` + members + `}]}`
}

//clause:verifier 6: DCQL, its shape and limits
func TestParseQuery(t *testing.T) {
	many := func(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	for _, c := range []struct {
		name, body string
		ok         bool
	}{
		{"it takes a query without claims", query(""), true},
		{"it takes claims", query(`,"claims":[{"path":["name"]},{"path":["degrees",null,"type"]},{"path":["list",0]}]`), true},
		{"it takes values", query(`,"claims":[{"path":["name"],"values":["x",1,true]}]`), true},
		{"it takes claim sets", query(`,"claims":[{"id":"n","path":["name"]},{"id":"b","path":["birthdate"]}],"claim_sets":[["n","b"],["n"]]`), true},
		{"it takes credential sets", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}],"credential_sets":[{"options":[["a"]]}]}`, true},
		{"it ignores what it does not know", query(`,"other":{}`), true},
		{"it takes another format, which nothing will answer", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"org.iso.18013.5.1.mDL"}}]}`, true},

		{"it refuses no credentials", `{"credentials":[]}`, false},
		{"it refuses too many credentials", `{"credentials":[` + many(17, `{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}`) + `]}`, false},
		{"it refuses one id twice", `{"credentials":[` + many(2, `{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}`) + `]}`, false},
		{"it refuses an id of other characters", strings.Replace(query(""), `"id":"a"`, `"id":"a b"`, 1), false},
		{"it refuses an empty id", strings.Replace(query(""), `"id":"a"`, `"id":""`, 1), false},
		{"it refuses no format", strings.Replace(query(""), `"format":"dc+sd-jwt",`, "", 1), false},
		{"it refuses no meta", `{"credentials":[{"id":"a","format":"dc+sd-jwt"}]}`, false},
		{"it refuses no vct_values", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{}}]}`, false},
		{"it refuses empty claims", query(`,"claims":[]`), false},
		{"it refuses too many claims", query(`,"claims":[` + many(65, `{"path":["n"]}`) + `]`), false},
		{"it refuses one claim twice", query(`,"claims":[{"path":["n"]},{"path":["n"]}]`), false},
		{"it refuses one claim id twice", query(`,"claims":[{"id":"x","path":["n"]},{"id":"x","path":["m"]}]`), false},
		{"it refuses a claim id of other characters", query(`,"claims":[{"id":"x.y","path":["n"]}]`), false},
		{"it refuses no path", query(`,"claims":[{"id":"x"}]`), false},
		{"it refuses an empty path", query(`,"claims":[{"path":[]}]`), false},
		{"it refuses a path too deep", query(`,"claims":[{"path":[` + many(17, `"n"`) + `]}]`), false},
		{"it refuses a negative index", query(`,"claims":[{"path":["n",-1]}]`), false},
		{"it refuses a fraction", query(`,"claims":[{"path":["n",1.5]}]`), false},
		{"it refuses true in a path", query(`,"claims":[{"path":[true]}]`), false},
		{"it refuses empty values", query(`,"claims":[{"path":["n"],"values":[]}]`), false},
		{"it refuses values that are objects", query(`,"claims":[{"path":["n"],"values":[{}]}]`), false},
		{"it refuses a fraction among values", query(`,"claims":[{"path":["n"],"values":[1.5]}]`), false},
		{"it refuses null among values", query(`,"claims":[{"path":["n"],"values":[null]}]`), false},
		{"it refuses claim sets without claims", query(`,"claim_sets":[["n"]]`), false},
		{"it refuses empty claim sets", query(`,"claims":[{"id":"n","path":["n"]}],"claim_sets":[]`), false},
		{"it refuses an empty claim set", query(`,"claims":[{"id":"n","path":["n"]}],"claim_sets":[[]]`), false},
		{"it refuses a claim set of unknown ids", query(`,"claims":[{"id":"n","path":["n"]}],"claim_sets":[["m"]]`), false},
		{"it refuses claims without ids beside claim sets", query(`,"claims":[{"path":["n"]}],"claim_sets":[["n"]]`), false},
		{"it refuses one claim without an id beside claim sets", query(`,"claims":[{"id":"n","path":["n"]},{"path":["m"]}],"claim_sets":[["n"]]`), false},
		{"it refuses a credential set of unknown ids", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}],"credential_sets":[{"options":[["b"]]}]}`, false},
		{"it refuses a credential set without options", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}],"credential_sets":[{"options":[]}]}`, false},
		{"it refuses empty credential sets", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}],"credential_sets":[]}`, false},
		{"it refuses empty trusted authorities", query(`,"trusted_authorities":[]`), false},
		{"it refuses a trusted authority without values", query(`,"trusted_authorities":[{"type":"aki","values":[]}]`), false},
		{"it refuses an mdoc without its doctype", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{}}]}`, false},
		{"it refuses a claim of an mdoc beyond namespace and name", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"x"},"claims":[{"path":["a","b","c"]}]}]}`, false},
		{"it refuses an element of an mdoc by its index", `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"doctype_value":"x"},"claims":[{"path":["a",0]}]}]}`, false},
		{"it refuses an empty type among vct_values", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x",""]}}]}`, false},
		{"it refuses a name of two kilobytes in a path", query(`,"claims":[{"path":["` + strings.Repeat("n", 2048) + `"]}]`), false},
		{"it refuses a value of two kilobytes", query(`,"claims":[{"path":["n"],"values":["` + strings.Repeat("n", 2048) + `"]}]`), false},
		{"it refuses what is nested too deep, though it would be ignored", query(`,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), false},
		{"it counts no bracket inside a text", query(`,"x":"` + strings.Repeat(`[\"{`, 40) + `"`), true},
		{"it refuses one id twice in an option", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}],"credential_sets":[{"options":[["a","a"]]}]}`, false},
		{"it refuses an option of nothing", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}],"credential_sets":[{"options":[["a"],[]]}]}`, false},
		{"it refuses too many credential sets", `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}],"credential_sets":[` + many(33, `{"options":[["a"]]}`) + `]}`, false},
		{"it refuses multiple that is no boolean", query(`,"multiple":"true"`), false},
		{"it refuses a holder binding that is no boolean", query(`,"require_cryptographic_holder_binding":"no"`), false},
		{"it refuses a member given twice", `{"credentials":[],` + query("")[1:], false},
		{"it refuses a wrong type", `{"credentials":{}}`, false},
		{"it refuses what follows", query("") + "x", false},
		{"it refuses what is too long", query(`,"x":"` + strings.Repeat("x", openid4vp.MaxQuery) + `"`), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openid4vp.ParseQuery([]byte(c.body))
			if (err == nil) != c.ok || (err != nil && !errors.Is(err, openid4vp.ErrQuery)) {
				t.Fatal(err)
			}
		})
	}
}

func TestQueryTravels(t *testing.T) {
	q := parse(t, query(`,"claims":[{"id":"n","path":["degrees",null,0,"type"],"values":["x",7,true]}],"claim_sets":[["n"]]`))
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(q, parse(t, string(body))); diff != "" {
		t.Fatal(diff)
	}
}

func parse(t testing.TB, body string) openid4vp.Query {
	t.Helper()
	q, err := openid4vp.ParseQuery([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// dent is the example of OpenID4VP 1.0, section 7.3.
func dent(t testing.TB) map[string]any {
	t.Helper()
	var claims map[string]any
	err := json.Unmarshal([]byte(`{"name":"Arthur Dent","address":{"street_address":"42 Market Street","locality":"Milliways","postal_code":"12345"},
		"degrees":[{"type":"Bachelor of Science","university":"University of Betelgeuse"},{"type":"Master of Science","university":"University of Betelgeuse"}],
		"nationalities":["British","Betelgeusian"],"age":42,"adult":true}`), &claims)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

//clause:verifier 7: path pointers, null and index
func TestPathSelect(t *testing.T) {
	for _, c := range []struct {
		name string
		path openid4vp.Path
		want []any
	}{
		{"it selects a claim", openid4vp.Path{"name"}, []any{"Arthur Dent"}},
		{"it selects a claim with its sub-claims", openid4vp.Path{"address", "street_address"}, []any{"42 Market Street"}},
		{"it selects all elements", openid4vp.Path{"nationalities", nil}, []any{"British", "Betelgeusian"}},
		{"it selects one element", openid4vp.Path{"nationalities", 1}, []any{"Betelgeusian"}},
		{"it selects below all elements", openid4vp.Path{"degrees", nil, "type"}, []any{"Bachelor of Science", "Master of Science"}},
		{"it selects nothing absent", openid4vp.Path{"other"}, nil},
		{"it selects nothing beyond an array", openid4vp.Path{"nationalities", 2}, nil},
		{"it selects nothing absent below all", openid4vp.Path{"degrees", nil, "year"}, nil},
		{"it selects no member of text", openid4vp.Path{"name", "first"}, nil},
		{"it selects no element of an object", openid4vp.Path{"address", nil}, nil},
		{"it selects no index of an object", openid4vp.Path{"address", 0}, nil},
		{"it selects no member of an array", openid4vp.Path{"degrees", "type"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.path.Select(dent(t))
			if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.want != nil) {
				t.Fatal(diff, err)
			}
		})
	}
}

// One element of another kind ends the whole selection (section 7.1.1).
//
//clause:verifier 7: path pointers, null and index
func TestPathSelectRefuses(t *testing.T) {
	claims := map[string]any{"list": []any{map[string]any{"name": "x"}, "y", []any{"z"}}}
	for _, c := range []struct {
		name string
		path openid4vp.Path
	}{
		{"it refuses a name where one element is no object", openid4vp.Path{"list", nil, "name"}},
		{"it refuses an index where one element is no array", openid4vp.Path{"list", nil, 0}},
		{"it refuses an index below 0", openid4vp.Path{"list", -1}},
		{"it refuses a component of no kind", openid4vp.Path{"list", 1.5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := c.path.Select(claims); err == nil {
				t.Fatalf("got %v", got)
			}
		})
	}
}

// Paths and values are read by themselves too, out of a query's JSON.
func TestReadersRefuse(t *testing.T) {
	for _, c := range []struct {
		name string
		read func([]byte) error
		text string
		ok   bool
	}{
		{"it takes a path", new(openid4vp.Path).UnmarshalJSON, `["a",null,0]`, true},
		{"it refuses what follows a path", new(openid4vp.Path).UnmarshalJSON, `["a"] x`, false},
		{"it refuses a path to nowhere", new(openid4vp.Path).UnmarshalJSON, `[]`, false},
		{"it refuses a path of no kind", new(openid4vp.Path).UnmarshalJSON, `[true]`, false},
		{"it takes values", new(openid4vp.Values).UnmarshalJSON, `["a",1,true]`, true},
		{"it refuses what follows values", new(openid4vp.Values).UnmarshalJSON, `["a"] x`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.read([]byte(c.text)); (err == nil) != c.ok {
				t.Fatal(err)
			}
		})
	}
}

func TestPathName(t *testing.T) {
	if got := (openid4vp.Path{"degrees", nil, 0, "type"}).Name(); got != "degrees.*.0.type" {
		t.Fatal(got)
	}
}

func TestProject(t *testing.T) {
	for _, c := range []struct {
		name  string
		paths []openid4vp.Path
		want  string
	}{
		{"it keeps nothing unasked", nil, `{}`},
		{"it keeps one claim", []openid4vp.Path{{"name"}}, `{"name":"Arthur Dent"}`},
		{"it keeps one sub-claim", []openid4vp.Path{{"address", "locality"}}, `{"address":{"locality":"Milliways"}}`},
		{"it keeps the whole where the whole was asked for", []openid4vp.Path{{"nationalities"}, {"nationalities", 1}}, `{"nationalities":["British","Betelgeusian"]}`},
		{"it keeps one element", []openid4vp.Path{{"nationalities", 1}}, `{"nationalities":["Betelgeusian"]}`},
		{"it keeps below all elements", []openid4vp.Path{{"degrees", nil, "type"}}, `{"degrees":[{"type":"Bachelor of Science"},{"type":"Master of Science"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want map[string]any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, openid4vp.Project(dent(t), c.paths)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

//clause:verifier 6.4.1: claims, values, claim_sets in their order: what a wallet discloses satisfies the verifier, and nothing else is disclosed
func TestMatches(t *testing.T) {
	aki := []*x509.Certificate{{AuthorityKeyId: []byte{1, 2, 3}}}
	for _, c := range []struct {
		name, members string
		bend          func(*openid4vp.Candidate)
		ways          [][]openid4vp.Path
	}{
		{"it asks for no claim", "", nil, [][]openid4vp.Path{nil}},
		{"it asks for all claims", `,"claims":[{"path":["name"]},{"path":["address","locality"]}]`, nil, [][]openid4vp.Path{{{"name"}, {"address", "locality"}}}},
		{"it is not met when one is missing", `,"claims":[{"path":["name"]},{"path":["email"]}]`, nil, nil},
		{"it is met by one of the values", `,"claims":[{"path":["name"],"values":["Ford","Arthur Dent"]}]`, nil, [][]openid4vp.Path{{{"name"}}}},
		{"it is not met by another value", `,"claims":[{"path":["name"],"values":["Ford"]}]`, nil, nil},
		{"it is met by an integer", `,"claims":[{"path":["age"],"values":[42]}]`, nil, [][]openid4vp.Path{{{"age"}}}},
		{"it tells a number from text", `,"claims":[{"path":["age"],"values":["42"]}]`, nil, nil},
		{"it is met by a boolean", `,"claims":[{"path":["adult"],"values":[true]}]`, nil, [][]openid4vp.Path{{{"adult"}}}},
		{"it tells a boolean from text", `,"claims":[{"path":["adult"],"values":["true"]}]`, nil, nil},
		{"it is met by an element", `,"claims":[{"path":["nationalities",null],"values":["British"]}]`, nil, [][]openid4vp.Path{{{"nationalities", nil}}}},
		{"it lists the sets that are met, best first", `,"claims":[{"id":"e","path":["email"]},{"id":"n","path":["name"]},{"id":"a","path":["age"]}],"claim_sets":[["e"],["a"],["n","a"]]`, nil,
			[][]openid4vp.Path{{{"age"}}, {{"name"}, {"age"}}}},
		{"it is not met when no set is", `,"claims":[{"id":"e","path":["email"]}],"claim_sets":[["e"]]`, nil, nil},
		{"it wants its type", "", func(c *openid4vp.Candidate) { c.VCT = "urn:example:other" }, nil},
		{"it wants its format", "", func(c *openid4vp.Candidate) { c.Format = "jwt_vc_json" }, nil},
		{"it wants a holder", "", func(c *openid4vp.Candidate) { c.Bound = false }, nil},
		{"it wants no holder where none is asked for", `,"require_cryptographic_holder_binding":false`, func(c *openid4vp.Candidate) { c.Bound = false }, [][]openid4vp.Path{nil}},
		{"it takes no authority of a federation", `,"trusted_authorities":[{"type":"openid_federation","values":["AQID"]}]`, func(c *openid4vp.Candidate) { c.Chain = aki }, nil},
		{"it takes one of several authorities, if it is known here", `,"trusted_authorities":[{"type":"etsi_tl","values":["x"]},{"type":"aki","values":["AQID"]}]`, func(c *openid4vp.Candidate) { c.Chain = aki }, [][]openid4vp.Path{nil}},
		{"it wants an authority that it names", `,"trusted_authorities":[{"type":"aki","values":["AQID"]}]`, nil, nil},
		{"it takes an authority that it names", `,"trusted_authorities":[{"type":"aki","values":["xxxx","AQID"]}]`, func(c *openid4vp.Candidate) { c.Chain = aki }, [][]openid4vp.Path{nil}},
		{"it takes no authority of a kind unknown here", `,"trusted_authorities":[{"type":"etsi_tl","values":["AQID"]}]`, func(c *openid4vp.Candidate) { c.Chain = aki }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			candidate := openid4vp.Candidate{Format: "dc+sd-jwt", VCT: vct, Claims: dent(t), Bound: true}
			if c.bend != nil {
				c.bend(&candidate)
			}
			ways, err := parse(t, query(c.members)).Credentials[0].Matches(candidate)
			if diff := cmp.Diff(c.ways, ways); diff != "" {
				t.Fatal(diff)
			}
			if (c.ways == nil) != errors.Is(err, openid4vp.ErrUnsatisfied) {
				t.Fatal(err)
			}
		})
	}
	t.Run("it is met by no other format", func(t *testing.T) {
		q := parse(t, `{"credentials":[{"id":"a","format":"mso_mdoc","meta":{"vct_values":["x"],"doctype_value":"x"}}]}`)
		if _, err := q.Credentials[0].Matches(openid4vp.Candidate{Format: "mso_mdoc", VCT: "x", Bound: true}); err == nil {
			t.Fatal("met")
		}
	})
}

//clause:verifier 6.4.2: credential_sets, required and optional
func TestNeeded(t *testing.T) {
	sets := func(body string) string {
		one := `{"id":"%","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}`
		return `{"credentials":[` + strings.ReplaceAll(one, "%", "a") + `,` + strings.ReplaceAll(one, "%", "b") + `,` + strings.ReplaceAll(one, "%", "c") + `]` + body + `}`
	}
	for _, c := range []struct {
		name, sets, held string
		needed           []string
		optional         [][]string
	}{
		{"it needs all without sets", "", "abc", []string{"a", "b", "c"}, nil},
		{"it is not met when one of all is missing", "", "ab", nil, nil},
		{"it needs the first option that can be met", `,"credential_sets":[{"options":[["a","b"],["c"]]}]`, "bc", []string{"c"}, nil},
		{"it needs an option of each set", `,"credential_sets":[{"options":[["a"]]},{"options":[["a","b"]]}]`, "abc", []string{"a", "b"}, nil},
		{"it is not met when a required set is not", `,"credential_sets":[{"options":[["a"]]},{"options":[["b"]]}]`, "ac", nil, nil},
		{"it offers what is optional", `,"credential_sets":[{"options":[["a"]]},{"required":false,"options":[["a","b"]]}]`, "ab", []string{"a"}, [][]string{{"b"}}},
		{"it offers nothing when what it needs is missing", `,"credential_sets":[{"options":[["c"]]},{"required":false,"options":[["a"]]}]`, "ab", nil, nil},
		{"it offers nothing optional that cannot be met", `,"credential_sets":[{"options":[["a"]]},{"required":false,"options":[["c"]]}]`, "ab", []string{"a"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := parse(t, sets(c.sets))
			has := func(id string) bool { return strings.Contains(c.held, id) }
			needed, err := q.Needed(has)
			if diff := cmp.Diff(c.needed, needed); diff != "" || (err == nil) != (c.needed != nil) {
				t.Fatal(diff, err)
			}
			if diff := cmp.Diff(c.optional, q.Optional(has)); diff != "" {
				t.Fatal(diff)
			}
			if err := q.Satisfied(has); (err == nil) != (c.needed != nil) {
				t.Fatal(err)
			}
		})
	}
}

//clause:verifier 6: DCQL, its shape and limits
func FuzzParseQuery(f *testing.F) {
	f.Add([]byte(query(`,"claims":[{"id":"n","path":["degrees",null,0,"type"],"values":["x",7,true]}],"claim_sets":[["n"]]`)))
	f.Add([]byte(`{"credentials":[{"id":"a","format":"mso_mdoc","meta":{}}],"credential_sets":[{"options":[["a"]]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := openid4vp.ParseQuery(body)
		if err != nil {
			return
		}
		for _, c := range q.Credentials {
			ways, err := c.Matches(openid4vp.Candidate{Format: "dc+sd-jwt", VCT: "x", Claims: dent(t), Bound: true})
			for _, paths := range ways {
				openid4vp.Project(dent(t), paths)
			}
			if (err == nil) == (len(ways) == 0) {
				t.Fatalf("%v, %v", ways, err)
			}
		}
		again, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := openid4vp.ParseQuery(again); err != nil && len(again) <= openid4vp.MaxQuery {
			t.Fatalf("does not travel: %v\n%s", err, again)
		}
	})
}
