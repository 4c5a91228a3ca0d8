package issuance

import (
	"net/http"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

var locales = []struct{ lang, locale string }{{"en", "en"}, {"ko", "ko"}}

// Metadata of this issuer (OpenID4VCI 1.0, 12.2.4).
func (h *Handler) Metadata() openid4vci.Metadata {
	m := openid4vci.Metadata{
		CredentialIssuer:                  h.URL,
		AuthorizationServers:              []string{h.URL},
		CredentialEndpoint:                h.URL + "/credential",
		NonceEndpoint:                     h.URL + "/nonce",
		NotificationEndpoint:              h.URL + "/notification",
		BatchCredentialIssuance:           &openid4vci.Batch{Size: batchSize},
		Display:                           h.display("issuance.issuer"),
		CredentialConfigurationsSupported: map[string]openid4vci.CredentialConfiguration{},
	}
	for i, l := range locales {
		m.Display[i].Logo = h.logo(l.lang)
	}
	if h.Deferrals != nil {
		m.DeferredCredentialEndpoint = h.URL + deferredPath
	}
	// A key that cannot be published is a fault of the wiring: nothing is offered.
	if set, err := openid4vci.RequestKeys(h.RequestKeys); err == nil && len(set.Keys) > 0 {
		m.CredentialRequestEncryption = &openid4vci.RequestEncryption{
			JWKS: set, EncValuesSupported: openid4vci.ContentEncryptions(), EncryptionRequired: h.EncryptionRequired}
		m.CredentialResponseEncryption = &openid4vci.ResponseEncryption{
			AlgValuesSupported: []string{string(openid4vci.KeyAlgorithm)}, EncValuesSupported: openid4vci.ContentEncryptions(),
			EncryptionRequired: h.EncryptionRequired}
	}
	for _, k := range kinds {
		m.CredentialConfigurationsSupported[k.config] = h.configuration(k)
	}
	return m
}

func (h *Handler) configuration(k kind) openid4vci.CredentialConfiguration {
	c := openid4vci.CredentialConfiguration{
		Format:                               openid4vci.FormatSDJWT,
		Scope:                                k.scope,
		CryptographicBindingMethodsSupported: []string{"jwk", "did:jwk", "did:key"},
		CredentialSigningAlgValuesSupported:  []string{"ES256"},
		ProofTypesSupported:                  h.proofTypes(k.config),
		VCT:                                  h.vct(k),
		CredentialMetadata:                   &openid4vci.CredentialMetadata{Display: h.display(k.message)},
	}
	for i, l := range locales {
		d := &c.CredentialMetadata.Display[i]
		d.Logo, d.BackgroundColor, d.TextColor = h.logo(l.lang), background, foreground
		d.Description = h.Frame.Text(l.lang, k.message+".about")
	}
	for _, claim := range k.claims {
		c.CredentialMetadata.Claims = append(c.CredentialMetadata.Claims, openid4vci.ClaimDescription{
			Path: []any{claim.name}, Mandatory: claim.mandatory, Display: h.display("issuance.claim." + claim.name),
		})
	}
	return c
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
