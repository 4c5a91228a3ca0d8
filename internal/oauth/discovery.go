package oauth

import (
	"context"
	"net/http"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
)

// metadata is the library's discovery document with what it does not know:
// RFC 9126, 5; RFC 9207, 3; RFC 9449, 5.1; RFC 9396, 10; RFC 9101, 10.5;
// OpenID4VCI 1.0, 12.3.
type metadata struct {
	*oidc.DiscoveryConfiguration
	PAR              string   `json:"pushed_authorization_request_endpoint"`
	RequirePAR       bool     `json:"require_pushed_authorization_requests"`
	RequireSigned    bool     `json:"require_signed_request_object"`
	IssInResponse    bool     `json:"authorization_response_iss_parameter_supported"`
	DPoP             []string `json:"dpop_signing_alg_values_supported"`
	DetailTypes      []string `json:"authorization_details_types_supported,omitempty"`
	AnonymousWallets bool     `json:"pre-authorized_grant_anonymous_access_supported,omitempty"`
	Claims           []string `json:"claims_supported"`
	SignedAnswers    []string `json:"introspection_signing_alg_values_supported"`
	Prompts          []string `json:"prompt_values_supported"`
	// draft-ietf-oauth-status-list, 9.1
	StatusLists string `json:"status_list_aggregation_endpoint,omitempty"`

	// Attestation-based client authentication, draft, 6.3 and 8.
	Challenge      string   `json:"challenge_endpoint,omitempty"`
	AttestationAlg []string `json:"client_attestation_signing_alg_values_supported,omitempty"`
	PoPAlg         []string `json:"client_attestation_pop_signing_alg_values_supported,omitempty"`
}

// Discovery says what this server does, and no more (OpenID Connect Discovery
// 1.0, 3; RFC 8414, 2). The library advertises implicit flows, jwt-bearer and RS256.
func (k *kit) Discovery(ctx context.Context, r *op.Request[struct{}]) (*op.Response, error) {
	response, err := k.LegacyServer.Discovery(ctx, r)
	if err != nil {
		return nil, err
	}
	d, ok := response.Data.(*oidc.DiscoveryConfiguration)
	if !ok {
		return nil, k.s.kitError(ctx, errNotHere)
	}
	algs, objects := names(assertionAlgorithms), names(objectAlgorithms)
	confidential := []oidc.AuthMethod{oidc.AuthMethodPrivateKeyJWT, oidc.AuthMethodBasic}
	d.ScopesSupported = append([]string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess}, k.s.IssuanceScopes...)
	d.ResponseTypesSupported = []string{string(oidc.ResponseTypeCode)}
	d.ResponseModesSupported = []string{string(oidc.ResponseModeQuery)}
	d.GrantTypesSupported = []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
	d.SubjectTypesSupported = []string{"pairwise"}
	d.TokenEndpointAuthMethodsSupported = append([]oidc.AuthMethod{oidc.AuthMethodNone}, confidential...)
	d.TokenEndpointAuthSigningAlgValuesSupported = algs
	d.IntrospectionEndpointAuthMethodsSupported = confidential
	d.IntrospectionEndpointAuthSigningAlgValuesSupported = algs
	d.RevocationEndpointAuthMethodsSupported = d.TokenEndpointAuthMethodsSupported
	d.RevocationEndpointAuthSigningAlgValuesSupported = algs
	d.RequestObjectSigningAlgValuesSupported = objects
	d.ClaimsSupported = nil
	m := metadata{
		DiscoveryConfiguration: d, PAR: k.s.Issuer + "/par", IssInResponse: true, DPoP: names(proofAlgorithms),
		Claims:        []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "at_hash", "sid", "acr"},
		SignedAnswers: []string{string(jose.ES256)}, Prompts: []string{oidc.PromptNone, oidc.PromptLogin, oidc.PromptConsent, oidc.PromptSelectAccount},
	}
	m.StatusLists = k.s.StatusLists
	k.s.attestationMetadata(&m)
	for _, detail := range k.s.Details {
		m.DetailTypes = append(m.DetailTypes, detail.Type())
	}
	if k.s.Registrar != nil { // RFC 7591, 3, RFC 8414, 2
		d.RegistrationEndpoint = k.s.Issuer + "/register"
	}
	if k.s.PreAuthorized != nil {
		d.GrantTypesSupported = append(d.GrantTypesSupported, registry.GrantPreAuthorized)
		m.AnonymousWallets = true
	}
	for name := range k.s.ClaimScopes {
		m.Claims = append(m.Claims, name)
	}
	d.ClaimsParameterSupported, d.ACRValuesSupported = true, acrs
	d.EndSessionEndpoint = k.s.Issuer + "/end_session" // RP-Initiated Logout 1.0, 2.1
	d.BackChannelLogoutSupported, d.BackChannelLogoutSessionSupported = true, true
	if k.s.Devices { // RFC 8628, 4
		d.DeviceAuthorizationEndpoint = k.s.Issuer + "/device_authorization"
		d.GrantTypesSupported = append(d.GrantTypesSupported, registry.GrantDevice)
	}
	return op.NewResponse(m), nil
}

// metadata8414 serves the same document where RFC 8414, 3 looks for it.
func (s *Server) metadata8414(w http.ResponseWriter, r *http.Request) {
	ctx := op.ContextWithIssuer(r.Context(), s.Issuer)
	response, err := s.kit.Discovery(ctx, &op.Request[struct{}]{Method: r.Method, URL: r.URL, Header: r.Header})
	if err != nil {
		s.writeRefusal(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, response.Data)
}
