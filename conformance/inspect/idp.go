package inspect

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// The parts of an identity provider's report.
const (
	partDocuments = "documents"
	partAuthorize = "authorization endpoint"
	partToken     = "token endpoint"
	partDoors     = "protected doors"
	partClient    = "registered client"
	partIssuer    = "issuer"
	partStatus    = "status lists"
)

// server is the authorization server's metadata, as far as cases need it.
type server struct {
	Issuer        string   `json:"issuer"`
	Authorize     string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	PAR           string   `json:"pushed_authorization_request_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	UserInfo      string   `json:"userinfo_endpoint"`
	Introspection string   `json:"introspection_endpoint"`
	Revocation    string   `json:"revocation_endpoint"`
	Device        string   `json:"device_authorization_endpoint"`
	Registration  string   `json:"registration_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	StatusLists   string   `json:"status_list_aggregation_endpoint"`
	Grants        []string `json:"grant_types_supported"`
	Responses     []string `json:"response_types_supported"`
	PKCE          []string `json:"code_challenge_methods_supported"`
	Signing       []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IDTokens      []string `json:"id_token_signing_alg_values_supported"`
	Possession    []string `json:"dpop_signing_alg_values_supported"`
	Iss           bool     `json:"authorization_response_iss_parameter_supported"`
}

// IDP tries an identity provider: its authorization server, its issuer and its
// status lists.
func IDP(ctx context.Context, o Options) (report.Report, error) {
	p := newProbe(o)
	p.read(ctx)
	return p.run(ctx, "idp", slices.Concat(documentCases, authorizeCases, tokenCases, doorCases, clientCases, issuerCases, statusCases))
}

// read fetches the documents that the cases start from.
func (p *probe) read(ctx context.Context) {
	a, err := p.send(ctx, get(p.URL+"/.well-known/openid-configuration"))
	if err == nil && a.status == http.StatusOK {
		err = json.Unmarshal(a.body, &p.server)
	}
	if err != nil {
		p.offline = err
		return
	}
	if address, err := openid4vci.MetadataURL(p.URL); err == nil {
		if a, err := p.send(ctx, get(address)); err == nil && a.status == http.StatusOK {
			p.issuer, _ = a.object()
		}
	}
}

var documentCases = []trial{
	{partDocuments, "publishes OpenID discovery whose issuer is the address asked", "OpenID Connect Discovery 1.0, 4.3", func(ctx context.Context, p *probe) error {
		return p.metadata(ctx, p.URL+"/.well-known/openid-configuration")
	}},
	{partDocuments, "publishes the same between host and path", "RFC 8414, 3", func(ctx context.Context, p *probe) error {
		address, err := openid4vci.AuthorizationServerMetadataURL(p.URL)
		if err != nil {
			return err
		}
		return p.metadata(ctx, address)
	}},
	{partDocuments, "names endpoints over TLS, loop-back excepted", "RFC 8414, 2; FAPI 2.0, 5.2.1", func(_ context.Context, p *probe) error {
		s := p.server
		for _, address := range []string{s.Authorize, s.Token, s.PAR, s.JWKS, s.UserInfo, s.Introspection, s.Revocation, s.Device, s.Registration, s.EndSession} {
			if address != "" && !safe(address) {
				return fmt.Errorf("%s is neither https nor on this machine", address)
			}
		}
		return nil
	}},
	{partDocuments, "offers the code flow alone", "FAPI 2.0, 5.3.2.2; RFC 9700, 2.1.2", func(_ context.Context, p *probe) error {
		return only("response_types_supported", p.server.Responses, "code")
	}},
	{partDocuments, "offers PKCE by S256 alone", "RFC 7636, 4.2; RFC 9700, 2.1.1", func(_ context.Context, p *probe) error {
		return only("code_challenge_methods_supported", p.server.PKCE, "S256")
	}},
	{partDocuments, "offers no implicit, password or assertion grant", "RFC 9700, 2.4", func(_ context.Context, p *probe) error {
		for _, grant := range []string{"implicit", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer"} {
			if slices.Contains(p.server.Grants, grant) {
				return fmt.Errorf("grant_types_supported has %s", grant)
			}
		}
		return nil
	}},
	{partDocuments, "offers pushed requests", "RFC 9126, 5; HAIP 1.0, 4", func(_ context.Context, p *probe) error {
		return present("pushed_authorization_request_endpoint", p.server.PAR)
	}},
	{partDocuments, "says that its answers name it", "RFC 9207, 3", func(_ context.Context, p *probe) error {
		if !p.server.Iss {
			return errors.New("authorization_response_iss_parameter_supported is not true")
		}
		return nil
	}},
	{partDocuments, "takes proofs of possession by ES256, and none by a weak algorithm", "RFC 9449, 5.1; FAPI 2.0, 5.4.1", func(_ context.Context, p *probe) error {
		return strong("dpop_signing_alg_values_supported", p.server.Possession)
	}},
	{partDocuments, "takes client assertions by strong algorithms alone", "FAPI 2.0, 5.4.1", func(_ context.Context, p *probe) error {
		return strong("token_endpoint_auth_signing_alg_values_supported", p.server.Signing)
	}},
	{partDocuments, "signs id_tokens as every relying party can read them, and none by a shared secret", "OpenID Connect Discovery 1.0, 3; OpenID Connect Core 1.0, 15.1", func(ctx context.Context, p *probe) error {
		if err := strong("id_token_signing_alg_values_supported", p.server.IDTokens); err != nil {
			return err
		}
		return idTokenKeys(ctx, p)
	}},
	{partDocuments, "publishes public keys alone, each with a kid of its own", "RFC 7517, 4 and 5; OpenID Connect Core 1.0, 10.1", keysCase},
	{partDocuments, "lets no other site read with the browser's credentials", "Fetch, CORS", func(ctx context.Context, p *probe) error {
		for _, address := range []string{p.URL + "/.well-known/openid-configuration", p.server.JWKS} {
			a, err := p.send(ctx, get(address).with("Origin", "https://evil.example"))
			if err != nil {
				return err
			}
			if err := crossOrigin(a); err != nil {
				return err
			}
		}
		return nil
	}},
}

