package citizen

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/conformance/wallet"
)

// Apply presses the benefit portal's one button and logs in at the hub where it
// asks for that; it ends at the approval page, with a part for each permission.
func (c *Citizen) Apply(ctx context.Context, portal string) (Page, error) {
	page, err := c.follow(ctx, http.MethodPost, portal+"/apply", formType, nil)
	if err == nil {
		page, err = c.signIn(ctx, page)
	}
	if err != nil {
		return page, fmt.Errorf("%s applies: %w", c.Name, err)
	}
	if _, ok := page.Form("approve"); !ok {
		return page, fmt.Errorf("%s applies: came to %s, no approval page", c.Name, page.URL.Path)
	}
	return page, nil
}

// ReceiveDocument opens an agency's page, and has a wallet take the document that
// it offers: login, agreement at the hub, callback.
func (c *Citizen) ReceiveDocument(ctx context.Context, agency string, w *wallet.Wallet) (wallet.Credential, error) {
	page, err := c.Open(ctx, agency+"/")
	if err != nil {
		return wallet.Credential{}, err
	}
	link := ""
	for _, l := range page.Links {
		if l.ID == "add" {
			link = l.URL.String()
		}
	}
	offered, err := w.ReadOffer(ctx, link)
	if err != nil {
		return wallet.Credential{}, err
	}
	address, _, err := w.Begin(ctx, offered)
	if err != nil {
		return wallet.Credential{}, err
	}
	back, err := c.Authorize(ctx, address)
	if err != nil {
		return wallet.Credential{}, err
	}
	return one(w.Finish(ctx, back.Query()))
}

// Press sends a form of an agency's page by its address, and answers the page to
// which that leads, a refusal too.
func (c *Citizen) Press(ctx context.Context, address string) (Page, error) {
	page, err := c.Do(ctx, http.MethodPost, address, formType, []byte(url.Values{}.Encode()))
	if err == nil && page.Status == http.StatusSeeOther {
		to, err := page.URL.Parse(page.Header.Get("Location"))
		if err != nil {
			return page, err
		}
		return c.Open(ctx, to.String())
	}
	return page, err
}
