package openid4vci

import (
	"fmt"
	"net/url"
	"strings"
)

// FormatSDJWT is the credential format identifier of SD-JWT VC
// (OpenID4VCI 1.0, appendix A.3.1).
const FormatSDJWT = "dc+sd-jwt"

// WellKnown is the path segment of the issuer's metadata (section 12.2.2).
const WellKnown = "/.well-known/openid-credential-issuer"

// Metadata is the Credential Issuer's metadata (section 12.2.4).
type Metadata struct {
	CredentialIssuer                  string                             `json:"credential_issuer"`
	AuthorizationServers              []string                           `json:"authorization_servers,omitempty"`
	CredentialEndpoint                string                             `json:"credential_endpoint"`
	NonceEndpoint                     string                             `json:"nonce_endpoint,omitempty"`
	DeferredCredentialEndpoint        string                             `json:"deferred_credential_endpoint,omitempty"`
	NotificationEndpoint              string                             `json:"notification_endpoint,omitempty"`
	CredentialRequestEncryption       *RequestEncryption                 `json:"credential_request_encryption,omitempty"`
	CredentialResponseEncryption      *ResponseEncryption                `json:"credential_response_encryption,omitempty"`
	BatchCredentialIssuance           *Batch                             `json:"batch_credential_issuance,omitempty"`
	Display                           []Display                          `json:"display,omitempty"`
	CredentialConfigurationsSupported map[string]CredentialConfiguration `json:"credential_configurations_supported"`
}

// Batch says how many proofs one request may carry: 2 or more.
type Batch struct {
	Size int `json:"batch_size"`
}

// Display is a name in one language.
type Display struct {
	Name            string `json:"name"`
	Locale          string `json:"locale,omitempty"`
	Logo            *Logo  `json:"logo,omitempty"`
	Description     string `json:"description,omitempty"`
	BackgroundColor string `json:"background_color,omitempty"`
	TextColor       string `json:"text_color,omitempty"`
}

// Logo is an image and what it shows, in words.
type Logo struct {
	URI     string `json:"uri"`
	AltText string `json:"alt_text,omitempty"`
}

// CredentialConfiguration describes one kind of credential on offer.
type CredentialConfiguration struct {
	Format                               string               `json:"format"`
	Scope                                string               `json:"scope,omitempty"`
	CryptographicBindingMethodsSupported []string             `json:"cryptographic_binding_methods_supported,omitempty"`
	CredentialSigningAlgValuesSupported  []string             `json:"credential_signing_alg_values_supported,omitempty"`
	ProofTypesSupported                  map[string]ProofType `json:"proof_types_supported,omitempty"`
	VCT                                  string               `json:"vct,omitempty"`
	CredentialMetadata                   *CredentialMetadata  `json:"credential_metadata,omitempty"`
}

// ProofType says which algorithms a key proof may use.
type ProofType struct {
	ProofSigningAlgValuesSupported []string                 `json:"proof_signing_alg_values_supported"`
	KeyAttestationsRequired        *KeyAttestationsRequired `json:"key_attestations_required,omitempty"`
}

// CredentialMetadata is what a wallet shows of a kind of credential.
type CredentialMetadata struct {
	Display []Display          `json:"display,omitempty"`
	Claims  []ClaimDescription `json:"claims,omitempty"`
}

// ClaimDescription names a claim (appendix B.2). Its path is of strings,
// non-negative integers and nulls.
type ClaimDescription struct {
	Path      []any     `json:"path"`
	Mandatory bool      `json:"mandatory,omitempty"`
	Display   []Display `json:"display,omitempty"`
}

// MetadataURL inserts the well-known segment between host and path of a
// Credential Issuer Identifier (section 12.2.2).
func MetadataURL(issuer string) (string, error) {
	return insertWellKnown(issuer, WellKnown)
}

// AuthorizationServerMetadataURL is RFC 8414's address, section 3.
func AuthorizationServerMetadataURL(issuer string) (string, error) {
	return insertWellKnown(issuer, "/.well-known/oauth-authorization-server")
}

func insertWellKnown(issuer, segment string) (string, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("issuer identifier %.200q: not an absolute URL without query and fragment", issuer)
	}
	u.Path = segment + strings.TrimSuffix(u.Path, "/")
	u.RawPath = ""
	return u.String(), nil
}

// ParseMetadata reads a wallet's copy of the metadata of issuer, whose name it
// compares as a plain string (section 12.2.4).
func ParseMetadata(body []byte, issuer string) (Metadata, error) {
	var m Metadata
	if err := decode(body, &m); err != nil {
		return Metadata{}, fmt.Errorf("credential issuer metadata: %w", err)
	}
	if m.CredentialIssuer != issuer {
		return Metadata{}, fmt.Errorf("credential issuer metadata: names %.200q, not %.200q", m.CredentialIssuer, issuer)
	}
	if m.CredentialEndpoint == "" || len(m.CredentialConfigurationsSupported) == 0 {
		return Metadata{}, fmt.Errorf("credential issuer metadata: no credential_endpoint or no credential_configurations_supported")
	}
	return m, nil
}