// metadata reads one of the two documents.
func (p *probe) metadata(ctx context.Context, address string) error {
	a, err := p.send(ctx, get(address))
	if err != nil {
		return err
	}
	v, err := a.object()
	switch {
	case a.status != http.StatusOK:
		return fmt.Errorf("%s answers %d", address, a.status)
	case err != nil:
		return err
	case v["issuer"] != p.URL:
		return fmt.Errorf("issuer is %v, not %s", v["issuer"], p.URL)
	}
	return nil
}

func keysCase(ctx context.Context, p *probe) error {
	a, err := p.send(ctx, get(p.server.JWKS))
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(a.body, &set); err != nil || len(set.Keys) == 0 {
		return fmt.Errorf("no JSON Web Key Set: %w", err)
	}
	seen := map[string]bool{}
	for _, key := range set.Keys {
		switch _, private := key.Key.(*ecdsa.PrivateKey); {
		case private || !key.IsPublic():
			return fmt.Errorf("key %q is not a public key", key.KeyID)
		case key.KeyID == "" || seen[key.KeyID]:
			return fmt.Errorf("kid %q is missing or there twice", key.KeyID)
		}
		seen[key.KeyID] = true
	}
	return nil
}

// idTokenKeys wants RS256 among the algorithms of id_tokens, and a key of each in the
// set: an RSA key by no other, and of 2048 bits at least (RFC 7518, 3.3).
func idTokenKeys(ctx context.Context, p *probe) error {
	if !slices.Contains(p.server.IDTokens, "RS256") {
		return errors.New("id_token_signing_alg_values_supported has no RS256")
	}
	a, err := p.send(ctx, get(p.server.JWKS))
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(a.body, &set); err != nil {
		return fmt.Errorf("no JSON Web Key Set: %w", err)
	}
	for _, key := range set.Keys {
		if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() >= 2048 && (key.Algorithm == "" || key.Algorithm == "RS256") {
			return nil
		}
	}
	return errors.New("no key of 2048 bits or more is published for RS256")
}

func safe(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1")
}

func only(member string, got []string, want ...string) error {
	if !slices.Equal(got, want) {
		return fmt.Errorf("%s is %v, not %v", member, got, want)
	}
	return nil
}

func present(member, value string) error {
	if value == "" {
		return fmt.Errorf("the metadata has no %s", member)
	}
	return nil
}

// strong wants ES256, and neither symmetric algorithms nor none.
func strong(member string, algs []string) error {
	if !slices.Contains(algs, "ES256") {
		return fmt.Errorf("%s has no ES256", member)
	}
	for _, alg := range algs {
		if alg == "none" || strings.HasPrefix(alg, "HS") {
			return fmt.Errorf("%s has %s", member, alg)
		}
	}
	return nil
}

func crossOrigin(a answer) error {
	if a.header.Get("Access-Control-Allow-Credentials") == "true" {
		return errors.New("Access-Control-Allow-Credentials is true for a foreign site")
	}
	if a.header.Get("Access-Control-Allow-Origin") == "https://evil.example" {
		return errors.New("Access-Control-Allow-Origin repeats a foreign site")
	}
	return nil
}
