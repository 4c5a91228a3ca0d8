package main

import (
	"github.com/chromedp/chromedp"

	"github.com/govmydata/mydata/conformance/stage"
)

// aside looks at the pages that the story itself does not need, and changes nothing
// that lasts.
func (v *visit) aside() error {
	return all(
		v.to(stage.IDP, "/me"), v.clicks("a[href$='/revoke']"), v.arrives(stage.IDP, "/me/credentials/"), v.looks("revoke"),
		v.to(stage.IDP, "/me/history"), v.clicks("a[href$='/not-me']"), v.arrives(stage.IDP, "/me/history/"), v.looks("not-me"),
		v.to(stage.IDP, "/me/history"), v.clicks("a[href$='/wrong-data']"), v.arrives(stage.IDP, "/me/history/"), v.looks("wrong-data"),
		v.to(stage.IDP, "/me/consents"), v.clicks("form[action$='/pause'] button"), v.sees(".state-paused"), v.looks("paused"),
		v.clicks("form[action$='/resume'] button"), v.sees(".state-active"), v.looks("resumed"),
		v.paper, v.looks("paper"),
		v.to(stage.IDP, "/receipt"), v.looks("receipt-check"),
		v.to(stage.IDP, "/logout"), v.looks("logout"),
	)
}

// paper opens the receipt that is printed, whose link is folded away.
func (v *visit) paper() error {
	address, err := get(v.walk, chromedp.Evaluate[string](`document.querySelector("a[href$='/print']").href`))
	if err != nil {
		return v.trouble("find the paper", err)
	}
	return v.open(address)
}
