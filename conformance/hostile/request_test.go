package hostile_test

import (
	"crypto/rand"
	"crypto/x509"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

var requestControls = []control{
	{"a consumer's request", func(t *testing.T, w *world) answer {
		n := w.need(t, w.subject(t, w.kim))
		return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), n.object(w.asks.signed(t, consent.RequestJWT, n.body))...))
	}, 201},
}

// requests attack the consumer's signed request, in the request object of PAR
// (RFC 9396): a good client asks for what it may not have, or in another's name.
func requests() []attempt {
	var list []attempt
	bent := func(name string, bends ...func(t *testing.T, w *world) bend) {
		list = append(list, attempt{name: name, status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
			n := w.need(t, w.subject(t, w.kim))
			var all []bend
			for _, b := range bends {
				all = append(all, b(t, w))
			}
			return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), n.object(w.asks.signed(t, consent.RequestJWT, n.body, all...))...))
		}})
	}
	is := func(b bend) func(*testing.T, *world) bend { return func(*testing.T, *world) bend { return b } }
	for name, bends := range signatures("request") {
		bent(name, bends...)
	}
	bent("it refuses a request by another agency, well signed", func(_ *testing.T, w *world) bend {
		return func(j *jwt) {
			j.key, j.head["x5c"], j.claims["iss"] = w.other.key, x5c(w.other.chain...), w.other.agency
		}
	})
	bent("it refuses a request for another hub", is(claim("aud", "https://elsewhere.example")))
	bent("it refuses a request from the future", is(claim("iat", in(300))))
	bent("it refuses an expired request", is(claim("exp", in(-10))))
	bent("it refuses a request without exp", is(claim("exp", nil)))
	bent("it refuses a request about another subject", is(claim("subject", long(43))))
	bent("it refuses a request about no subject", is(claim("subject", nil)))
	bent("it refuses a recipient key of another kind", is(claim("recipient_key", map[string]any{"kem": "P-256", "pub": "x"})))
	bent("it refuses a recipient key that is none", func(_ *testing.T, w *world) bend {
		return func(j *jwt) { j.claims["recipient_key"].(map[string]any)["pub"] = long(100) }
	})
	bent("it refuses a request without recipient key", is(claim("recipient_key", nil)))
	bent("it refuses a request for two things", is(func(j *jwt) {
		all := j.claims["authorization_details"].([]any)
		j.claims["authorization_details"] = append(all, all[0])
	}))
	bent("it refuses a request for nothing", is(claim("authorization_details", []any{})))
	for name, change := range map[string]struct {
		member string
		value  any
	}{
		"of another type": {"type", "hostile"}, "at no provider": {"locations", []string{}}, "at two providers": {"locations", []string{"urn:mydata:agency:health-insurance", "x"}},
		"at the consumer itself": {"locations", []string{"urn:mydata:agency:driving-licence"}}, "at a provider that is not listed": {"locations", []string{"urn:mydata:agency:other"}},
		"to copy everything": {"actions", []string{"copy"}}, "for raw fields under the name of facts": {"actions", []string{"release"}}, "for a data set that is not there": {"datatypes", []string{"tax"}},
		"for two data sets": {"datatypes", []string{"health-checkup", "tax"}}, "by another schema": {"schema_hash", long(43)}, "for no claim": {"claims", []any{}},
		"for a claim twice": {"claims", []any{map[string]any{"name": "vision_ok"}, map[string]any{"name": "vision_ok"}}}, "for a claim that is not derived": {"claims", []any{map[string]any{"name": "blood_pressure"}}},
		"for a claim with a script for a name": {"claims", []any{map[string]any{"name": mark}}}, "for a purpose that is not there": {"purpose", "curiosity"}, "for no use": {"max_uses", 0}, "for a thousand uses": {"max_uses", 1000},
		"for minus one uses": {"max_uses", -1}, "for ten years": {"validity", map[string]any{"seconds": 315360000}}, "for a second": {"validity", map[string]any{"seconds": 1}}, "for a time beyond all numbers": {"validity", map[string]any{"seconds": 1e30}},
		"to keep for ever": {"retention", "for ever"}, "to store nowhere": {"jurisdiction", "kr"}, "by law": {"legal_basis", map[string]any{"kind": "law", "law_ref": "x"}},
		"with a mandate": {"mandate", map[string]any{"relation": "parent"}}, "with a preview": {"preview", true}, "with a range": {"data_range", map[string]any{}}, "in a bundle": {"bundle", []any{}},
		"every day": {"frequency", "daily"}, "of a period without end": {"data_range", map[string]any{"from": "2026-01-01"}},
		"of a period that runs back": {"data_range", map[string]any{"from": "2026-02-01", "to": "2026-01-01"}}, "in the place of no grant": {"supersedes", long(43)},
		"in the place of a script": {"supersedes", mark}, "of a bundle whose rest is missing": {"bundle", map[string]any{"id": "b", "index": 0, "count": 2}},
		"of a bundle of a million": {"bundle", map[string]any{"id": "b", "index": 0, "count": 1000000}}, "for another actor": {"actor", "urn:x"}, "as a prediction": {"actions", []string{"predicate"}},
		"in an emergency": {"legal_basis", map[string]any{"kind": "emergency"}}, "with a member that nobody knows": {"hostile", 1},
	} {
		bent("it refuses a request "+name, is(detail(change.member, change.value)))
	}
	return append(list, subjects()...)
}

