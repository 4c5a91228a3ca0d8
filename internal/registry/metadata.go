package registry

import (
	"crypto/rand"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/fetch"
	"github.com/govmydata/mydata/pkg/legible"
)

// The limits of one client's metadata.
const (
	maxMetadata  = 32 << 10
	maxRedirects = 16
	maxKeys      = 8
	maxText      = 512
)

// The grant types that the hub knows.
const (
	GrantCode          = "authorization_code"
	GrantRefresh       = "refresh_token"
	GrantPreAuthorized = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
)

// MetadataError is client metadata refused (RFC 7591, 3.2.2).
type MetadataError struct {
	Field string
	Cause string
}

// Error names the field.
func (e *MetadataError) Error() string { return "client metadata: " + e.Field + ": " + e.Cause }

func bad(field, format string, args ...any) error {
	return &MetadataError{Field: field, Cause: fmt.Sprintf(format, args...)}
}

// metadata is RFC 7591, 2 as far as the hub knows it; unknown members are
// ignored, as the RFC asks.
type metadata struct {
	ID            string              `json:"client_id"`
	RedirectURIs  []string            `json:"redirect_uris"`
	AuthMethod    AuthMethod          `json:"token_endpoint_auth_method"`
	GrantTypes    []string            `json:"grant_types"`
	ResponseTypes []string            `json:"response_types"`
	Name          string              `json:"client_name"`
	NameKo        string              `json:"client_name#ko"`
	NameEn        string              `json:"client_name#en"`
	URI           string              `json:"client_uri"`
	Scope         string              `json:"scope"`
	JWKS          *jose.JSONWebKeySet `json:"jwks"`
	JWKSURI       string              `json:"jwks_uri"`
	DPoP          bool                `json:"dpop_bound_access_tokens"`
	Bearer        bool                `json:"bearer_access_tokens"` // ours: a wallet that cannot prove possession
	PAR           bool                `json:"require_pushed_authorization_requests"`
	Signed        bool                `json:"require_signed_request_object"`
	Agency        string              `json:"agency"`
	Roles         []string            `json:"roles"`
	Profile       Profile             `json:"profile"`
	DPoPNonce     bool                `json:"require_dpop_nonce"`
	AuthAlg       string              `json:"token_endpoint_auth_signing_alg"`
	ObjectAlg     string              `json:"request_object_signing_alg"`
	IDTokenAlg    string              `json:"id_token_signed_response_alg"`
	sessionMetadata
}

// ParseMetadata reads a client's metadata and refuses what the hub could not
// hold it to. A missing client_id is made; a secret is made for a client that
// authenticates by one, and returned apart from its hash.
func ParseMetadata(data stdjson.RawMessage) (Client, string, error) { return parse(data, es256) }

// parse is ParseMetadata with the algorithm of id_tokens of a plain client that names
// none.
func parse(data stdjson.RawMessage, unnamed string) (Client, string, error) {
	if _, err := members(data); err != nil {
		return Client{}, "", err
	}
	var m metadata
	if err := json.Unmarshal(data, &m); err != nil {
		return Client{}, "", bad("metadata", "not the JSON of RFC 7591: %v", err)
	}
	m.defaults()
	if m.IDTokenAlg == "" && m.plain() {
		m.IDTokenAlg = unnamed
	}
	if err := m.profiled(data); err != nil {
		return Client{}, "", err
	}
	for _, check := range []func() error{m.checkNames, m.checkAuth, m.checkGrants, m.checkRedirects, m.checkKeys, m.checkAlgorithms, m.checkSessions} {
		if err := check(); err != nil {
			return Client{}, "", err
		}
	}
	c := m.client()
	if c.AuthMethod != AuthSecretBasic {
		return c, "", nil
	}
	random := make([]byte, 32)
	rand.Read(random)
	secret := base64.RawURLEncoding.EncodeToString(random)
	c.SecretHash = hashSecret(secret)
	return c, secret, nil
}

