package issuance

import (
	"net/http"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// claims of the resident card, in the order in which they are shown. Each can
// be disclosed alone.
var claims = []string{"name", "family_name", "given_name", "birthdate", "age_over_19", "address", "resident_number"}

var locales = []struct{ lang, locale string }{{"en", "en"}, {"ko", "ko"}}

// Metadata of this issuer (OpenID4VCI 1.0, 12.2.4).
func (h *Handler) Metadata() openid4vci.Metadata {
	card := openid4vci.CredentialConfiguration{
		Format:                               openid4vci.FormatSDJWT,
		Scope:                                credential.ScopeResidentCard,
		CryptographicBindingMethodsSupported: []string{"jwk", "did:jwk", "did:key"},
		CredentialSigningAlgValuesSupported:  []string{"ES256"},
		ProofTypesSupported:                  h.proofTypes(credential.ConfigResidentCard),
		VCT:                                  credential.VCTResidentCard,
		CredentialMetadata: &openid4vci.CredentialMetadata{
			Display: h.display("issuance.card"),
		},
	}
	for _, name := range claims {
		card.CredentialMetadata.Claims = append(card.CredentialMetadata.Claims, openid4vci.ClaimDescription{
			Path: []any{name}, Display: h.display("issuance.claim." + name),
		})
	}
	return openid4vci.Metadata{
		CredentialIssuer:     h.URL,
		AuthorizationServers: []string{h.URL},
		CredentialEndpoint:   h.URL + "/credential",
		NonceEndpoint:        h.URL + "/nonce",
		NotificationEndpoint: h.URL + "/notification",
		Display:              h.display("issuance.issuer"),
		CredentialConfigurationsSupported: map[string]openid4vci.CredentialConfiguration{
			credential.ConfigResidentCard: card,
		},
	}
}

func (h *Handler) display(message string) []openid4vci.Display {
	var all []openid4vci.Display
	for _, l := range locales {
		all = append(all, openid4vci.Display{Name: h.Frame.Text(l.lang, message), Locale: l.locale})
	}
	return all
}

// did serves the hub's did:web document, byte for byte as the log names it; one
// representation, application/did+json, is at did.json (did:web, "Create").
func (h *Handler) did(w http.ResponseWriter, r *http.Request) {
	if len(h.Document) == 0 {
		http.NotFound(w, r)
		return
	}
	public(w, "max-age=300")
	w.Header().Set("Content-Type", "application/did+json")
	_, _ = w.Write(h.Document)
}
