package consent_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// bundle is three requests that are asked for together.
func bundle(w *consenttest.World, bend func(i int, c *consent.RequestClaims)) []consent.Requested {
	var all []consent.Requested
	for i := range 3 {
		all = append(all, w.Request(ada, func(c *consent.RequestClaims) {
			c.Details[0].Bundle = &consent.Bundle{ID: "together", Index: i, Count: 3}
			if bend != nil {
				bend(i, c)
			}
		}))
	}
	return all
}

func asked(t *testing.T, w *consenttest.World) []consent.GrantID {
	t.Helper()
	records, err := w.Ledger.RequestAll(t.Context(), bundle(w, nil))
	ok(t, "request", err)
	var ids []consent.GrantID
	for _, r := range records {
		ids = append(ids, r.Grant)
	}
	return ids
}

var (
	all3    = []string{"vision_ok", "hearing_ok", "checked_on"}
	ticking = &consent.Choice{Claims: all3, Lang: "ko"}
)

// signedBundle proposes the ticked ones and signs them, without granting them.
func signedBundle(w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey, choices ...*consent.Choice) approval.Assertion {
	proposals, err := w.Ledger.ProposeAll(context.Background(), ids, nil, ada, choices)
	must(err)
	var digests [][32]byte
	for _, p := range proposals {
		d, err := p.Terms.Digest()
		must(err)
		digests = append(digests, d)
	}
	return passkey.Sign(approval.Challenge(digests, proposals[0].Nonce))
}

// offersOf are the requests as a page shows them.
func offersOf(w *consenttest.World, ids []consent.GrantID) (all []consent.Offer) {
	for _, id := range ids {
		offer, err := w.Ledger.Offer(context.Background(), id, ada, "ko")
		must(err)
		all = append(all, offer)
	}
	return all
}

//clause:consent a bundle: one approval, grants that live and die alone
func TestBundle(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	ids := asked(t, w)
	signed := signedBundle(w, ids, passkey, ticking, nil, ticking)
	_, err := w.Ledger.Notice(ctx, ids[1], ada)
	is(t, "what was left out has no notice", err, consent.ErrNoOffer)
	records, err := w.Ledger.GrantAll(ctx, ids, nil, ada, signed)
	ok(t, "grant", err)
	for i, want := range []consent.State{consent.StateActive, consent.StateDenied, consent.StateActive} {
		if records[i].State != want || records[i].Grant != ids[i] {
			t.Errorf("part %d is %s", i, records[i].State)
		}
	}
	again, err := w.Ledger.GrantAll(ctx, ids, nil, ada, signed)
	ok(t, "the same signature again", err)
	if again[0].Seq != records[0].Seq {
		t.Error("it granted twice")
	}
	first, err := w.Ledger.NextUse(ctx, ids[0], consenttest.Client)
	ok(t, "a token of the first", err)
	third, err := w.Ledger.NextUse(ctx, ids[2], consenttest.Client)
	ok(t, "a token of the third", err)
	for _, next := range []consent.Authorized{first, third} {
		digest, err := next.Terms.Digest()
		ok(t, "digest", err)
		ok(t, "one approval holds for each", next.Approval.Verify(digest, w.RP, w.Trust.Officers))
		if len(next.Approval.Digests) != 2 || *next.Terms.Bundle != (consent.Bundle{ID: "together", Index: next.Terms.Bundle.Index, Count: 3}) {
			t.Errorf("%d digests, %+v", len(next.Approval.Digests), next.Terms.Bundle)
		}
		request, err := consent.OpenRequest(next.Request, w.Trust.AgencyRoots)
		ok(t, "open", err)
		ok(t, "narrow", consent.Narrow(request, next.Terms, w.Catalogue))
		bent := copied(t, next.Terms)
		bent.Bundle.Count = 4
		check(t, "it refuses a larger bundle", consent.Narrow(request, renotice(t, bent), nil), "bundle")
		bent.Bundle = nil
		check(t, "it refuses to have been asked for alone", consent.Narrow(request, renotice(t, bent), nil), "bundle")
	}
	if string(first.Approval.Salt) == string(third.Approval.Salt) || first.Terms.Subjects == third.Terms.Subjects {
		t.Error("two grants share a salt")
	}
	_, err = w.Ledger.NextUse(ctx, ids[1], consenttest.Client)
	is(t, "a token of what was left out", err, consent.ErrDenied)
	_, err = w.Ledger.Withdraw(ctx, ids[0], ada)
	ok(t, "withdraw the first", err)
	if _, err := w.Ledger.Use(ctx, w.Commit(records[2], 1, nil)); err != nil {
		t.Errorf("the third does not live on: %v", err)
	}
}

func TestRequestAllRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		bend func(w *consenttest.World, all []consent.Requested) []consent.Requested
		says string
	}{
		"it refuses none": {func(*consenttest.World, []consent.Requested) []consent.Requested { return nil }, "0 requests"},
		"it refuses too many": {func(_ *consenttest.World, all []consent.Requested) []consent.Requested {
			return append(append(all, all...), all...)
		}, "9 requests"},
		"it refuses a missing part": {func(_ *consenttest.World, all []consent.Requested) []consent.Requested { return all[:2] }, "2 of its 3"},
		"it refuses another order": {func(_ *consenttest.World, all []consent.Requested) []consent.Requested {
			return []consent.Requested{all[1], all[0], all[2]}
		}, "is not its request"},
		"it refuses a part twice": {func(_ *consenttest.World, all []consent.Requested) []consent.Requested { all[2] = all[1]; return all }, "is not its request"},
		"it refuses one of no bundle": {func(w *consenttest.World, all []consent.Requested) []consent.Requested {
			all[2] = w.Request(ada, nil)
			return all
		}, "belongs to none"},
		"it refuses one of another bundle": {func(w *consenttest.World, all []consent.Requested) []consent.Requested {
			all[2] = w.Request(ada, detail(func(d *consent.Detail) { d.Bundle = &consent.Bundle{ID: "other", Index: 2, Count: 3} }))
			return all
		}, "is not its request"},
		"it refuses parts about several people": {func(w *consenttest.World, all []consent.Requested) []consent.Requested {
			all[2] = w.Request(bea, detail(func(d *consent.Detail) { d.Bundle = &consent.Bundle{ID: "together", Index: 2, Count: 3} }))
			return all
		}, "several people"},
		"it refuses a bundle of one": {func(w *consenttest.World, _ []consent.Requested) []consent.Requested {
			return []consent.Requested{w.Request(ada, detail(func(d *consent.Detail) { d.Bundle = &consent.Bundle{ID: "b", Count: 1} }))}
		}, "2 to 6"},
		"it refuses a bundle without a name": {func(w *consenttest.World, _ []consent.Requested) []consent.Requested {
			return []consent.Requested{w.Request(ada, detail(func(d *consent.Detail) { d.Bundle = &consent.Bundle{Count: 2} }))}
		}, "id is missing"},
		"it refuses a place that no bundle has": {func(w *consenttest.World, _ []consent.Requested) []consent.Requested {
			return []consent.Requested{w.Request(ada, detail(func(d *consent.Detail) { d.Bundle = &consent.Bundle{ID: "b", Index: 2, Count: 2} }))}
		}, "request 2 of 2"},
		"it refuses to amend in a bundle": {func(w *consenttest.World, _ []consent.Requested) []consent.Requested {
			return []consent.Requested{w.Request(ada, detail(func(d *consent.Detail) { d.Supersedes, d.Bundle = "g", &consent.Bundle{ID: "b", Count: 2} }))}
		}, "alone"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := world(t)
			_, err := w.Ledger.RequestAll(t.Context(), c.bend(w, bundle(w, nil)))
			says(t, name, err, "bundle", c.says)
			if head, _ := w.Store.Head(t.Context(), ada); head != 0 {
				t.Error("something was written")
			}
		})
	}
	t.Run("it keeps none where one is wrong", func(t *testing.T) {
		w, _ := world(t)
		_, err := w.Ledger.RequestAll(t.Context(), bundle(w, func(i int, c *consent.RequestClaims) {
			if i == 2 {
				c.Details[0].Purpose = "advertising"
			}
		}))
		check(t, "the third", err, "purpose")
		if head, _ := w.Store.Head(t.Context(), ada); head != 0 {
			t.Error("something was written")
		}
	})
}

