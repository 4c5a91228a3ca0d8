package wallet

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// grant is a token in hand, bound to a DPoP key of this one issuance.
type grant struct {
	offered  Offered
	clientID string // "" when the token was got without a client
	maker    *dpop.Maker
	nonces   map[string]string // the last DPoP nonce of each server
	token    string
	ids      map[string][]string // credential_identifiers by configuration
	instance *instance           // as which the wallet authenticates, or nil
}

type tokenResponse struct {
	AccessToken          string `json:"access_token"`
	TokenType            string `json:"token_type"`
	AuthorizationDetails []struct {
		Type                      string   `json:"type"`
		CredentialConfigurationID string   `json:"credential_configuration_id"`
		CredentialIdentifiers     []string `json:"credential_identifiers"`
	} `json:"authorization_details"`
}

func (w *Wallet) newGrant(ctx context.Context, o Offered) (*grant, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	maker, err := dpop.NewMaker(key)
	if err != nil {
		return nil, err
	}
	maker.Now = w.config.Now
	g := &grant{offered: o, maker: maker, nonces: map[string]string{}}
	return g, w.attest(ctx, g, key)
}

// preAuthorized redeems a pre-authorized code (section 6.1).
func (w *Wallet) preAuthorized(ctx context.Context, o Offered, txCode string) (*grant, error) {
	if !o.PreAuthorized() {
		return nil, refuse("grant", "the offer carries no pre-authorized code")
	}
	if (o.TxCode() != nil) != (txCode != "") {
		return nil, refuse("tx_code", "the offer asks for a transaction code exactly when one must be given")
	}
	g, err := w.newGrant(ctx, o)
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type":          {openid4vci.PreAuthorizedGrantType},
		"pre-authorized_code": {o.Offer.Grants.PreAuthorizedCode.PreAuthorizedCode},
	}
	if txCode != "" {
		form.Set("tx_code", txCode)
	}
	if w.config.Issuance.ByDetails { // section 6.1.1
		if err := setDetails(form, o.details(o.Configurations)); err != nil {
			return nil, err
		}
	}
	g.clientID = w.config.ClientID
	if g.clientID == "" && !o.Server.AnonymousPreAuthorized {
		return nil, refuse("client", "the authorization server wants a client_id")
	}
	return g, w.redeem(ctx, g, form)
}

// redeem asks for the token and takes it only bound to our key.
func (w *Wallet) redeem(ctx context.Context, g *grant, form url.Values) error {
	if g.clientID != "" {
		form.Set("client_id", g.clientID)
	}
	r, err := w.proven(ctx, g, call{
		what: "token", method: http.MethodPost, address: g.offered.Server.TokenEndpoint,
		contentType: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
	})
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return r.refused("token")
	}
	var t tokenResponse
	if err := decode("token", r.body, &t); err != nil {
		return err
	}
	if t.AccessToken == "" || !strings.EqualFold(t.TokenType, "DPoP") {
		return refuse("dpop", "the token is not bound to this wallet's key")
	}
	g.token, g.ids = t.AccessToken, map[string][]string{}
	for _, d := range t.AuthorizationDetails {
		if d.Type == "openid_credential" {
			g.ids[d.CredentialConfigurationID] = d.CredentialIdentifiers
		}
	}
	return nil
}

// call is one request that carries a DPoP proof.
type call struct {
	what, method, address, contentType string
	body                               []byte
	token                              string
}

// proven sends a call with a fresh proof, and once more for each of a nonce
// (RFC 9449, 8 and 9) and a challenge that the server asks for.
func (w *Wallet) proven(ctx context.Context, g *grant, c call) (reply, error) {
	server := origin(c.address)
	for attempt := 0; ; attempt++ {
		proof, err := g.maker.Proof(c.method, c.address, c.token, g.nonces[server])
		if err != nil {
			return reply{}, err
		}
		header := http.Header{"Accept": {"application/json"}, dpop.Header: {proof}}
		if c.contentType != "" {
			header.Set("Content-Type", c.contentType)
		}
		if c.token != "" {
			header.Set("Authorization", "DPoP "+c.token)
		}
		if c.token == "" {
			if err := w.authenticate(ctx, g, header); err != nil {
				return reply{}, err
			}
		}
		r, err := w.send(ctx, c.what, c.method, c.address, header, c.body)
		if err != nil {
			return reply{}, err
		}
		nonce := r.header.Get(dpop.NonceHeader)
		if nonce != "" {
			g.nonces[server] = nonce
		}
		again := g.challenged(r) || nonce != "" && r.wantsNonce()
		if attempt > 1 || !again {
			return r, nil
		}
	}
}

func (r reply) wantsNonce() bool {
	return (r.status == http.StatusBadRequest && r.refused("").Code == "use_dpop_nonce") ||
		(r.status == http.StatusUnauthorized && strings.Contains(r.header.Get("WWW-Authenticate"), "use_dpop_nonce"))
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
