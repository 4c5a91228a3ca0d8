package hostile_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// bundles attack what is asked for together, what is asked for in the place of a
// grant, and what is asked for again and again.
func bundles() []attempt {
	var list []attempt
	const code = "invalid_authorization_details"
	// pushed asks for two check-ups together; bend changes one of the two before it
	// is signed, order what is sent.
	pushed := func(name string, bend func(t *testing.T, w *world, i int, n *need), order func(t *testing.T, w *world, signed []string) []string) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			n := w.need(t, w.subject(t, w.kim))
			id := text()
			var signed []string
			for i := range 2 {
				one := n
				one.body.ID, one.body.RecipientKey = text(), w.need(t, "x").body.RecipientKey
				one.body.Details = []consent.Detail{n.body.Details[0]}
				one.body.Details[0].Bundle = &consent.Bundle{ID: id, Index: i, Count: 2}
				if bend != nil {
					bend(t, w, i, &one)
				}
				signed = append(signed, w.asks.signed(t, consent.RequestJWT, one.body))
			}
			if order != nil {
				signed = order(t, w, signed)
			}
			var all []any
			for _, jws := range signed {
				all = append(all, map[string]any{"type": consent.TransferType, "request": jws})
			}
			return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), together(n, all)...))
		}})
	}
	second := func(change func(t *testing.T, w *world, n *need)) func(t *testing.T, w *world, i int, n *need) {
		return func(t *testing.T, w *world, i int, n *need) {
			if i == 1 {
				change(t, w, n)
			}
		}
	}
	pushed("it refuses a bundle in another order", nil, func(_ *testing.T, _ *world, s []string) []string { return []string{s[1], s[0]} })
	pushed("it refuses a bundle whose second is left out", nil, func(_ *testing.T, _ *world, s []string) []string { return s[:1] })
	pushed("it refuses a bundle whose first is left out", nil, func(_ *testing.T, _ *world, s []string) []string { return s[1:] })
	pushed("it refuses a bundle with one twice", nil, func(_ *testing.T, _ *world, s []string) []string { return []string{s[0], s[0]} })
	pushed("it refuses a bundle with one more", nil, func(_ *testing.T, _ *world, s []string) []string { return append(s, s[1]) })
	pushed("it refuses a bundle of a hundred", nil, func(_ *testing.T, _ *world, s []string) []string {
		for len(s) < 8 { // more would not fit the body
			s = append(s, s[1])
		}
		return s
	})
	pushed("it refuses two bundles in one", second(func(_ *testing.T, _ *world, n *need) { n.body.Details[0].Bundle.ID = "another" }), nil)
	pushed("it refuses a bundle that counts differently", second(func(_ *testing.T, _ *world, n *need) { n.body.Details[0].Bundle.Count = 3 }), nil)
	pushed("it refuses a bundle with one place for two", second(func(_ *testing.T, _ *world, n *need) { n.body.Details[0].Bundle.Index = 0 }), nil)
	pushed("it refuses a bundle with a place outside", second(func(_ *testing.T, _ *world, n *need) { n.body.Details[0].Bundle.Index = 2 }), nil)
	pushed("it refuses a bundle with a place before the first", second(func(_ *testing.T, _ *world, n *need) { n.body.Details[0].Bundle.Index = -1 }), nil)
	pushed("it refuses a bundle with one that is of none", second(func(_ *testing.T, _ *world, n *need) { n.body.Details[0].Bundle = nil }), nil)
	pushed("it refuses a bundle about two people", second(func(t *testing.T, w *world, n *need) {
		copy(n.salt[:], text()+text())
		n.body.Subject = consent.SubjectCommitment(n.salt, w.subject(t, w.lee))
	}), nil)
	pushed("it refuses a bundle with one for another hub", second(func(_ *testing.T, _ *world, n *need) { n.body.Audience = "https://elsewhere.example" }), nil)
	pushed("it refuses a bundle with one for a purpose that is not there", second(func(_ *testing.T, _ *world, n *need) { n.body.Details[0].Purpose = "curiosity" }), nil)
	pushed("it refuses a bundle with another agency's child", nil, func(t *testing.T, w *world, s []string) []string {
		n := w.need(t, w.subject(t, w.kim))
		n.body.Issuer = w.other.agency
		n.body.Details[0].Bundle = &consent.Bundle{ID: "b", Index: 1, Count: 2}
		return []string{s[0], w.other.signed(t, consent.RequestJWT, n.body)}
	})
	pushed("it refuses a bundle with an unsigned child", nil, func(t *testing.T, w *world, s []string) []string {
		n := w.need(t, w.subject(t, w.kim))
		return []string{s[0], w.asks.signed(t, consent.RequestJWT, n.body, unsigned())}
	})
	return append(append(list, amendments()...), recurrings()...)
}

