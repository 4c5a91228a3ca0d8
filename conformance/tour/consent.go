package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/govmydata/mydata/conformance/stage"
)

func (v *visit) renew() error {
	return all(
		v.to(stage.Licence, "/"), v.looks("licence"),
		v.clicks("form[action='/renew'] button"),
		v.arrives(stage.IDP, "/approval/"), v.looks("approval"),
		v.optional,
		v.looks("approval-chosen"),
		v.clicks("#approve button[type=submit]"),
		v.arrives(stage.Licence, "/renewal/"), v.sees("dl.facts .yes"), v.looks("licence-renewed"),
		v.told,
	)
}

// told wants two answers, the date only if it was left ticked, and no reading.
func (v *visit) told() error {
	answers, err := v.count("dl.facts .yes")
	if err != nil {
		return err
	}
	if answers != 2 {
		return v.trouble("count the answers", fmt.Errorf("%d, wanted 2", answers))
	}
	text, err := v.text("main")
	if err != nil {
		return err
	}
	if dated := strings.Contains(text, "2026년 5월 14일") || strings.Contains(text, "2 March 2026"); dated != v.actor.optional {
		return v.trouble("look for the date of the check-up", fmt.Errorf("it is there: %v, it was granted: %v", dated, v.actor.optional))
	}
	return nil
}

// optional leaves the optional field ticked, or unticks it with the keyboard.
func (v *visit) optional() error {
	if v.actor.optional {
		return nil
	}
	return v.do(chromedp.Focus(chromedp.CSS("input[value=checked_on]")), chromedp.SendKeys(chromedp.CSS("input[value=checked_on]"), " "))
}

func (v *visit) insurer() error {
	return all(v.to(stage.Insurer, "/"), v.looks("insurer"))
}

func (v *visit) history() error {
	return all(
		v.to(stage.IDP, "/me/history"), v.looks("history"),
		v.to(stage.IDP, "/me/consents"), v.sees(".state-active"), v.looks("consents"),
		v.to(stage.IDP, "/me/erasure"), v.looks("erasure"), v.to(stage.IDP, "/me/notices"), v.looks("notices"),
		v.to(stage.IDP, "/agencies"), v.looks("agencies"), v.to(stage.IDP, "/statistics"), v.looks("statistics"),
		v.to(stage.IDP, "/me/consents"), v.sees(".state-active"),
		v.download, v.checkReceipt,
	)
}

// download fetches the receipt as the link on the page would.
func (v *visit) download() (err error) {
	v.receipt, err = v.fetched("a[download]")
	return err
}

// fetched is the file that a link on the page leads to.
func (v *visit) fetched(link string) ([]byte, error) {
	script := fmt.Sprintf(`fetch(document.querySelector(%q).href).then(r => r.ok ? r.text() : Promise.reject(r.status))`, link)
	text, err := get(v.walk, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, v.trouble("download "+link, err)
	}
	return []byte(text), nil
}

// refuse says no to a request, and keeps the proof of that.
func (v *visit) refuse() error {
	return all(
		v.asksToRenew, v.clicks("form[action$='/deny'] button"), v.arrives(stage.Licence, "/"), v.looks("licence-denied"),
		v.to(stage.IDP, "/me/consents"), v.sees(".state-denied"), v.looks("consents-refused"),
		func() error {
			text, err := v.fetched("a[href^='/me/answers/']")
			if err != nil {
				return err
			}
			file, err := v.receiptFile("answer", text)
			if err == nil {
				_, err = v.idp("receipt", "verify", file, "--trust", v.Path("trust"))
			}
			return err
		},
	)
}

// withdraw does without scripts, which withdrawing must never need.
func (v *visit) withdraw() error {
	return all(
		v.to(stage.IDP, "/me/consents"), v.clicks("a[href$='/withdraw']"), v.arrives(stage.IDP, "/me/consents/"), v.looks("withdraw"),
		v.scripts(false),
		v.to(stage.IDP, "/me/consents"), v.clicks("a[href$='/withdraw']"), v.clicks("form[action$='/withdraw'] button"),
		v.arrives(stage.IDP, "/me/consents"), v.sees(".state-withdrawn"),
		v.to(stage.Licence, "/"), v.clicks("a[href^='/renewal/']"), v.clicks("form[action$='/again'] button"),
		v.sees("[role=alert]"), v.folds("withdrawn"),
		v.scripts(true), v.looks("licence-refused"),
		v.to(stage.IDP, "/me/consents"), v.looks("withdrawn"),
		v.to(stage.IDP, "/me/history"), v.looks("history-withdrawn"),
	)
}

func (v *visit) passkeys() error {
	return all(
		v.to(stage.IDP, "/me/passkeys"), v.looks("passkeys"),
		v.clicks("a[href='/me/passkeys/add']"), v.arrives(stage.IDP, "/me/passkeys/add"), v.looks("passkey-add"),
		v.secondDevice,
		v.clicks("form[data-webauthn=create] button"),
		v.arrives(stage.IDP, "/me/passkeys/confirm/"), v.looks("passkey-confirm"),
		v.clicks("form[data-webauthn=get] button"),
		v.arrives(stage.IDP, "/me/passkeys?changed"), v.looks("passkeys-two"),
		func() error { return v.cards("ul.cards > li", 2) },
		v.clicks("li.card:not(:has(.state)) a[href^='/me/passkeys/remove/']"), v.arrives(stage.IDP, "/me/passkeys/remove/"), v.looks("passkey-remove"),
		v.clicks("form[data-webauthn=get] button"),
		v.arrives(stage.IDP, "/me/passkeys?changed"), v.looks("passkeys-one"),
		func() error { return v.cards("ul.cards > li", 1) },
	)
}

func (v *visit) cards(selector string, want int) error {
	n, err := v.count(selector)
	if err == nil && n != want {
		err = v.trouble("count "+selector, fmt.Errorf("%d, wanted %d", n, want))
	}
	return err
}

// listLife is how long a verifier may believe a status list that it has: its ttl
// of ten seconds, and one for the way.
const listLife = 11 * time.Second

// lose replaces a lost phone: the old passkeys and credentials end, the card in
// the wallet no longer proves anything.
func (v *visit) lose() error {
	var letter struct{ URL, Code string }
	var revoked time.Time
	return all(
		func() error {
			err := v.ask(&letter, "idp", "enrol", "--resident", v.actor.resident, "--replace")
			revoked = time.Now()
			return err
		},
		v.newDevice,
		func() error { return v.open(strings.Split(letter.URL, "?")[0]) },
		func() error { return v.fill("input[name=code]", letter.Code) },
		v.looks("enrol-again"),
		v.clicks("form[data-webauthn=create] button[type=submit]"),
		v.arrives(stage.IDP, "/me"), v.sees(".state-revoked"), v.looks("enrolled-again"),
		func() error { time.Sleep(time.Until(revoked.Add(listLife))); return nil },
		v.to(stage.Verifier, "/"), v.clicks("form[action='/requests'] button"),
		v.clicks("#open-demo-wallet"), v.clicks("button[value=share]"),
		v.arrives(stage.Verifier, "/result/"), v.sees(".state-rejected"), v.looks("verifier-rejected"),
		v.sees("#checks [data-check='status'][data-ok=false]"),
		v.to(stage.Wallet, "/"), v.clicks("a.face"), v.clicks("details summary"), v.clicks("button.danger"),
		v.arrives(stage.Wallet, "/"), v.looks("wallet-empty"),
	)
}
