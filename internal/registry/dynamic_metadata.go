package registry

import (
	stdjson "encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/fetch"
)

// The error codes of RFC 7591, 3.2.2.
const (
	CodeMetadata  = "invalid_client_metadata"
	CodeRedirect  = "invalid_redirect_uri"
	CodeStatement = "unapproved_software_statement"
)

// Code is the error code of a refusal (RFC 7591, 3.2.2).
func (e *MetadataError) Code() string {
	switch e.Field {
	case "redirect_uris":
		return CodeRedirect
	case "software_statement":
		return CodeStatement
	}
	return CodeMetadata
}

// undone are members that ask for what the hub does not do, or gives to nobody who
// registers itself; a registration that has one is refused by its name, for a client
// that was silently given less would not know.
var undone = map[string]string{
	"agency":                            "an operator registers agencies",
	"roles":                             "an operator gives roles",
	"bearer_access_tokens":              "an operator registers wallets that cannot prove possession",
	"software_statement":                "nobody's statements are approved here",
	"sector_identifier_uri":             "the sector is the client",
	"request_uris":                      "requests are pushed",
	"initiate_login_uri":                "logins begin at the client",
	"userinfo_signed_response_alg":      "userinfo is plain JSON",
	"userinfo_encrypted_response_alg":   "userinfo is plain JSON",
	"id_token_encrypted_response_alg":   "id_tokens are signed, not encrypted",
	"request_object_encryption_alg":     "request objects are signed, not encrypted",
	"introspection_signed_response_alg": "an operator lets clients ask about tokens",
	"place":                             "an operator registers kiosks, and knows where they stand",
	"place#ko":                          "an operator registers kiosks, and knows where they stand",
	"place#en":                          "an operator registers kiosks, and knows where they stand",
	"tls_client_certificate_bound_access_tokens": "tokens are bound by DPoP",
	"tls_client_auth_subject_dn":                 "there is no mutual TLS",
}

// managed are the members that the hub gives, and a client may not (RFC 7592, 2.2).
// Dynamic refuses them in an update too.
var managed = []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}

// members reads the outermost members of metadata.
func members(data stdjson.RawMessage) (map[string]stdjson.RawMessage, error) {
	if len(data) > maxMetadata {
		return nil, bad("metadata", "over %d bytes", maxMetadata)
	}
	if !utf8.Valid(data) { // a decoder would put something legible in its place
		return nil, bad("metadata", "not UTF-8")
	}
	var all map[string]stdjson.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		return nil, bad("metadata", "not a JSON object with each member once")
	}
	return all, nil
}

// dynamic reads the metadata of a client that registers itself: ParseMetadata's
// rules, and those for strangers.
func (r *Registry) dynamic(data stdjson.RawMessage, may []string) (Client, string, error) {
	all, err := members(data)
	if err != nil {
		return Client{}, "", err
	}
	for _, name := range slices.Sorted(maps.Keys(undone)) {
		if _, asked := all[name]; asked {
			return Client{}, "", bad(name, "%s", undone[name])
		}
	}
	for _, name := range append([]string{"client_id", "client_secret"}, managed...) {
		if _, given := all[name]; given {
			return Client{}, "", bad(name, "the hub gives it")
		}
	}
	var kind string
	if raw, given := all["subject_type"]; given && (json.Unmarshal(raw, &kind) != nil || kind != "pairwise") {
		return Client{}, "", bad("subject_type", "subjects are pairwise")
	}
	var grants []string // a citizen reads on a page of ours what a kiosk is called, and where it stands
	if json.Unmarshal(all["grant_types"], &grants) == nil && slices.Contains(grants, GrantDevice) {
		return Client{}, "", bad("grant_types", "an operator registers kiosks")
	}
	unnamed := es256
	if r.RS256 { // OpenID Connect Dynamic Registration 1.0, 2
		unnamed = rs256
	}
	c, secret, err := parse(data, unnamed)
	if err == nil {
		err = r.serves(c)
	}
	if err != nil {
		return Client{}, "", err
	}
	if err := r.strangers(c); err != nil {
		return Client{}, "", err
	}
	c.Dynamic, c.Scopes = true, within(c.Scopes, may)
	return c, secret, nil
}