// defaults are those of RFC 7591, 2.
func (m *metadata) defaults() {
	if m.ID == "" {
		m.ID = "client-" + strings.ToLower(rand.Text())
	}
	if m.AuthMethod == "" {
		m.AuthMethod = AuthSecretBasic
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{GrantCode}
	}
	if len(m.ResponseTypes) == 0 && slices.Contains(m.GrantTypes, GrantCode) {
		m.ResponseTypes = []string{"code"}
	}
}

func (m *metadata) client() Client {
	c := Client{
		ID: m.ID, Agency: m.Agency, URI: m.URI, RedirectURIs: m.RedirectURIs, AuthMethod: m.AuthMethod,
		Scopes: strings.Fields(m.Scope), GrantTypes: m.GrantTypes, Roles: m.Roles,
		DPoP: m.DPoP, PAR: m.PAR, SignedRequest: m.Signed, Introspect: slices.Contains(m.Roles, RoleIntrospect),
		Name: map[string]string{}, JWKSURI: m.JWKSURI, Profile: m.Profile, DPoPNonce: m.DPoPNonce, AuthAlg: m.AuthAlg, ObjectAlg: m.ObjectAlg,
	}
	for lang, name := range map[string]string{"": m.Name, "ko": m.NameKo, "en": m.NameEn} {
		if name != "" {
			c.Name[lang] = name
		}
	}
	if m.JWKS != nil {
		c.JWKS = *m.JWKS
	}
	if m.IDTokenAlg == rs256 {
		c.IDTokenAlg = rs256
	}
	m.sessions(&c)
	return c
}

func (m *metadata) checkNames() error {
	for field, text := range map[string]string{
		"client_id": m.ID, "client_name": m.Name, "client_name#ko": m.NameKo, "client_name#en": m.NameEn, "client_uri": m.URI, "agency": m.Agency,
	} {
		if len(text) > maxText {
			return bad(field, "over %d bytes", maxText)
		}
		if err := legible.Check(text); err != nil {
			return bad(field, "%v", err)
		}
	}
	// RFC 6749, A.1: VSCHAR. No colon, which would break HTTP Basic; a wallet,
	// whose id is often a URL, never uses that.
	if strings.ContainsFunc(m.ID, func(r rune) bool {
		return r < 0x21 || r > 0x7e || r == ':' && m.AuthMethod != AuthAttestation
	}) {
		return bad("client_id", "printable ASCII without spaces and colons only")
	}
	if m.Agency != "" {
		if u, err := url.Parse(m.Agency); err != nil || !u.IsAbs() {
			return bad("agency", "not an absolute URI")
		}
	}
	for _, scope := range strings.Fields(m.Scope) {
		if !isScope(scope) {
			return bad("scope", "%q is no scope", scope)
		}
	}
	for _, role := range m.Roles {
		if role != RoleIntrospect {
			return bad("roles", "%q is no role; there is: %s", role, RoleIntrospect)
		}
	}
	return nil
}

// isScope is RFC 6749, 3.3: scope-token.
func isScope(scope string) bool {
	return scope != "" && !strings.ContainsFunc(scope, func(r rune) bool { return r < 0x21 || r > 0x7e || r == '"' || r == '\\' })
}

