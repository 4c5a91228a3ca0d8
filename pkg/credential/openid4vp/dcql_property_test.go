package openid4vp_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

var ids = []string{"a", "b", "c", "d"}

// anyValue draws a JSON value as a decoder hands it out, of bounded depth.
func anyValue(depth int) *rapid.Generator[any] {
	leaves := rapid.OneOf(
		rapid.Map(rapid.SampledFrom([]string{"x", "y", "42", ""}), func(s string) any { return s }),
		rapid.Map(rapid.IntRange(-2, 2), func(n int) any { return float64(n) }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just(any(nil)))
	if depth == 0 {
		return leaves
	}
	below := rapid.Deferred(func() *rapid.Generator[any] { return anyValue(depth - 1) })
	return rapid.OneOf(leaves,
		rapid.Map(rapid.SliceOfN(below, 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom(ids), below, 0, 3), func(m map[string]any) any { return m }))
}

func anyPath(index bool) *rapid.Generator[openid4vp.Path] {
	component := rapid.OneOf(
		rapid.Map(rapid.SampledFrom(ids), func(s string) any { return s }),
		rapid.Just(any(nil)))
	if index {
		component = rapid.OneOf(component, rapid.Map(rapid.IntRange(0, 3), func(n int) any { return n }))
	}
	return rapid.Map(rapid.SliceOfN(component, 0, 2), func(rest []any) openid4vp.Path { return append(openid4vp.Path{"a"}, rest...) })
}

// anyClaims draws claims and claim sets that ParseQuery takes.
func anyClaims(t *rapid.T, index bool) openid4vp.CredentialQuery {
	c := openid4vp.CredentialQuery{ID: "q", Format: openid4vp.FormatSDJWT, Meta: &openid4vp.Meta{VCTValues: []string{vct}}}
	seen := map[string]bool{}
	for i, path := range rapid.SliceOfN(anyPath(index), 0, 4).Draw(t, "paths") {
		path[0] = rapid.SampledFrom(ids).Draw(t, "first")
		if seen[path.String()] {
			continue
		}
		seen[path.String()] = true
		claim := openid4vp.ClaimsQuery{ID: fmt.Sprint("c", i), Path: path}
		if rapid.Bool().Draw(t, "narrow") {
			claim.Values = openid4vp.Values{rapid.SampledFrom([]any{"x", int64(1), true}).Draw(t, "value")}
		}
		c.Claims = append(c.Claims, claim)
	}
	if len(c.Claims) > 0 && rapid.Bool().Draw(t, "sets") {
		for range rapid.IntRange(1, 3).Draw(t, "number") {
			var set []string
			for _, claim := range c.Claims {
				if rapid.Bool().Draw(t, "in") {
					set = append(set, claim.ID)
				}
			}
			if len(set) > 0 {
				c.ClaimSets = append(c.ClaimSets, set)
			}
		}
	}
	return c
}

func anyCredential(t *rapid.T) openid4vp.Candidate {
	claims := rapid.MapOfN(rapid.SampledFrom(ids), anyValue(2), 0, 4).Draw(t, "claims")
	return openid4vp.Candidate{Format: openid4vp.FormatSDJWT, VCT: vct, Claims: claims, Bound: true}
}

// What a wallet discloses for any of its ways satisfies the verifier that
// recomputes the query over that alone.
//
//clause:verifier 6.4.1: claims, values, claim_sets in their order: what a wallet discloses satisfies the verifier, and nothing else is disclosed
func TestWalletAndVerifierAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		query, held := anyClaims(t, false), anyCredential(t)
		ways, err := query.Matches(held)
		if (err == nil) != (len(ways) > 0) {
			t.Fatalf("%v, %v", ways, err)
		}
		for _, way := range ways {
			shown := held
			shown.Claims = openid4vp.Project(held.Claims, way)
			again, err := query.Matches(shown)
			if err != nil {
				t.Fatalf("%v discloses %v: %v", way, shown.Claims, err)
			}
			if diff := cmp.Diff(shown.Claims, openid4vp.Project(shown.Claims, slices.Concat(again...))); diff != "" {
				t.Fatalf("something was disclosed that nobody asked for: %s", diff)
			}
		}
	})
}

// A way is a claim set that is met, in the order of the query, and all of it.
//
//clause:verifier 6.4.1: claims, values, claim_sets in their order: what a wallet discloses satisfies the verifier, and nothing else is disclosed
func TestWaysAreTheSetsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		query, held := anyClaims(t, true), anyCredential(t)
		sets := query.ClaimSets
		if sets == nil {
			var all []string
			for _, c := range query.Claims {
				all = append(all, c.ID)
			}
			sets = [][]string{all}
		}
		var want [][]openid4vp.Path
		for _, set := range sets {
			alone := query
			alone.Claims, alone.ClaimSets = nil, nil
			for _, c := range query.Claims {
				if slices.Contains(set, c.ID) {
					alone.Claims = append(alone.Claims, c)
				}
			}
			if one, err := alone.Matches(held); err == nil {
				want = append(want, one...)
			}
		}
		ways, _ := query.Matches(held)
		if diff := cmp.Diff(want, ways); diff != "" {
			t.Fatal(diff)
		}
	})
}

// What is needed can be had, meets the query, and nothing less of it does.
//
//clause:verifier 6.4.2: credential_sets, required and optional
func TestNeededIsEnoughAndNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anySets(t)
		held := map[string]bool{}
		for _, id := range ids {
			held[id] = rapid.Bool().Draw(t, "held")
		}
		needed, err := q.Needed(func(id string) bool { return held[id] })
		if err != nil {
			if q.Satisfied(func(id string) bool { return held[id] }) == nil {
				t.Fatal("satisfied, and yet nothing is needed")
			}
			return
		}
		answered := map[string]bool{}
		for _, id := range needed {
			if answered[id] = true; !held[id] {
				t.Fatalf("%s is needed and not held", id)
			}
		}
		if err := q.Satisfied(func(id string) bool { return answered[id] }); err != nil {
			t.Fatalf("%v do not do: %v", needed, err)
		}
		if len(q.CredentialSets) == 0 {
			for id := range maps.Keys(answered) {
				if q.Satisfied(func(other string) bool { return answered[other] && other != id }) == nil {
					t.Fatalf("%s is needed and not missed", id)
				}
			}
		}
	})
}

func anySets(t *rapid.T) openid4vp.Query {
	var q openid4vp.Query
	for _, id := range ids {
		q.Credentials = append(q.Credentials, openid4vp.CredentialQuery{ID: id, Format: openid4vp.FormatSDJWT, Meta: &openid4vp.Meta{VCTValues: []string{vct}}})
	}
	for range rapid.IntRange(0, 3).Draw(t, "sets") {
		var set openid4vp.CredentialSetQuery
		if rapid.Bool().Draw(t, "optional") {
			set.Required = new(bool)
		}
		for range rapid.IntRange(1, 3).Draw(t, "options") {
			set.Options = append(set.Options, rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 1, 3, rapid.ID).Draw(t, "option"))
		}
		q.CredentialSets = append(q.CredentialSets, set)
	}
	return q
}

//clause:verifier 6: DCQL, its shape and limits
func TestAnyQueryTravels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anySets(t)
		q.Credentials = append(q.Credentials, anyClaims(t, true))
		body, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		again, err := openid4vp.ParseQuery(body)
		if err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if diff := cmp.Diff(q, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
