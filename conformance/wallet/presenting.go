package wallet

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// Presenting is what a wallet may be told to take when it is asked for a
// presentation. The zero value is HAIP 1.0, and no more.
type Presenting struct {
	// Attesters and Clients are who else may ask (openid4vp.Trust).
	Attesters map[string]jose.JSONWebKeySet
	Clients   map[string]openid4vp.Client
	// Issuer is this wallet's, where verifiers discover its metadata under one.
	Issuer string
	// Types are the transaction data that this wallet can show.
	Types openid4vp.TransactionTypes
	// Plain and Unsigned switch on what HAIP 1.0 forbids.
	Plain, Unsigned bool
	// Sealed has requests by reference encrypted to this wallet.
	Sealed bool
}

// authorization gets the request, however it was handed over, and checks it.
func (w *Wallet) authorization(ctx context.Context, l openid4vp.Link) (openid4vp.Authorization, error) {
	p := w.config.Presenting
	trust := openid4vp.Trust{
		ClientID: l.ClientID, Roots: w.config.Verifiers, Attesters: p.Attesters, Clients: p.Clients, Issuer: p.Issuer,
		Types: p.Types, Plain: p.Plain, Unsigned: p.Unsigned, Now: w.config.Now,
	}
	switch {
	case l.Parameters != nil:
		return openid4vp.ReadUnsigned(l.Parameters, trust)
	case l.Object != "":
		return openid4vp.ReadRequest(l.Object, trust)
	}
	object, err := w.fetchRequest(ctx, l, &trust)
	if err != nil {
		return openid4vp.Authorization{}, err
	}
	return openid4vp.ReadRequest(object, trust)
}

// fetchRequest gets the request object, by POST with a nonce of ours and what
// this wallet can do when the link allows it (section 5.10).
func (w *Wallet) fetchRequest(ctx context.Context, l openid4vp.Link, trust *openid4vp.Trust) (object string, err error) {
	method, body := http.MethodGet, []byte(nil)
	header := http.Header{"Accept": {openid4vp.RequestMediaType}}
	if l.Post {
		trust.WalletNonce = random()
		metadata, err := w.metadata(trust)
		if err != nil {
			return "", err
		}
		method, body = http.MethodPost, []byte(url.Values{"wallet_nonce": {trust.WalletNonce}, "wallet_metadata": {metadata}}.Encode())
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r, err := w.send(ctx, "request_uri", method, l.RequestURI, header, body)
	if err != nil {
		return "", err
	}
	if r.status != http.StatusOK {
		return "", r.refused("request_uri")
	}
	if r.contentType() != openid4vp.RequestMediaType {
		return "", refuse("content type", "the request is not %s", openid4vp.RequestMediaType)
	}
	return string(r.body), nil
}

// metadata says what this wallet can do, with a key for this request alone.
func (w *Wallet) metadata(trust *openid4vp.Trust) (string, error) {
	if w.config.Presenting.Sealed {
		key, err := newKey()
		if err != nil {
			return "", err
		}
		trust.Key = &jose.JSONWebKey{Key: key, KeyID: random(), Algorithm: string(jose.ECDH_ES), Use: "enc"}
	}
	m := openid4vp.OurWallet(w.config.Presenting.Plain, trust.Key)
	if len(w.config.Presenting.Clients) > 0 {
		m.Prefixes = append(m.Prefixes, openid4vp.PreRegistered)
	}
	body, err := json.Marshal(m)
	return string(body), err
}

// authorizable tells whether each transaction can be authorized with what is
// held, and has it answered: a credential that only a transaction needs is
// needed too (sections 5.1 and 8.5).
func (a *Asked) authorizable(available func(id string) bool) error {
	for _, t := range a.Authorization.Transactions {
		if slices.ContainsFunc(t.Credentials, func(id string) bool { return slices.Contains(a.Needed, id) }) {
			continue
		}
		at := slices.IndexFunc(t.Credentials, available)
		if at < 0 {
			return refuse("transaction_data", "this wallet holds no credential that may authorize it")
		}
		a.Needed = append(a.Needed, t.Credentials[at])
	}
	return nil
}

// authorizes puts each transaction to one of the chosen credentials, the first
// that it names.
func (a Asked) authorizes(choices []Choice) (map[string][]openid4vp.Transaction, error) {
	by := map[string][]openid4vp.Transaction{}
	for _, t := range a.Authorization.Transactions {
		at := slices.IndexFunc(t.Credentials, func(id string) bool {
			return slices.ContainsFunc(choices, func(c Choice) bool { return c.Query == id })
		})
		if at < 0 {
			return nil, refuse("choice", "nothing that was chosen may authorize the transaction")
		}
		by[t.Credentials[at]] = append(by[t.Credentials[at]], t)
	}
	return by, nil
}
