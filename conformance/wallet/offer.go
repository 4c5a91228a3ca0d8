package wallet

import (
	"context"
	"net/url"
	"slices"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// Offered is an offer that was read and can be shown; nothing is spent yet.
type Offered struct {
	Offer          openid4vci.Offer
	Issuer         openid4vci.Metadata
	Server         ServerMetadata
	Configurations []Configuration
}

// Configuration is one kind of credential on offer.
type Configuration struct {
	ID string
	openid4vci.CredentialConfiguration
}

// ServerMetadata is what a wallet reads of RFC 8414's document.
type ServerMetadata struct {
	Issuer                 string   `json:"issuer"`
	AuthorizationEndpoint  string   `json:"authorization_endpoint"`
	TokenEndpoint          string   `json:"token_endpoint"`
	PAREndpoint            string   `json:"pushed_authorization_request_endpoint"`
	CodeChallengeMethods   []string `json:"code_challenge_methods_supported"`
	IssInResponse          bool     `json:"authorization_response_iss_parameter_supported"`
	DPoPAlgorithms         []string `json:"dpop_signing_alg_values_supported"`
	AnonymousPreAuthorized bool     `json:"pre-authorized_grant_anonymous_access_supported"`
	ChallengeEndpoint      string   `json:"challenge_endpoint"`
}

// TxCode is how the transaction code looks, or nil when none is asked.
func (o Offered) TxCode() *openid4vci.TxCode {
	if !o.PreAuthorized() {
		return nil
	}
	return o.Offer.Grants.PreAuthorizedCode.TxCode
}

// PreAuthorized says that the offer carries a pre-authorized code; otherwise
// the authorization code flow is open (section 4.1.1).
func (o Offered) PreAuthorized() bool {
	return o.Offer.Grants != nil && o.Offer.Grants.PreAuthorizedCode != nil
}

// ReadOffer takes an offer link, by value or by reference, and fetches what it
// points at. An offer is nobody's word yet: all that counts is learned from the
// issuer's own metadata (section 4.1, 13.3).
func (w *Wallet) ReadOffer(ctx context.Context, link string) (Offered, error) {
	offer, reference, err := openid4vci.ParseOfferURI(link)
	if err != nil {
		return Offered{}, refuse("offer", "%v", err)
	}
	if reference != "" {
		body, err := w.getJSON(ctx, "credential offer", reference)
		if err != nil {
			return Offered{}, err
		}
		if offer, err = openid4vci.ParseOffer(body); err != nil {
			return Offered{}, refuse("offer", "%v", err)
		}
	}
	return w.complete(ctx, offer)
}

func (w *Wallet) complete(ctx context.Context, offer openid4vci.Offer) (Offered, error) {
	o := Offered{Offer: offer}
	address, err := openid4vci.MetadataURL(offer.CredentialIssuer)
	if err != nil {
		return Offered{}, refuse("offer", "%v", err)
	}
	body, err := w.getJSON(ctx, "credential issuer metadata", address)
	if err != nil {
		return Offered{}, err
	}
	if o.Issuer, err = openid4vci.ParseMetadata(body, offer.CredentialIssuer); err != nil {
		return Offered{}, refuse("issuer metadata", "%v", err)
	}
	for _, id := range offer.CredentialConfigurationIDs {
		c, ok := o.Issuer.CredentialConfigurationsSupported[id]
		if !ok {
			return Offered{}, refuse("offer", "the issuer knows no configuration %.60q", id)
		}
		if c.Format != openid4vci.FormatSDJWT {
			return Offered{}, refuse("format", "this wallet takes %s, not %.40q", openid4vci.FormatSDJWT, c.Format)
		}
		o.Configurations = append(o.Configurations, Configuration{ID: id, CredentialConfiguration: c})
	}
	o.Server, err = w.server(ctx, o)
	return o, err
}

// server finds the authorization server (section 12.2.4): one that the issuer
// names, the issuer itself when it names none.
func (w *Wallet) server(ctx context.Context, o Offered) (ServerMetadata, error) {
	named := ""
	if g := o.Offer.Grants; g != nil {
		if g.PreAuthorizedCode != nil {
			named = g.PreAuthorizedCode.AuthorizationServer
		} else if g.AuthorizationCode != nil {
			named = g.AuthorizationCode.AuthorizationServer
		}
	}
	issuer := o.Issuer.CredentialIssuer
	if servers := o.Issuer.AuthorizationServers; len(servers) > 0 {
		issuer = servers[0]
		if named != "" {
			if !slices.Contains(servers, named) {
				return ServerMetadata{}, refuse("authorization server", "the issuer does not name the one of the offer")
			}
			issuer = named
		}
	}
	address, err := openid4vci.AuthorizationServerMetadataURL(issuer)
	if err != nil {
		return ServerMetadata{}, refuse("authorization server", "%v", err)
	}
	body, err := w.getJSON(ctx, "authorization server metadata", address)
	if err != nil {
		return ServerMetadata{}, err
	}
	var m ServerMetadata
	if err := decode("authorization server metadata", body, &m); err != nil {
		return ServerMetadata{}, err
	}
	if m.Issuer != issuer {
		return ServerMetadata{}, refuse("authorization server", "its metadata names another issuer")
	}
	for _, endpoint := range []string{m.AuthorizationEndpoint, m.TokenEndpoint, m.PAREndpoint} {
		if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Fragment != "") {
			return ServerMetadata{}, refuse("authorization server", "an endpoint is not a web address")
		}
	}
	if m.TokenEndpoint == "" {
		return ServerMetadata{}, refuse("authorization server", "no token_endpoint")
	}
	if !slices.Contains(m.DPoPAlgorithms, "ES256") {
		return ServerMetadata{}, refuse("dpop", "the authorization server does not bind tokens with ES256")
	}
	return m, nil
}
