package main

import (
	"context"
	"errors"

	"github.com/chromedp/chromedp"

	"github.com/govmydata/mydata/conformance/stage"
)

// slow are the residents who are told to wait, each in a language.
var slow = []actor{{"resident-04", "ko", true}, {"resident-05", "en", true}}

// aged is the credential that an operator decides on, as openShow has the hub
// started without the story.
const aged = "age_card_sd_jwt"

// decide restarts the deployment so that an operator decides on cards, and walks
// as residents who wait.
func (s *show) decide(ctx context.Context, b *browser, out, axe string, say func(string, ...any)) error {
	if err := errors.Join(s.StopStory(), s.StartAll(ctx)); err != nil {
		return err
	}
	for _, a := range slow {
		p, err := b.person(a.lang)
		if err != nil {
			return err
		}
		defer p.cancel()
		v := &visit{show: s, actor: a, walk: &walk{person: p, lang: a.lang, out: out + "/" + a.resident, axe: axe, say: say}}
		if err := all(v.enrolByLetter, v.waits, v.suspended); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) enrolByLetter() error {
	letter, err := v.Letter(v.ctx, v.actor.resident, false)
	if err != nil {
		return err
	}
	return all(
		func() error { return v.open(letter.URL) },
		v.presses("form[data-webauthn=create] button[type=submit]"),
		v.arrives(stage.IDP, "/me"),
	)
}

// waits asks for three cards: one is refused, one is never fetched.
func (v *visit) waits() error {
	return all(
		v.offered, v.looks("wallet-later"),
		v.early,
		v.to(stage.IDP, "/me"), v.looks("waiting"),
		v.decided("refuse", "--reason", "identity"),
		v.to(stage.IDP, "/me"), v.looks("waiting-refused"),
		v.offered, v.decided("approve"),
		v.to(stage.IDP, "/me"), v.looks("waiting-approved"),
		v.offered, v.decided("approve"), v.clicks("form[action='/collect'] button"), v.sees("a.face"),
		v.to(stage.IDP, "/me"), v.sees(".state-valid"), v.looks("waited"),
	)
}

// early has the wallet ask before anything was decided: the page comes again, with
// an id of its own.
func (v *visit) early() error {
	const form = "form[action='/collect']"
	id, err := get(v.walk, chromedp.Evaluate[string](`document.querySelector("`+form+` input").value`))
	if err != nil {
		return v.trouble("read what waits", err)
	}
	return all(v.clicks(form+" button"), v.sees(form+":has(input:not([value='"+id+"']))"))
}

// offered takes an offer of the operator's into the wallet.
func (v *visit) offered() error {
	var offer struct {
		Link string `json:"credential_offer"`
	}
	return all(
		func() error {
			return v.ask(&offer, "idp", "offer", "--resident", v.actor.resident, "--config", aged)
		},
		func() error { return v.paste(offer.Link) },
		v.clicks("form[action='/accept'] button[type=submit]"), v.sees("form[action='/collect']"),
	)
}

// decided is the operator's decision on the one that waits.
func (v *visit) decided(how string, more ...string) func() error {
	return func() error {
		var list []struct{ ID string }
		if err := v.ask(&list, "idp", "issuance", "list"); err != nil {
			return err
		}
		if len(list) != 1 {
			return v.trouble("ask what waits", errors.New("one should"))
		}
		_, err := v.idp(append([]string{"issuance", how, list[0].ID}, more...)...)
		return err
	}
}

// suspended is what the operator does with the card that came.
func (v *visit) suspended() error {
	id, err := v.text("li.card:has(.state-valid) code")
	if err != nil {
		return err
	}
	return all(
		func() error {
			_, err := v.idp("credential", "suspend", "--credential", id, "--reason", "inquiry")
			return err
		},
		v.to(stage.IDP, "/me"), v.sees(".state-suspended"), v.looks("suspended"),
		func() error { _, err := v.idp("credential", "reinstate", "--credential", id); return err },
		v.to(stage.IDP, "/me"), v.sees(".state-valid"),
	)
}
