package main

import "github.com/govmydata/mydata/conformance/stage"

// extract has the demo wallet fetch the town hall's document. The login is young
// enough, five minutes, to agree without the passkey again.
func (v *visit) extract() error {
	return all(
		v.to(stage.Extract, "/"), v.looks("extract"),
		v.clicks("#demo-wallet"), v.arrives(stage.Wallet, "/"), v.looks("wallet-extract-offer"),
		v.clicks("form[action='/accept'] button[type=submit]"),
		v.arrives(stage.IDP, "/document/"), v.looks("document"),
		v.clicks("form[action^='/document/'] button[type=submit]"),
		v.arrives(stage.Wallet, "/"), v.sees("a.face"), v.looks("wallet-extract-arrived"),
		v.clicks("a.face"), v.arrives(stage.Wallet, "/cards/"), v.looks("wallet-extract"), v.clicks("details summary"), v.clicks("button.danger"), // the newest is the first
		v.sees("form[action='/open']"), // the list again
		v.to(stage.Extract, "/"), v.sees(".card"), v.looks("extract-issued"),
	)
}

// apply asks two agencies on one page.
func (v *visit) apply() error {
	return all(
		v.to(stage.Portal, "/"), v.looks("portal"),
		v.clicks("form[action='/apply'] button"),
		v.arrives(stage.IDP, "/approval/"), v.looks("approval-bundle"),
		v.clicks("#approve button[type=submit]"),
		v.arrives(stage.Portal, "/application"), v.sees("dl.facts .yes"), v.looks("portal-application"),
		v.to(stage.Extract, "/"), v.looks("extract-released"),
	)
}