func (m *metadata) checkAuth() error {
	switch m.AuthMethod {
	case AuthNone:
		// A client without a key of its own must bind its tokens to one, and
		// must have its requests pushed, or a stolen code or token would do. A
		// wallet that knows no DPoP gets tokens of five minutes, and no others.
		if m.DPoP == m.Bearer {
			return bad("dpop_bound_access_tokens", "must be true for a public client, or else bearer_access_tokens")
		}
		if m.Bearer && slices.Contains(m.GrantTypes, GrantRefresh) {
			return bad("grant_types", "%s is not for a client with bearer_access_tokens", GrantRefresh)
		}
		if !m.PAR && slices.Contains(m.GrantTypes, GrantCode) {
			return bad("require_pushed_authorization_requests", "must be true for a public client")
		}
		if len(m.Roles) > 0 {
			return bad("roles", "a public client cannot have one")
		}
	case AuthAttestation:
		// HAIP 1.0, 4: whoever authenticates so is held to all of it.
		if !m.DPoP || !m.PAR && slices.Contains(m.GrantTypes, GrantCode) {
			return bad("token_endpoint_auth_method", "attest_jwt_client_auth needs dpop_bound_access_tokens and require_pushed_authorization_requests")
		}
		if len(m.Roles) > 0 {
			return bad("roles", "a wallet cannot have one")
		}
	case AuthPrivateKeyJWT, AuthSecretBasic:
	default:
		return bad("token_endpoint_auth_method", "%q is not one of none, private_key_jwt, client_secret_basic, attest_jwt_client_auth", m.AuthMethod)
	}
	if m.Bearer && m.AuthMethod != AuthNone {
		return bad("bearer_access_tokens", "is for public clients alone; others need say nothing")
	}
	if m.Signed && !m.PAR {
		return bad("require_signed_request_object", "needs require_pushed_authorization_requests: objects are taken at the PAR endpoint alone")
	}
	return nil
}

func (m *metadata) checkGrants() error {
	known := []string{GrantCode, GrantRefresh, GrantPreAuthorized, GrantDevice}
	for _, grant := range m.GrantTypes {
		if !slices.Contains(known, grant) {
			return bad("grant_types", "%q is not one of %s", grant, strings.Join(known, ", "))
		}
	}
	for _, response := range m.ResponseTypes {
		if response != "code" {
			return bad("response_types", "%q: only code", response)
		}
	}
	return nil
}

func (m *metadata) checkRedirects() error {
	if slices.Contains(m.GrantTypes, GrantCode) && len(m.RedirectURIs) == 0 {
		return bad("redirect_uris", "none, yet grant_types has authorization_code")
	}
	if len(m.RedirectURIs) > maxRedirects {
		return bad("redirect_uris", "over %d", maxRedirects)
	}
	for _, uri := range m.RedirectURIs {
		if err := checkRedirect(uri); err != nil {
			return err
		}
	}
	return nil
}

// checkRedirect takes https, and plain http for loop-back (RFC 8252, 7.3).
// Private-use schemes are refused: any app may claim them.
func checkRedirect(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || !u.IsAbs() || u.Host == "" || u.User != nil || len(uri) > maxText {
		return bad("redirect_uris", "%q is not an absolute URL", uri)
	}
	if strings.Contains(uri, "#") {
		return bad("redirect_uris", "%q has a fragment", uri)
	}
	// A page names the host of who registered itself: it is read as it is written.
	if strings.ContainsFunc(uri+u.Host, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return bad("redirect_uris", "%+q has other characters than an address has (RFC 3986); a host of other letters is written by IDNA, xn--", uri)
	}
	if u.Scheme == "https" || u.Scheme == "http" && fetch.Loopback(u.Hostname()) {
		return nil
	}
	return bad("redirect_uris", "%q is neither https nor loop-back", uri)
}

func (m *metadata) checkKeys() error {
	if m.JWKSURI != "" {
		return m.checkKeyAddress()
	}
	if m.JWKS == nil {
		if m.AuthMethod == AuthPrivateKeyJWT || m.Signed {
			return bad("jwks", "missing, and jwks_uri too")
		}
		return nil
	}
	if n := len(m.JWKS.Keys); n == 0 || n > maxKeys {
		return bad("jwks", "one to %d keys", maxKeys)
	}
	for i, key := range m.JWKS.Keys {
		if err := m.checkKey(i, key); err != nil {
			return err
		}
	}
	return nil
}

// checkKeyAddress: jwks and jwks_uri exclude each other (RFC 7591, 2).
func (m *metadata) checkKeyAddress() error {
	if m.JWKS != nil {
		return bad("jwks_uri", "beside jwks: give one of them (RFC 7591, 2)")
	}
	if _, err := fetch.Check(m.JWKSURI, true); err != nil || len(m.JWKSURI) > maxText {
		return bad("jwks_uri", "not an https address without password and fragment, of %d bytes at most", maxText)
	}
	return nil
}
