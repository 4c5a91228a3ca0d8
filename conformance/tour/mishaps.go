package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/govmydata/mydata/conformance/stage"
)

// mishaps are what goes wrong in the hands of people: a page that is not there, a
// code that was used, an approval that is broken off, refused by the phone, cut from
// the network, opened on a phone without passkeys, without scripts, after it was
// answered, and a login that ended meanwhile. Each time the page says what happened
// and how to go on, and whoever hears pages is led there.
func (v *visit) mishaps() error {
	var approval string
	const approve = "#approve button[type=submit]"
	return all(
		v.to(stage.IDP, "/me/nothing"), v.sees("main code"), v.looks("not-found"),
		v.usedCode, v.looks("enrol-used-code"),
		v.asksToRenew, func() error { approval = v.here(); return nil },
		v.verified(false), v.clicks(approve), v.complains(&approval), v.looks("approval-not-recognised"), v.verified(true),
		v.offline(true), v.clicks(approve), v.complains(&approval), v.offline(false), v.looks("approval-offline"),
		v.without("PublicKeyCredential"), v.clicks(approve), v.complains(&approval), v.looks("approval-no-passkeys"),
		v.scripts(false), func() error { return v.open(approval) }, v.sees("noscript .notice"), v.hides("#approve button"), v.scripts(true), v.looks("approval-no-scripts"),
		func() error { return v.open(approval) }, v.forgotten, v.clicks(approve), v.complains(&approval), v.looks("approval-signed-out"),
		v.clicks("[data-webauthn-status] a"), v.arrives(stage.IDP, "/login?request="), v.presses("form[data-webauthn=get] button"),
		v.arrives(stage.IDP, "/approval/"), v.approves,
		func() error { return v.open(approval) }, v.sees("main code, dl.facts .yes"), v.looks("approval-answered"),
		v.loggedOut,
	)
}

// hides wants something not to be shown.
func (v *visit) hides(selector string) func() error {
	return func() error {
		shown, err := get(v.walk, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q).getClientRects().length > 0", selector)))
		if err == nil && shown {
			err = v.trouble("miss "+selector, errors.New("it is shown"))
		}
		return err
	}
}

// usedCode types the letter's code of which the passkey was made.
func (v *visit) usedCode() error {
	link, err := v.link()
	if err != nil {
		return err
	}
	return all(
		func() error { return v.open(link) }, v.clicks("form[data-webauthn=create] button[type=submit]"),
		v.sees("input[name=code][aria-invalid=true]:focus"), v.sees("[data-webauthn-status][data-state=error]"),
	)
}

// complains wants the reason shown where it is heard, and the page kept.
func (v *visit) complains(page *string) func() error {
	return func() error {
		if err := v.see("[data-webauthn-status][data-state=error]:focus"); err != nil {
			return err
		}
		if here := v.here(); here != *page {
			return v.trouble("stay", errors.New("it went to "+here))
		}
		return nil
	}
}

// forgotten ends the login as another window would.
func (v *visit) forgotten() error {
	return v.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		return forget(ctx, t, v.URL(stage.IDP), "session")
	}))
}

// loggedOut tries to do what needs a login after it has ended, and is led back.
func (v *visit) loggedOut() error {
	return all(
		v.to(stage.IDP, "/me/lost"), v.forgotten,
		v.clicks("form[action='/me/lost'] button"), v.sees("main a[href='/login?next=%2Fme%2Flost']"), v.looks("signed-out"),
		v.clicks("main a[href^='/login']"), v.presses("form[data-webauthn=get] button"), v.arrives(stage.IDP, "/me/lost"),
	)
}

// forget deletes the cookies of a name, whatever is put before it.
func forget(ctx context.Context, t *chromedp.Target, url, name string) error {
	have, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{url}})
	if err != nil {
		return err
	}
	for _, c := range have.Cookies {
		if strings.HasSuffix(c.Name, name) {
			if _, err := cdp.Call(ctx, t, network.DeleteCookies, network.DeleteCookiesParams{Name: c.Name, URL: url}); err != nil {
				return err
			}
		}
	}
	return nil
}

// verified has the phone recognise its owner, or not.
func (p *person) verified(yes bool) func() error {
	return func() error {
		return chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			for _, id := range p.authenticators {
				if _, err := cdp.Call(ctx, t, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: id, IsUserVerified: yes}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// offline cuts the window from the network, or not.
func (p *person) offline(yes bool) func() error {
	return func() error {
		return chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
				MatchedNetworkConditions: []*network.Conditions{{Offline: yes, DownloadThroughput: -1, UploadThroughput: -1}},
			})
			return err
		}))
	}
}

// without takes something from the window that older browsers do not have.
func (v *visit) without(name string) func() error {
	return func() error {
		return v.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Run(ctx, chromedp.Evaluate[int](fmt.Sprintf("Object.defineProperty(window, %q, {value: undefined, configurable: true}); 0", name)))
			return err
		}))
	}
}