// amendments ask in the place of a grant that is not theirs to replace.
func amendments() []attempt {
	var list []attempt
	amend := func(name string, by func(w *world) party, about func(w *world) *person, grant func(t *testing.T, w *world) string, bends ...bend) {
		list = append(list, attempt{name: name, status: 400, code: "invalid_authorization_details", try: func(t *testing.T, w *world) answer {
			n := w.need(t, w.subject(t, about(w)))
			p := by(w)
			n.body.Issuer, n.body.Details[0].Supersedes = p.agency, consent.GrantID(grant(t, w))
			return p.pushed(t, w, p.object(t, w, newVerifier(), n.object(p.signed(t, consent.RequestJWT, n.body, bends...))...))
		}})
	}
	asks, other := func(w *world) party { return w.asks }, func(w *world) party { return w.other }
	kim, lee := func(w *world) *person { return w.kim }, func(w *world) *person { return w.lee }
	amend("it replaces not another citizen's grant", asks, kim, func(_ *testing.T, w *world) string { return w.lee.grant })
	amend("it replaces not a grant with one about another citizen", asks, lee, func(_ *testing.T, w *world) string { return w.kim.grant })
	amend("it replaces not another agency's grant", other, kim, func(_ *testing.T, w *world) string { return w.kim.grant })
	amend("it replaces not what was withdrawn", asks, kim, func(_ *testing.T, w *world) string { return w.kim.ended })
	amend("it replaces not what is not there", asks, kim, func(*testing.T, *world) string { return long(43) })
	amend("it replaces not what no row can hold", asks, kim, func(*testing.T, *world) string { return "a\x00b" })
	amend("it replaces not by a number", asks, kim, func(_ *testing.T, w *world) string { return w.kim.grant }, detail("supersedes", 7))
	amend("it replaces not two at once", asks, kim, func(_ *testing.T, w *world) string { return w.kim.grant }, detail("supersedes", []string{"a", "b"}))
	return list
}

// recurring is kim's grant of a use a day, whose first use was made.
var recurring *transfer

var bundleControls = []control{
	{"two requests that go together", func(t *testing.T, w *world) answer { w.askedTogether(t); return answer{status: 200} }, 200},
	{"a commit to the first of several uses", func(t *testing.T, w *world) answer {
		recurring = w.transfer(t, w.kim, func(n *need) {
			n.body.Details[0].Frequency, n.body.Details[0].Validity = "P1D", consent.Duration{Seconds: 3 * 86400}
		})
		return postJOSE(t, w.hub+"/agency/commits", w.commit(t, recurring, 1))
	}, 200},
}

func recurrings() []attempt {
	var list []attempt
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: try})
	}
	add("it commits to no second use on the same day", 409, "too_soon", "frequency", func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/commits", w.commit(t, recurring, 2))
	})
	add("it gives no token for a second use on the same day", 400, "invalid_grant", "", func(t *testing.T, w *world) answer {
		return w.redeem(t, recurring.dpop, recurring.refresh(t, w))
	})
	for name, v := range map[string]any{"of a second": "PT1S", "of nothing": "P0D", "that runs back": "-P1D", "that is a number": 7, "beyond all numbers": "P99999999999999999999D", "in a script": mark} {
		add("it refuses a frequency "+name, 400, "invalid_authorization_details", "", func(t *testing.T, w *world) answer {
			n := w.need(t, w.subject(t, w.kim))
			request := w.asks.signed(t, consent.RequestJWT, n.body, detail("frequency", v))
			return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), n.object(request)...))
		})
	}
	for name, v := range map[string]any{"without end": map[string]any{"from": "2026-01-01"}, "without beginning": map[string]any{"to": "2026-01-01"}, "that runs back": map[string]any{"from": "2026-02-01", "to": "2026-01-01"},
		"of no day": map[string]any{"from": "2026-02-30", "to": "2026-03-01"}, "that is a text": "all", "with a third end": map[string]any{"from": "2026-01-01", "to": "2026-02-01", "hostile": 1}} {
		add("it refuses a period "+name, 400, "invalid_authorization_details", "", func(t *testing.T, w *world) answer {
			n := w.need(t, w.subject(t, w.kim))
			request := w.asks.signed(t, consent.RequestJWT, n.body, detail("data_range", v))
			return w.asks.pushed(t, w, w.asks.object(t, w, newVerifier(), n.object(request)...))
		})
	}
	return list
}