// subjects attack the opening of the commitment to the person.
func subjects() []attempt {
	var list []attempt
	opened := func(name string, subject func(t *testing.T, w *world, n need) any) {
		list = append(list, attempt{name: name, status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
			n := w.need(t, w.subject(t, w.kim))
			request := w.asks.signed(t, consent.RequestJWT, n.body)
			return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), append(n.object(request), claim("mydata_subject", subject(t, w, n)))...))
		}})
	}
	with := func(sub, salt any) func(*testing.T, *world, need) any {
		return func(*testing.T, *world, need) any { return map[string]any{"sub": sub, "salt": salt} }
	}
	opened("it refuses an opening that is missing", func(*testing.T, *world, need) any { return nil })
	opened("it refuses an opening that is a list", func(*testing.T, *world, need) any { return []any{} })
	opened("it refuses an opening with another salt", func(_ *testing.T, _ *world, n need) any { return map[string]any{"sub": n.sub, "salt": long(43)} })
	opened("it refuses an opening with a short salt", with("x", "AA"))
	opened("it refuses an opening with a salt that is a number", with("x", 7))
	opened("it refuses an opening of another person", func(t *testing.T, w *world, n need) any {
		return map[string]any{"sub": w.subject(t, w.lee), "salt": consent.Encode(n.salt[:])}
	})
	for name, sub := range map[string]string{"nobody": long(43), "a person that no row can hold": "a\x00b"} {
		list = append(list, attempt{name: "it refuses a request about " + name, status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
			n := w.need(t, sub)
			return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), n.object(w.asks.signed(t, consent.RequestJWT, n.body))...))
		}})
	}
	list = append(list, attempt{name: "it refuses a request that another client pushes", status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
		n := w.need(t, w.subject(t, w.kim))
		return w.other.pushed(t, w, w.other.object(t, w, newVerifier(), n.object(w.asks.signed(t, consent.RequestJWT, n.body))...))
	}}, attempt{name: "it refuses another agency that knows a person by the licence office's name for them", status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
		n := w.need(t, w.subject(t, w.kim))
		n.body.Issuer = w.other.agency
		return w.other.pushed(t, w, w.other.object(t, w, newVerifier(), n.object(w.other.signed(t, consent.RequestJWT, n.body))...))
	}}, attempt{name: "it refuses a request that is 44 KiB of nothing", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
		n := w.need(t, w.subject(t, w.kim))
		return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), n.object(long(44<<10))...))
	}})
	return list
}