// serves refuses a client whose id_tokens this hub could not sign, or whose keys it
// would not fetch.
func (r *Registry) serves(c Client) error {
	if c.IDTokenAlg == rs256 && !r.RS256 {
		return bad("id_token_signed_response_alg", "this hub has no key for RS256; its operator makes one by idp keygen")
	}
	if _, err := fetch.Check(c.JWKSURI, r.Development); c.JWKSURI != "" && err != nil {
		return bad("jwks_uri", "%q is not https", c.JWKSURI)
	}
	return nil
}

// strangers are held to https where the operator's clients may be on loop-back, and
// to addresses that mean what they say.
func (r *Registry) strangers(c Client) error {
	addresses := []struct {
		field string
		uris  []string
	}{
		{"redirect_uris", c.RedirectURIs}, {"post_logout_redirect_uris", c.PostLogoutRedirectURIs}, {"backchannel_logout_uri", one(c.BackchannelLogoutURI)},
	}
	for _, a := range addresses {
		for _, uri := range a.uris {
			u, err := url.Parse(uri)
			switch {
			case err != nil || strings.Contains(uri, "*"):
				return bad(a.field, "%q has a wildcard", uri)
			case u.Scheme != "https" && !r.Development:
				return bad(a.field, "%q is not https", uri)
			}
		}
	}
	if c.URI != "" {
		if u, err := url.Parse(c.URI); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return bad("client_uri", "not an https URL")
		}
	}
	return nil
}

func one(uri string) []string {
	if uri == "" {
		return nil
	}
	return []string{uri}
}

// replacing checks the members of an update that repeat who the client is, and takes
// them out (RFC 7592, 2.2).
func replacing(before Client, data stdjson.RawMessage) (stdjson.RawMessage, error) {
	all, err := members(data)
	if err != nil {
		return nil, err
	}
	var id, secret string
	if json.Unmarshal(all["client_id"], &id) != nil || id != before.ID {
		return nil, bad("client_id", "it must be that of the registration (RFC 7592, 2.2)")
	}
	if raw, given := all["client_secret"]; given && (json.Unmarshal(raw, &secret) != nil || !before.CheckSecret(secret)) {
		return nil, bad("client_secret", "a client cannot choose its own (RFC 7592, 2.2)")
	}
	delete(all, "client_id")
	delete(all, "client_secret")
	return stdjson.Marshal(all)
}

// Metadata is what is registered of a client, by RFC 7591's names.
func (c Client) Metadata() map[string]any {
	m := map[string]any{
		"client_id": c.ID, "token_endpoint_auth_method": c.AuthMethod, "grant_types": c.GrantTypes, "scope": strings.Join(c.Scopes, " "),
		"dpop_bound_access_tokens": c.DPoP, "require_pushed_authorization_requests": c.PAR, "require_signed_request_object": c.SignedRequest,
		"subject_type": "pairwise", "id_token_signed_response_alg": c.SignedBy(), "response_types": []string{},
	}
	if c.MayGrant(GrantCode) {
		m["response_types"] = []string{"code"}
	}
	for name, value := range map[string]string{
		"client_uri": c.URI, "jwks_uri": c.JWKSURI, "profile": string(c.Profile), "token_endpoint_auth_signing_alg": c.AuthAlg, "request_object_signing_alg": c.ObjectAlg,
		"backchannel_logout_uri": c.BackchannelLogoutURI, "client_name": c.Name[""], "client_name#ko": c.Name["ko"], "client_name#en": c.Name["en"],
	} {
		if value != "" {
			m[name] = value
		}
	}
	for name, uris := range map[string][]string{"redirect_uris": c.RedirectURIs, "post_logout_redirect_uris": c.PostLogoutRedirectURIs} {
		if len(uris) > 0 {
			m[name] = uris
		}
	}
	if len(c.JWKS.Keys) > 0 {
		m["jwks"] = c.JWKS
	}
	if c.DPoPNonce {
		m["require_dpop_nonce"] = true
	}
	return m
}