// What changed since it was put to the citizen is loaded anew.
func TestGrantAllOfOldOffers(t *testing.T) {
	w, passkey := world(t)
	ids := asked(t, w)
	seen, signed := offersOf(w, ids), signedBundle(w, ids, passkey, ticking, ticking, ticking)
	_, err := w.Ledger.Deny(t.Context(), ids[1], ada)
	ok(t, "deny", err)
	_, err = w.Ledger.GrantAll(t.Context(), ids, seen, ada, signed)
	is(t, "grant", err, consent.ErrDecided)
	for i, want := range []consent.State{consent.StateRequested, consent.StateDenied, consent.StateRequested} {
		if r, _, err := w.Store.History(t.Context(), ids[i]); err != nil || r.State != want {
			t.Errorf("part %d is %s, %v", i, r.State, err)
		}
	}
}

// Terms are of the request that they answer, in the language of the choice, whatever
// offers their caller has at hand.
func TestProposeAllOfOtherOffers(t *testing.T) {
	w, _ := world(t)
	ids := asked(t, w)
	english := *ticking
	english.Lang = "en"
	seen := offersOf(w, ids)
	proposals, err := w.Ledger.ProposeAll(t.Context(), ids, []consent.Offer{seen[0], seen[2], seen[2]}, ada, []*consent.Choice{&english, ticking, ticking})
	ok(t, "propose", err)
	for i, lang := range []string{"en", "ko", "ko"} {
		if terms := proposals[i].Terms; terms.GrantID != ids[i] || terms.Notice.Lang != lang {
			t.Errorf("terms %d are of %s in %s", i, terms.GrantID, terms.Notice.Lang)
		}
	}
}

// Each grant is what its own history says, whatever offers are at hand.
func TestGrantAllOfOtherOffers(t *testing.T) {
	w, passkey := world(t)
	ids := asked(t, w)
	seen, signed := offersOf(w, ids), signedBundle(w, ids, passkey, ticking, ticking, ticking)
	_, err := w.Ledger.GrantAll(t.Context(), ids, []consent.Offer{seen[1], seen[0], {}}, ada, signed)
	ok(t, "grant", err)
	for i, id := range ids {
		r, _, err := w.Store.History(t.Context(), id)
		if err != nil || r.State != consent.StateActive || r.Agreed == nil || r.Agreed.GrantID != id {
			t.Errorf("part %d is %+v, %v", i, r, err)
		}
	}
	fresh, err := w.Ledger.GrantAll(t.Context(), ids, []consent.Offer{seen[1], seen[0], {}}, ada, signed)
	ok(t, "the same again", err)
	for i, id := range ids {
		if fresh[i].Grant != id {
			t.Errorf("answer %d is of %s", i, fresh[i].Grant)
		}
	}
}

func TestGrantAllRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error
		want string
		is   error
	}{
		"it refuses a signature over fewer": {want: "challenge", act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			proposals, err := w.Ledger.ProposeAll(ctx, ids, nil, ada, []*consent.Choice{ticking, ticking, ticking})
			must(err)
			d, _ := proposals[0].Terms.Digest()
			_, err = w.Ledger.GrantAll(ctx, ids, nil, ada, passkey.Sign(approval.Challenge([][32]byte{d}, proposals[0].Nonce)))
			return err
		}},
		"it refuses a signature over another order": {want: "challenge", act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			signed := signedBundle(w, ids, passkey, ticking, ticking, ticking)
			_, err := w.Ledger.GrantAll(ctx, []consent.GrantID{ids[1], ids[0], ids[2]}, nil, ada, signed)
			return err
		}},
		"it grants no part alone by the signature over all": {want: "challenge", act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			_, err := w.Ledger.Grant(ctx, ids[0], ada, signedBundle(w, ids, passkey, ticking, ticking, ticking))
			return err
		}},
		"it grants no part by the signature that left it out": {want: "approval", act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			_, err := w.Ledger.Grant(ctx, ids[1], ada, signedBundle(w, ids, passkey, ticking, nil, ticking))
			return err
		}},
		"it refuses when a newer page took a part": {is: consent.ErrNoOffer, act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			signed := signedBundle(w, ids, passkey, ticking, ticking, ticking)
			_, err := w.Ledger.Propose(ctx, ids[1], ada, *ticking)
			must(err)
			_, err = w.Ledger.GrantAll(ctx, ids, nil, ada, signed)
			return err
		}},
		"it refuses to sign for nothing": {want: "bundle", act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, _ *consenttest.Passkey) error {
			_, err := w.Ledger.ProposeAll(ctx, ids, nil, ada, make([]*consent.Choice, 3))
			return err
		}},
		"it refuses a choice too few": {want: "bundle", act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, _ *consenttest.Passkey) error {
			_, err := w.Ledger.ProposeAll(ctx, ids, nil, ada, []*consent.Choice{ticking})
			return err
		}},
		"it believes no offer of another grant or person": {is: consent.ErrForeign, act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			seen := offersOf(w, ids)
			if _, err := w.Ledger.ProposeAll(ctx, ids, []consent.Offer{seen[1], seen[0], {}}, ada, []*consent.Choice{ticking, ticking, ticking}); err != nil {
				return err
			}
			for i, id := range ids {
				p, err := w.Store.Proposal(ctx, id)
				if err != nil || p.Terms.GrantID != id || p.Terms.Bundle.Index != i {
					return fmt.Errorf("part %d: terms of another, %w", i, err)
				}
			}
			_, err := w.Ledger.ProposeAll(ctx, ids, seen, bea, []*consent.Choice{ticking, ticking, ticking})
			return err
		}},
		"it grants nothing to another person by an offer": {is: consent.ErrForeign, act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			_, err := w.Ledger.GrantAll(ctx, ids, offersOf(w, ids), bea, signedBundle(w, ids, passkey, ticking, ticking, ticking))
			return err
		}},
		"it refuses to grant nothing": {want: "bundle", act: func(ctx context.Context, w *consenttest.World, _ []consent.GrantID, _ *consenttest.Passkey) error {
			_, err := w.Ledger.GrantAll(ctx, nil, nil, ada, approval.Assertion{})
			return err
		}},
		"it refuses another person": {is: consent.ErrForeign, act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, passkey *consenttest.Passkey) error {
			_, err := w.Ledger.GrantAll(ctx, ids, nil, bea, signedBundle(w, ids, passkey, ticking, ticking, ticking))
			return err
		}},
		"it lets another person say no to nothing": {is: consent.ErrForeign, act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, _ *consenttest.Passkey) error {
			return w.Ledger.DenyAll(ctx, ids, bea)
		}},
		"it says no to nothing that lapsed": {is: consent.ErrExpired, act: func(ctx context.Context, w *consenttest.World, ids []consent.GrantID, _ *consenttest.Passkey) error {
			w.Pass(2 * time.Hour)
			return w.Ledger.DenyAll(ctx, ids, ada)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, passkey := world(t)
			ids := asked(t, w)
			err := c.act(t.Context(), w, ids, passkey)
			if c.is != nil {
				is(t, name, err, c.is)
			} else {
				check(t, name, err, c.want)
			}
			for _, id := range ids {
				if r, _, _ := w.Ledger.Account(t.Context(), id); r.State != consent.StateRequested {
					t.Errorf("%s became %s", id, r.State)
				}
			}
		})
	}
	t.Run("it grants nothing where a part was decided", func(t *testing.T) {
		w, passkey := world(t)
		ids := asked(t, w)
		signed := signedBundle(w, ids, passkey, ticking, ticking, ticking)
		_, err := w.Ledger.Deny(t.Context(), ids[1], ada)
		ok(t, "deny", err)
		_, err = w.Ledger.GrantAll(t.Context(), ids, nil, ada, signed)
		is(t, "grant", err, consent.ErrDecided)
		if r, _, _ := w.Ledger.Account(t.Context(), ids[0]); r.State != consent.StateRequested {
			t.Errorf("the first became %s", r.State)
		}
	})
}

func TestDenyAll(t *testing.T) {
	w, _ := world(t)
	ids := asked(t, w)
	for range 2 {
		ok(t, "deny", w.Ledger.DenyAll(t.Context(), ids, ada))
	}
	for _, id := range ids {
		if r, _, _ := w.Ledger.Account(t.Context(), id); r.State != consent.StateDenied || r.Seq != 2 {
			t.Errorf("%s, event %d", r.State, r.Seq)
		}
	}
}

// The notice of a part says that it is one.
func TestNoticeOfAPart(t *testing.T) {
	w, _ := world(t)
	ids := asked(t, w)
	for i, id := range ids {
		_, err := w.Ledger.Propose(t.Context(), id, ada, consent.Choice{Claims: all3, Lang: "en"})
		ok(t, "propose", err)
		text, err := w.Ledger.Notice(t.Context(), id, ada)
		ok(t, "notice", err)
		if want := fmt.Sprintf("Asked for together with others: %d/3\n", i+1); !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %q", text, want)
		}
	}
}