// signatures are the ways in which any JWS by an agency can be wrong.
func signatures(what string) map[string][]func(t *testing.T, w *world) bend {
	type bends = []func(t *testing.T, w *world) bend
	is := func(b bend) func(*testing.T, *world) bend { return func(*testing.T, *world) bend { return b } }
	certified := func(from, to time.Duration, id string) bends {
		return bends{func(t *testing.T, w *world) bend {
			key := newKey(t)
			der := w.certify(t, key, id, time.Now().Add(from), time.Now().Add(to))
			return func(j *jwt) { j.key, j.head["x5c"] = key, x5c(der) }
		}}
	}
	const asks = "urn:mydata:agency:driving-licence"
	return map[string]bends{
		"it refuses an unsigned " + what:                                  {is(unsigned())},
		"it refuses a " + what + " signed with a public key as a secret":  {func(_ *testing.T, w *world) bend { return symmetric(&w.asks.key.PublicKey) }},
		"it refuses a " + what + " by another key than its certificate's": {func(_ *testing.T, w *world) bend { return by(w.other.key) }},
		"it refuses a " + what + " with another agency's certificate":     {func(_ *testing.T, w *world) bend { return head("x5c", x5c(w.other.chain...)) }},
		"it refuses a " + what + " with another agency's key and iss": {func(_ *testing.T, w *world) bend {
			return func(j *jwt) { j.key, j.head["x5c"] = w.other.key, x5c(w.other.chain...) }
		}},
		"it refuses a " + what + " without certificate":             {is(head("x5c", nil))},
		"it refuses a " + what + " with no certificate in it":       {is(head("x5c", []string{}))},
		"it refuses a " + what + " with a certificate that is none": {is(head("x5c", []string{"AAAA"}))},
		"it refuses a " + what + " that brings a key": {func(_ *testing.T, w *world) bend {
			return func(j *jwt) { delete(j.head, "x5c"); j.head["jwk"] = public(w.asks.key) }
		}},
		"it refuses a " + what + " with a certificate that has ended":      certified(-48*time.Hour, -24*time.Hour, asks),
		"it refuses a " + what + " with a certificate that has not begun":  certified(24*time.Hour, 48*time.Hour, asks),
		"it refuses a " + what + " with a certificate of a name with more": certified(-time.Hour, time.Hour, asks+"-2"),
		"it refuses a " + what + " by an agency that signed for itself": {func(t *testing.T, w *world) bend {
			key := newKey(t)
			template, err := x509.ParseCertificate(w.asks.chain[0])
			if err != nil {
				t.Fatal(err)
			}
			template.PublicKey = &key.PublicKey // its own issuer
			der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
			if err != nil {
				t.Fatal(err)
			}
			return func(j *jwt) { j.key, j.head["x5c"] = key, x5c(der) }
		}},
		"it refuses a " + what + " of another typ":             {is(head("typ", "JWT"))},
		"it refuses a " + what + " with critical headers":      {is(head("crit", []string{"hostile"})), is(head("hostile", 1))},
		"it refuses a " + what + " without iat":                {is(claim("iat", nil))},
		"it refuses a " + what + " from before time":           {is(claim("iat", -1))},
		"it refuses a " + what + " with a member nobody knows": {is(claim("hostile", 1))},
		"it refuses a " + what + " that is no JSON":            {is(payload("\xff"))},
		"it refuses a " + what + " that is a list":             {is(payload("[]"))},
		"it refuses a " + what + " nested 5000 deep":           {is(payload(deep(5000)))},
		"it refuses a " + what + " with a name given twice":    {is(payload(`{"iat":1,"iat":2}`))},
		"it refuses a " + what + " with stray bits in it":      {is(compacted(func(s string) string { return s + "=" }))},
		"it refuses a " + what + " with a line break in it":    {is(compacted(func(s string) string { return s[:20] + "\n" + s[20:] }))},
		"it refuses a " + what + " of two parts":               {is(compacted(func(s string) string { return s[:len(s)-90] }))},
		"it refuses a " + what + " that is nothing":            {is(compacted(func(string) string { return "x" }))},
		"it refuses a " + what + " about what no row can hold": {is(claim("jti", "a\x00b")), is(claim("grant_id", "a\x00b"))},
	}
}
