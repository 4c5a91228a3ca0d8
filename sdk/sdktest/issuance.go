package sdktest

import (
	"crypto"
	"crypto/rand"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/sdk"
)

// DocumentKeys certify a credential issuer at an address: IssuerConfig's Signer
// and Chain. Trust believes them.
func (h *Hub) DocumentKeys(url string) (crypto.Signer, [][]byte) {
	return h.world.Government.Named(url)
}

// MustIssuer opens an issuer of the provider's at an address, with its defaults
// for tests. The catalogue need not list it here.
func (h *Hub) MustIssuer(url string, documents map[string]sdk.Document, bend ...func(*sdk.IssuerConfig)) *sdk.Issuer {
	h.t.Helper()
	c := sdk.IssuerConfig{Trust: h.Trust(), Keys: h.ProviderKeys(), URL: url, Documents: documents, Journal: h.journal("issuer"),
		AllowLoopback: true, Now: h.Now, Logger: quiet}
	c.Signer, c.Chain = h.DocumentKeys(url)
	for _, b := range bend {
		b(&c)
	}
	i, err := sdk.NewIssuer(h.t.Context(), c)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

// IssuanceToken is the access token with which a wallet fetches a document: the
// person has logged in and agreed. bend may change its claims.
func (c *Citizen) IssuanceToken(url, config, client, jkt string, bend ...func(map[string]any)) string {
	c.hub.t.Helper()
	sealed := must(openid4vci.SealSubject(openid4vci.Subject{Sub: c.ProviderSub(), ResidentID: c.ID}, c.hub.world.Provider.EncryptionJWK()))
	now := c.hub.hubNow()
	claims := map[string]any{
		"iss": c.hub.URL, "sub": c.subAt("urn:mydata:wallet:" + client), "aud": url, "client_id": client, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "cnf": map[string]string{"jkt": jkt},
		"authorization_details": []openid4vci.Detail{{Type: openid4vci.DetailType, CredentialConfigurationID: config, Locations: []string{url}, CredentialIdentifiers: []string{config}}},
		openid4vci.SubjectClaim: sealed,
	}
	for _, b := range bend {
		b(claims)
	}
	return c.hub.sign("at+jwt", claims)
}
