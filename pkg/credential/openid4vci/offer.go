package openid4vci

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// OfferScheme starts a Credential Offer handed to a wallet (section 4.1.2).
const OfferScheme = "openid-credential-offer://"

// Offer is a Credential Offer (section 4.1.1).
type Offer struct {
	CredentialIssuer           string   `json:"credential_issuer"`
	CredentialConfigurationIDs []string `json:"credential_configuration_ids"`
	Grants                     *Grants  `json:"grants,omitempty"`
}

// Grants are the ways to a token that an offer prepares.
type Grants struct {
	AuthorizationCode *AuthorizationCodeGrant `json:"authorization_code,omitempty"`
	PreAuthorizedCode *PreAuthorizedCodeGrant `json:"urn:ietf:params:oauth:grant-type:pre-authorized_code,omitempty"`
}

// PreAuthorizedGrantType is the grant_type of section 6.1.
const PreAuthorizedGrantType = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

// AuthorizationCodeGrant carries what the wallet repeats in its
// authorization request.
type AuthorizationCodeGrant struct {
	IssuerState         string `json:"issuer_state,omitempty"`
	AuthorizationServer string `json:"authorization_server,omitempty"`
}

// PreAuthorizedCodeGrant carries the code; TxCode is present when the issuer
// sent a transaction code by another channel.
type PreAuthorizedCodeGrant struct {
	PreAuthorizedCode   string  `json:"pre-authorized_code"`
	TxCode              *TxCode `json:"tx_code,omitempty"`
	AuthorizationServer string  `json:"authorization_server,omitempty"`
}

// TxCode describes how the transaction code is typed.
type TxCode struct {
	InputMode   string `json:"input_mode,omitempty"` // numeric (default) or text
	Length      int    `json:"length,omitempty"`
	Description string `json:"description,omitempty"`
}

// URI is the offer by value (section 4.1.2).
func (o Offer) URI() (string, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("credential offer: %w", err)
	}
	return OfferScheme + "?credential_offer=" + url.QueryEscape(string(body)), nil
}

// OfferURI is the offer by reference (section 4.1.3).
func OfferURI(reference string) string {
	return OfferScheme + "?credential_offer_uri=" + url.QueryEscape(reference)
}

// ParseOfferURI reads an offer link. It answers with the offer, or with the
// reference to fetch it from; never both are allowed (section 4.1).
func ParseOfferURI(raw string) (offer Offer, reference string, err error) {
	if len(raw) > MaxMessage {
		return Offer{}, "", fmt.Errorf("credential offer: longer than %d bytes", MaxMessage)
	}
	scheme, rest, _ := strings.Cut(raw, "?")
	if scheme != OfferScheme && scheme != strings.TrimSuffix(OfferScheme, "//") && !strings.HasPrefix(scheme, "https://") {
		return Offer{}, "", fmt.Errorf("credential offer: does not start with %s", OfferScheme)
	}
	query, err := url.ParseQuery(rest)
	if err != nil {
		return Offer{}, "", fmt.Errorf("credential offer: %w", err)
	}
	value, byValue := query["credential_offer"]
	ref, byRef := query["credential_offer_uri"]
	if byValue == byRef || len(value)+len(ref) != 1 {
		return Offer{}, "", fmt.Errorf("credential offer: exactly one of credential_offer and credential_offer_uri is needed, once")
	}
	if byRef {
		u, err := url.Parse(ref[0])
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return Offer{}, "", fmt.Errorf("credential offer: credential_offer_uri is not a web address")
		}
		return Offer{}, ref[0], nil
	}
	offer, err = ParseOffer([]byte(value[0]))
	return offer, "", err
}

// ParseOffer reads the JSON of an offer (section 4.1.1).
func ParseOffer(body []byte) (Offer, error) {
	var o Offer
	if err := decode(body, &o); err != nil {
		return Offer{}, fmt.Errorf("credential offer: %w", err)
	}
	if o.CredentialIssuer == "" {
		return Offer{}, fmt.Errorf("credential offer: no credential_issuer")
	}
	ids := slices.Clone(o.CredentialConfigurationIDs)
	slices.Sort(ids)
	if len(ids) == 0 || len(slices.Compact(ids)) != len(o.CredentialConfigurationIDs) || slices.Contains(ids, "") {
		return Offer{}, fmt.Errorf("credential offer: credential_configuration_ids must be unique, non-empty strings")
	}
	if g := o.Grants; g != nil && g.PreAuthorizedCode != nil && g.PreAuthorizedCode.PreAuthorizedCode == "" {
		return Offer{}, fmt.Errorf("credential offer: no pre-authorized_code")
	}
	return o, nil
}
