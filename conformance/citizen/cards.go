package citizen

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/govmydata/mydata/conformance/wallet"
)

// WalletConfig is what the demo wallet's client is registered with; trust is the
// folder that `idp trust export` wrote.
func WalletConfig(trust, walletURL string) (wallet.Config, error) {
	body, err := os.ReadFile(filepath.Join(trust, "issuer-ca.pem"))
	if err != nil {
		return wallet.Config{}, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(body) {
		return wallet.Config{}, errors.New("issuer-ca.pem holds no certificate")
	}
	return wallet.Config{
		ClientID: "demo-wallet", RedirectURI: walletURL + "/callback", Issuers: roots, Verifiers: roots, Development: true,
	}, nil
}

// Receive has a wallet take a mobile ID by an offer from the dashboard, with its
// transaction code.
func (c *Citizen) Receive(ctx context.Context, w *wallet.Wallet) (wallet.Credential, error) {
	link, txCode, err := c.Offer(ctx)
	if err != nil {
		return wallet.Credential{}, err
	}
	offered, err := w.ReadOffer(ctx, link)
	if err != nil {
		return wallet.Credential{}, err
	}
	return one(w.Accept(ctx, offered, strings.ReplaceAll(txCode, " ", "")))
}

// ReceiveByLogin has a wallet ask for a mobile ID by the authorization code
// flow: login, consent to the issuance, callback.
func (c *Citizen) ReceiveByLogin(ctx context.Context, w *wallet.Wallet) (wallet.Credential, error) {
	offer := "openid-credential-offer://?" + url.Values{"credential_offer": {
		`{"credential_issuer":"` + c.Hub + `","credential_configuration_ids":["resident_card_sd_jwt"],"grants":{"authorization_code":{}}}`}}.Encode()
	offered, err := w.ReadOffer(ctx, offer)
	if err != nil {
		return wallet.Credential{}, err
	}
	address, _, err := w.Begin(ctx, offered)
	if err != nil {
		return wallet.Credential{}, err
	}
	callback, err := c.Authorize(ctx, address)
	if err != nil {
		return wallet.Credential{}, err
	}
	return one(w.Finish(ctx, callback.Query()))
}

// Authorize walks an authorization request through login, approval with every
// optional claim unticked, and consent to an issuance or to a login alone, and
// answers the callback's address without opening it.
func (c *Citizen) Authorize(ctx context.Context, address string) (*url.URL, error) {
	hub := strings.TrimSuffix(c.Hub, "/") + "/"
	c.stop = func(to string) bool { return !strings.HasPrefix(to, hub) }
	defer func() { c.stop = nil }()
	page, err := c.Open(ctx, address)
	if err == nil {
		page, err = c.signIn(ctx, page)
	}
	if err == nil {
		page, err = c.agree(ctx, page)
	}
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(page.URL.String(), hub) {
		return nil, fmt.Errorf("came to %s, no callback", page.URL.Path)
	}
	return page.URL, nil
}

// agree says yes on the pages of an authorization request.
func (c *Citizen) agree(ctx context.Context, page Page) (Page, error) {
	if _, ok := page.Form("approve"); ok {
		to, err := c.Sign(ctx, page)
		if err != nil {
			return page, err
		}
		return c.Open(ctx, to)
	}
	for _, question := range []string{"/issuance/", "/document/", "/consent/"} {
		if form, ok := page.Form(page.URL.Path); ok && strings.HasPrefix(page.URL.Path, question) {
			return c.Submit(ctx, form)
		}
	}
	return page, nil
}

func one(cards []wallet.Credential, err error) (wallet.Credential, error) {
	if err != nil {
		return wallet.Credential{}, err
	}
	if len(cards) != 1 {
		return wallet.Credential{}, fmt.Errorf("%d credentials came, wanted one", len(cards))
	}
	return cards[0], nil
}

// Prove opens the verifier's page, asks for a mobile ID, answers with the wallet
// on the same device, and comes back to the result, whose status it answers.
func (c *Citizen) Prove(ctx context.Context, verifier string, w *wallet.Wallet) (status string, err error) {
	page, err := c.BeginProof(ctx, verifier)
	if err != nil {
		return "", err
	}
	asked, err := w.ReadRequest(ctx, ProofLink(page))
	if err != nil {
		return "", err
	}
	back, err := w.Present(ctx, asked, asked.Least())
	if err != nil {
		return "", err
	}
	if page, err = c.Open(ctx, back); err != nil {
		return "", err
	}
	var result struct{ Status string }
	return result.Status, c.Get(ctx, page.URL.String(), &result)
}

// BeginProof asks the verifier's first question; the page carries the request.
func (c *Citizen) BeginProof(ctx context.Context, verifier string) (Page, error) {
	page, err := c.Open(ctx, verifier+"/")
	if err != nil {
		return page, err
	}
	form, ok := page.Form("/requests")
	if !ok {
		return page, errors.New("the verifier's page has no form")
	}
	return c.Submit(ctx, form)
}

// ProofLink is the openid4vp:// link for a wallet on this device.
func ProofLink(page Page) string {
	for _, l := range page.Links {
		if l.ID == "open-wallet" {
			return l.URL.String()
		}
	}
	return ""
}
