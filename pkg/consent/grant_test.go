package consent_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

func TestGrantRefuses(t *testing.T) {
	type setting struct {
		w       *consenttest.World
		passkey *consenttest.Passkey
		grant   consent.GrantID
	}
	approve := func(ctx context.Context, s setting) error {
		_, err := s.w.Approve(ctx, s.grant, ada, s.passkey, "vision_ok", "hearing_ok")
		return err
	}
	for name, c := range map[string]struct {
		act  func(ctx context.Context, s setting) error
		want string
		is   error
	}{
		"it refuses a missing required claim": {want: "claims", act: func(ctx context.Context, s setting) error {
			_, err := s.w.Approve(ctx, s.grant, ada, s.passkey, "vision_ok", "checked_on")
			return err
		}},
		"it refuses an added claim": {want: "claims", act: func(ctx context.Context, s setting) error {
			_, err := s.w.Approve(ctx, s.grant, ada, s.passkey, "vision_ok", "hearing_ok", "remarks")
			return err
		}},
		"it refuses an unknown language": {want: "language", act: func(ctx context.Context, s setting) error {
			_, err := s.w.Ledger.Propose(ctx, s.grant, ada, consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "xx"})
			return err
		}},
		"it refuses an unverified user": {want: "UV", act: func(ctx context.Context, s setting) error {
			s.passkey.Flags = 1
			return approve(ctx, s)
		}},
		"it refuses another origin": {want: "origin", act: func(ctx context.Context, s setting) error {
			s.passkey.Origin = "https://evil.example"
			return approve(ctx, s)
		}},
		"it refuses a signature over other terms": {want: "challenge", act: func(ctx context.Context, s setting) error {
			choice := consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "ko"}
			first, err := s.w.Ledger.Propose(ctx, s.grant, ada, choice)
			if err != nil {
				return err
			}
			choice.Claims = append(choice.Claims, "checked_on")
			if _, err = s.w.Ledger.Propose(ctx, s.grant, ada, choice); err != nil {
				return err
			}
			digest, _ := first.Terms.Digest()
			_, err = s.w.Ledger.Grant(ctx, s.grant, ada, s.passkey.Sign(approval.Challenge([][32]byte{digest}, first.Nonce)))
			return err
		}},
		"it refuses without a proposal": {is: consent.ErrNoOffer, act: func(ctx context.Context, s setting) error {
			_, err := s.w.Ledger.Grant(ctx, s.grant, ada, s.passkey.Sign([32]byte{}))
			return err
		}},
		"it refuses a stale proposal": {is: consent.ErrNoOffer, act: func(ctx context.Context, s setting) error {
			if _, err := s.w.Ledger.Propose(ctx, s.grant, ada, consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "en"}); err != nil {
				return err
			}
			s.w.Pass(11 * time.Minute)
			_, err := s.w.Ledger.Grant(ctx, s.grant, ada, s.passkey.Sign([32]byte{}))
			return err
		}},
		"it refuses a lapsed request": {is: consent.ErrExpired, act: func(ctx context.Context, s setting) error {
			s.w.Pass(2 * time.Hour)
			return approve(ctx, s)
		}},
		"it refuses what was proposed before the request lapsed": {is: consent.ErrExpired, act: func(ctx context.Context, s setting) error {
			if _, err := s.w.Ledger.Propose(ctx, s.grant, ada, consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "en"}); err != nil {
				return err
			}
			s.w.Pass(2 * time.Hour)
			_, err := s.w.Ledger.Grant(ctx, s.grant, ada, s.passkey.Sign([32]byte{}))
			return err
		}},
		"it refuses a denied request": {is: consent.ErrDecided, act: func(ctx context.Context, s setting) error {
			if _, err := s.w.Ledger.Deny(ctx, s.grant, ada); err != nil {
				return err
			}
			return approve(ctx, s)
		}},
		"it refuses a passkey that was removed": {want: "passkey", act: func(ctx context.Context, s setting) error {
			other := consenttest.NewPasskey(s.w.RP)
			s.w.People.Change(ada, approval.OpAdd, other, s.passkey)
			s.w.People.Change(ada, approval.OpRemove, s.passkey, other)
			return approve(ctx, s)
		}},
		"it grants nothing twice": {is: consent.ErrDecided, act: func(ctx context.Context, s setting) error {
			if err := approve(ctx, s); err != nil {
				return err
			}
			_, err := s.w.Ledger.Grant(ctx, s.grant, ada, s.passkey.Sign([32]byte{}))
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, passkey := world(t)
			r, err := w.Ledger.Request(t.Context(), w.Request(ada, nil))
			ok(t, "request", err)
			err = c.act(t.Context(), setting{w, passkey, r.Grant})
			if c.is != nil {
				is(t, name, err, c.is)
				return
			}
			check(t, name, err, c.want)
		})
	}
}

func TestProposeRefuses(t *testing.T) {
	w, _ := world(t)
	r, err := w.Ledger.Request(t.Context(), w.Request(ada, nil))
	ok(t, "request", err)
	propose := func(claims ...string) error {
		_, err := w.Ledger.Propose(t.Context(), r.Grant, ada, consent.Choice{Claims: claims, Lang: "ko"})
		return err
	}
	if err := propose("vision_ok"); err == nil || !strings.HasSuffix(err.Error(), `claims: "hearing_ok" is required`) {
		t.Errorf("it does not ask for what is required before it makes terms: %v", err)
	}
	w.Ledger.Withdrawal = ""
	check(t, "it shows no terms that agencies would refuse", propose("vision_ok", "hearing_ok"), "withdrawal")
	_, err = w.Store.Proposal(t.Context(), r.Grant)
	is(t, "proposal", err, consent.ErrNoOffer)
}

func TestGrantAgain(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r, err := w.Ledger.Request(ctx, w.Request(ada, nil))
	ok(t, "request", err)
	p, err := w.Ledger.Propose(ctx, r.Grant, ada, consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "en"})
	ok(t, "propose", err)
	digest, err := p.Terms.Digest()
	ok(t, "digest", err)
	signed := passkey.Sign(approval.Challenge([][32]byte{digest}, p.Nonce))
	first, err := w.Ledger.Grant(ctx, r.Grant, ada, signed)
	ok(t, "grant", err)
	second, err := w.Ledger.Grant(ctx, r.Grant, ada, signed)
	ok(t, "grant again", err)
	if first.Seq != second.Seq {
		t.Errorf("the second click made event %d", second.Seq)
	}
}
